"""Causes that lie in how load and leaders are spread, and in what was left set in PD."""

from __future__ import annotations

from core.diagnosis.model import Op
from core.diagnosis.rules.sign import Rule, Sign, only, stores

_LOAD = frozenset(("high_latency", "store_slow", "hot_store", "hot_region", "high_cpu"))
_LEADERS = frozenset(("leader_imbalance",))
_SCHEDULE = "/config/schedule"
_EVICT_LIST = "/scheduler-config/evict-leader-scheduler/list"

QPS = Sign(
    35,
    "share",
    "qps_ratio",
    Op.AT_LEAST,
    2.0,
    "it gets {value} times the requests of the other stores",
)
WRITES = Sign(
    35,
    "share",
    "write_ratio",
    Op.AT_LEAST,
    2.5,
    "it writes {value} times the bytes of the other stores",
)
READS = Sign(
    25,
    "share",
    "read_ratio",
    Op.AT_LEAST,
    2.5,
    "it reads {value} times the bytes of the other stores",
)
CPU = Sign(
    25, "share", "cpu_ratio", Op.AT_LEAST, 2.0, "it uses {value} times the CPU of the other stores"
)
HIGH_P99 = Sign(
    10,
    "reading",
    "now",
    Op.AT_LEAST,
    0.1,
    "its requests take {value} s (99th percentile)",
    source="p99_s",
)
COPROCESSOR = Sign(
    10,
    "reading",
    "now",
    Op.AT_LEAST,
    0.1,
    "requests wait {value} s in the coprocessor",
    source="coprocessor_wait_p99_s",
)
HOT_WRITE = Sign(
    45,
    "hot",
    "top_share",
    Op.AT_LEAST,
    0.5,
    "one region brings {value} of its hot writes (1 is all)",
    source="/hotspot/regions/write",
    direct=True,
)
HOT_READ = Sign(
    45,
    "hot",
    "top_share",
    Op.AT_LEAST,
    0.5,
    "one region brings {value} of its hot reads (1 is all)",
    source="/hotspot/regions/read",
    direct=True,
)
SPREAD_WRITE = Sign(
    20,
    "hot",
    "top_share",
    Op.AT_MOST,
    0.35,
    "its hot writes are spread over many regions",
    source="/hotspot/regions/write",
)
SPREAD_READ = Sign(
    20,
    "hot",
    "top_share",
    Op.AT_MOST,
    0.35,
    "its hot reads are spread over many regions",
    source="/hotspot/regions/read",
)
STALLED = Sign(
    -35,
    "reading",
    "now",
    Op.AT_LEAST,
    50_000,
    "RocksDB holds up its writes for {value} µs",
    source="write_stall_us",
)
SLOW_APPEND = Sign(
    -20,
    "reading",
    "now",
    Op.AT_LEAST,
    0.1,
    "appending to its raft log takes {value} s",
    source="append_log_p99_s",
)

MANY = Sign(
    55,
    "share",
    "leaders_ratio",
    Op.AT_LEAST,
    1.8,
    "PD: it leads {value} times as many regions as the others",
    direct=True,
)
FEW = Sign(
    50,
    "share",
    "leaders_ratio",
    Op.AT_MOST,
    0.5,
    "PD: it leads only {value} times as many regions as the others",
    direct=True,
)
UP = Sign(10, "store", "now.state", Op.EQUALS, "Up", "PD calls it Up")
SILENT = Sign(
    -90,
    "store",
    "now.state",
    Op.ONE_OF,
    ("Disconnected", "Down", "Offline"),
    "PD calls it {value}: it cannot lead",
)
JUST_BACK = Sign(
    -60,
    "reading",
    "now",
    Op.AT_MOST,
    900,
    "it started {value} s ago: its leaders are still coming back",
    source="uptime_s",
)
WEIGHED = Sign(
    -60,
    "store",
    "now.leader_weight",
    Op.DIFFERS,
    1,
    "its leader weight was set to {value}: that is how it should be",
)
EVICTING = Sign(
    60,
    "pd",
    "body.store-id-ranges.{id}",
    Op.EXISTS,
    None,
    "PD evicts its leaders, because somebody asked for it",
    about="pd",
    source=_EVICT_LIST,
    direct=True,
)
LIMITS = tuple(
    Sign(
        60,
        "pd",
        f"body.{name}",
        Op.EQUALS,
        0,
        f"PD's {name} is set to 0",
        about="pd",
        source=_SCHEDULE,
        direct=True,
    )
    for name in ("leader-schedule-limit", "region-schedule-limit", "replica-schedule-limit")
)
GRANTED = Sign(
    60,
    "pd",
    "body",
    Op.CONTAINS,
    "grant-leader-scheduler|shuffle-leader-scheduler|shuffle-region-scheduler|shuffle-hot-region-scheduler|grant-hot-region",
    "PD runs a scheduler that only people add",
    about="pd",
    source="/schedulers",
    direct=True,
)
EVICTOR = Sign(
    50,
    "pd",
    "body",
    Op.CONTAINS,
    '"evict-leader-scheduler',
    "PD runs an evict-leader scheduler",
    about="pd",
    source="/schedulers",
    direct=True,
)
NO_BALANCE = Sign(
    55,
    "pd",
    "body",
    Op.COUNT_AT_MOST,
    0,
    "PD's balance-leader scheduler was removed",
    about="pd",
    source="/schedulers",
    where="balance-leader-scheduler",
    direct=True,
)
PAUSED = Sign(
    60,
    "pd",
    "body",
    Op.COUNT_AT_LEAST,
    1,
    "{value} schedulers of PD are paused",
    about="pd",
    source="/schedulers?status=paused",
    direct=True,
)
CHECKERS = tuple(
    Sign(
        60,
        "pd",
        "body.paused",
        Op.EQUALS,
        True,
        f"PD's {name} checker is paused",
        about="pd",
        source=f"/checker/{name}",
        direct=True,
    )
    for name in ("learner", "replica", "rule", "split", "merge", "joint-state")
)
MAINTAINED = Sign(
    -60,
    "change",
    "changes",
    Op.COUNT_AT_LEAST,
    1,
    "a restart or rollout of it was recorded just now",
    where='"what":"restart"|"what":"deploy"|"what":"version"',
    recent=True,
)
UNEVEN = Sign(
    10,
    "spread",
    "leaders_max_ratio",
    Op.AT_LEAST,
    1.5,
    "leaders are unevenly spread, {value} to 1",
    about="cluster",
)

