"""A TiKV cluster as a subject: reads its sources at their own pace and says what it sees.

Sources are read concurrently and waited for only briefly; one that hangs goes on in the background,
and its answer counts when it comes. PD and Prometheus get a constant number of requests a reading,
whatever the number of stores.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from core.clients import pd_model
from core.clients.logs import LogSource
from core.clock import Clock
from core.errors import Unavailable
from core.findings import Finding
from core.invariant import Invariant, Reading
from core.subjects.sources import Source, read_due
from core.subjects.tikv import model, pd_view
from core.subjects.tikv.catalog import invariants
from core.subjects.tikv.evidence import NEVER
from core.subjects.tikv.figures import Figures
from core.subjects.tikv.model import RegionCounts, TikvObservation
from core.subjects.tikv.parts import Parts
from core.subjects.tikv.pd_reads import Pings, Schedulers, StoreList
from core.subjects.tikv.placement import Bodies
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
        self._began = clock.monotonic()
        self._nudged_at = NEVER
        self._following = False
        pace = settings.periods
        self._stores = Source(model.SOURCE_PD, pace.pd_s, self._read_stores, clock)
        self._schedulers = Source(model.SOURCE_SCHEDULERS, pace.pd_s, parts.pd.schedulers, clock)
        self._members = Source(model.SOURCE_MEMBERS, pace.pd_s, parts.pd.members, clock)
        self._ping = Source(model.SOURCE_PING, pace.pd_s, self._read_pings, clock)
        self._placement = Source(
            model.SOURCE_PLACEMENT, pace.placement_s, parts.pd.configured, clock
        )
        self._probe = Source(model.SOURCE_PROBE, pace.probe_s, self._read_probes, clock)
        self._metrics = Source(model.SOURCE_METRICS, pace.metrics_s, self._read_metrics, clock)
        self._regions = Source(model.SOURCE_REGIONS, pace.metrics_s, self._read_regions, clock)
        self._bodies = Source("bodies", pace.placement_s, self._read_bodies, clock)
        self._bodies_for: frozenset[int] = frozenset()
        self._taken: dict[str, int] = {}
        self._stores_seen = NEVER

    @property
    def interval_s(self) -> float:
        """How often to tick: the period of the fastest source."""
        return min(one.period_s for one in (self._probe, self._stores, self._metrics))

    @property
    def store_list(self) -> StoreList | None:
        """PD's newest list of stores, as evidence."""
        return self._stores.value

    @property
    def members(self) -> pd_model.Members | None:
        """PD's newest list of its members, as evidence."""
        return self._members.value

    @property
    def schedulers(self) -> Schedulers | None:
        """PD's newest list of schedulers, as evidence."""
        return self._schedulers.value

    @property
    def logs(self) -> Mapping[str, LogSource]:
        """Where each node's log is, by address, as evidence."""
        return self._parts.logs

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
            await read_due(self._pd_sources(), self._tasks, self._clock, wait_s)
            self._take_in()
        await read_due(self._all_sources(), self._tasks, self._clock, wait_s)
        self._take_in()
        return self._compose()

    async def nudged(self) -> None:
        """Returns when a node's connection ended, or its container died: look at once."""
        await self._parts.nudged()
        since = self._clock.monotonic() - self._nudged_at
        if since < _NUDGE_EVERY_S:
            await self._clock.sleep(_NUDGE_EVERY_S - since)
        self._nudged_at = self._clock.monotonic()
        self._probe.hurry()

    async def check(self) -> list[Finding]:
        """Ask every source once; what fails is a finding with its fix."""
        return await self._parts.checks.run()

    def pace(self, seconds: float) -> None:
        """PD and Prometheus are asked this often; nodes' /metrics no more often than configured."""
        for one in (self._stores, self._schedulers, self._members, self._ping):
            one.pace(seconds)
        least = 0.0 if self._parts.prometheus is not None else self.settings.periods.metrics_s
        self._metrics.pace(max(seconds, least))
        self._regions.pace(max(seconds, least))

    async def close(self) -> None:
        """End background reads and close connections."""
        await self._tasks.cancel()
        await self._parts.close()

    def _pd_sources(self) -> list[Source[Any]]:
        return [self._stores, self._schedulers, self._members, self._ping, self._placement]

    def _all_sources(self) -> list[Source[Any]]:
        sources = self._pd_sources()
        if self._state.stores:
            sources += [self._probe, self._metrics]
        if self._members.value is not None and not self._prometheus_has_regions():
            sources.append(self._regions)
        if self._bodies_for:
            sources.append(self._bodies)
        return sources

    def _prometheus_has_regions(self) -> bool:
        figures = self._metrics.value
        if self._parts.prometheus is None:
            return False
        return figures is None or figures.regions is not None

    async def _read_stores(self) -> StoreList:
        listed = await self._parts.pd.stores()
        missing = self._state.roster.missing_from(one.who.id for one in listed.stores)
        return dataclasses.replace(listed, gone=await self._parts.pd.those_gone(missing))

    async def _read_pings(self) -> Pings:
        members = self._members.value
        return await self._parts.pd.pings((members.members or ()) if members is not None else ())

    async def _read_probes(self) -> int:
        return await self._parts.probing.round(
            {one.who.id: one.who.status_url for one in self._state.stores}
        )

    async def _read_metrics(self) -> Figures:
        return await self._parts.figures(self._state.stores)

    async def _read_regions(self) -> RegionCounts:
        members = self._members.value
        leader = members.leader if members is not None else None
        url = (leader.client_urls or ("",))[0].rstrip("/") if leader is not None else ""
        if not url:
            raise Unavailable("PD names no leader whose metrics could be read")
        return await self._parts.pd.region_counts(url, self._state.stores)

    async def _read_bodies(self) -> Bodies:
        return await self._parts.pd.bodies(self._bodies_for)

    def _take_in(self) -> None:
        """Hand each source's newest answer to the state, once."""
        if self._is_new(self._schedulers) and self._schedulers.value is not None:
            self._state.take_schedulers(self._schedulers.value, self._schedulers.seen_at or 0.0)
        if self._is_new(self._members) and (members := self._members.value) is not None:
            leader = members.leader.name if members.leader is not None else ""
            self._state.trust.note_leader(leader, self._members.seen_at or 0.0)
        if self._is_new(self._placement) and self._placement.value is not None:
            self._state.take_configured(self._placement.value)
        if self._is_new(self._bodies):
            self._state.bodies = self._bodies.value
        self._take_stores()

    def _take_stores(self) -> None:
        before = self._stores_seen
        if not self._is_new(self._stores) or self._stores.value is None:
            return
        mono = self._stores.seen_at or 0.0
        gap = self._stores.stumbled or mono - before > _GAPS * self._stores.pace_s
        at = self._at() - (self._clock.monotonic() - mono)
        self._state.take_stores(self._stores.value, mono, at, gap=gap)
        self._stores_seen = mono

    def _is_new(self, source: Source[Any]) -> bool:
        if self._taken.get(source.name, 0) == source.answers:
            return False
        self._taken[source.name] = source.answers
        return True

    def _at(self) -> float:
        return self._clock.now().timestamp()

    def _compose(self) -> TikvObservation:
        mono, at, state = self._clock.monotonic(), self._at(), self._state
        sights = self._parts.probing.sights
        seen = state.evidence(
            at=at,
            mono=mono,
            sights=sights,
            probe_s=self._probe.pace_s,
            pd_s=self._stores.pace_s,
            pd_fresh=self._stores.fresh(mono),
            pd_began=self._stores.began_at if self._stores.began_at is not None else NEVER,
            pd_answered=pd_view.answered_at((self._stores, self._members), self._ping),
            deaths=self._parts.deaths(state.stores),
        )
        lives = state.fusion.lives(seen)
        margin = state.margin(lives)
        self._want_bodies(state.wants_bodies(margin))
        blind, unprobed = blindness(state.stores, sights, lives)
        figures = self._metrics.value if self._metrics.fresh(mono) else None
        configured, listed = state.configured, self._schedulers.value
        return TikvObservation(
            subject=self.name,
            at=at,
            readings=self._readings(mono, at),
            removed=state.roster.removed,
            carry=state.carry(at, mono),
            stores=state.stores,
            named=state.named,
            lives=lives,
            restarts=state.visible_restarts(mono),
            evicting=seen.announced,
            schedulers=listed.names if listed is not None else None,
            pd=self._pd_view(mono, seen.newest_ok),
            metrics=figures.stores if figures is not None else {},
            regions=self._region_counts(mono),
            margin=margin,
            unprobed=unprobed,
            blind=blind,
            has_prometheus=self._parts.prometheus is not None,
            shrunk=state.roster.shrunk,
            pinned_leaders=configured is not None and configured.placement.pinned_leaders,
        )

    def _want_bodies(self, missing: frozenset[int]) -> None:
        if missing != self._bodies_for:
            self._bodies_for = missing
            self._bodies.hurry()

    def _region_counts(self, mono: float) -> RegionCounts | None:
        figures = self._metrics.value
        if figures is not None and figures.regions is not None:
            return figures.regions if self._metrics.fresh(mono) else None
        return self._regions.value if self._regions.fresh(mono) else None

    def _readings(self, mono: float, at: float) -> Mapping[str, Reading]:
        sources = [*self._pd_sources(), self._probe, self._metrics]
        found = {one.name: one.reading(mono, at) for one in sources}
        found[model.SELF] = Reading(at, self.interval_s)
        figures = self._metrics.value
        has_regions = figures is not None and figures.regions is not None
        regions = self._metrics if has_regions else self._regions
        found[model.SOURCE_REGIONS] = regions.reading(mono, at)
        disks = [found[model.SOURCE_METRICS], found[model.SOURCE_PD]]
        found[model.SOURCE_DISK] = max(disks, key=_age_key)
        return found

    def _pd_view(self, mono: float, newest_ok: float) -> model.PdView:
        listed: StoreList | None = self._stores.value
        return pd_view.view(
            self._members.value,
            self._ping.value if self._ping.fresh(mono) else None,
            silent_s=pd_view.silent_s((self._stores, self._members), mono, self._began),
            failure=self._stores.failure or self._members.failure,
            bootstrapped=listed is None or listed.bootstrapped,
            store_answered=mono - newest_ok <= 2 * self._probe.pace_s,
        )


def _age_key(reading: Reading) -> float:
    return reading.seen_at if reading.seen_at is not None else NEVER
