"""What is read of a TiKV cluster, each at its own pace, and how fresh it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from core.clock import Clock
from core.errors import Unavailable
from core.invariant import Reading
from core.subjects.sources import Source
from core.subjects.tikv import model, pd_view
from core.subjects.tikv.course import Course
from core.subjects.tikv.evidence import NEVER
from core.subjects.tikv.figures import Figures
from core.subjects.tikv.model import RegionCounts
from core.subjects.tikv.parts import Parts
from core.subjects.tikv.pd_reads import Pings, StoreList
from core.subjects.tikv.placement import Bodies
from core.subjects.tikv.settings import Periods
from core.subjects.tikv.state import State


class Reads:
    """The sources of one cluster. `state` says which stores there are to be read of; `course` keeps
    how it fares."""

    def __init__(
        self, parts: Parts, state: State, pace: Periods, clock: Clock, course: Course
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._course = course
        self._state = state
        self._began = clock.monotonic()
        self.stores = Source(model.SOURCE_PD, pace.pd_s, self._read_stores, clock)
        self.schedulers = Source(model.SOURCE_SCHEDULERS, pace.pd_s, parts.pd.schedulers, clock)
        self.members = Source(model.SOURCE_MEMBERS, pace.pd_s, parts.pd.members, clock)
        self.ping = Source(model.SOURCE_PING, pace.pd_s, self._read_pings, clock)
        self.placement = Source(
            model.SOURCE_PLACEMENT, pace.placement_s, parts.pd.configured, clock
        )
        self.probe = Source(model.SOURCE_PROBE, pace.probe_s, self._read_probes, clock)
        self.metrics = Source(model.SOURCE_METRICS, pace.metrics_s, self._read_metrics, clock)
        self.regions = Source(model.SOURCE_REGIONS, pace.metrics_s, self._read_regions, clock)
        self.bodies = Source("bodies", pace.placement_s, self._read_bodies, clock)
        self._bodies_for: frozenset[int] = frozenset()

    @property
    def interval_s(self) -> float:
        """The period of the fastest source."""
        return min(one.period_s for one in (self.probe, self.stores, self.metrics))

    @property
    def of_pd(self) -> list[Source[Any]]:
        """What is asked of PD."""
        return [self.stores, self.schedulers, self.members, self.ping, self.placement]

    @property
    def every(self) -> list[Source[Any]]:
        """Everything that there is to be read just now."""
        sources = self.of_pd
        if self._state.stores:
            sources += [self.probe, self.metrics]
        if self.members.value is not None and not self._prometheus_has_regions():
            sources.append(self.regions)
        if self._bodies_for:
            sources.append(self.bodies)
        return sources

    def pace(self, seconds: float, least_metrics_s: float) -> None:
        """PD and figures are asked this often; figures no more often than `least_metrics_s`."""
        for one in (self.stores, self.schedulers, self.members, self.ping):
            one.pace(seconds)
        self.metrics.pace(max(seconds, least_metrics_s))
        self.regions.pace(max(seconds, least_metrics_s))

    def want_bodies(self, missing: frozenset[int]) -> None:
        """The regions of these stores are to be read as well."""
        if missing != self._bodies_for:
            self._bodies_for = missing
            self.bodies.hurry()

    def _prometheus_has_regions(self) -> bool:
        figures = self.metrics.value
        if self._parts.prometheus is None:
            return False
        return figures is None or figures.regions is not None

    async def _read_stores(self) -> StoreList:
        listed = await self._parts.pd.stores()
        missing = self._state.roster.missing_from(one.who.id for one in listed.stores)
        return dataclasses.replace(listed, gone=await self._parts.pd.those_gone(missing))

    async def _read_pings(self) -> Pings:
        members = self.members.value
        return await self._parts.pd.pings((members.members or ()) if members is not None else ())

    async def _read_probes(self) -> int:
        return await self._parts.probing.round(
            {one.who.id: one.who.status_url for one in self._state.stores}
        )

    async def _read_metrics(self) -> Figures:
        found: Figures | None = None
        try:
            found = await self._parts.figures(self._state.stores)
        finally:
            at = self._clock.now().timestamp()
            self._course.note(at, None if found is None else found.stores)
        return found

    async def _read_regions(self) -> RegionCounts:
        members = self.members.value
        leader = members.leader if members is not None else None
        url = (leader.client_urls or ("",))[0].rstrip("/") if leader is not None else ""
        if not url:
            raise Unavailable("PD names no leader whose metrics could be read")
        return await self._parts.pd.region_counts(url, self._state.stores)

    async def _read_bodies(self) -> Bodies:
        return await self._parts.pd.bodies(self._bodies_for)

    def figures(self, mono: float) -> Figures | None:
        """Every store's figures, while they are fresh."""
        return self.metrics.value if self.metrics.fresh(mono) else None

    def region_counts(self, mono: float) -> RegionCounts | None:
        """How many regions are in trouble, while that is fresh."""
        figures = self.metrics.value
        if figures is not None and figures.regions is not None:
            return figures.regions if self.metrics.fresh(mono) else None
        return self.regions.value if self.regions.fresh(mono) else None

    def answered(self) -> dict[str, bool]:
        """Which PD members answered when they were last pinged."""
        pings = self.ping.value
        return {} if pings is None else {key: one.ok for key, one in pings.by_name.items()}

    def readings(self, mono: float, at: float) -> Mapping[str, Reading]:
        """When each source was last read, and how."""
        found = {one.name: one.reading(mono, at) for one in (*self.of_pd, self.probe, self.metrics)}
        found[model.SELF] = Reading(at, self.interval_s)
        figures = self.metrics.value
        has_regions = figures is not None and figures.regions is not None
        regions = self.metrics if has_regions else self.regions
        found[model.SOURCE_REGIONS] = regions.reading(mono, at)
        disks = [found[model.SOURCE_METRICS], found[model.SOURCE_PD]]
        found[model.SOURCE_DISK] = max(disks, key=_age_key)
        return found

    def pd_view(self, mono: float, newest_ok: float) -> model.PdView:
        """PD itself; `newest_ok` is when any store last answered (monotonic)."""
        listed: StoreList | None = self.stores.value
        return pd_view.view(
            self.members.value,
            self.ping.value if self.ping.fresh(mono) else None,
            silent_s=pd_view.silent_s((self.stores, self.members), mono, self._began),
            failure=self.stores.failure or self.members.failure,
            bootstrapped=listed is None or listed.bootstrapped,
            store_answered=mono - newest_ok <= 2 * self.probe.pace_s,
        )


def _age_key(reading: Reading) -> float:
    return reading.seen_at if reading.seen_at is not None else NEVER
