"""The work of an experiment: one step per stage, each of which may be the last before a crash.

Whatever happens, a recorded fault leads to HEAL, and HEAL ends only with the fault seen undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any

import structlog

from core.chaos import after, before, during, schedule
from core.chaos.leaves import Draw, leaves
from core.chaos.model import KIND, Stage, Story
from core.chaos.order import Rules
from core.chaos.story import Means, finish, of
from core.clock import within
from core.db import Fenced, Tx
from core.errors import Conflict, TocsinError, Unavailable
from core.runs import chart, harm, store
from core.runs.archive import Leaf
from core.runs.model import FaultRecord, Outcome, Run, State
from core.tasks import Tasks

log = structlog.get_logger()

HEAL_RETRIES_S = (0.3, 0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts to heal; the last one repeats."""
BOOT_S = 10.0
"""How long the start waits for the first attempt to heal what was left broken."""
STRAYS_EVERY_S = 10.0
HARMED = (Stage.INJECT, Stage.WATCH, Stage.HEAL)
"""The stages in which something is, or may be, broken."""
CLOSE_S = 10.0
"""How long the end of the program waits for injecting calls, and meanwhile for healing."""


def _lost(name: str, error: BaseException) -> None:
    # Whoever waits for the call has been told; this is for calls that nobody waits for any more.
    log.info("a call ended late", action="inject", what=name, why=str(error))


