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

from core.clients.prom_model import Answer
from core.clients.prometheus import Prometheus
from core.errors import Unavailable
from core.subjects.tikv.model import Identity, RegionCounts, Store, StoreMetrics, TypeLatency
from core.subjects.tikv.pd_reads import counts
from core.subjects.tikv.words import span

STALE_S = 90.0
"""Newest sample older than this: Prometheus runs, and has stopped scraping (scrapes are 15-60 s)."""

_MSG = "tikv_grpc_msg_duration_seconds"
_SIZE = "tikv_store_size_bytes"

ByInstance = dict[str, float]


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
        self, client: Prometheus, types: Sequence[str], matchers: str, interval_s: float
    ) -> None:
        self._client = client
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
        answers = await asyncio.gather(*(self._client.query(self.queries[key]) for key in keys))
        found = dict(zip(keys, answers, strict=True))
        self._check_age(found["age"])
        per_store, unmatched = _by_store(found, names)
        whole = sum(one.leaders for one in stores)
        return Figures(per_store, _regions(found["regions"], whole), unmatched)

    def _check_age(self, answer: Answer) -> None:
        if not answer.series:
            raise Unavailable("Prometheus has no series of TiKV (tikv_store_size_bytes is empty).")
        age = answer.series[0].value
        if not math.isfinite(age):
            raise Unavailable("Prometheus does not say how old its newest sample is.")
        if age > self._stale_s:
            raise Unavailable(f"Prometheus's newest sample of TiKV is {span(age)} old.")


def _by_store(
    found: Mapping[str, Answer], names: Names
) -> tuple[dict[int, StoreMetrics], tuple[str, ...]]:
    unmatched: set[str] = set()
    latency: dict[int, dict[str, TypeLatency]] = {}
    rates = _by_type(found["rate"], names, unmatched)
    p99s = _by_type(found["p99"], names, unmatched)
    for key, of_store in rates.items():
        quantiles = p99s.get(key, {})
        latency[key] = {
            kind: TypeLatency(quantiles.get(kind, math.nan), rate)
            for kind, rate in of_store.items()
        }
    disks = {key: _used(sizes) for key, sizes in _by_type(found["disk"], names, unmatched).items()}
    cpu = _single(found["cpu"], names)
    qps = _single(found["qps"], names)
    ids = latency.keys() | disks.keys() | cpu.keys() | qps.keys()
    made = {
        key: StoreMetrics(latency.get(key, {}), disks.get(key), cpu.get(key), qps.get(key))
        for key in ids
    }
    return made, tuple(sorted(unmatched))[:20]


def _by_type(answer: Answer, names: Names, unmatched: set[str]) -> dict[int, dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for one in answer.series:
        labels = one.labels
        instance = labels.get("instance", "")
        key = names.store(instance)
        if key is None:
            unmatched.add(instance)
            continue
        of_store = found.setdefault(key, {})
        kind, value = labels.get("type", ""), one.value
        # Two series for one store (scraped twice): the worse figure counts, and NaN never wins.
        known = of_store.get(kind)
        of_store[kind] = value if known is None or math.isnan(known) else max(known, value)
    return found


def _single(answer: Answer, names: Names) -> dict[int, float]:
    found: dict[int, float] = {}
    for one in answer.series:
        key = names.store(one.labels.get("instance", ""))
        if key is not None and math.isfinite(one.value) and one.value >= 0:
            found[key] = max(found.get(key, 0.0), one.value)
    return found


def _used(sizes: Mapping[str, float]) -> float | None:
    return used_ratio(sizes.get("capacity"), sizes.get("available"))


def used_ratio(capacity: float | None, available: float | None) -> float | None:
    """1 - available / capacity; None where one is missing or they make no sense together."""
    if capacity is None or available is None:
        return None
    if not math.isfinite(capacity) or capacity <= 0 or not 0 <= available <= capacity:
        return None
    return 1.0 - available / capacity


def _regions(answer: Answer, whole: int) -> RegionCounts | None:
    try:
        return counts({one.labels.get("type", ""): one.value for one in answer.series}, whole)
    except Unavailable:
        return None
