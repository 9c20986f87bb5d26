"""Figures of every store from Prometheus: a constant number of queries, whatever their number.

TiKV's series carry no store id: `instance` is the status port's address (on Kubernetes often the
pod's name), which is matched with what PD says of each store. What cannot be matched, is NaN or is
stale stays unknown.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.clients.prom_model import Figure
from core.clients.prometheus import Prometheus
from core.clock import Clock
from core.durations import span
from core.errors import Unavailable
from core.subjects.tikv.model import (
    NO_FIGURES,
    NO_METRICS,
    Identity,
    Latency,
    Metrics,
    RegionCounts,
    Store,
)
from core.subjects.tikv.pd_reads import counts

STALE_S = 90.0
"""Newest sample older than this: Prometheus runs, and has stopped scraping (scrapes are 15-60 s)."""

_MSG = "tikv_grpc_msg_duration_seconds"
_SIZE = "tikv_store_size_bytes"

Columns = dict[str, dict[int, float]]
"""One answer: by type, then by store."""
_SLICE = 5000


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading: of every store, and the counts of regions where Prometheus knows them."""

    stores: Metrics = NO_METRICS
    regions: RegionCounts | None = None


class Names:
    """Finds the store that an `instance` label means; `exact` holds those found at first sight."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self.exact: dict[str, int] = {}
        loose: dict[str, set[int]] = {}
        for who in identities:
            for name in _full_names(who):
                self.exact[name] = who.id
            for name in _short_names(who):
                loose.setdefault(name, set()).add(who.id)
        # A short name that two stores share names neither.
        self._loose = {name: min(ids) for name, ids in loose.items() if len(ids) == 1}

    def store(self, instance: str) -> int | None:
        """The store's id, or None if no store or more than one could be meant."""
        found = self.exact.get(instance)
        if found is not None:
            return found
        host = instance.rpartition(":")[0] or instance
        found = self._loose.get(host)
        return found if found is not None else self._loose.get(_first_label(host))


def _full_names(who: Identity) -> set[str]:
    names = {who.address}
    if who.status_url is not None:
        names.add(urlsplit(who.status_url).netloc)
    host = who.address.rpartition(":")[0]
    if who.status_url is not None and host:
        names.add(f"{host}:{urlsplit(who.status_url).port}")
    return names - {""}


def _short_names(who: Identity) -> set[str]:
    host = who.address.rpartition(":")[0] or who.address
    names = {host, _first_label(host)}
    if who.status_url is not None:
        names.add(urlsplit(who.status_url).hostname or "")
    return names - {""}


def _first_label(host: str) -> str:
    """The pod's or machine's name out of a full host name; an IPv4 address is left whole."""
    first = host.partition(".")[0]
    return host if first.isdigit() else first


class PrometheusFigures:
    """Asks Prometheus for all of it at once."""

    def __init__(
        self,
        client: Prometheus,
        types: Sequence[str],
        matchers: str,
        interval_s: float,
        clock: Clock,
    ) -> None:
        self._client = client
        self._clock = clock
        more = f",{matchers}" if matchers else ""
        alone = f"{{{matchers}}}" if matchers else ""
        kinds = "|".join(types)
        typed = f'{{type=~"{kinds}"{more}}}'
        window = "1m"
        self._stale_s = max(STALE_S, 3 * interval_s)
        self.queries = {
            "p99": f"histogram_quantile(0.99, sum by (le, instance, type) (rate({_MSG}_bucket{typed}[{window}])))",
            "rate": f"sum by (instance, type) (rate({_MSG}_count{typed}[{window}]))",
            "disk": f'sum by (instance, type) ({_SIZE}{{type=~"capacity|available"{more}}})',
            "regions": f"max by (type) (pd_regions_status{alone})",
            # A timestamp, by Prometheus's own clock: a frozen one keeps answering from old samples.
            "age": f"time() - max(timestamp({_SIZE}{alone}))",
        }
        # No invariant wants these, so that no reading asks for them: `check-config --live` does.
        self.evidence = {
            "qps": f'sum by (instance) (rate({_MSG}_count{{type!="kv_gc"{more}}}[{window}]))',
            "cpu": (
                f"sum by (instance) (rate(process_cpu_seconds_total{alone}[{window}]))"
                f' and on (instance) {_SIZE}{{type="capacity"{more}}}'
            ),
        }

    async def read(self, stores: Sequence[Store], names: Names) -> Figures:
        """One reading; Unavailable if Prometheus cannot be asked, or has stopped scraping."""
        age, regions, disks, rates, p99s = await asyncio.gather(
            self._asked("age"),
            self._asked("regions"),
            self._sorted("disk", names),
            self._sorted("rate", names),
            self._sorted("p99", names),
        )
        self._check_age(age)
        latency = {kind: Latency(rate, p99s.get(kind, NO_FIGURES)) for kind, rate in rates.items()}
        return Figures(Metrics(_used(disks), latency), _regions(regions, stores))

    async def _asked(self, key: str) -> Sequence[Figure]:
        return await self._client.figures(self.queries[key])

    async def _sorted(self, key: str, names: Names) -> Columns:
        """Values by type and store, a slice at a time: others may run in between."""
        series = await self._asked(key)
        into: Columns = {}
        for start in range(0, len(series), _SLICE):
            if start:
                await self._clock.sleep(0)
            _sort(series[start : start + _SLICE], names, into)
        return into

    def _check_age(self, answer: Sequence[Figure]) -> None:
        if not answer:
            raise Unavailable("Prometheus has no series of TiKV (tikv_store_size_bytes is empty).")
        age = answer[0].value.value
        if not math.isfinite(age):
            raise Unavailable("Prometheus does not say how old its newest sample is.")
        if age > self._stale_s:
            raise Unavailable(f"Prometheus's newest sample of TiKV is {span(age)} old.")


def _sort(series: Sequence[Figure], names: Names, into: Columns) -> None:
    exact = names.exact
    for one in series:
        labels = one.metric
        key = exact.get(labels.instance) or names.store(labels.instance)
        if key is None:
            continue
        column = into.get(labels.type)
        if column is None:
            column = into[labels.type] = {}
        value = one.value.value
        # Two series for one store (scraped twice): the worse figure counts, and NaN never wins.
        known = column.get(key)
        column[key] = value if known is None or math.isnan(known) else max(known, value)


def _used(sizes: Columns) -> dict[int, float]:
    """The share of each store's disk that is used, where that can be told."""
    free = sizes.get("available", NO_FIGURES)
    found: dict[int, float] = {}
    for key, capacity in sizes.get("capacity", NO_FIGURES).items():
        used = used_ratio(capacity, free.get(key))
        if used is not None:
            found[key] = used
    return found


def used_ratio(capacity: float | None, available: float | None) -> float | None:
    """1 - available / capacity; None where one is missing or they make no sense together."""
    if capacity is None or available is None:
        return None
    if not math.isfinite(capacity) or capacity <= 0 or not 0 <= available <= capacity:
        return None
    return 1.0 - available / capacity


def _regions(answer: Sequence[Figure], stores: Sequence[Store]) -> RegionCounts | None:
    try:
        return counts({one.metric.type: one.value.value for one in answer}, stores)
    except Unavailable:
        return None
