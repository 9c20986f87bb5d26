"""The named figures of the evidence: the PromQL of each, and how to have it from a node's own /metrics.

Names and units are those of docs/scenarios.md; the series are TiKV's and PD's own. A query answers for
all nodes at once, told apart by one label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STORE, MEMBER, PD, CLUSTER = "store", "member", "pd", "cluster"
WINDOW = "1m"
LONG_WINDOW = "10m"
OUTLIVES = frozenset(("memory_limit_bytes", "cpu_quota_cores"))
"""Figures that stay true of a process that is gone."""

_MSG = "tikv_grpc_msg_duration_seconds"
SIZE = "tikv_store_size_bytes"
UNREACHABLE = "tikv_server_report_failure_msg_total"
_BYTES_GAUGE = "pd_scheduler_store_status"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one figure is had from a node's own two last scrapes.

    `how` is p99, rate or gauge of `family`; only series whose `label` has one of `values` count.
    Of many such the sum counts for a rate, the greatest for the others.
    """

    how: str
    family: str
    label: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One named figure. `of` is what it is about; `by` the label that names which ("" = none).

    `promql` holds %s where the matchers of a selector go, once for each selector; in `first` is
    what each selector has of its own.
    """

    name: str
    of: str
    by: str
    promql: str
    first: tuple[str, ...]
    recipe: Recipe | None = None

    def query(self, matchers: str = "", narrow: str = "") -> str:
        """The PromQL with the site's matchers; `narrow` limits it to some nodes."""
        narrowed = narrow if self.by == "instance" else ""
        return self.promql % tuple(_selector(one, matchers, narrowed) for one in self.first)


def _selector(*parts: str) -> str:
    inside = ",".join(one for one in parts if one)
    return f"{{{inside}}}" if inside else ""


def _p99(name: str, family: str, own: str = "", of: str = STORE, values: str = "") -> Figure:
    inner = f"sum by (le, instance) (rate({family}_bucket%s[{WINDOW}]))"
    return Figure(
        *(name, of, "instance", f"histogram_quantile(0.99, {inner})", (own,)),
        recipe=Recipe("p99", family, "type" if values else "", (values,) if values else ()),
    )


def _rate(
    name: str, family: str, own: str = "", label: str = "", values: tuple[str, ...] = ()
) -> Figure:
    promql = f"sum by (instance) (rate({family}%s[{WINDOW}]))"
    return Figure(name, STORE, "instance", promql, (own,), Recipe("rate", family, label, values))


def _gauge(
    name: str, family: str, own: str = "", label: str = "", values: tuple[str, ...] = ()
) -> Figure:
    promql = f"max by (instance) ({family}%s)"
    return Figure(name, STORE, "instance", promql, (own,), Recipe("gauge", family, label, values))


def _of_stores(promql: str) -> str:
    """Of what every process exports, only that of TiKV's."""
    return f'{promql} and on (instance) {SIZE}{{type="capacity"}}'


