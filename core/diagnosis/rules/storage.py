"""Causes that lie in a store's disk and engine: full, slow, stalled, behind in the raft log."""

from __future__ import annotations

from core.diagnosis.model import Op
from core.diagnosis.rules.endings import NO_SPACE
from core.diagnosis.rules.sign import Rule, Sign, stores

_SLOW = frozenset(("store_slow", "high_latency", "write_latency"))

FULL = Sign(
    65,
    "reading",
    "now",
    Op.AT_LEAST,
    0.9,
    "its disk is {share} full",
    source="disk_used_ratio",
    direct=True,
)
FULL_PD = Sign(
    55,
    "store",
    "now.used_ratio",
    Op.AT_LEAST,
    0.9,
    "PD: its disk is {share} full",
    direct=True,
)
LOW = Sign(
    45,
    "reading",
    "now",
    Op.AT_LEAST,
    0.8,
    "its disk is {share} full: past PD's low-space limit",
    source="disk_used_ratio",
)
LOW_PD = Sign(
    35,
    "store",
    "now.used_ratio",
    Op.AT_LEAST,
    0.8,
    "PD: its disk is {share} full: past the low-space limit",
)
ROOM = Sign(
    -60,
    "reading",
    "now",
    Op.AT_MOST,
    0.75,
    "its disk is only {share} full",
    source="disk_used_ratio",
)
LOW_LOG = Sign(
    40,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log says that the disk is almost full",
    where="almost full|space is low",
    recent=True,
)

APPEND = Sign(
    40,
    "reading",
    "now",
    Op.AT_LEAST,
    0.1,
    "appending to its raft log takes {value} s (99th percentile)",
    source="append_log_p99_s",
)
APPEND_BAD = Sign(
    20,
    "reading",
    "now",
    Op.AT_LEAST,
    0.5,
    "an append took {value} s",
    source="append_log_p99_s",
    direct=True,
)
SCORE = Sign(
    35,
    "reading",
    "now",
    Op.AT_LEAST,
    80,
    "its own disk probes give a slow score of {value} (1 is good, 100 worst)",
    source="slow_score",
    direct=True,
)
SCORE_PD = Sign(
    30,
    "store",
    "now.slow_score",
    Op.AT_LEAST,
    80,
    "PD has a slow score of {value} for it",
    direct=True,
)
BUSY_DISK = Sign(
    25,
    "reading",
    "now",
    Op.AT_LEAST,
    0.9,
    "its disk is busy {share} of the time",
    source="disk_io_util",
)
SLOW_LOG = Sign(
    20,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log tells of slow disk writes",
    where="slow fdatasync|fsync|io is slow|disk io|slow disk|disk_probe|wal sync|took too long|slow score",
    recent=True,
)
QUICK_APPEND = Sign(
    -50,
    "reading",
    "now",
    Op.AT_MOST,
    0.02,
    "appending to its raft log takes only {value} s",
    source="append_log_p99_s",
)

STALL = Sign(
    60,
    "reading",
    "now",
    Op.AT_LEAST,
    50_000,
    "RocksDB holds up writes for {value} µs",
    source="write_stall_us",
    direct=True,
)
STALL_LOG = Sign(
    50,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log says that RocksDB stalls or stops writes",
    where="stalling writes|stopping writes|write stall|stall condition|too many level-0|too many immutable|pending compaction bytes",
    recent=True,
    direct=True,
)
L0 = Sign(
    20, "reading", "now", Op.AT_LEAST, 20, "level 0 has {count:file} waiting", source="l0_files"
)
PENDING = Sign(
    15,
    "reading",
    "now",
    Op.AT_LEAST,
    5e10,
    "{value} bytes wait for compaction",
    source="pending_compaction_bytes",
)
MEMTABLES = Sign(
    15, "reading", "now", Op.AT_LEAST, 5, "{count:memtable} not flushed yet", source="memtables"
)
TOO_BUSY = Sign(
    15,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    '"server is busy" {value} times a second',
    source="scheduler_too_busy_per_s",
)
NO_STALL = Sign(
    -20,
    "reading",
    "now",
    Op.AT_MOST,
    1000,
    "RocksDB does not hold up writes",
    source="write_stall_us",
)

LAG = Sign(
    60,
    "reading",
    "now",
    Op.AT_LEAST,
    5000,
    "its raft log lags {value} entries behind",
    source="raft_log_lag_p99",
    direct=True,
)
APPLY = Sign(
    15,
    "reading",
    "now",
    Op.AT_LEAST,
    0.5,
    "applying the log takes {value} s",
    source="apply_log_p99_s",
)
APPLY_WAIT = Sign(
    15,
    "reading",
    "now",
    Op.AT_LEAST,
    0.5,
    "log entries wait {value} s to be applied",
    source="apply_wait_p99_s",
)
PENDING_PEERS = Sign(
    10,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "peers that fell behind: in {count:region}",
    source="pending_peer_regions",
    about="cluster",
)

RULES = (
    Rule(
        "disk_full",
        stores,
        must=((FULL, FULL_PD, NO_SPACE),),
        signs=(LOW, LOW_PD, LOW_LOG, ROOM),
        tickets=frozenset(("low_disk_space", "store_down", "quorum_margin")),
    ),
    # Little room restricts a store; it does not end it.
    Rule(
        "disk_full",
        stores,
        must=((LOW, LOW_PD, LOW_LOG),),
        signs=(ROOM,),
        tickets=frozenset(("low_disk_space",)),
        not_for=frozenset(("store_down", "store_restarted", "process_gone")),
    ),
    Rule(
        "slow_disk",
        stores,
        must=((APPEND, SCORE, SCORE_PD),),
        signs=(
            *(APPEND_BAD, BUSY_DISK, SLOW_LOG),
            QUICK_APPEND,
            Sign(
                -35, STALL.kind, STALL.path, STALL.op, STALL.value, STALL.words, source=STALL.source
            ),
        ),
        tickets=_SLOW,
    ),
    Rule(
        "write_stall",
        stores,
        must=((STALL, STALL_LOG),),
        signs=(L0, PENDING, MEMTABLES, TOO_BUSY, NO_STALL),
        tickets=_SLOW,
    ),
    Rule(
        "raft_log_lag",
        stores,
        must=((LAG,),),
        signs=(APPLY, APPLY_WAIT, PENDING_PEERS),
        tickets=frozenset(("raft_log_lag", "region_health", "high_latency")),
    ),
)
