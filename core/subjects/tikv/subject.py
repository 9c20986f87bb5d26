"""A TiKV cluster as a subject: reads its sources at their own pace and says what it sees.

Sources are read concurrently and waited for only briefly; one that hangs goes on in the background,
and its answer counts when it comes. PD and Prometheus get a constant number of requests a reading,
whatever the number of stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.chaos.driver import Driver
from core.chaos.model import Margin, Sample
from core.chaos.settings import SubjectChaos
from core.clock import Clock
from core.diagnosis.evidence import About
from core.diagnosis.model import Piece, Query
from core.diagnosis.pieces import Filing
from core.findings import Finding
from core.invariant import Invariant
from core.subjects.sources import Source, read_due
from core.subjects.tikv import pd_view
from core.subjects.tikv.catalog import invariants
from core.subjects.tikv.course import Course
from core.subjects.tikv.evidence import NEVER
from core.subjects.tikv.explain import Explainer
from core.subjects.tikv.model import NO_METRICS, TikvObservation
from core.subjects.tikv.parts import Parts
from core.subjects.tikv.pd_reads import StoreList
from core.subjects.tikv.reads import Reads
from core.subjects.tikv.settings import TikvSettings
from core.subjects.tikv.state import State, blindness
from core.tasks import OnError, Tasks

# A connection that ends again and again must not make the monitor spin.
_NUDGE_EVERY_S = 0.1
_GAPS = 3.0


class TikvSubject:
    """Watches one TiKV cluster; see core.subject.Subject."""

    kind = "tikv"

    def __init__(
        self, name: str, settings: TikvSettings, clock: Clock, parts: Parts, on_error: OnError
    ) -> None:
        self.name = name
        self.settings = settings
        self.invariants: tuple[Invariant[Any, Any], ...] = invariants(settings.invariants)
        self._clock = clock
        self._parts = parts
        self._tasks = Tasks(on_error)
        self._state = State(settings.guards)
        self._nudged_at = NEVER
        self._following = False
        self._course = Course(wanted=settings.chaos.enabled)
        self._reads = Reads(parts, self._state, settings.periods, clock, self._course)
        self._taken: dict[str, int] = {}
        self._stores_seen = NEVER
        self._explainer = Explainer(
            parts.means, self._state, parts.probing.sights, lambda: self._reads.members.value
        )
        parts.nodes.remember(self._explainer.history)

    @property
    def interval_s(self) -> float:
        """How often to tick: the period of the fastest source."""
        return self._reads.interval_s

    def recall(self, carry: Mapping[str, Any]) -> None:
        """Take back what an earlier process carried."""
        self._state.recall(carry, self._at(), self._clock.monotonic())

    async def observe(self) -> TikvObservation:
        """Read what is due, and say what is seen now."""
        wait_s = self.settings.observe_wait_s
        if self._parts.containers is not None and not self._following:
            self._following = True
            self._tasks.start("follow containers", self._parts.containers.follow())
        if not self._state.stores:
            # Nobody to probe before PD has said who there is.
            await read_due(self._reads.of_pd, self._tasks, self._clock, wait_s)
            self._take_in()
        await read_due(self._reads.every, self._tasks, self._clock, wait_s)
        self._take_in()
        return self._compose()

    async def nudged(self) -> None:
        """Returns when a node's connection ended, or its container died: look at once."""
        await self._parts.nudged()
        since = self._clock.monotonic() - self._nudged_at
        if since < _NUDGE_EVERY_S:
            await self._clock.sleep(_NUDGE_EVERY_S - since)
        self._nudged_at = self._clock.monotonic()
        self._reads.probe.hurry()

    async def check(self) -> list[Finding]:
        """Ask every source once; what fails is a finding with its fix."""
        return await self._parts.checks.run()

    async def explain(self, about: About, filing: Filing) -> None:
        """All evidence about a ticket; see core.diagnosis.evidence.Explains."""
        await self._explainer.explain(about, filing)

    async def ask(self, query: Query, entity: str, window: tuple[float, float]) -> Piece:
        """One live answer, as evidence."""
        return await self._explainer.ask(query, entity, window)

    def entities(self) -> tuple[str, ...]:
        """What may be asked about."""
        return self._explainer.entities()

    def pd_paths(self) -> tuple[str, ...]:
        """The reads of PD that may be asked for."""
        return self._explainer.pd_paths()

    def readings(self) -> Mapping[str, str]:
        """Named figures and their PromQL."""
        return self._explainer.readings()

    def absent(self) -> tuple[str, ...]:
        """Sources of evidence that this site does not have."""
        return self._explainer.absent()

    @property
    def chaos(self) -> SubjectChaos:
        """Whether and how it may be broken on purpose."""
        return self.settings.chaos

    def drivers(self) -> tuple[Driver, ...]:
        """By what it may be broken; see core.chaos.driver.Breakable."""
        return self._parts.breaking.drivers

    async def resolve(self, selector: str, seed: int, among: frozenset[str]) -> tuple[str, ...]:
        """Whom a selector means."""
        return await self._parts.breaking.resolve(selector, seed, among)

    def course(self, since: float, until: float) -> tuple[Sample, ...]:
        """How it fared; see core.chaos.driver.Measured."""
        return self._course.between(since, until)

    async def weight(self, entity: str) -> str:
        """What hangs on it, for the blast radius."""
        return await self._parts.breaking.weight(entity)

    async def margin(self, without: frozenset[str]) -> Margin:
        """What the loss of these would leave."""
        return await self._parts.breaking.margin(without)

    def pace(self, seconds: float) -> None:
        """PD and Prometheus are asked this often; nodes' /metrics no more often than configured."""
        own = 0.0 if self._parts.prometheus is not None else self.settings.periods.metrics_s
        self._reads.pace(seconds, own)

    async def close(self) -> None:
        """End background reads and close connections."""
        await self._tasks.cancel()
        await self._parts.close()

    def _take_in(self) -> None:
        """Hand each source's newest answer to the state, once."""
        reads = self._reads
        if self._is_new(reads.schedulers) and (listed := reads.schedulers.value) is not None:
            self._explainer.history.note_schedulers(listed.names, self._at())
            self._state.take_schedulers(listed, reads.schedulers.seen_at or 0.0)
        if self._is_new(reads.members) and (members := reads.members.value) is not None:
            leader = members.leader.name if members.leader is not None else ""
            self._state.trust.note_leader(leader, reads.members.seen_at or 0.0)
        if self._is_new(reads.placement) and reads.placement.value is not None:
            self._state.take_configured(reads.placement.value)
        if self._is_new(reads.bodies):
            self._state.bodies = reads.bodies.value
        self._take_stores(reads.stores)

    def _take_stores(self, source: Source[StoreList]) -> None:
        before = self._stores_seen
        if not self._is_new(source) or source.value is None:
            return
        mono = source.seen_at or 0.0
        gap = source.stumbled or mono - before > _GAPS * source.pace_s
        at = self._at() - (self._clock.monotonic() - mono)
        self._state.take_stores(source.value, mono, at, gap=gap)
        self._explainer.remember(source.value.raw, self._reads.answered())
        self._stores_seen = mono

    def _is_new(self, source: Source[Any]) -> bool:
        if self._taken.get(source.name, 0) == source.answers:
            return False
        self._taken[source.name] = source.answers
        return True

    def _at(self) -> float:
        return self._clock.now().timestamp()

    def _compose(self) -> TikvObservation:
        mono, at, state, reads = self._clock.monotonic(), self._at(), self._state, self._reads
        sights, stores = self._parts.probing.sights, reads.stores
        seen = state.evidence(
            at=at,
            mono=mono,
            sights=sights,
            probe_s=reads.probe.pace_s,
            pd_s=stores.pace_s,
            pd_fresh=stores.fresh(mono),
            pd_began=stores.began_at if stores.began_at is not None else NEVER,
            pd_answered=pd_view.answered_at((stores, reads.members), reads.ping),
            deaths=self._parts.deaths(state.stores),
        )
        lives = state.fusion.lives(seen)
        margin = state.margin(lives)
        reads.want_bodies(state.wants_bodies(margin))
        blind, unprobed = blindness(state.stores, sights, lives)
        figures = reads.figures(mono)
        configured, listed = state.configured, reads.schedulers.value
        return TikvObservation(
            subject=self.name,
            at=at,
            readings=reads.readings(mono, at),
            removed=state.roster.removed,
            carry=state.carry(at, mono),
            stores=state.stores,
            entities=state.entities,
            everyone=state.everyone,
            lives=lives,
            restarts=state.visible_restarts(mono),
            evicting=seen.announced,
            schedulers=listed.names if listed is not None else None,
            pd=reads.pd_view(mono, seen.newest_ok),
            metrics=figures.stores if figures is not None else NO_METRICS,
            regions=reads.region_counts(mono),
            margin=margin,
            unprobed=unprobed,
            blind=blind,
            has_prometheus=self._parts.prometheus is not None,
            shrunk=state.roster.shrunk,
            pinned_leaders=configured is not None and configured.placement.pinned_leaders,
        )
