"""The program without its faces: every subject under watch, and what time brings about.

Each subject has a loop of its own, so that one which hangs delays no other. Nothing here knows who
reads the tickets.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from core import elsewhere, maintenance, monitor, upkeep
from core.chaos.safety import Sight
from core.clock import Clock
from core.db import Database, Fenced
from core.diagnosis.worker import Worker
from core.metrics import Metrics
from core.monitor import TickReport, Watch
from core.runs import harm
from core.runs.runner import Runner
from core.schedule import every
from core.subject import Nudges, Paced, Subject
from core.tasks import Tasks
from core.tickets import store

log = structlog.get_logger()

Ticked = Callable[[TickReport], Awaitable[None]]
RunsOf = Callable[["Engine"], Runner]
"""Makes the runner of an engine: it is told of failures, and asks when a subject was last seen."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the loops still turn. `late` names what does not, and since how many seconds."""

    ok: bool
    late: dict[str, float]


class Engine:
    """Watches subjects in the background, from `start` until the tasks are cancelled."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        epoch: int,
        subjects: Sequence[Subject],
        metrics: Metrics,
        keep: upkeep.Retention,
        worker: Worker | None = None,
        runs: RunsOf | None = None,
    ) -> None:
        self.db = db
        self.clock = clock
        self.epoch = epoch
        self.watches = tuple(Watch(s, db, clock, epoch) for s in subjects)
        self._metrics = metrics
        self._keep = keep
        self._worker = worker
        self._ended: dict[str, float] = {}
        self._paced: float | None = None
        self._on_tick: list[Ticked] = []
        self._fenced: Callable[[], None] | None = None
        self._runs = None if runs is None else runs(self)

    def on_tick(self, told: Ticked) -> None:
        """Hear of every completed tick."""
        self._on_tick.append(told)

    def on_fenced(self, stop: Callable[[], None]) -> None:
        """What to do when another process has taken the database over: stop, and say so."""
        self._fenced = stop

    async def begin(self) -> None:
        """Prepare: heal what was left broken, close what is no longer configured, recall what was
        carried."""
        if self._runs is not None:
            await self._runs.boot()
        names = [w.subject.name for w in self.watches]
        for gone in await self.db.write_as(self.epoch, monitor.remove_missing, names):
            log.info("a subject was taken out of the configuration", action="remove", subject=gone)
        for watch in self.watches:
            await watch.start()
        await self._apply_pace()

    def start(self, tasks: Tasks) -> None:
        """Run every loop in `tasks`."""
        for watch in self.watches:
            tasks.start(f"watch {watch.subject.name}", self._watch(watch))
        tasks.start("upkeep", self._upkeep())
        tasks.start("purge", self._purge())
        if self._worker is not None:
            tasks.start("diagnosis", self._diagnose(self._worker))
        if self._runs is not None:
            tasks.start("runs", self._runs.run())
        tasks.start("elsewhere", elsewhere.watch(self.db, self.clock))

    async def close(self) -> None:
        """Heal what is broken on purpose; let go of every subject's connections."""
        if self._runs is not None:
            await self._runs.close()
        for watch in self.watches:
            await watch.subject.close()

    async def _watch(self, watch: Watch) -> None:
        subject = watch.subject
        early = subject.nudged if isinstance(subject, Nudges) else None
        await every(
            self.clock,
            lambda: subject.interval_s,
            lambda: self._tick(watch),
            lambda error: self._failed(f"watch {subject.name}", error, subject.name),
            early=early,
        )

    async def _tick(self, watch: Watch) -> None:
        report = await watch.tick()
        self._ended[report.subject] = self.clock.monotonic()
        self._count(report)
        for told in self._on_tick:
            await told(report)

    def _count(self, report: TickReport) -> None:
        m, name = self._metrics, report.subject
        m.ticks.labels(name, "ok").inc()
        m.tick_seconds.labels(name).observe(report.seconds)
        m.last_tick.labels(name).set(report.at)
        for verdict, n in (
            ("broken", report.broken),
            ("unknown", report.unknown),
            ("holds", report.holds),
        ):
            m.verdicts.labels(name, verdict).set(n)
        for source, reading in report.readings.items():
            if reading.seen_at is not None:
                m.source_age.labels(name, source).set(max(report.at - reading.seen_at, 0.0))
        if report.opened:
            m.opened.labels(name).inc(report.opened)

    def _failed(self, where: str, error: BaseException, subject: str = "") -> None:
        if isinstance(error, Fenced):
            log.error("another process has taken the database over", action="fenced")
            if self._fenced is not None:
                self._fenced()
            return
        if subject:
            self._metrics.ticks.labels(subject, "failed").inc()
        self._metrics.failures.labels(where).inc()
        log.error("a cycle failed", action="tick", where=where, exc_info=error)

    async def _diagnose(self, worker: Worker) -> None:
        try:
            await worker.run()
        except Fenced as error:
            self._failed("diagnosis", error)

    async def _upkeep(self) -> None:
        await every(
            self.clock,
            lambda: upkeep.EVERY_S,
            self._upkeep_once,
            lambda error: self._failed("upkeep", error),
        )

    async def _upkeep_once(self) -> None:
        await upkeep.deadlines(self.db, self.epoch)
        await self._apply_pace()
        open_now = await self.db.read(store.open_by_severity)
        for severity, n in open_now.items():
            self._metrics.tickets.labels(severity).set(n)
        self._metrics.overdue_faults.set(len(await self.db.read(harm.overdue)))

    async def _apply_pace(self) -> None:
        wanted = await self.db.read(maintenance.interval_s)
        if wanted is None or wanted == self._paced:
            return
        self._paced = wanted
        for watch in self.watches:
            if isinstance(watch.subject, Paced):
                watch.subject.pace(wanted)

    async def _purge(self) -> None:
        await every(
            self.clock,
            lambda: upkeep.PURGE_EVERY_S,
            self._purge_once,
            lambda error: self._failed("purge", error),
        )

    async def _purge_once(self) -> None:
        await upkeep.purge(self.db, self.epoch, self._keep)

    def interval_s(self, subject: str) -> float:
        """How often a subject is looked at; 0 for one that is not watched."""
        found = (w.subject.interval_s for w in self.watches if w.subject.name == subject)
        return next(found, 0.0)

    def sight(self, subject: str) -> Sight | None:
        """The last completed look at a subject, None before the first."""
        for watch in self.watches:
            if watch.subject.name == subject and (last := watch.last) is not None:
                return Sight(last.at, watch.subject.interval_s, last.blind)
        return None

    def failed(self, where: str, error: BaseException) -> None:
        """Something that goes on by itself has failed: told and counted; a lost database ends it."""
        self._failed(where, error)

    def health(self) -> Health:
        """Red when a subject's loop has not completed a cycle for long."""
        now = self.clock.monotonic()
        late = {}
        for watch in self.watches:
            limit = max(3 * watch.subject.interval_s, 3 * monitor.OBSERVE_LIMIT_S)
            age = now - self._ended.get(watch.subject.name, -1e9)
            if age > limit:
                late[watch.subject.name] = min(age, 1e9)
        return Health(not late, late)
