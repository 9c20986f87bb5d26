"""Carries runs to their end: each step does what the run's stage asks for, and commits it.

Stop the program anywhere and start it again: the next step goes on from what was committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from core.clock import Clock, within
from core.db import Database, Fenced, Tx
from core.errors import Conflict, TocsinError
from core.runs import archive, store
from core.runs.model import Run, State
from core.tasks import Tasks

log = structlog.get_logger()

IDLE_S = 1.0
"""How often it is looked whether there is a new run, beside being woken by a commit."""
RETRY_S = 1.0


class Work(Protocol):
    """What runs of one kind do."""

    @property
    def kind(self) -> str:
        """The kind of run."""
        ...

    async def boot(self, live: list[Run]) -> None:
        """Put in order what an earlier process left; `live` are its runs that had not ended."""
        ...

    async def tick(self) -> None:
        """What time alone brings about: called about once a second."""
        ...

    async def begin(self, run: Run) -> None:
        """A claimed run begins: `store.begin` with its first stage, or `store.finish`."""
        ...

    async def step(self, run: Run) -> float:
        """Do one step of an active run; after how many seconds to come again."""
        ...

    async def leave(self, run: Run) -> Sequence[archive.Leaf]:
        """What an ended run leaves to read."""
        ...

    async def close(self) -> None:
        """The program ends."""
        ...


class Runner:
    """Runs of every kind that there is work for."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        epoch: int,
        works: Sequence[Work],
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._db = db
        self._clock = clock
        self._epoch = epoch
        self._works: Mapping[str, Work] = {one.kind: one for one in works}
        self._failed = failed
        self._driven: set[int] = set()
        self._tasks = Tasks(failed)

    async def boot(self) -> None:
        """Before anything else: put in order what an earlier process left."""
        for kind, work in self._works.items():
            live = [one for one in await self._db.read(store.unreported, kind) if one.live]
            await work.boot(live)

    async def run(self) -> None:
        """Take runs on as they come, until cancelled."""
        try:
            while True:
                seen = self._db.news.seen(store.TOPIC)
                await self._guarded(self._tick())
                await self._pause(seen)
        finally:
            await self._tasks.cancel()

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - told; one failure must not end all runs
            self._failed("runs", error)

    async def _pause(self, seen: int) -> None:
        try:
            await within(self._clock, IDLE_S, self._db.news.wait(store.TOPIC, seen))
        except TimeoutError:
            return

    async def _tick(self) -> None:
        for kind, work in self._works.items():
            # What comes by itself must not keep what was asked for from going on.
            await self._guarded(work.tick())
            for one in await self._db.read(store.unreported, kind):
                if one.id not in self._driven:
                    self._driven.add(one.id)
                    self._tasks.start(f"run {one.id}", self._drive(one.id, work))

    async def _drive(self, run_id: int, work: Work) -> None:
        try:
            while (run := await self._found(run_id)) is not None:
                if run.state is State.REPORTED:
                    return
                await self._clock.sleep(await self._one(run, work))
        finally:
            self._driven.discard(run_id)

    async def _found(self, run_id: int) -> Run | None:
        while True:
            try:
                return await self._db.read(store.find, run_id)
            except TocsinError as error:
                self._failed("runs", error)
                await self._clock.sleep(RETRY_S)

    async def _one(self, run: Run, work: Work) -> float:
        """One step; a failure is told, and the same step comes again."""
        try:
            return await self._step(run, work)
        except Conflict:
            return 0.05  # somebody changed it meanwhile (an abort): look again
        except Fenced as error:
            self._failed("runs", error)
            raise
        except Exception as error:  # noqa: BLE001 - a run must not end because one step failed
            self._failed("runs", error)
            return RETRY_S

    async def _step(self, run: Run, work: Work) -> float:
        if run.state is State.CREATED:
            await self._db.write_as(self._epoch, store.claim, run)
        elif run.state is State.CLAIMED:
            await work.begin(run)
        elif run.state is State.ACTIVE:
            return await work.step(run)
        elif run.state is State.FINISHED:
            leaves = await work.leave(run)
            await self._db.write_as(self._epoch, _archive, run, leaves)
        else:
            await self._db.write_as(self._epoch, store.report, run)
        return 0.0

    async def close(self) -> None:
        """The program ends: no step goes on, and each kind puts in order what it can."""
        await self._tasks.cancel()
        for work in self._works.values():
            await work.close()


def _archive(tx: Tx, run: Run, leaves: Sequence[archive.Leaf]) -> Run:
    archive.keep(tx, run, leaves)
    return store.archive(tx, run)
