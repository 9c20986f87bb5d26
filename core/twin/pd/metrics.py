"""PD's /metrics: cluster and region gauges on the leader, etcd's and the process's everywhere."""

from __future__ import annotations

import os
import random
import resource
from typing import TYPE_CHECKING

from core.twin.clock import mono, wall_ns
from core.twin.exposition import Histogram, Text
from core.twin.pd import views
from core.twin.pd.api_regions import CHECKS, failing
from core.twin.pd.cluster import (
    OFFLINE,
    PREPARING,
    REMOVED,
    REMOVING,
    SERVING,
    TOMBSTONE,
    UNHEALTHY_S,
    UP,
    Cluster,
)
from core.twin.wire import Response

if TYPE_CHECKING:
    from core.twin.pd.member import Member

FSYNC = tuple(0.001 * 2**k for k in range(14))
TSO = tuple(0.0005 * 2**k for k in range(13))
ROUND_TRIP = tuple(0.0001 * 2**k for k in range(16))
JOB_S = 10.0
STATES = (
    "up",
    "disconnected",
    "unhealth",
    "down",
    "offline",
    "tombstone",
    "slow",
    "low_space",
    "preparing",
    "serving",
    "removing",
    "removed",
)


class Metrics:
    """Gauges are recomputed every 10 s, as PD's own job does; counters advance each tick."""

    def __init__(self, member: Member) -> None:
        self._member = member
        self._fsync = Histogram(FSYNC)
        self._tso = Histogram(TSO)
        self._trips: dict[str, Histogram] = {}
        self._tso_save = 0.0
        self._leader_changes = 0
        self._last_leader: str | None = None
        self._last_tick = mono()
        self._gauges: Text | None = None
        self._next_job = 0.0

    def tick(self) -> None:
        """Advance by the time since the last call; cheap enough for several calls a second."""
        member, now = self._member, mono()
        passed, self._last_tick = min(now - self._last_tick, 60.0), now
        if member.election.leader not in (None, self._last_leader):
            self._last_leader = member.election.leader
            self._leader_changes += 1
            self._next_job = 0.0
        self._fsync.add(2.0 * passed, 0.0006, 0.6)
        for pd in member.election.members:
            if pd.name != member.me.name:
                trip = self._trips.setdefault(f"{pd.member_id:x}", Histogram(ROUND_TRIP))
                trip.add(passed / 30.0, 0.0004, 0.5)
        if member.election.is_leader():
            self._tso.add(20.0 * passed, 0.0004, 0.5)
            self._tso_save += passed / 5.0
            if now >= self._next_job and member.cluster.bootstrapped:
                self._next_job = now + member.pace.span(JOB_S)
                self._gauges = self._cluster_gauges()
        else:
            self._gauges = None

    def response(self) -> Response:
        self.tick()
        text = Text()
        self._process(text)
        self._etcd(text)
        self._service(text)
        body = text.render() + (self._gauges.render() if self._gauges else "")
        kind = "text/plain; version=0.0.4; charset=utf-8"
        escaping = "; escaping=values" if self._member.version.at_least(8, 5) else ""
        return Response(200, body.encode(), kind + escaping)

    def _process(self, text: Text) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        text.counter("process_cpu_seconds_total", usage.ru_utime + usage.ru_stime)
        text.gauge("process_start_time_seconds", self._member.started_at)
        text.gauge("process_resident_memory_bytes", 96e6 + random.random() * 1e6)
        text.gauge("process_virtual_memory_bytes", 1.35e9)
        text.gauge("process_open_fds", len(os.listdir("/proc/self/fd")))
        text.gauge("process_max_fds", 1e6)
        text.gauge("go_goroutines", 274)
        text.gauge("go_memstats_heap_inuse_bytes", 5.2e7)
        text.gauge("pd_service_maxprocs", os.cpu_count() or 1)

    def _etcd(self, text: Text) -> None:
        member = self._member
        leading = member.election.is_leader()
        known = leading or member.election.redirect_to() is not None
        text.gauge("etcd_server_is_leader", leading)
        text.gauge("etcd_server_has_leader", known)
        text.counter("etcd_server_leader_changes_seen_total", self._leader_changes)
        text.gauge("etcd_server_quota_backend_bytes", 8589934592)
        text.gauge("etcd_mvcc_db_total_size_in_bytes", 86016)
        text.gauge("etcd_mvcc_db_total_size_in_use_in_bytes", 81920)
        text.histogram("etcd_disk_wal_fsync_duration_seconds", self._fsync)
        text.histogram("etcd_disk_backend_commit_duration_seconds", self._fsync)
        for to, trip in self._trips.items():
            text.histogram("etcd_network_peer_round_trip_time_seconds", trip, To=to)

    def _service(self, text: Text) -> None:
        member = self._member
        info = {"hash": member.version.git_hash, "version": member.version.name}
        text.gauge("pd_server_info", member.started_at, **info)
        for kind, value in (
            ("term", member.election.term),
            ("appliedIndex", member.election.document.revision),
            ("committedIndex", member.election.document.revision),
        ):
            text.gauge("pd_server_etcd_state", value, type=kind)
        if member.version.at_least(7):
            text.gauge("service_member_role", member.election.is_leader(), service="PD")
        text.histogram("pd_server_handle_tso_duration_seconds", self._tso)
        self._tso_events(text)
        for pd in member.election.members:
            well = pd.name == member.me.name or self._seen(pd.name)
            text.gauge("pd_cluster_health_status", well, name=pd.name)

    def _seen(self, name: str) -> bool:
        election = self._member.election
        return election.acknowledged(name) if election.leading else True

    def _tso_events(self, text: Text) -> None:
        member = self._member
        labels = {"dc": "global"}
        if member.version.at_least(7):
            labels["group"] = "0"
        if member.version.at_least(26):
            labels.pop("dc")
        for kind, value in (("save", self._tso_save), ("system_time_slow", 0.0)):
            text.counter("pd_tso_events", round(value), type=kind, **labels)
        if member.election.is_leader():
            text.gauge("pd_cluster_tso", wall_ns() // 10**6, type="tso", **labels)

    # Gauges of the leader ---------------------------------------------------------------------
    def _cluster_gauges(self) -> Text:
        cluster, text = self._member.cluster, Text()
        leaders, held = cluster.counts()
        rows = {int(sid): _store_row(cluster, int(sid), leaders, held) for sid in cluster.stores}
        if self._member.version.at_least(8, 5, 5):
            for sid, row in rows.items():
                for kind, value in row.items():
                    labels = {"engine": "tikv", "store": str(sid), "type": kind}
                    text.gauge("pd_cluster_status", value, **labels)
        else:
            for kind in next(iter(rows.values()), {}):
                text.gauge("pd_cluster_status", sum(r[kind] for r in rows.values()), type=kind)
        for name in CHECKS:
            kind = f"{name.removesuffix('-region')}-region-count"
            text.gauge("pd_regions_status", len(failing(cluster, name)), type=kind)
        text.gauge("pd_regions_status", 0, type="witness-leader-region-count")
        self._stores(text, leaders, held)
        for (desc, event), count in self._member.operators.counts.items():
            text.counter("pd_schedule_operators_count", count, event=event, type=desc)
        return text

    def _stores(self, text: Text, leaders: dict[int, int], held: dict[int, int]) -> None:
        cluster = self._member.cluster
        for sid, meta in cluster.stores.items():
            where = {"address": meta["address"], "store": sid}
            values = _store_status(cluster, int(sid), leaders, held)
            for kind, value in values.items():
                text.gauge("pd_scheduler_store_status", value, type=kind, **where)
            beats = leaders.get(int(sid), 0)
            for status in ("ok", "recv"):
                labels = {**where, "status": status, "type": "report"}
                text.counter("pd_scheduler_region_heartbeat", beats, **labels)


def _space(cluster: Cluster, sid: int) -> tuple[int, int, int]:
    stats = cluster.live[sid].stats or {}
    return stats.get("capacity", 0), stats.get("available", 0), stats.get("used", 0)


def _exclusive(cluster: Cluster, sid: int) -> str:
    """down > unhealth > disconnected > slow > up, each store in one of them."""
    age, stats = cluster.age_s(sid), cluster.live[sid].stats or {}
    if age >= cluster.down_after_s():
        return "down"
    if age > UNHEALTHY_S:
        return "unhealth"
    if age > 20.0:
        return "disconnected"
    return "slow" if stats.get("slow_score", 0) >= 80 else "up"


def _store_row(
    cluster: Cluster, sid: int, leaders: dict[int, int], held: dict[int, int]
) -> dict[str, float]:
    meta = cluster.stores[str(sid)]
    capacity, available, used = _space(cluster, sid)
    row: dict[str, float] = {f"store_{state}_count": 0 for state in STATES}
    if meta["state"] == UP:
        row[f"store_{_exclusive(cluster, sid)}_count"] = 1
    row["store_offline_count"] = int(meta["state"] == OFFLINE)
    row["store_tombstone_count"] = int(meta["state"] == TOMBSTONE)
    names = {PREPARING: "preparing", SERVING: "serving", REMOVING: "removing", REMOVED: "removed"}
    row[f"store_{names[meta['node_state']]}_count"] = 1
    ratio = float(cluster.config.get("schedule.low-space-ratio"))
    many = held.get(sid, 0) >= 100 or available <= 8 * 1024**3
    row["store_low_space_count"] = int(
        bool(capacity) and many and available < capacity * (1 - ratio)
    )
    gone = meta["state"] == TOMBSTONE
    row |= {"storage_capacity": 0 if gone else capacity, "storage_size": 0 if gone else used}
    row |= {"leader_count": leaders.get(sid, 0), "region_count": held.get(sid, 0)}
    return row | {"learner_count": 0, "witness_count": 0}


def _store_status(
    cluster: Cluster, sid: int, leaders: dict[int, int], held: dict[int, int]
) -> dict[str, float]:
    capacity, available, used = _space(cluster, sid)
    stats = cluster.live[sid].stats or {}
    rates = stats.get("rates", {})
    leader_size, region_size = views.sizes(cluster, sid)
    count = leaders.get(sid, 0)
    return {
        "leader_count": count,
        "leader_score": count / max(cluster.stores[str(sid)]["leader_weight"], 1e-6),
        "leader_size": leader_size,
        "learner_count": 0,
        "region_count": held.get(sid, 0),
        "region_score": views.region_score(cluster, sid),
        "region_size": region_size,
        "store_available": available,
        "store_capacity": capacity,
        "store_used": used,
        "store_cpu_usage": stats.get("cpu", 0.0),
        "store_write_rate_bytes": rates.get("bytes_written", 0.0),
        "store_read_rate_bytes": rates.get("bytes_read", 0.0),
        "store_read_rate_keys": rates.get("keys_read", 0.0),
        "store_write_rate_keys": rates.get("keys_written", 0.0),
        "store_read_query_rate": rates.get("query_read", 0.0),
        "store_write_query_rate": rates.get("query_write", 0.0),
        "store_disk_read_rate": 0,
        "store_disk_write_rate": 0,
    }