class Experiments:
    """Runs of kind chaos; see core.runs.runner.Work."""

    kind = KIND

    def __init__(self, means: Means, rules: Rules | None = None, draw: Draw = chart.draw) -> None:
        """`rules` are needed for experiments that come by themselves; `draw` makes the picture."""
        self._m = means
        self._rules = rules
        self._draw = draw
        self._ready: dict[int, before.Ready] = {}
        self._attempts: dict[int, int] = {}
        self._calls = Tasks(_lost)
        self._strays_at = float("-inf")

    async def boot(self, live: list[Run]) -> None:
        """Heal whatever an earlier process left broken, before anything else.

        What cannot be healed at once is gone on with beside everything else.
        """
        try:
            async with asyncio.timeout(BOOT_S):
                await _each([self._resume(run) for run in live], "boot")
        except TimeoutError:
            log.warning("not everything could be healed at once", action="boot", why="no time")
        await self._strays()
        open_faults = await self._m.db.read(harm.unhealed)
        self._m.healers.tidy(frozenset(one.id for one in open_faults))

    async def _strays(self) -> None:
        """Faults whose run is over or gone (an older database was put back): healed all the same."""
        for fault in await self._m.db.read(harm.unhealed):
            run = await self._m.db.read(store.find, fault.run_id)
            if run is not None and run.live:
                continue
            found = await self._m.healers.heal(fault, self._m.now)
            if found.final:
                await self._m.healers.verified(fault.id)
                await self._m.db.write_as(self._m.epoch, harm.verified, fault.id, found.ending)

    async def _resume(self, run: Run) -> None:
        """An experiment of an earlier process goes on only where nothing is broken any more."""
        story = of(run)
        fault = await self._fault(run)
        if fault is not None:
            if not story.fate:
                story = _interrupted(run, story, fault)
            run = await self._m.advance(run, story, Stage.HEAL)
            log.warning("healing what was left broken", action="boot", run=run.id, what=story.words)
            await after.heal(self._m, run, story, fault)
        elif run.stage in HARMED:
            await self._unrecorded(run, story, booting=True)
        elif run.state is not State.CREATED and (run.stage != Stage.RECOVER or story.waiting):
            why = "Tocsin ended before anything was broken"
            if story.done:
                why = f"Tocsin ended after {len(story.done)} of {_count(story)} targets"
            await self._m.finish(run, story, Outcome.ABORTED, why)

    async def tick(self) -> None:
        """Order what is planned for now; heal what belongs to no run."""
        if self._m.clock.monotonic() - self._strays_at > STRAYS_EVERY_S:
            self._strays_at = self._m.clock.monotonic()
            await self._strays()
        if self._rules is not None:
            await schedule.tick(self._m.db, self._m.epoch, self._rules)

    async def begin(self, run: Run) -> None:
        """Begin with a look at how the subject is; what waited for too long never fires late."""
        await self._m.db.write_as(self._m.epoch, _begin, run)

    async def leave(self, run: Run) -> Sequence[Leaf]:
        """What it leaves to read: see core.chaos.leaves."""
        return await leaves(self._m, run, self._draw)

    async def step(self, run: Run) -> float:
        """Do what the stage asks for; after how many seconds to come again."""
        story = of(run)
        try:
            return await self._step(run, story)
        except (Fenced, Conflict):
            raise
        except (TocsinError, OSError) as error:
            await self._failed(run, str(error), "refused")
        except Exception as error:
            log.exception("a step of an experiment failed", action="step", run=run.id)
            await self._failed(run, f"unexpected: {type(error).__name__}: {error}", "unknown")
        return 0.5

    async def _step(self, run: Run, story: Story) -> float:
        fault = await self._fault(run)
        if fault is None and run.stage in HARMED:
            await self._unrecorded(run, story)
            return 0.0
        if run.aborting and run.stage in (Stage.BASELINE, Stage.ARM, Stage.INJECT):
            await self._abort(run, story, fault)
            return 0.0
        if run.stage == Stage.BASELINE:
            self._ready[run.id] = await before.baseline(self._m, run, story)
            return 0.0
        if run.stage == Stage.RECOVER:
            await after.recover(self._m, run, story)
            return 0.2
        return await self._broken(run, story, fault)

    async def _broken(self, run: Run, story: Story, fault: FaultRecord | None) -> float:
        """The stages in which there is a record of harm."""
        if fault is None:
            raise Unavailable("the record of the fault is gone")
        if run.stage == Stage.ARM:
            await during.arm(self._m, run, story, fault)
        elif run.stage == Stage.INJECT:
            made = self._ready.pop(run.id, None)
            if made is None or fault.inject_started_at is not None:
                told = _interrupted(run, story, fault)
                await self._m.advance(run, told, Stage.HEAL)
            else:
                await during.inject(self._m, run, story, fault, made, self._calls)
        elif run.stage == Stage.WATCH:
            self._m.reach("watch")
            await during.watch(self._m, run, story)
            return 0.2
        else:
            return await self._heal(run, story, fault)
        return 0.0

    async def _heal(self, run: Run, story: Story, fault: FaultRecord) -> float:
        if await after.heal(self._m, run, story, fault):
            self._attempts.pop(run.id, None)
            return 0.0
        attempt = self._attempts.get(run.id, 0)
        self._attempts[run.id] = attempt + 1
        return HEAL_RETRIES_S[min(attempt, len(HEAL_RETRIES_S) - 1)]

    async def _fault(self, run: Run) -> FaultRecord | None:
        """What this run has broken, or is about to, and was not seen healed."""
        open_ones = [one for one in await self._m.db.read(harm.of_run, run.id) if one.open]
        return open_ones[-1] if open_ones else None

    async def _unrecorded(self, run: Run, story: Story, *, booting: bool = False) -> None:
        """Something should be broken, and no record says so: it was seen healed, or is lost."""
        mine = await self._m.db.read(harm.of_run, run.id)
        last = next((one for one in reversed(mine) if one.entity == story.entity), None)
        if last is not None and booting and not story.fate:
            story = _interrupted(run, story, last)
        await after.without_record(self._m, run, story, last)

    async def _abort(self, run: Run, story: Story, fault: FaultRecord | None) -> None:
        why = f"aborted by {run.abort_by} before anything was broken"
        if fault is None:
            await self._m.finish(run, story, Outcome.ABORTED, why)
            return
        self._ready.pop(run.id, None)
        told = replace(story, fate="aborted", interrupted=why)
        await self._m.advance(run, told, Stage.HEAL)

    async def _failed(self, run: Run, why: str, fate: str) -> None:
        """Something is in the way: nothing was broken, or it is healed now."""
        if run.stage in (Stage.HEAL, Stage.RECOVER, Stage.WATCH) and fate == "refused":
            # The database or a source is out of reach for a moment: the same step comes again.
            log.warning("an experiment waits", action="step", run=run.id, why=why)
            return
        fault = await self._fault(run)
        story = of(run)
        if fault is not None:
            # Once the call was begun nobody can say any more that nothing was broken.
            fate = fate if fault.inject_started_at is None else "unknown"
            told = replace(story, fate=story.fate or fate, interrupted=story.interrupted or why)
            await self._m.advance(run, told, Stage.HEAL)
        elif fate == "refused":
            await self._m.finish(run, story, Outcome.REFUSED, why)
        else:
            await self._m.finish(run, story, Outcome.UNKNOWN, why)

    async def close(self) -> None:
        """The program ends: nothing that it broke may outlive it. What cannot be healed in time is
        left to the detached healers."""
        # Side by side: one call that hangs must not take the time of what can be healed.
        works = (self._calls.drain(), self._heal_everything())
        try:
            await _each([within(self._m.clock, CLOSE_S, one) for one in works], "close")
        except TocsinError as error:
            log.warning("left to the detached healer", action="close", why=str(error))

    async def _heal_everything(self) -> None:
        faults = await self._m.db.read(harm.unhealed)
        await _each([self._heal_last(one) for one in faults], "close")

    async def _heal_last(self, fault: FaultRecord) -> None:
        while True:
            try:
                return await self._heal_closing(fault)
            except Conflict:
                # A step that was cut off may still commit: whatever it changed, look again.
                log.info("it changed meanwhile", action="close", run=fault.run_id)

    async def _heal_closing(self, fault: FaultRecord) -> None:
        run = await self._m.db.read(store.find, fault.run_id)
        if run is None or not run.live:
            return
        story = of(run)
        if not story.fate:
            story = _interrupted(run, story, fault)
        run = await self._m.advance(run, story, Stage.HEAL)
        while not await after.heal(self._m, run, story, await self._m.db.read(harm.get, fault.id)):
            await self._m.clock.sleep(HEAL_RETRIES_S[0])
            run = await self._m.db.read(store.get, run.id)


