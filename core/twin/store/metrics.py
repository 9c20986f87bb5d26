"""A store's /metrics: counters advance by rate and time, so that they answer to load and faults."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from core.twin.clock import mono
from core.twin.exposition import Histogram, Text
from core.twin.store import figures
from core.twin.store.figures import CPU_PER_REQUEST, SIGMA, WRITES, Figures, disk_factor
from core.twin.wire import Response

if TYPE_CHECKING:
    from core.twin.store.node import Node

GRPC = tuple(0.00005 * 2**k for k in range(22))  # 50 µs to 104 s
RAFT = tuple(0.0005 * 2**k for k in range(20))
LAG = tuple(float(2**k) for k in range(1, 22))
PAUSE_S = 2.0  # time beyond this between two ticks was spent stopped: nothing was served

# Stages of a write: (metric, median seconds on a good disk, does the disk slow it)
STAGES = (
    ("tikv_raftstore_request_wait_time_duration_secs", 0.0002, False),
    ("tikv_raftstore_apply_wait_time_duration_secs", 0.0003, False),
    ("tikv_raftstore_append_log_duration_seconds", 0.0008, True),
    ("tikv_raftstore_commit_log_duration_seconds", 0.0014, True),
    ("tikv_raftstore_apply_log_duration_seconds", 0.0005, True),
    ("tikv_raftstore_store_write_msg_block_wait_duration_seconds", 0.0001, True),
    ("tikv_raftstore_inspect_duration_seconds", 0.0006, True),
)
COP_STAGES = (("duration", 1.0), ("wait", 0.05), ("handle", 0.9))
THREADS = (
    ("raftstore_1_0", 0.18),
    ("apply_0", 0.14),
    ("grpc-server-0", 0.2),
    ("unified-read-po-0", 0.3),
    ("sched-worker-0", 0.12),
    ("rocksdb:low0", 0.06),
)


class Metrics:
    """All series of one store."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._last = mono()
        self._grpc: dict[str, Histogram] = {}
        self._stages = {name: Histogram(RAFT) for name, _, _ in STAGES}
        self._async = {kind: Histogram(RAFT) for kind in ("write", "snapshot")}
        self._latch: dict[str, Histogram] = {}
        self._cop: dict[tuple[str, str], Histogram] = {}
        self._lag = Histogram(LAG)
        self._counters: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    # Advancing --------------------------------------------------------------------------------
    def _count(self, name: str, amount: float, /, **labels: str) -> None:
        pair = (name, tuple(sorted(labels.items())))
        self._counters[pair] = self._counters.get(pair, 0.0) + amount

    def tick(self) -> None:
        """Advance all counters to now."""
        now = mono()
        passed = min(now - self._last, PAUSE_S)
        self._last = now
        node, switches = self._node, self._node.switches
        moment = node.model.now(switches)
        self._requests(moment, passed)
        self._writes(moment, passed)
        self._troubles(moment, passed)
        self._count("process_cpu_seconds_total", passed * figures.cores(moment, switches))
        for name, part in THREADS:
            busy = sum(moment.rates.values()) * CPU_PER_REQUEST * part
            self._count("tikv_thread_cpu_seconds_total", passed * busy, name=name)
        burn = switches.cpu_cores * passed
        self._count("tikv_thread_cpu_seconds_total", burn, name="unified-read-po-0")

    def _requests(self, moment: Figures, passed: float) -> None:
        switches = self._node.switches
        stuck = min(moment.orphan_rate / max(sum(moment.rates.values()), 1.0), 1.0) * 0.04
        for kind, rate in moment.rates.items():
            histogram = self._grpc.setdefault(kind, Histogram(GRPC))
            median = self._node.model.latency_s(kind, switches)
            histogram.add(rate * passed * (1.0 - stuck), median, SIGMA)
            histogram.add(rate * passed * stuck, 1.5, 0.3)
            failed = rate * passed * switches.error_pct / 100.0
            self._count("tikv_grpc_msg_fail_total", failed, type=kind)
        gc = self._grpc.setdefault("kv_gc", Histogram(GRPC))
        gc.add(passed / 60.0, 0.002, SIGMA)
        cop = moment.rates.get("coprocessor", 0.0)
        median = self._node.model.latency_s("coprocessor", switches)
        for request in ("select", "index"):
            for stage, part in COP_STAGES:
                histogram = self._cop.setdefault((stage, request), Histogram(RAFT))
                histogram.add(cop * passed / 2.0, median * part, SIGMA)

    def _writes(self, moment: Figures, passed: float) -> None:
        switches = self._node.switches
        factor = disk_factor(switches)
        proposals = moment.writes * passed
        for name, median, disk in STAGES:
            rate = proposals if name != "tikv_raftstore_inspect_duration_seconds" else 10 * passed
            self._stages[name].add(rate, median * (factor if disk else 1.0), SIGMA)
        stall = 0.8 if switches.write_stall else 0.0
        self._async["write"].add(proposals, 0.002 * factor + stall, SIGMA)
        self._async["snapshot"].add(moment.reads * passed, 0.0002, SIGMA)
        for kind, amount in (("write", proposals), ("snapshot", moment.reads * passed)):
            labels = {"type": kind, "status": "all"}
            self._count("tikv_storage_engine_async_request_total", amount, **labels)
            labels["status"] = "success"
            self._count("tikv_storage_engine_async_request_total", amount, **labels)
        for kind in WRITES[:2]:
            rate = moment.rates.get(kind, 0.0) * passed
            latch = self._latch.setdefault(kind.removeprefix("kv_"), Histogram(RAFT))
            latch.add(rate, 0.00005 + stall, SIGMA)
            self._count("tikv_scheduler_stage_total", rate, type=kind, stage="process")
        self._lag.add(passed * 20.0, self._node.model.lag(moment.writes), 0.4)

    def _troubles(self, moment: Figures, passed: float) -> None:
        node, switches = self._node, self._node.switches
        refused = moment.orphan_rate * 0.1 * passed
        labels = {"type": "snapshot", "status": "err_not_leader"}
        self._count("tikv_storage_engine_async_request_total", refused, **labels)
        self._count(
            "tikv_critical_error_total", switches.critical_errors * passed, type="raft_store"
        )
        if switches.is_busy or switches.write_stall:
            busy = 0.3 * moment.writes * passed + 2.0 * passed
            self._count("tikv_scheduler_too_busy_total", busy, type="prewrite")
            self._count("tikv_raftstore_process_busy", busy, type="raft")
        if switches.write_stall:
            self._count("tikv_scheduler_throttle_duration_seconds_count", passed)
        for store in node.raft.others():
            self._count(
                "tikv_server_report_failure_msg_total",
                0.0,
                type="unreachable",
                store_id=str(store.id),
            )

    # Rendering --------------------------------------------------------------------------------
    def response(self) -> Response:
        self.tick()
        text = Text()
        self._process(text)
        self._histograms(text)
        for (name, labels), value in self._counters.items():
            if name == "tikv_server_report_failure_msg_total":
                value = round(self._node.raft.reach.reports.get(int(dict(labels)["store_id"]), 0.0))
            whole = value if name.endswith("seconds_total") else int(value)
            text.counter(name, whole, **dict(labels))
        self._gauges(text)
        return Response(200, text.render().encode(), "text/plain; version=0.0.4; charset=utf-8")

    def _process(self, text: Text) -> None:
        node = self._node
        memory = 1.1 * figures.GIB + node.switches.memory_gib * figures.GIB
        text.gauge("process_start_time_seconds", node.started_at)
        text.gauge("process_resident_memory_bytes", memory * random.uniform(0.99, 1.01))
        text.gauge("process_virtual_memory_bytes", 4.2e9)
        text.gauge("process_open_fds", 188)
        text.gauge("process_max_fds", 1e6)
        text.gauge("process_threads", 71)
        text.gauge("tikv_server_cpu_cores_quota", 8)
        text.gauge("tikv_server_memory_quota_bytes", 16 * figures.GIB)
        text.gauge("tikv_server_mem_trace_sum", 3.1e8, name="raftstore")

    def _histograms(self, text: Text) -> None:
        extra = {"priority": "medium"} if self._node.version.at_least(8, 1) else {}
        for kind, histogram in self._grpc.items():
            text.histogram("tikv_grpc_msg_duration_seconds", histogram, type=kind, **extra)
        for name, histogram in self._stages.items():
            labels = {"type": "store_write"} if "inspect" in name else {}
            text.histogram(name, histogram, **labels)
        for kind, histogram in self._async.items():
            text.histogram(
                "tikv_storage_engine_async_request_duration_seconds", histogram, type=kind
            )
        for kind, histogram in self._latch.items():
            text.histogram("tikv_scheduler_latch_wait_duration_seconds", histogram, type=kind)
        for (stage, kind), histogram in self._cop.items():
            labels = {"req": kind} | ({"type": "all"} if stage == "wait" else {})
            text.histogram(f"tikv_coprocessor_request_{stage}_seconds", histogram, **labels)
        text.histogram("tikv_raftstore_log_lag", self._lag)

    def _gauges(self, text: Text) -> None:
        switches, raft = self._node.switches, self._node.raft
        for kind, value in zip(
            ("capacity", "available", "used"), figures.disk(raft, switches), strict=True
        ):
            text.gauge("tikv_store_size_bytes", value, type=kind)
        led = len(raft.led())
        for kind, value in (("region", len(raft.regions)), ("leader", led), ("buckets", 0)):
            text.gauge("tikv_raftstore_region_count", value, type=kind)
        text.gauge("tikv_raftstore_leader_missing", sum(1 for r in raft.orphans() if not r.leader))
        for state, value in (("awaken", led), ("hibernated", len(raft.regions) - led)):
            text.gauge("tikv_raftstore_hibernated_peer_state", value, state=state)
        text.gauge("tikv_raftstore_slow_score", switches.slow_score, type="store")
        self._engine(text)

    def _engine(self, text: Text) -> None:
        switches = self._node.switches
        stall = 900_000.0 if switches.write_stall else 0.0
        for kind in ("percentile99", "percentile95", "max", "average"):
            text.gauge("tikv_engine_write_stall", stall, db="kv", type=f"write_stall_{kind}")
        reason = int(switches.write_stall)
        text.gauge("tikv_engine_write_stall_reason", reason, db="kv", type="level0_file_limit_stop")
        text.gauge("tikv_scheduler_l0_avg", 36.0 if switches.write_stall else 2.0)
        pending = 90e9 if switches.write_stall else 2e8
        for cf in ("default", "write", "lock"):
            text.gauge("tikv_engine_pending_compaction_bytes", pending, db="kv", cf=cf)
        used = figures.disk(self._node.raft, switches)[2]
        for cf, part in (("default", 0.7), ("write", 0.28), ("lock", 0.02)):
            text.gauge("tikv_engine_size_bytes", used * part, db="kv", type=cf)
        text.gauge("tikv_worker_pending_task_total", 0, name="apply-worker")
        text.gauge("tikv_scheduler_contex_total", 4)
        for kind in ("raft", "apply"):
            text.counter("tikv_channel_full_total", 0, type=kind)
