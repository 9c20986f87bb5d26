"""Whether stores are quick enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.tikv.invariants.liveness import stores
from core.subjects.tikv.model import (
    SOURCE_METRICS,
    SOURCE_PD,
    UP,
    Latency,
    Store,
    TikvObservation,
)
from core.subjects.words import millis


def check_store_slow(store: Store, seen: TikvObservation, settings: Settings) -> Verdict:
    """No store calls itself slow (slow score of 80 or more of 100) or busy.

    Why it matters: a store that hangs on its disk still sends heartbeats, so that PD calls it Up;
    its slow score and its busy flag are then the only word from PD that something is wrong.

    What to do first: look at the disk of that machine (latency, errors, a neighbour's load) and at
    the store's own log for stalls. PD moves leaders away at a score of 100, from one store at a time.
    """
    if store.state != UP:
        return HOLDS if store.leaving else Unknown(f"PD calls it {store.state}")
    if store.busy:
        return Broken(
            f"{store.who.title} is busy",
            f"it tells PD that it cannot keep up; slow score {store.slow_score} of 100",
            value=float(store.slow_score),
            threshold=float(settings["slow_score"]),
            facts={"busy": "yes", "leaders": str(store.leaders)},
        )
    if store.slow_score >= settings["slow_score"]:
        return Broken(
            f"{store.who.title} is slow",
            f"slow score {store.slow_score} of 100",
            value=float(store.slow_score),
            threshold=float(settings["slow_score"]),
            facts={"busy": "no", "leaders": str(store.leaders)},
        )
    return HOLDS


STORE_SLOW: Invariant[TikvObservation, Store] = Invariant(
    name="store_slow",
    severity=Severity.WARNING,
    source=SOURCE_PD,
    hold_s=30.0,
    scope=stores,
    check=check_store_slow,
    recover_s=30.0,
    settings=MappingProxyType({"slow_score": 80.0}),
    explained_by=("store_down",),
)


def check_high_latency(store: Store, seen: TikvObservation, settings: Settings) -> Verdict:
    """The 99th percentile of each judged request type stays at or below 100 ms.

    Judged per store and per request type (kv_get, kv_prewrite and kv_commit by default), and only
    while at least one such request a second comes in, so that one big scan pages nobody.

    Why it matters: this is what the applications feel.

    What to do first: see whether one store or all are slow. One: its disk, CPU or network. All: a
    hot region, a heavy query, or a store that is down and makes the others wait.
    """
    key, min_rate = store.who.id, settings["min_rate"]
    known, worst, worst_type, blurred = False, 0.0, "", ""
    for name, one in seen.metrics.latency.items():
        rate = one.rate.get(key)
        if rate is None:
            continue
        known = True
        if rate < min_rate:
            continue
        p99_s = one.p99_s.get(key, math.nan)
        if not math.isfinite(p99_s) or not math.isfinite(rate):
            blurred = name
        elif p99_s > worst:
            worst, worst_type = p99_s, name
    if not known:
        return Unknown("no latency figures of this store")
    limit = settings["p99_ms"] / 1000
    if worst > limit:
        return _slow(store, worst_type, seen.metrics.latency, limit)
    return Unknown(f"no 99th percentile of {blurred}") if blurred else HOLDS


def _slow(store: Store, worst: str, by_type: Mapping[str, Latency], limit: float) -> Broken:
    key = store.who.id
    p99s = {name: one.p99_s.get(key, math.nan) for name, one in by_type.items() if key in one.rate}
    rate = by_type[worst].rate[key]
    return Broken(
        f"{store.who.title} answers {worst} slowly",
        f"p99 of {worst} is {millis(p99s[worst])} at {rate:.0f} requests/s",
        value=round(p99s[worst] * 1000, 3),
        threshold=limit * 1000,
        unit="ms",
        facts={f"p99 {name}": millis(p99_s) for name, p99_s in sorted(p99s.items())},
    )


HIGH_LATENCY: Invariant[TikvObservation, Store] = Invariant(
    name="high_latency",
    severity=Severity.WARNING,
    source=SOURCE_METRICS,
    hold_s=60.0,
    scope=stores,
    check=check_high_latency,
    recover_s=60.0,
    settings=MappingProxyType({"p99_ms": 100.0, "min_rate": 1.0}),
    explained_by=("store_down", "store_slow"),
)
