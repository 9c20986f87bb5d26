"""The healthy cluster that a scenario starts from: what PD, nodes and Prometheus say when all is well."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.errors import Invalid

GIB = 1024**3
VERSION = "8.5.7"
WEEK_S = 604_800.0
REGIONS = 100
_BASE = re.compile(r"tikv-([3-9])")

MEMBERS = ("pd-0", "pd-1", "pd-2")
SCHEDULERS = [
    "balance-hot-region-scheduler",
    "balance-leader-scheduler",
    "balance-region-scheduler",
    "evict-slow-store-scheduler",
    "evict-stopping-store-scheduler",
]
PATHS: Mapping[str, Any] = {
    "/schedulers": SCHEDULERS,
    "/operators": [],
    "/config/schedule": {
        "max-store-down-time": "30m0s",
        "leader-schedule-limit": 4,
        "region-schedule-limit": 2048,
        "replica-schedule-limit": 64,
        "low-space-ratio": 0.8,
        "high-space-ratio": 0.7,
        "max-snapshot-count": 64,
        "max-pending-peer-count": 64,
    },
    "/config/replicate": {
        "max-replicas": 3,
        "location-labels": "host",
        "strictly-match-label": "false",
        "enable-placement-rules": "true",
        "isolation-level": "",
    },
    "/hotspot/regions/write": {"as_peer": {}, "as_leader": {}},
    "/hotspot/regions/read": {"as_peer": {}, "as_leader": {}},
    "/regions/count": {"count": REGIONS, "regions": None},
    "/regions/check/down-peer": {"count": 0, "regions": []},
    "/regions/check/miss-peer": {"count": 0, "regions": []},
    "/regions/check/pending-peer": {"count": 0, "regions": []},
}
STORE_READINGS: Mapping[str, float] = {
    "qps": 500.0,
    "errors_per_s": 0.0,
    "p99_s": 0.008,
    "coprocessor_wait_p99_s": 0.002,
    "cpu_cores": 1.2,
    "cpu_quota_cores": 8.0,
    "raftstore_cpu_cores": 0.2,
    "memory_bytes": 4e9,
    "memory_limit_bytes": 1.6e10,
    "uptime_s": WEEK_S,
    "disk_used_ratio": 0.4,
    "disk_io_util": 0.1,
    "append_log_p99_s": 0.003,
    "commit_log_p99_s": 0.005,
    "apply_log_p99_s": 0.003,
    "propose_wait_p99_s": 0.001,
    "apply_wait_p99_s": 0.001,
    "write_stall_us": 0.0,
    "pending_compaction_bytes": 1e8,
    "l0_files": 2.0,
    "memtables": 2.0,
    "scheduler_too_busy_per_s": 0.0,
    "channel_full_per_s": 0.0,
    "latch_wait_p99_s": 0.0005,
    "raft_log_lag_p99": 2.0,
    "slow_score": 1.0,
    "critical_errors_per_s": 0.0,
    "unreachable_per_s": 0.0,
    "missing_peers": 0.0,
    "write_bytes_per_s": 2e6,
    "read_bytes_per_s": 4e6,
    "regions": float(REGIONS),
    "clock_offset_s": 0.0005,
    "up": 1.0,
}
MEMBER_READINGS: Mapping[str, float] = {
    "up": 1.0,
    "clock_offset_s": 0.0005,
    "etcd_fsync_p99_s": 0.004,
    "etcd_rtt_p99_s": 0.003,
    "uptime_s": WEEK_S,
}
PD_READINGS: Mapping[str, float] = {
    "tso_p99_s": 0.002,
    "tso_clock_slow": 0.0,
    "pd_leader_changes": 0.0,
}
CLUSTER_READINGS: Mapping[str, float] = {
    "down_peer_regions": 0.0,
    "miss_peer_regions": 0.0,
    "pending_peer_regions": 0.0,
    "region_count": float(REGIONS),
}


def ids(base: str) -> tuple[int, ...]:
    """The store ids of a base; Invalid for a name that is none."""
    found = _BASE.fullmatch(base)
    if found is None:
        raise Invalid(f"base: {base!r} is none; there are tikv-3 to tikv-9.")
    return (1, *range(4, 3 + int(found[1])))


def store(store_id: int, many: int) -> dict[str, Any]:
    """A healthy store in PD's words, without what depends on the time."""
    leaders = REGIONS // many
    return {
        "store": {
            "id": store_id,
            "address": f"tikv-{store_id}:20160",
            "labels": [{"key": "host", "value": f"host-{store_id}"}],
            "version": VERSION,
            "status_address": f"tikv-{store_id}:20180",
            "node_state": 1,
            "state_name": "Up",
        },
        "status": {
            "capacity": "100GiB",
            "available": "60GiB",
            "used_size": "40GiB",
            "leader_count": leaders,
            "leader_weight": 1,
            "region_count": REGIONS,
            "region_weight": 1,
            "slow_score": 1,
        },
    }


def figures(entity: str, many: int) -> dict[str, float]:
    """The healthy readings of an entity."""
    if entity.startswith("store:"):
        return {**STORE_READINGS, "leaders": float(REGIONS // many)}
    if entity.startswith("pd:"):
        return dict(MEMBER_READINGS)
    return dict({"pd": PD_READINGS, "cluster": CLUSTER_READINGS}.get(entity, {}))


def container(entity: str) -> dict[str, Any]:
    """A healthy node's container."""
    kind, _, name = entity.partition(":")
    return {
        "name": f"tikv-{name}" if kind == "store" else name,
        "status": "running",
        "exit_code": None,
        "oom_killed": False,
        "restart_count": 0,
        "networks": ["tikv_default"],
        "health": "",
        "image": f"pingcap/{'tikv' if kind == 'store' else 'pd'}:v{VERSION}",
        "started_at": -WEEK_S,
        "finished_at": None,
        "memory_limit_bytes": 1.6e10,
    }
