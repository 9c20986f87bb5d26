"""Causes that lie in how load is spread: a hot store, a hot region."""

from __future__ import annotations

from core.diagnosis.model import Op
from core.diagnosis.rules.sign import Rule, Sign, stores

_LOAD = frozenset(("high_latency", "store_slow", "hot_store", "hot_region", "high_cpu"))

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
LEADS_MORE = Sign(
    -50,
    "share",
    "leaders_ratio",
    Op.AT_LEAST,
    1.8,
    "it leads {value} times as many regions as the others: load follows leaders",
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
    "one region brings {share} of its hot writes",
    source="/hotspot/regions/write",
    direct=True,
)
HOT_READ = Sign(
    45,
    "hot",
    "top_share",
    Op.AT_LEAST,
    0.5,
    "one region brings {share} of its hot reads",
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


RULES = (
    Rule(
        "hot_store",
        stores,
        must=((QPS, WRITES, READS, CPU),),
        signs=(HIGH_P99, COPROCESSOR, SPREAD_WRITE, SPREAD_READ, STALLED, SLOW_APPEND, LEADS_MORE),
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
)
