"""An experiment on a scripted subject: the real steps, runner and database; a driver and healers that
do and remember what a test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from core import lock
from core.chaos.catalog.read import Catalog
from core.chaos.experiment import Experiments
from core.chaos.model import Experiment, Fault, Margin, Plan, Story, Target
from core.chaos.order import Known, Rules, order
from core.chaos.safety import Limits, Sight
from core.chaos.settings import SubjectChaos
from core.chaos.story import Means, of
from core.chaos.undo import HEALED, NEVER_LANDED, NOT_YET, Healed
from core.clock import ManualClock
from core.db import Database
from core.errors import Refused, Unavailable
from core.monitor import Watch
from core.runs import harm, store
from core.runs.model import FaultRecord, Outcome, Run, State
from core.runs.runner import Runner
from core.tasks import Tasks
from tests.core.scripted import Scripted

SUBJECT = "prod"
KILL = Experiment(
    name="kill-store",
    title="Kill a store",
    fault=Fault.KILL,
    selector="store",
    kinds=("scripted",),
    duration_s=10.0,
    expects=("store_down",),
    detect_within_s=5.0,
    recover_within_s=30.0,
)
OPEN = SubjectChaos(enabled=True, drivers=("twin",), twin="nowhere")


class Driver:
    """Breaks what the test's subject shows as broken from then on."""

    name = "twin"

    def __init__(self, subject: Subject, clock: ManualClock) -> None:
        self._subject = subject
        self._clock = clock
        self.calls: list[str] = []
        self.down: set[str] = set()
        self.cannot: dict[Fault, str] = {}
        self.notices = True
        self.refuses = ""
        self.fails: BaseException | None = None
        self.hangs = False
        self.on_plan: Callable[[], None] = lambda: None

    async def faults(self) -> Mapping[Fault, str]:
        return {fault: self.cannot.get(fault, "") for fault in Fault}

    async def targets(self) -> tuple[Target, ...]:
        return tuple(self._target(one) for one in self._subject.entities)

    async def find(self, entity: str) -> Target:
        if entity not in self._subject.entities:
            raise Refused(f"There is no {entity}.")
        return self._target(entity)

    def _target(self, entity: str) -> Target:
        return Target(self.name, entity, entity.replace(":", "-"), {"pid": 7})

    async def plan(
        self, fault: Fault, target: Target, params: Mapping[str, Any], duration_s: float
    ) -> Plan:
        self.on_plan()
        undo = {"driver": "twin", "entity": target.entity}
        words = f"{fault} {target.name}"
        return Plan(fault, target, params, {"state": "running"}, undo, 2.0, words, "start it", "it")

    async def inject(self, plan: Plan) -> None:
        if self.refuses:
            raise Refused(self.refuses)
        self.calls.append(plan.target.entity)
        self.down.add(plan.target.entity)
        if self.notices:
            self._subject.breaks("store_down", plan.target.entity)
        if self.fails is not None:
            raise self.fails
        if self.hangs:
            await asyncio.Event().wait()


class Subject(Scripted):
    """A scripted subject that may be broken."""

    chaos = OPEN

    def __init__(self, clock: ManualClock, name: str) -> None:
        super().__init__(clock, name)
        self.driver = Driver(self, self.clock)
        self.left = Margin(0, True, "margin 1 -> 0")
        self.leader = "store:1"

    def _playing(self, part: str, among: frozenset[str]) -> str:
        if not self.leader:
            raise Refused("There is no leader just now.")
        leads = part == "store:leader"
        found = sorted(one for one in among if (one == self.leader) == leads)
        if not found:
            raise Refused(f"{part} means nobody here.")
        return found[0]

    def drivers(self) -> tuple[Driver, ...]:
        return (self.driver,)

    async def resolve(self, selector: str, seed: int, among: frozenset[str]) -> tuple[str, ...]:
        if selector == "each:store":
            return tuple(self.entities)
        if selector in ("store:leader", "store:follower"):
            return (self._playing(selector, among),)
        if selector in ("store", "random"):
            return (sorted(among)[seed % len(among)],)
        if selector not in self.entities:
            raise Refused(f"{selector} means nothing here.")
        return (selector,)

    async def margin(self, without: frozenset[str]) -> Margin:
        return self.left


@dataclass
class Memory:
    """Healers that undo the scripted harm, and remember whom they were asked for."""

    subject: Subject
    calls: list[str] = field(default_factory=list)
    out_of_reach: str = ""
    fails: Exception | None = None
    armed: set[int] = field(default_factory=set)
    over: set[int] = field(default_factory=set)
    unarmed: str = ""
    stuck: set[str] = field(default_factory=set)
    healed_before: float | None = None

    async def arm(self, fault: FaultRecord, words: str) -> int:
        if self.unarmed:
            raise Refused(self.unarmed)
        self.calls.append(f"arm {fault.entity}")
        self.armed.add(fault.id)
        return 1

    async def returned(self, fault: FaultRecord) -> None:
        self.calls.append(f"returned {fault.entity}")

    async def verified(self, fault_id: int) -> None:
        self.over.add(fault_id)

    async def heal(self, fault: FaultRecord, now: float) -> Healed:
        self.calls.append(f"heal {fault.entity}")
        if self.fails is not None:
            raise self.fails
        if self.out_of_reach or fault.subject in self.stuck:
            return Healed(NOT_YET, self.out_of_reach or "stuck")
        down = self.subject.driver.down
        if fault.entity in down:
            down.discard(fault.entity)
            self.subject.heals("store_down", fault.entity)
            return Healed(HEALED, did=("started it",), at=self.healed_before)
        return Healed(NEVER_LANDED)

    def tidy(self, keep: frozenset[int]) -> None:
        self.calls.append("tidy")