SKEW = Sign(
    55,
    "spread",
    "versions",
    Op.AT_LEAST,
    2,
    "the nodes run {value} different versions",
    direct=True,
)
ODD = Sign(
    55,
    "share",
    "odd_version",
    Op.EQUALS,
    True,
    "it runs another version than most stores",
    direct=True,
)
SKEW_LOG = Sign(
    15,
    "change",
    "changes",
    Op.COUNT_AT_LEAST,
    1,
    "an upgrade was recorded",
    where='"what":"version"|"what":"deploy"',
)
UPGRADING = Sign(
    -60,
    "change",
    "changes",
    Op.COUNT_AT_LEAST,
    1,
    "the upgrade was recorded just now: it may still be going on",
    where='"what":"version"|"what":"deploy"',
    recent=True,
)

SHORT = Sign(
    45,
    "spread",
    "short",
    Op.AT_LEAST,
    1,
    "there are {value} stores fewer than replicas asked for",
    direct=True,
)
DOWN_LONG = Sign(
    15,
    "spread",
    "down",
    Op.AT_LEAST,
    1,
    "PD gave up waiting for {value} stores and wants to replace their replicas",
)
MISSING = Sign(
    20,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "{value} regions have too few replicas",
    source="miss_peer_regions",
)
DOWN_PEERS = Sign(
    15,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "{value} regions have replicas that are down",
    source="down_peer_regions",
)
UNPLACED = Sign(
    60,
    "spread",
    "unplaced",
    Op.AT_LEAST,
    1,
    "there are {value} places fewer than the location labels ask for",
    direct=True,
)

RULES = (
    Rule(
        "hot_store",
        stores,
        must=((QPS, WRITES, READS, CPU),),
        signs=(HIGH_P99, COPROCESSOR, SPREAD_WRITE, SPREAD_READ, STALLED, SLOW_APPEND),
        must_not=(HOT_WRITE, HOT_READ),
        tickets=_LOAD,
    ),
    Rule(
        "hot_region",
        stores,
        must=((HOT_WRITE, HOT_READ), (QPS, WRITES, READS, CPU, HIGH_P99)),
        signs=(COPROCESSOR, STALLED, SLOW_APPEND),
        tickets=_LOAD,
    ),
    Rule(
        "leader_imbalance",
        stores,
        must=((MANY, FEW),),
        signs=(UP, JUST_BACK, WEIGHED),
        must_not=(SILENT, EVICTING, NO_BALANCE, GRANTED, PAUSED, LIMITS[0]),
        tickets=_LEADERS,
    ),
    Rule(
        "scheduler_left_behind",
        stores,
        must=((EVICTING,),),
        signs=(FEW, MAINTAINED),
        tickets=_LEADERS | {"scheduler_left"},
    ),
    Rule(
        "scheduler_left_behind",
        only("cluster"),
        must=((*LIMITS, *CHECKERS, GRANTED, EVICTOR, NO_BALANCE, PAUSED),),
        signs=(UNEVEN, MISSING, MAINTAINED),
        tickets=_LEADERS | {"region_health", "scheduler_left"},
    ),
    Rule(
        "version_skew",
        stores,
        must=((ODD,),),
        signs=(SKEW_LOG, UPGRADING),
        tickets=frozenset(("version_skew", "store_restarted")),
    ),
    Rule(
        "version_skew",
        only("cluster"),
        must=((SKEW,),),
        signs=(SKEW_LOG, UPGRADING),
        tickets=frozenset(("version_skew", "store_restarted")),
    ),
    Rule(
        "placement_unmet",
        only("cluster"),
        must=((SHORT, UNPLACED),),
        signs=(DOWN_LONG, MISSING, DOWN_PEERS),
        tickets=frozenset(("region_health", "quorum_margin")),
    ),
)
