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
MISSED_PER_S = 0.05
"""A store that is reported unreachable this often a second is missed."""
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
    """Every figure by what it is of and its name; `types` are the request types whose latency counts."""
    listed = (
        *_traffic(types),
        *_machine(),
        *_raft(),
        *_engine(),
        *_among_nodes(),
        *_of_members(),
        *_of_pd(),
    )
    return {f"{one.of}/{one.name}": one for one in listed}


def _plain(
    name: str, promql: str, *own: str, by: str = "instance", recipe: Recipe | None = None
) -> Figure:
    return Figure(name, STORE, by, promql, own or ("",), recipe)


def _traffic(types: Sequence[str]) -> tuple[Figure, ...]:
    worst = f"histogram_quantile(0.99, sum by (le, instance, type) (rate({_MSG}_bucket%s[1m])))"
    return (
        _rate("qps", f"{_MSG}_count", 'type!="kv_gc"'),
        _rate("errors_per_s", "tikv_grpc_msg_fail_total", 'type!="kv_gc"'),
        _plain(
            "p99_s",
            f"max by (instance) ({worst})",
            f'type=~"{"|".join(types)}"',
            recipe=Recipe("p99", _MSG, "type", tuple(types)),
        ),
        _p99("coprocessor_wait_p99_s", "tikv_coprocessor_request_wait_seconds", 'type="all"'),
        _rate("scheduler_too_busy_per_s", "tikv_scheduler_too_busy_total"),
        _rate("channel_full_per_s", "tikv_channel_full_total"),
        _p99("latch_wait_p99_s", "tikv_scheduler_latch_wait_duration_seconds"),
        _rate("critical_errors_per_s", "tikv_critical_error_total"),
    )


def _machine() -> tuple[Figure, ...]:
    cpu, memory = "process_cpu_seconds_total", "process_resident_memory_bytes"
    return (
        _plain(
            "cpu_cores",
            _of_stores(f"sum by (instance) (rate({cpu}%s[{WINDOW}]))"),
            recipe=Recipe("rate", cpu),
        ),
        _gauge("cpu_quota_cores", "tikv_server_cpu_cores_quota"),
        _plain(
            "raftstore_cpu_cores",
            f"sum by (instance) (rate(tikv_thread_cpu_seconds_total%s[{WINDOW}]))",
            'name=~"(raftstore|rs)_.*"',
        ),
        _plain(
            "memory_bytes",
            _of_stores(f"max by (instance) ({memory}%s)"),
            recipe=Recipe("gauge", memory),
        ),
        _gauge("memory_limit_bytes", "tikv_server_memory_quota_bytes"),
        _plain("uptime_s", _of_stores("time() - max by (instance) (process_start_time_seconds%s)")),
        _plain(
            "disk_used_ratio",
            f"1 - sum by (instance) ({SIZE}%s) / sum by (instance) ({SIZE}%s)",
            *('type="available"', 'type="capacity"'),
        ),
        _plain(
            "disk_io_util",
            f"max by (instance) (rate(node_disk_io_time_seconds_total%s[{WINDOW}]))",
            by="host",
        ),
        _plain("clock_offset_s", "max by (instance) (node_timex_offset_seconds%s)", by="host"),
        _plain("up", "max by (instance) (up%s)", by="target"),
    )


def _raft() -> tuple[Figure, ...]:
    raft = "tikv_raftstore_"
    return (
        _p99("append_log_p99_s", f"{raft}append_log_duration_seconds"),
        _p99("commit_log_p99_s", f"{raft}commit_log_duration_seconds"),
        _p99("apply_log_p99_s", f"{raft}apply_log_duration_seconds"),
        _p99("propose_wait_p99_s", f"{raft}request_wait_time_duration_secs"),
        _p99("apply_wait_p99_s", f"{raft}apply_wait_time_duration_secs"),
        _p99("raft_log_lag_p99", f"{raft}log_lag"),
        _gauge("slow_score", f"{raft}slow_score"),
        _gauge("leaders", f"{raft}region_count", 'type="leader"', "type", ("leader",)),
        _gauge("regions", f"{raft}region_count", 'type="region"', "type", ("region",)),
    )


def _engine() -> tuple[Figure, ...]:
    stall, pending = "tikv_engine_write_stall", "tikv_engine_pending_compaction_bytes"
    worst = "write_stall_percentile99"
    return (
        _gauge("write_stall_us", stall, f'type="{worst}"', "type", (worst,)),
        _plain(
            "pending_compaction_bytes",
            f"sum by (instance) ({pending}%s)",
            'db="kv"',
            recipe=Recipe("sum", pending, "db", ("kv",)),
        ),
        _plain(
            "l0_files",
            "max by (instance) (tikv_engine_num_files_at_level%s)"
            " or max by (instance) (tikv_scheduler_l0_avg%s)",
            *('level="0",db="kv"', ""),
            recipe=Recipe("gauge", "tikv_scheduler_l0_avg"),
        ),
        _gauge("memtables", "tikv_engine_num_immutable_mem_table", 'db="kv"', "db", ("kv",)),
    )


def _among_nodes() -> tuple[Figure, ...]:
    """What others tell of a store: its peers, and PD."""
    flows = (
        ("write_bytes_per_s", "store_write_rate_bytes"),
        ("read_bytes_per_s", "store_read_rate_bytes"),
    )
    return (
        _plain(
            "unreachable_per_s",
            f"sum by (store_id) (rate({UNREACHABLE}%s[{WINDOW}]))",
            'type="unreachable"',
            by="store_id",
        ),
        _plain(
            "missing_peers",
            "count by (instance) (sum by (instance, store_id)"
            f" (rate({UNREACHABLE}%s[{WINDOW}])) > {MISSED_PER_S}) or max by (instance) ({SIZE}%s) * 0",
            *('type="unreachable"', 'type="capacity"'),
        ),
        *(
            _plain(name, f"max by (store) ({_BYTES_GAUGE}%s)", f'type="{kind}"', by="store")
            for name, kind in flows
        ),
    )


def _of_members() -> tuple[Figure, ...]:
    started = "time() - max by (instance) (process_start_time_seconds%s)"
    offset = "max by (instance) (node_timex_offset_seconds%s)"
    return (
        Figure("up", MEMBER, "target", "max by (instance) (up%s)", ("",)),
        Figure("clock_offset_s", MEMBER, "host", offset, ("",)),
        _p99("etcd_fsync_p99_s", "etcd_disk_wal_fsync_duration_seconds", of=MEMBER),
        _p99("etcd_rtt_p99_s", "etcd_network_peer_round_trip_time_seconds", of=MEMBER),
        Figure("uptime_s", MEMBER, "instance", started, ("",)),
    )


def _of_pd() -> tuple[Figure, ...]:
    tso = "pd_server_handle_tso_duration_seconds_bucket"
    changes = f"changes(etcd_server_leader_changes_seen_total%s[{LONG_WINDOW}])"
    slow = f"sum(changes(pd_tso_events%s[{LONG_WINDOW}]))"
    return (
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
