"""Causes that lie in the watching, and the answer that nothing is wrong."""

from __future__ import annotations

from core.diagnosis.model import Op
from core.diagnosis.rules.life import NOT_ANSWERING, PEERS_MISS, YOUNG
from core.diagnosis.rules.network import ANSWERS, PD_HEARS, PD_UP, SCRAPED
from core.diagnosis.rules.placement_driver import HAS_LEADER, MAJORITY, PD_SERVES
from core.diagnosis.rules.sign import Rule, Sign, against, members, only, stores

NO_PROMETHEUS = Sign(
    70, "prometheus", "now.answers", Op.EQUALS, False, "Prometheus does not answer", direct=True
)
WHY = Sign(
    10,
    "prometheus",
    "now.said",
    Op.CONTAINS,
    "refused|timed out|timeout|reset|503|502|unavailable|no such host",
    "its answer: {value}",
)
NO_TARGETS = Sign(
    65,
    "spread",
    "unscraped_share",
    Op.AT_LEAST,
    0.99,
    "none of the nodes is scraped",
    about="cluster",
    direct=True,
)
STALE = Sign(
    65,
    "prometheus",
    "now.sample_age_s",
    Op.AT_LEAST,
    120,
    "its newest sample is {value} s old",
    direct=True,
)
THERE = Sign(10, "prometheus", "now.answers", Op.EQUALS, True, "Prometheus answers")
FRESH = Sign(
    30, "prometheus", "now.sample_age_s", Op.AT_MOST, 60, "its newest sample is {value} s old"
)
# Tickets of which only metrics can tell that they are over.
_MEASURED = frozenset(("high_latency", "store_slow", "hot_store", "raft_log_lag"))
_UNMEASURED = frozenset(("store_down", "store_restarted", "low_disk_space", "leader_imbalance"))
_WATCH = frozenset(("observer_blind", "prometheus_down", "prometheus_stale", "high_latency"))

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
SCALED_IN = Sign(
    60,
    "change",
    "changes",
    Op.COUNT_AT_LEAST,
    1,
    "it was taken out of the cluster on purpose",
    where="tombstone|scaled in|decommissioned",
    direct=True,
)
LONG_SILENT = Sign(
    10, "store", "now.heartbeat_age_s", Op.AT_LEAST, 900, "PD last heard from it {value} s ago"
)
LEADS = Sign(10, "members", "now.leader", Op.DIFFERS, "", "PD has a leader: {value}")

RULES = (
    Rule(
        "prometheus_down",
        only("prometheus"),
        must=((NO_PROMETHEUS, NO_TARGETS),),
        signs=(WHY,),
        tickets=_WATCH,
    ),
    Rule(
        "prometheus_stale",
        only("prometheus"),
        must=((STALE,), (THERE,)),
        tickets=_WATCH,
    ),
    Rule(
        "nothing_wrong",
        stores,
        must=((ANSWERS,), (PD_UP,), (HEARD,)),
        signs=(PD_HEARS, SCRAPED, QUICK, NO_ERRORS, SLOW_NOW, DIED_AND_BACK),
        must_not=(against(NOT_ANSWERING, 60), against(PEERS_MISS, 30)),
        not_for=_MEASURED,
    ),
    Rule(
        "nothing_wrong",
        stores,
        must=((ANSWERS,), (PD_UP,), (HEARD,), (QUICK, QUICK_APPEND, NO_STALL)),
        signs=(PD_HEARS, SCRAPED, NO_ERRORS, DIED_AND_BACK),
        must_not=(against(NOT_ANSWERING, 60), against(PEERS_MISS, 30), SLOW_NOW),
        not_for=_UNMEASURED,
    ),
    # A store that was removed and is shown again: PD's new leader remembers what is gone.
    Rule(
        "nothing_wrong",
        stores,
        must=((SCALED_IN,), (LONG_SILENT,)),
        must_not=(against(ANSWERS, 30), against(PEERS_MISS, 30)),
    ),
    Rule(
        "nothing_wrong",
        only("cluster"),
        must=((ALL_UP,), (ALL_ANSWER, NO_DOWN_PEERS)),
        signs=(EVEN, UNEVEN, NO_MISSING),
    ),
    Rule(
        "nothing_wrong",
        only("nodes"),
        must=(
            (
                Sign(
                    35,
                    "spread",
                    "up_share",
                    Op.AT_LEAST,
                    1.0,
                    "PD calls every store Up",
                    about="cluster",
                ),
            ),
            (
                Sign(
                    25,
                    "spread",
                    "blind_share",
                    Op.AT_MOST,
                    0.0,
                    "every store answers",
                    about="cluster",
                ),
            ),
        ),
    ),
    Rule("nothing_wrong", only("pd"), must=((PD_SERVES,), (MAJORITY,), (LEADS,))),
    Rule("nothing_wrong", members, must=((MEMBER_UP,), (HAS_LEADER,)), signs=(MEMBER_FIT,)),
    Rule(
        "nothing_wrong",
        only("prometheus"),
        must=((THERE,), (FRESH,)),
        signs=(
            Sign(
                15,
                "spread",
                "unscraped_share",
                Op.AT_MOST,
                0.0,
                "every node is scraped",
                about="cluster",
            ),
        ),
    ),
)
