"""The runner: one step a stage, whatever fails is tried again, and nothing holds up the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from core import lock
from core.clock import ManualClock
from core.db import Database
from core.errors import Conflict, Unavailable
from core.runs import artefacts, store
from core.runs.archive import Leaf
from core.runs.model import Outcome, Run, State
from core.runs.runner import Runner
from core.tasks import Tasks


@dataclass
class Work:
    """Three steps and done; `fails` maps a number of step to what it raises, once."""

    db: Database
    kind: str = "job"
    steps: list[str] = field(default_factory=list)
    fails: dict[int, Exception] = field(default_factory=dict)
    booted: list[int] = field(default_factory=list)
    closed: bool = False
    tick_fails: Exception | None = None
    before_step: Callable[[Run], object] = lambda _run: None

    async def boot(self, live: list[Run]) -> None:
        self.booted = [one.id for one in live]

    async def tick(self) -> None:
        if self.tick_fails is not None:
            raise self.tick_fails

    async def begin(self, run: Run) -> None:
        await self.db.write(store.begin, run, "one")

    async def step(self, run: Run) -> float:
        self.steps.append(f"{run.id} {run.stage}")
        if error := self.fails.pop(len(self.steps), None):
            raise error
        following = {"one": "two", "two": "three"}.get(run.stage)
        if following:
            await self.db.write(store.advance, run, stage=following, data=run.data)
        else:
            await self.db.write(store.finish, run, Outcome.SUCCEEDED, run.data)
        return 0.0

    async def leave(self, run: Run) -> Sequence[Leaf]:
        return (Leaf("picture.png", "image/png", b"png", "a picture"),)

    async def close(self) -> None:
        self.closed = True


@dataclass
class Rig:
    db: Database
    clock: ManualClock
    work: Work
    runner: Runner
    troubles: list[str]

    async def order(self, subject: str = "prod") -> int:
        run = await self.db.write(
            store.create,
            kind="job",
            subject=subject,
            name="a job",
            target="",
            requested_by="x",
            data={},
        )
        return run.id

    async def ended(self, number: int) -> Run:
        end = time.monotonic() + 15.0
        while (run := await self.db.read(store.get, number)).state is not State.REPORTED:
            assert time.monotonic() < end, (run, self.troubles)
            await self.clock.advance(0.2)
            await asyncio.sleep(0.001)
        return run


@asynccontextmanager
async def running(db: Database, clock: ManualClock, **how: object) -> AsyncIterator[Rig]:
    troubles: list[str] = []
    epoch = await lock.take_epoch(db, "test")
    work = Work(db, **how)  # type: ignore[arg-type]  # a test's own

    def failed(where: str, error: BaseException) -> None:
        troubles.append(f"{where}: {error!r}")

    runner = Runner(db, clock, epoch, [work], failed)
    await runner.boot()
    tasks = Tasks(failed)
    tasks.start("runs", runner.run())
    try:
        yield Rig(db, clock, work, runner, troubles)
    finally:
        await tasks.cancel()
        await runner.close()


async def test_a_run_goes_step_by_step_to_its_report_and_leaves_what_it_made(
    db: Database, clock: ManualClock
) -> None:
    async with running(db, clock) as rig:
        number = await rig.order()
        run = await rig.ended(number)

        assert rig.work.steps == ["1 one", "1 two", "1 three"]
        assert run.outcome is Outcome.SUCCEEDED
        named = await db.read(artefacts.names, number)
        assert set(named) == {"picture.png", "record.json", "manifest.json"}
        assert rig.troubles == []
    assert rig.work.closed


@pytest.mark.parametrize(
    ("error", "told"), [(Unavailable("busy"), 1), (ValueError("a bug"), 1), (Conflict("moved"), 0)]
)
async def test_a_step_that_fails_comes_again_and_is_told_unless_somebody_was_faster(
    sqlite_db: Database, clock: ManualClock, error: Exception, told: int
) -> None:
    async with running(sqlite_db, clock, fails={2: error}) as rig:
        await rig.ended(await rig.order())

        assert rig.work.steps == ["1 one", "1 two", "1 two", "1 three"]
        assert len(rig.troubles) == told


@pytest.mark.parametrize("error", [Unavailable("busy"), OSError("a full disk")])
async def test_what_fails_by_itself_does_not_hold_up_what_was_asked_for(
    sqlite_db: Database, clock: ManualClock, error: Exception
) -> None:
    async with running(sqlite_db, clock, tick_fails=error) as rig:
        await rig.ended(await rig.order())

        assert rig.work.steps == ["1 one", "1 two", "1 three"]
        assert rig.troubles


async def test_several_runs_go_side_by_side(sqlite_db: Database, clock: ManualClock) -> None:
    async with running(sqlite_db, clock, fails={1: ValueError("a bug")}) as rig:
        first, second = await rig.order("a"), await rig.order("b")
        await rig.ended(first)
        await rig.ended(second)

        assert len(rig.work.steps) == 7


async def test_a_new_process_goes_on_where_the_last_one_stopped(
    sqlite_db: Database, clock: ManualClock
) -> None:
    new = {"kind": "job", "subject": "prod", "name": "a job", "target": "", "requested_by": "x"}
    run = await sqlite_db.write(store.create, **new, data={})
    run = await sqlite_db.write(store.claim, run)
    run = await sqlite_db.write(store.begin, run, "three")

    async with running(sqlite_db, clock) as rig:
        assert rig.work.booted == [run.id]
        assert (await rig.ended(run.id)).outcome is Outcome.SUCCEEDED
        assert rig.work.steps == ["1 three"]


async def test_runs_of_kinds_that_nobody_works_on_are_left_alone(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with running(sqlite_db, clock, kind="other") as rig:
        number = await rig.order()
        for _ in range(20):
            await clock.advance(0.5)
            await asyncio.sleep(0.001)

        assert (await sqlite_db.read(store.get, number)).state is State.CREATED


async def test_whoever_has_lost_the_database_does_nothing_more(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with running(sqlite_db, clock) as rig:
        await lock.take_epoch(sqlite_db, "somebody else")
        number = await rig.order()
        end = time.monotonic() + 10.0
        while not rig.troubles and time.monotonic() < end:
            await clock.advance(0.5)
            await asyncio.sleep(0.001)

        assert any("Fenced" in one for one in rig.troubles)
        assert (await sqlite_db.read(store.get, number)).state is State.CREATED
