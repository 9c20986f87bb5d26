"""What a store's figures are at each moment: rates by type, latencies, disk, memory, CPU."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from core.twin import seed
from core.twin.seed import Region, heat
from core.twin.spec import Spec
from core.twin.store.raft import Raft
from core.twin.store.switches import Switches

GIB = 1024**3
CAPACITY = 100 * GIB
REGION_MIB = 96
REGION_KEYS = 900_000
SIGMA = 0.6  # spread of latencies: p99 is four times the median
MEDIAN_S = {
    "kv_get": 0.0004,
    "kv_batch_get": 0.0008,
    "kv_scan": 0.0012,
    "coprocessor": 0.003,
    "kv_prewrite": 0.0025,
    "kv_commit": 0.0022,
    "kv_gc": 0.002,
}
WRITES = ("kv_prewrite", "kv_commit", "raw_put", "raw_batch_put", "kv_pessimistic_lock")
CPU_PER_REQUEST = 120e-6
WRITE_BYTES, READ_BYTES = 250, 180


@dataclass(slots=True)
class Figures:
    """One moment: requests a second by type, and the health of what serves them."""

    rates: dict[str, float]
    orphan_rate: float
    writes: float
    reads: float


class Model:
    """Derives figures from regions led, load and switches."""

    def __init__(self, spec: Spec, raft: Raft) -> None:
        self._raft = raft
        self._all_heat = sum(heat(region) for region in seed.regions(spec)) or 1.0

    def now(self, switches: Switches) -> Figures:
        share = self._share(self._raft.led())
        qps = 0.0 if switches.pause_grpc else switches.qps * share
        total = sum(switches.mix.values()) or 1.0
        rates = {kind: qps * part / total for kind, part in switches.mix.items()}
        if switches.write_stall:
            rates = {k: rate * (0.02 if k in WRITES else 1.0) for k, rate in rates.items()}
        writes = sum(rate for kind, rate in rates.items() if kind in WRITES)
        reads = sum(rates.values()) - writes
        orphan = 0.0 if switches.pause_grpc else switches.qps * self._share(self._raft.orphans())
        return Figures(rates, orphan, writes, reads)

    def _share(self, regions: list[Region]) -> float:
        return sum(heat(region.id) for region in regions) / self._all_heat

    def latency_s(self, kind: str, switches: Switches) -> float:
        """The median of one request type now."""
        median = MEDIAN_S.get(kind, 0.001)
        if kind in WRITES:
            median *= disk_factor(switches)
            if switches.write_stall:
                median = max(median, 0.8)
        added = switches.latency_ms.get(kind, switches.latency_ms.get("*", 0.0))
        return median + added / 1000.0

    def lag(self, writes: float) -> float:
        """Entries by which the slowest follower trails its leaders."""
        slowest = max((self._raft.reach.silent_s(s.id) for s in self._raft.others()), default=0.0)
        per_region = writes / max(len(self._raft.led()), 1)
        return 2.0 + (slowest * per_region if slowest > 3.0 else 0.0)


def disk_factor(switches: Switches) -> float:
    """How much slower the disk is: a slow score of 100 means some ten times."""
    return 1.0 + max(switches.slow_score - 1.0, 0.0) / 10.0


def disk(raft: Raft, switches: Switches) -> tuple[int, int, int]:
    """(capacity, available, used) in bytes."""
    used = len(raft.regions) * REGION_MIB * 1024**2 * 45 // 100
    available = int(CAPACITY * 0.975) - used
    if switches.disk_fill_pct is not None:
        available = int(CAPACITY * max(1.0 - switches.disk_fill_pct / 100.0, 0.0))
        used = max(used, CAPACITY - available - GIB)
    return CAPACITY, available, used


def cores(figures: Figures, switches: Switches) -> float:
    """CPU cores in use."""
    return 0.04 + sum(figures.rates.values()) * CPU_PER_REQUEST + switches.cpu_cores


def stats(raft: Raft, model: Model, switches: Switches, stopping: bool) -> dict[str, Any]:
    """What a store heartbeat carries."""
    capacity, available, used = disk(raft, switches)
    figures = model.now(switches)
    return {
        "capacity": capacity,
        "available": available,
        "used": used,
        "slow_score": round(switches.slow_score),
        "is_busy": switches.is_busy or switches.write_stall,
        "is_stopping": stopping,
        "cpu": round(cores(figures, switches) * 100),
        "rates": {
            "bytes_written": round(figures.writes * WRITE_BYTES, 2),
            "bytes_read": round(figures.reads * READ_BYTES, 2),
            "keys_written": round(figures.writes, 2),
            "keys_read": round(figures.reads * 2, 2),
            "query_write": round(figures.writes, 2),
            "query_read": round(figures.reads, 2),
            "cpu_read": round(figures.reads * CPU_PER_REQUEST * 100, 2),
        },
    }


def report(raft: Raft, region: Region, model: Model, switches: Switches) -> dict[str, Any]:
    """One region's heartbeat: placement, troubles and flows (per 60 s, as real ones are)."""
    figures = model.now(switches)
    led = raft.led()
    part = heat(region.id) / (sum(heat(one.id) for one in led) or 1.0)
    writes, reads = figures.writes * part, figures.reads * part
    silent = {store: raft.reach.silent_s(store) for store in region.peers}
    return {
        "region": region.to_json(),
        "down": {str(s): math.floor(age) for s, age in silent.items() if age > 600.0},
        "pending": [s for s, age in silent.items() if age > 600.0],
        "flow": {
            "written_bytes": round(writes * WRITE_BYTES * 60),
            "read_bytes": round(reads * READ_BYTES * 60),
            "written_keys": round(writes * 60),
            "read_keys": round(reads * 120),
            "size_mib": REGION_MIB,
            "keys": REGION_KEYS,
            "write_qps": round(writes, 3),
            "read_qps": round(reads, 3),
            "cpu": round((writes + reads) * CPU_PER_REQUEST * 100, 3),
        },
    }
