"""Figures out of Prometheus as evidence: one range query a figure, shared out to the nodes it is about."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from core.clients.prom_model import Series
from core.clients.prometheus import Prometheus
from core.diagnosis import pieces
from core.subjects.attempts import Got, attempt
from core.subjects.tikv.explain_means import Means
from core.subjects.tikv.explain_readings import CLUSTER, OUTLIVES, PD, STORE, Figure
from core.subjects.tikv.figures import Names
from core.subjects.tikv.model import Identity, pd_entity, store_entity

POINTS = pieces.MAX_POINTS
STEP_S = 15.0
"""The usual distance between two scrapes; wider where the stretch needs it."""
LEAST_S = 900.0
"""A figure is told at least this far back."""
_AT_ONCE = 12
_DIGITS = 6
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Grid:
    """When a figure is asked for: `steps` + 1 moments, the last of them `end`."""

    start: float
    end: float
    step_s: float

    @classmethod
    def over(cls, start: float, end: float) -> Grid:
        """At most sixty moments from `start` to `end`, seconds since the epoch."""
        end = math.floor(end * 1000) / 1000  # Prometheus knows milliseconds
        step = max(STEP_S, math.ceil((end - start) / (POINTS - 1)))
        steps = min(int((end - start) / step), POINTS - 1)
        return cls(end - steps * step, end, step)


class Nodes:
    """Which node a series is about."""

    def __init__(self, stores: Iterable[Identity], members: Mapping[str, str]) -> None:
        """`members` maps a PD member's name to its client URL."""
        listed = tuple(stores)
        self._names = Names(listed)
        self._ids = frozenset(one.id for one in listed)
        self._ports = {one.id: urlsplit(one.status_url or "").port for one in listed}
        self._members: dict[str, str] = {}
        self._member_ports: dict[str, int | None] = {}
        hosts: dict[str, set[str]] = {}
        for name, url in members.items():
            at = urlsplit(url)
            self._members[at.netloc] = name
            self._member_ports[name] = at.port
            for short in {at.hostname or "", (at.hostname or "").partition(".")[0], name}:
                hosts.setdefault(short, set()).add(name)
        self._hosts = {host: min(some) for host, some in hosts.items() if len(some) == 1 and host}

    def entity(self, figure: Figure, labels: Mapping[str, str]) -> str | None:
        """The entity that a series of this figure is about; None if that cannot be told."""
        if figure.of in (PD, CLUSTER):
            return figure.of
        if figure.by in ("store", "store_id"):
            told = labels.get(figure.by, "")
            return store_entity(int(told)) if told.isdigit() and int(told) in self._ids else None
        instance = labels.get("instance", "")
        if figure.of == STORE:
            return self._store(figure.by, instance)
        return self._member(figure.by, instance)

    def _store(self, by: str, instance: str) -> str | None:
        found = self._names.store(instance)
        # A host's other exporters share its name, not its port.
        if found is None or (by == "target" and not _same_port(instance, self._ports.get(found))):
            return None
        return store_entity(found)

    def _member(self, by: str, instance: str) -> str | None:
        name = self._members.get(instance)
        if name is None:
            host = instance.rpartition(":")[0] or instance
            name = self._hosts.get(host) or self._hosts.get(host.partition(".")[0])
            wrong = by != "host" and not _same_port(instance, self._member_ports.get(name or ""))
            name = None if wrong else name
        return None if name is None else pd_entity(name)


def _same_port(instance: str, port: int | None) -> bool:
    told = instance.rpartition(":")[2] if ":" in instance else ""
    return not told or not told.isdigit() or port is None or int(told) == port


def narrowed(stores: Sequence[Identity], total: int) -> str:
    """A matcher for the instances of some stores, where these are not all; "" for all."""
    if len(stores) >= total:
        return ""
    hosts: dict[str, None] = {}
    for one in stores:
        for name in (one.address.rpartition(":")[0], urlsplit(one.status_url or "").hostname or ""):
            first = name if name[:1].isdigit() else name.partition(".")[0]
            hosts[re.escape(first).replace("\\", "\\\\")] = None
    listed = "|".join(one for one in hosts if one)
    return f'instance=~"({listed})([.:].*)?"'


async def ages(means: Means, limit_s: float) -> Got[float | None]:
    """How old Prometheus's newest sample is."""
    client = means.prometheus
    if client is None:
        return Got(None, "there is no Prometheus")
    selector = f"up{{{means.matchers}}}" if means.matchers else "up"
    return await attempt(means.clock, limit_s, client.newest_sample_age(selector))


async def read(
    means: Means, wanted: Mapping[str, Figure], grid: Grid, narrow: str, limit_s: float
) -> dict[str, Got[tuple[Series, ...]]]:
    """Every figure's series, all asked at once; one that fails says so."""
    client = means.prometheus
    if client is None:
        return {}
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(figure: Figure) -> Got[tuple[Series, ...]]:
        async with slots:
            query = figure.query(means.matchers, narrow)
            return await attempt(means.clock, limit_s, ask_range(client, query, grid, limit_s))

    whole = await attempt(
        means.clock, limit_s, asyncio.gather(*(one(figure) for figure in wanted.values()))
    )
    if whole.value is None:
        return {name: Got(None, whole.failed) for name in wanted}
    return dict(zip(wanted, whole.value, strict=True))


async def ask_range(
    client: Prometheus, query: str, grid: Grid, limit_s: float
) -> tuple[Series, ...]:
    """The series of a query over the grid."""
    answer = await client.query_range(query, grid.start, grid.end, grid.step_s, timeout_s=limit_s)
    return answer.series


def steps(points: Sequence[tuple[float, float]], most: int = POINTS) -> Points:
    """Finite points, rounded, without those that repeat the one before; at most so many."""
    found: Points = []
    for at, value in points:
        if not math.isfinite(value):
            continue
        kept = float(f"{value:.{_DIGITS}g}")
        if not found or found[-1][1] != kept:
            found.append((round(at, 3), kept))
    if len(found) > most:
        stride = math.ceil(len(found) / most)
        found = found[::-stride][::-1]
    return found


def told(
    figure: str,
    query: str,
    points: Sequence[tuple[float, float]],
    before: float,
    grid: Grid,
    most: int,
) -> dict[str, Any]:
    """A figure as evidence; `now` is None where the node no longer exports it."""
    finite = [(min(at, grid.end), value) for at, value in points if math.isfinite(value)]
    window = {"query": query, "start": round(grid.start, 3), "step_s": grid.step_s}
    if not finite:
        return {"now": None, "points": [], **window}
    made = pieces.reading(finite, before, grid.end)
    if finite[-1][0] < grid.end - grid.step_s / 2 and figure not in OUTLIVES:
        made["now"] = None
    made["points"] = [{"at": at, "value": value} for at, value in steps(finite, most)]
    return made | window
