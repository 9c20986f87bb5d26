"""Signs that things are as they should be: quick, even, up, in time, and where nothing is missed."""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.model import Op
from core.diagnosis.rules.life import YOUNG
from core.diagnosis.rules.sign import Sign, against

QUICK = Sign(
    15,
    "reading",
    "now",
    Op.AT_MOST,
    0.1,
    "its requests take {value} s (99th percentile)",
    source="p99_s",
)
NO_ERRORS = Sign(5, "reading", "now", Op.AT_MOST, 0.1, "no requests fail", source="errors_per_s")
QUICK_APPEND = Sign(
    10,
    "reading",
    "now",
    Op.AT_MOST,
    0.02,
    "appending to its raft log takes {value} s",
    source="append_log_p99_s",
)
QUICK_FSYNC = Sign(
    30,
    "reading",
    "now",
    Op.AT_MOST,
    0.02,
    "its etcd takes {value} s to sync its log",
    source="etcd_fsync_p99_s",
)
NO_STALL = Sign(
    5,
    "reading",
    "now",
    Op.AT_MOST,
    1000,
    "RocksDB does not hold up writes",
    source="write_stall_us",
)
SLOW_NOW = Sign(
    -40,
    "reading",
    "now",
    Op.AT_LEAST,
    0.25,
    "its requests take {value} s (99th percentile)",
    source="p99_s",
)
HEARD = Sign(15, "store", "now.heartbeat_age_s", Op.AT_MOST, 12, "PD heard from it {value} s ago")
ALL_UP = Sign(35, "spread", "up_share", Op.AT_LEAST, 1.0, "PD calls every store Up")
ALL_ANSWER = Sign(15, "spread", "blind_share", Op.AT_MOST, 0.0, "every store answers")
EVEN = Sign(10, "spread", "leaders_max_ratio", Op.AT_MOST, 1.5, "leaders are evenly spread")
UNEVEN = Sign(
    -30,
    "spread",
    "leaders_max_ratio",
    Op.AT_LEAST,
    1.5,
    "leaders are unevenly spread, {value} to 1",
)
EVENING_ALL = Sign(
    40,
    "spread",
    "gap_closed",
    Op.AT_LEAST,
    0.15,
    "balancing is under way: leaders are {share} less uneven than minutes ago",
    about="cluster",
)
NO_REQUESTS = Sign(
    -40,
    "reading",
    "now",
    Op.AT_MOST,
    0.0,
    "nobody asks it for anything: there is no latency to be judged",
    source="qps",
)
TOLD_FIGURE = Sign(
    -20,
    "ticket",
    "value",
    Op.EXISTS,
    None,
    "the ticket tells of a figure, and that figure cannot be seen now",
    unless=(replace(QUICK, value=1e9),),
)
NO_CHANGES = Sign(
    15,
    "reading",
    "now",
    Op.AT_MOST,
    0.0,
    "PD did not change its leader within 10 minutes",
    source="pd_leader_changes",
)
ONE_VERSION = Sign(15, "spread", "versions", Op.AT_MOST, 1, "all stores run the same version")
PD_VERSION = Sign(15, "spread", "pd_differs", Op.EXISTS, None, "PD's version was seen, too")
NO_DOWN_PEERS = Sign(
    10,
    "reading",
    "now",
    Op.AT_MOST,
    0.0,
    "no region has a replica that is down",
    source="down_peer_regions",
)
NO_MISSING = Sign(
    10,
    "reading",
    "now",
    Op.AT_MOST,
    0.0,
    "no region has too few replicas",
    source="miss_peer_regions",
)
MEMBER_UP = Sign(40, "member", "now.answers", Op.EQUALS, True, "{entity} answers")
MEMBER_FIT = Sign(20, "member", "now.health", Op.EQUALS, True, "the other members call it healthy")
DIED_AND_BACK = against(YOUNG, 5)
LEADS = Sign(10, "members", "now.leader", Op.DIFFERS, "", "PD has a leader: {value}")


FIT_LAG = Sign(
    20,
    "reading",
    "now",
    Op.AT_MOST,
    1000,
    "its raft log lags {value} entries",
    source="raft_log_lag_p99",
)
FIT_PEERS = Sign(
    15, "store", "now.pending_peers", Op.AT_MOST, 0, "PD: none of its peers fell behind"
)
OLD = Sign(
    20, "reading", "now", Op.AT_LEAST, 900, "its process runs since {value} s", source="uptime_s"
)
OLD_PD = Sign(
    15, "store", "now.running_s", Op.AT_LEAST, 900, "PD: its process runs since {value} s"
)
QUICK_TSO = Sign(
    15,
    "reading",
    "now",
    Op.AT_MOST,
    0.05,
    "handing out timestamps takes {value} s",
    source="tso_p99_s",
)
FIT_CPU = Sign(
    20, "share", "cpu_ratio", Op.AT_MOST, 1.5, "it uses {value} times the CPU of the other stores"
)
FIT_MEMORY = Sign(
    20, "share", "memory_ratio_max", Op.AT_MOST, 0.85, "it used {share} of its memory limit"
)
FIT_CLOCK = Sign(30, "share", "clock_offset_abs_s", Op.AT_MOST, 0.1, "its clock is {value} s off")
LOG_READ = Sign(5, "log", "lines", Op.COUNT_AT_LEAST, 1, "its log was read: {count:line}")
ONLY_REMOVED = Sign(
    25,
    "share",
    "lost_removed",
    Op.AT_LEAST,
    1,
    "its log misses stores that PD does not list any more: {count:line}",
    unless=(Sign(0, "share", "lost_listed", Op.AT_LEAST, 1, "it misses listed ones, too"),),
)
ALL_QUICK = Sign(
    25, "spread", "worst_p99_s", Op.AT_MOST, 0.1, "the slowest store takes {value} s a request"
)
CLOCKS_FIT = Sign(
    25,
    "spread",
    "worst_clock_offset_s",
    Op.AT_MOST,
    0.1,
    "the worst clock is {value} s off",
    about="cluster",
)
NO_JUMP = Sign(
    15,
    "reading",
    "now",
    Op.AT_MOST,
    0.0,
    "PD saw no clock fall behind",
    about="pd",
    source="tso_clock_slow",
)