def figures(types: Sequence[str]) -> Mapping[str, Figure]:
    """Every figure by its name; `types` are the request types whose latency counts."""
    kinds = f'type=~"{"|".join(types)}"'
    worst = f"histogram_quantile(0.99, sum by (le, instance, type) (rate({_MSG}_bucket%s[1m])))"
    raft = "tikv_raftstore_"
    listed = (
        _rate("qps", f"{_MSG}_count", 'type!="kv_gc"'),
        _rate("errors_per_s", "tikv_grpc_msg_fail_total", 'type!="kv_gc"'),
        Figure(
            *("p99_s", STORE, "instance", f"max by (instance) ({worst})", (kinds,)),
            recipe=Recipe("p99", _MSG, "type", tuple(types)),
        ),
        _p99("coprocessor_wait_p99_s", "tikv_coprocessor_request_wait_seconds", 'type="all"'),
        Figure(
            "cpu_cores",
            STORE,
            "instance",
            _of_stores(f"sum by (instance) (rate(process_cpu_seconds_total%s[{WINDOW}]))"),
            ("",),
            Recipe("rate", "process_cpu_seconds_total"),
        ),
        _gauge("cpu_quota_cores", "tikv_server_cpu_cores_quota"),
        Figure(
            "raftstore_cpu_cores",
            STORE,
            "instance",
            f"sum by (instance) (rate(tikv_thread_cpu_seconds_total%s[{WINDOW}]))",
            ('name=~"(raftstore|rs)_.*"',),
        ),
        Figure(
            "memory_bytes",
            STORE,
            "instance",
            _of_stores("max by (instance) (process_resident_memory_bytes%s)"),
            ("",),
            Recipe("gauge", "process_resident_memory_bytes"),
        ),
        _gauge("memory_limit_bytes", "tikv_server_memory_quota_bytes"),
        Figure(
            "uptime_s",
            STORE,
            "instance",
            _of_stores("time() - max by (instance) (process_start_time_seconds%s)"),
            ("",),
        ),
        Figure(
            "disk_used_ratio",
            STORE,
            "instance",
            f"1 - sum by (instance) ({SIZE}%s) / sum by (instance) ({SIZE}%s)",
            ('type="available"', 'type="capacity"'),
        ),
        Figure(
            "disk_io_util",
            STORE,
            "host",
            f"max by (instance) (rate(node_disk_io_time_seconds_total%s[{WINDOW}]))",
            ("",),
        ),
        _p99("append_log_p99_s", f"{raft}append_log_duration_seconds"),
        _p99("commit_log_p99_s", f"{raft}commit_log_duration_seconds"),
        _p99("apply_log_p99_s", f"{raft}apply_log_duration_seconds"),
        _p99("propose_wait_p99_s", f"{raft}request_wait_time_duration_secs"),
        _p99("apply_wait_p99_s", f"{raft}apply_wait_time_duration_secs"),
        _gauge(
            "write_stall_us",
            "tikv_engine_write_stall",
            'type="write_stall_percentile99"',
            "type",
            ("write_stall_percentile99",),
        ),
        Figure(
            "pending_compaction_bytes",
            STORE,
            "instance",
            "sum by (instance) (tikv_engine_pending_compaction_bytes%s)",
            ('db="kv"',),
            Recipe("sum", "tikv_engine_pending_compaction_bytes", "db", ("kv",)),
        ),
        Figure(
            "l0_files",
            STORE,
            "instance",
            "max by (instance) (tikv_engine_num_files_at_level%s)"
            " or max by (instance) (tikv_scheduler_l0_avg%s)",
            ('level="0",db="kv"', ""),
            Recipe("gauge", "tikv_scheduler_l0_avg"),
        ),
        _gauge("memtables", "tikv_engine_num_immutable_mem_table", 'db="kv"', "db", ("kv",)),
        _rate("scheduler_too_busy_per_s", "tikv_scheduler_too_busy_total"),
        _rate("channel_full_per_s", "tikv_channel_full_total"),
        _p99("latch_wait_p99_s", "tikv_scheduler_latch_wait_duration_seconds"),
        _p99("raft_log_lag_p99", f"{raft}log_lag"),
        _gauge("slow_score", f"{raft}slow_score"),
        _rate("critical_errors_per_s", "tikv_critical_error_total"),
        Figure(
            "unreachable_per_s",
            STORE,
            "store_id",
            f"sum by (store_id) (rate({UNREACHABLE}%s[{WINDOW}]))",
            ('type="unreachable"',),
        ),
        *(
            Figure(name, STORE, "store", f"max by (store) ({_BYTES_GAUGE}%s)", (f'type="{kind}"',))
            for name, kind in (
                ("write_bytes_per_s", "store_write_rate_bytes"),
                ("read_bytes_per_s", "store_read_rate_bytes"),
            )
        ),
        _gauge("leaders", f"{raft}region_count", 'type="leader"', "type", ("leader",)),
        _gauge("regions", f"{raft}region_count", 'type="region"', "type", ("region",)),
        Figure(
            "clock_offset_s",
            STORE,
            "host",
            "max by (instance) (node_timex_offset_seconds%s)",
            ("",),
        ),
        Figure("up", STORE, "target", "max by (instance) (up%s)", ("",)),
        *_of_pd(),
    )
    return {f"{one.of}/{one.name}": one for one in listed}


def _of_pd() -> tuple[Figure, ...]:
    tso = "pd_server_handle_tso_duration_seconds_bucket"
    changes = f"changes(etcd_server_leader_changes_seen_total%s[{LONG_WINDOW}])"
    slow = f"sum(changes(pd_tso_events%s[{LONG_WINDOW}]))"
    started = "time() - max by (instance) (process_start_time_seconds%s)"
    return (
        Figure("up", MEMBER, "target", "max by (instance) (up%s)", ("",)),
        Figure(
            "clock_offset_s",
            MEMBER,
            "host",
            "max by (instance) (node_timex_offset_seconds%s)",
            ("",),
        ),
        _p99("etcd_fsync_p99_s", "etcd_disk_wal_fsync_duration_seconds", of=MEMBER),
        _p99("etcd_rtt_p99_s", "etcd_network_peer_round_trip_time_seconds", of=MEMBER),
        Figure("uptime_s", MEMBER, "instance", started, ("",)),
        Figure(
            "tso_p99_s",
            PD,
            "",
            f"histogram_quantile(0.99, sum by (le) (rate({tso}%s[{WINDOW}])))",
            ("",),
        ),
        Figure("tso_clock_slow", PD, "", slow, ('type="system_time_slow"',)),
        Figure("pd_leader_changes", PD, "", f"max({changes})", ("",)),
        *(
            Figure(
                *(name, CLUSTER, "", "max(pd_regions_status%s)"),
                (f'type="{kind}-peer-region-count"',),
            )
            for name, kind in (
                ("down_peer_regions", "down"),
                ("miss_peer_regions", "miss"),
                ("pending_peer_regions", "pending"),
            )
        ),
        Figure("region_count", CLUSTER, "", "sum(pd_cluster_status%s)", ('type="leader_count"',)),
    )
