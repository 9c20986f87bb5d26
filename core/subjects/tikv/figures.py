"""Figures of every store from Prometheus: a constant number of queries, whatever their number.

TiKV's series carry no store id: `instance` is the status port's address (on Kubernetes often the
pod's name), which is matched with what PD says of each store. What cannot be matched, is NaN or is
stale stays unknown.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.clients.prom_model import Figure, number
from core.clients.prometheus import Prometheus
from core.clock import Clock
from core.durations import span
from core.errors import Unavailable
from core.subjects.tikv.model import Identity, RegionCounts, Store, StoreMetrics, TypeLatency
from core.subjects.tikv.pd_reads import counts

STALE_S = 90.0
"""Newest sample older than this: Prometheus runs, and has stopped scraping (scrapes are 15-60 s)."""

_MSG = "tikv_grpc_msg_duration_seconds"
_SIZE = "tikv_store_size_bytes"

ByStore = dict[int, dict[str, float]]
_NOTHING: Mapping[str, float] = {}
_SLICE = 5000


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading: per store, and the counts of regions where Prometheus knows them."""

    stores: Mapping[int, StoreMetrics]
    regions: RegionCounts | None = None
    unmatched: tuple[str, ...] = ()


class Names:
    """Finds the store that an `instance` label means."""

    def __init__(self, identities: Iterable[Identity]) -> None:
        self._exact: dict[str, int] = {}
        loose: dict[str, set[int]] = {}
        for who in identities:
            for name in _full_names(who):
                self._exact[name] = who.id
            for name in _short_names(who):
                loose.setdefault(name, set()).add(who.id)
        # A short name that two stores share names neither.
        self._loose = {name: min(ids) for name, ids in loose.items() if len(ids) == 1}

    def store(self, instance: str) -> int | None:
        """The store's id, or None if no store or more than one could be meant."""
        found = self._exact.get(instance)
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
            "qps": f'sum by (instance) (rate({_MSG}_count{{type!="kv_gc"{more}}}[{window}]))',
            "disk": f'sum by (instance, type) ({_SIZE}{{type=~"capacity|available"{more}}})',
            "cpu": (
                f"sum by (instance) (rate(process_cpu_seconds_total{alone}[{window}]))"
                f' and on (instance) {_SIZE}{{type="capacity"{more}}}'
            ),
            "regions": f"max by (type) (pd_regions_status{alone})",
            # A timestamp, by Prometheus's own clock: a frozen one keeps answering from old samples.
            "age": f"time() - max(timestamp({_SIZE}{alone}))",
        }

    async def read(self, stores: Sequence[Store], names: Names) -> Figures:
        """One reading; Unavailable if Prometheus cannot be asked, or has stopped scraping."""
        keys = tuple(self.queries)
        answers = await asyncio.gather(*(self._client.figures(self.queries[key]) for key in keys))
        found = dict(zip(keys, answers, strict=True))
        self._check_age(found["age"])
        typed: dict[str, ByStore] = {}
        unmatched: set[str] = set()
        for key in ("rate", "p99", "disk", "cpu", "qps"):
            typed[key] = await self._sorted(found[key], names, unmatched)
        regions = _regions(found["regions"], stores)
        return Figures(_joined(typed), regions, tuple(sorted(unmatched))[:20])

    async def _sorted(self, series: Sequence[Figure], names: Names, unmatched: set[str]) -> ByStore:
        """Values by store and type, a slice at a time: others may run in between."""
        into: ByStore = {}
        for start in range(0, len(series), _SLICE):
            if start:
                await self._clock.sleep(0)
            _sort(series[start : start + _SLICE], names, into, unmatched)
        return into

    def _check_age(self, answer: Sequence[Figure]) -> None:
        if not answer:
            raise Unavailable("Prometheus has no series of TiKV (tikv_store_size_bytes is empty).")
        age = number(answer[0].value.text)
        if not math.isfinite(age):
            raise Unavailable("Prometheus does not say how old its newest sample is.")
        if age > self._stale_s:
            raise Unavailable(f"Prometheus's newest sample of TiKV is {span(age)} old.")


def _sort(series: Sequence[Figure], names: Names, into: ByStore, unmatched: set[str]) -> None:
    store = names.store
    for one in series:
        labels = one.metric
        key = store(labels.instance)
        if key is None:
            unmatched.add(labels.instance)
            continue
        of_store = into.get(key)
        if of_store is None:
            of_store = into[key] = {}
        kind, value = labels.type, number(one.value.text)
        # Two series for one store (scraped twice): the worse figure counts, and NaN never wins.
        known = of_store.get(kind)
        of_store[kind] = value if known is None or math.isnan(known) else max(known, value)


def _joined(typed: Mapping[str, ByStore]) -> dict[int, StoreMetrics]:
    rates, p99s, disks = typed["rate"], typed["p99"], typed["disk"]
    made: dict[int, StoreMetrics] = {}
    for key in rates.keys() | disks.keys() | typed["cpu"].keys() | typed["qps"].keys():
        quantiles = p99s.get(key, _NOTHING)
        made[key] = StoreMetrics(
            {
                kind: TypeLatency(quantiles.get(kind, math.nan), rate)
                for kind, rate in rates.get(key, _NOTHING).items()
            },
            _used(disks.get(key, _NOTHING)),
            _single(typed["cpu"].get(key)),
            _single(typed["qps"].get(key)),
        )
    return made


def _single(values: Mapping[str, float] | None) -> float | None:
    value = (values or _NOTHING).get("", math.nan)
    return value if math.isfinite(value) and value >= 0 else None


def _used(sizes: Mapping[str, float]) -> float | None:
    return used_ratio(sizes.get("capacity"), sizes.get("available"))


def used_ratio(capacity: float | None, available: float | None) -> float | None:
    """1 - available / capacity; None where one is missing or they make no sense together."""
    if capacity is None or available is None:
        return None
    if not math.isfinite(capacity) or capacity <= 0 or not 0 <= available <= capacity:
        return None
    return 1.0 - available / capacity


def _regions(answer: Sequence[Figure], stores: Sequence[Store]) -> RegionCounts | None:
    try:
        return counts({one.metric.type: number(one.value.text) for one in answer}, stores)
    except Unavailable:
        return None
