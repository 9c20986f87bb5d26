"""Causes that lie in the fleet as a whole: versions that differ, and too little room for replicas."""

from __future__ import annotations

from core.diagnosis.model import Op
from core.diagnosis.rules.sign import Rule, Sign, only, stores

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

STUCK = Sign(
    20,
    "spread",
    "leaving",
    Op.AT_LEAST,
    1,
    "{value} stores were asked to leave and still hold regions",
)
PD_SAYS = Sign(
    40,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "PD's log says that there is no store for the replicas",
    about="pd:*",
    where="may not turn into tombstone|no extra up store|no target store|no store to add|no-target-store",
    recent=True,
    direct=True,
)
PD_SKEW = Sign(
    40,
    "spread",
    "pd_differs",
    Op.EQUALS,
    True,
    "PD runs another version than the stores",
    direct=True,
)
UPGRADED = Sign(
    20,
    "change",
    "changes",
    Op.COUNT_AT_LEAST,
    1,
    "an upgrade was recorded",
    where='"what":"version"|"what":"deploy"|upgrade',
)

RULES = (
    Rule(
        "version_skew",
        only("cluster"),
        must=((PD_SKEW,), (UPGRADED,)),
        signs=(UPGRADING,),
        tickets=frozenset(("version_skew", "store_restarted")),
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
        must=((SHORT, UNPLACED, PD_SAYS),),
        signs=(DOWN_LONG, MISSING, DOWN_PEERS, STUCK),
        tickets=frozenset(("region_health", "quorum_margin")),
    ),
)