async def _each(works: Sequence[Coroutine[Any, Any, None]], action: str) -> None:
    """All of them side by side: what cannot be healed keeps nothing else from it."""
    for error in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(error, Fenced) or not isinstance(error, Exception | None):
            raise error
        if error is not None:
            why = str(error) or "no time"
            log.warning("not healed yet", action=action, why=why, exc_info=error)


def _begin(tx: Tx, run: Run) -> None:
    waited = tx.now - run.created_at
    if waited <= before.START_WITHIN_S:
        store.begin(tx, run, str(Stage.BASELINE))
        return
    why = (
        f"it was asked for {waited:.0f} s before Tocsin could begin; nothing was broken. Run it "
        "again if you still want it"
    )
    finish(tx, run, of(run), Outcome.REFUSED, why)


def _interrupted(run: Run, story: Story, fault: FaultRecord) -> Story:
    """What became of an experiment whose process ended."""
    said = {
        Stage.ARM: "before anything was broken",
        Stage.INJECT: "while it was being broken",
        Stage.WATCH: "while it was broken",
        Stage.HEAL: "while it was being healed",
    }
    where = said.get(Stage(run.stage), "in the middle") if run.stage else "in the middle"
    known = fault.inject_started_at is None or fault.inject_returned_at is not None
    why = f"Tocsin ended {where}"
    if run.aborting:
        why = f"aborted by {run.abort_by}; {why}"
    return replace(story, fate="aborted" if known else "unknown", interrupted=why, until=None)


def _count(story: Story) -> int:
    return len(story.done) + len(story.waiting)