async def _no_picture(*_: Any) -> bytes:
    raise Unavailable("no pictures in this test")


@dataclass
class Rig:
    """Everything that a test of an experiment may want to touch."""

    db: Database
    clock: ManualClock
    subject: Subject
    healers: Memory
    rules: Rules
    watch: Watch
    epoch: int
    reached: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    stop_at: str = ""
    tasks: Tasks | None = None
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    others: dict[str, Subject] = field(default_factory=dict)

    @property
    def driver(self) -> Driver:
        return self.subject.driver

    def sight(self, _name: str) -> Sight | None:
        last = self.watch.last
        return None if last is None else Sight(last.at, 2.0, last.blind)

    def means(self) -> Means:
        return Means(
            self.db,
            self.clock,
            self.epoch,
            {SUBJECT: self.subject, **self.others},
            self.healers,
            self.rules.limits,
            self.sight,
            self._reach,
        )

    def _reach(self, name: str) -> None:
        self.reached.append(name)
        if name == self.stop_at:
            raise Stopped(name)

    def runner(self) -> Runner:
        work = Experiments(self.means(), self.rules, _no_picture)
        return Runner(self.db, self.clock, self.epoch, [work], self.failed)

    def failed(self, where: str, error: BaseException) -> None:
        self.troubles.append(f"{where}: {error!r}")

    def beside(self, name: str) -> Subject:
        """Another subject that may be broken, for processes that start from now on."""
        self.others[name] = made = Subject(self.clock, name)
        subjects = {**self.rules.subjects, name: Known("scripted", OPEN)}
        self.rules = replace(self.rules, subjects=subjects)
        return made

    async def start(self) -> Runner:
        """A new process: boot, then carry runs on in the background."""
        runner = self.runner()
        await runner.boot()
        self.tasks = Tasks(self.failed)
        self.tasks.start("runs", runner.run())
        return runner

    async def stop(self) -> None:
        """The process is gone, whatever it was doing."""
        if self.tasks is not None:
            await self.tasks.cancel()
        self.tasks = None
        # A commit that was under way is finished in its own time; a process that is gone has none.
        await self.db.write(lambda tx: None)

    async def look(self) -> None:
        """The monitor looks once; never twice at once."""
        async with self.looking:
            await self.watch.tick()

    async def order(self, name: str = "kill-store", **how: Any) -> Run:
        return await self.db.write(order, self.rules, name=name, by="slack:U1", **how)

    async def until(self, condition: Callable[[Run], bool], run_id: int = 1) -> Run:
        """Let time pass, and the monitor look, until the run is so."""
        end = time.monotonic() + 20.0
        turn = 0
        while True:
            run = await self.db.read(store.get, run_id)
            if condition(run):
                return run
            assert time.monotonic() < end, (run, self.troubles, self.healers.calls)
            await self.clock.advance(0.25)
            turn += 1
            if turn % 2 == 0:
                await self.look()
            await asyncio.sleep(0.001)

    async def ended(self, run_id: int = 1) -> Run:
        return await self.until(lambda run: run.state is State.REPORTED, run_id)

    async def at(self, stage: str, run_id: int = 1) -> Run:
        return await self.until(lambda run: run.stage == stage, run_id)

    async def story(self, run_id: int = 1) -> Story:
        return of(await self.db.read(store.get, run_id))

    async def fault(self, run_id: int = 1) -> FaultRecord:
        return (await self.db.read(harm.of_run, run_id))[-1]


class Stopped(BaseException):
    """The process ended here."""


@asynccontextmanager
async def rig(
    db: Database, clock: ManualClock, *experiments: Experiment, **limits: Any
) -> AsyncIterator[Rig]:
    """A subject that was just seen to be well, and a runner that carries orders out."""
    epoch = await lock.take_epoch(db, "test")
    subject = Subject(clock, SUBJECT)
    catalog = Catalog({one.name: one for one in (KILL, *experiments)})
    rules = Rules(catalog, Limits(**limits), {SUBJECT: Known("scripted", OPEN)})
    watch = Watch(subject, db, clock, epoch)
    await watch.start()
    made = Rig(db, clock, subject, Memory(subject), rules, watch, epoch)
    await watch.tick()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def outcome(run: Run) -> tuple[Outcome | None, str]:
    """How it ended, and why."""
    return run.outcome, str(run.data.get("why", ""))


def like(experiment: Experiment, **changes: Any) -> Experiment:
    """Another experiment."""
    return replace(experiment, **changes)
