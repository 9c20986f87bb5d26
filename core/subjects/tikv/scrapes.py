"""Figures of every store from its own /metrics, where there is no Prometheus.

Rates and quantiles need two scrapes: until the second one they are unknown.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.clients import metrics_text
from core.clients.failures import SourceFailed
from core.clients.metrics_text import Scrape
from core.clients.node import NodeMetrics
from core.clock import Clock
from core.errors import Unavailable
from core.subjects.tikv import explain_scrape
from core.subjects.tikv.explain_history import SCRAPED_STORES, History, Scraped
from core.subjects.tikv.explain_readings import figures as named_figures
from core.subjects.tikv.figures import Figures, used_ratio
from core.subjects.tikv.model import Latency, Metrics, Store

_MSG = "tikv_grpc_msg_duration_seconds"
_SIZE = "tikv_store_size_bytes"
WANTED = (_MSG, _SIZE)

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Own:
    """One node's figures: its disk, and the p99 (seconds) and rate of each request type."""

    disk_used: float | None
    latency: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class NodeFigures:
    """Scrapes all nodes, a few at a time; remembers each one's last scrape."""

    def __init__(self, client: NodeMetrics, types: Sequence[str], clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._types = frozenset(types)
        self._last: dict[int, Scrape] = {}
        self._history: History | None = None
        self._named = named_figures(types)
        self._more = tuple(sorted({*WANTED, *explain_scrape.families(self._named)}))

    def remember(self, history: History) -> None:
        """Keep every scrape's figures there, as evidence for later."""
        self._history = history

    async def read(self, stores: Sequence[Store]) -> Figures:
        """One reading; Unavailable if no node at all could be scraped."""
        slots = asyncio.Semaphore(_AT_ONCE)
        wanted = self._more if self._history and len(stores) <= SCRAPED_STORES else WANTED
        asked = [one for one in stores if one.who.status_url is not None and not one.who.tiflash]
        found = await asyncio.gather(*(self._one(one, slots, wanted) for one in asked))
        made = {
            one.who.id: figures
            for one, figures in zip(asked, found, strict=True)
            if isinstance(figures, _Own)
        }
        for gone in self._last.keys() - {one.who.id for one in stores}:
            del self._last[gone]
        if self._history is not None:
            self._history.forget(frozenset(one.who.id for one in stores))
        failures = [one for one in found if isinstance(one, SourceFailed)]
        if failures and not made:
            raise Unavailable(f"no node's metrics can be read: {failures[0].text}")
        return Figures(_columns(made.items()))

    async def _one(
        self, store: Store, slots: asyncio.Semaphore, wanted: Sequence[str]
    ) -> _Own | SourceFailed:
        key = store.who.id
        async with slots:
            try:
                now = await self._client.scrape(store.who.status_url or "", wanted)
            except SourceFailed as error:
                # A gap makes the next rate an average over the gap: start anew instead.
                self._last.pop(key, None)
                return error
        before = self._last.get(key)
        self._last[key] = now
        if wanted is self._more:
            self._keep(key, before, now)
        return self._figures(before, now)

    def _keep(self, key: int, before: Scrape | None, now: Scrape) -> None:
        if self._history is None:
            return
        at = self._clock.now().timestamp()
        values = explain_scrape.of_scrapes(self._named, before, now, at)
        reports = explain_scrape.unreachable(before, now)
        self._history.note_scrape(key, Scraped(at, now, values, reports))

    def _figures(self, before: Scrape | None, now: Scrape) -> _Own:
        sizes = now.sum_by(_SIZE, "type")
        disk = used_ratio(sizes.get(("capacity",)), sizes.get(("available",)))
        if before is None:
            return _Own(disk)
        rates = metrics_text.rate(before, now, f"{_MSG}_count", ("type",))
        p99s = metrics_text.quantile(0.99, before, now, _MSG, ("type",))
        latency = {
            kind[0]: (p99s.get(kind, math.nan), rate)
            for kind, rate in rates.items()
            if kind[0] in self._types
        }
        return _Own(disk, latency)


def _columns(made: Iterable[tuple[int, _Own]]) -> Metrics:
    disks: dict[int, float] = {}
    rates: dict[str, dict[int, float]] = {}
    p99s: dict[str, dict[int, float]] = {}
    for key, own in made:
        if own.disk_used is not None:
            disks[key] = own.disk_used
        for kind, (p99, rate) in own.latency.items():
            p99s.setdefault(kind, {})[key] = p99
            rates.setdefault(kind, {})[key] = rate
    return Metrics(disks, {kind: Latency(rate, p99s[kind]) for kind, rate in rates.items()})
