"""Causes that lie in the fleet as a whole: versions that differ, and too little room for replicas."""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.model import Op
from core.diagnosis.rules.placement_driver import PD_FORGOT
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
_STOPPED = "fail|abort|stopped|halted|cancel|paused|rolled back|gave up"
STOPPED = tuple(
    Sign(
        0,
        "change",
        "changes",
        Op.COUNT_AT_LEAST,
        1,
        "the upgrade was recorded as stopped",
        about=about,
        where=_STOPPED,
        recent=True,
        within_s=3600,
    )
    for about in ("cluster", "store:*", "pd*")
)
UPGRADING = tuple(
    Sign(
        -60,
        "change",
        "changes",
        Op.COUNT_AT_LEAST,
        1,
        "an upgrade was recorded within a quarter of an hour: it may still be going on",
        about=about,
        where='"what":"version"|"what":"deploy"',
        recent=True,
        unless=STOPPED,
    )
    for about in ("cluster", "store:*", "pd*")
)
UPGRADED_LATELY = tuple(
    replace(
        one,
        points=-5,
        words="an upgrade was recorded within two hours: it may still be going on",
        within_s=7200,
        unless=(*STOPPED, *UPGRADING),
    )
    for one in UPGRADING
)

SHORT = Sign(
    45,
    "spread",
    "short",
    Op.AT_LEAST,
    1,
    "stores that are up: {value} fewer than replicas asked for",
    direct=True,
)
DOWN_LONG = Sign(
    15,
    "spread",
    "down",
    Op.AT_LEAST,
    1,
    "PD gave up waiting for {count:store} and wants the replicas replaced",
)
MISSING = Sign(
    20,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "too few replicas: {count:region}",
    source="miss_peer_regions",
)
DOWN_PEERS = Sign(
    15,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "replicas that are down: in {count:region}",
    source="down_peer_regions",
)
UNPLACED = Sign(
    60,
    "spread",
    "unplaced",
    Op.AT_LEAST,
    1,
    "places for replicas: {value} fewer than the location labels ask for",
    direct=True,
)

STUCK = Sign(
    20,
    "spread",
    "leaving",
    Op.AT_LEAST,
    1,
    "asked to leave and still holding regions: {count:store}",
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
        signs=(*UPGRADING, *UPGRADED_LATELY),
        tickets=frozenset(("version_skew", "store_restarted")),
    ),
    Rule(
        "version_skew",
        stores,
        must=((ODD,),),
        signs=(SKEW_LOG, *UPGRADING, *UPGRADED_LATELY),
        tickets=frozenset(("version_skew", "store_restarted")),
    ),
    Rule(
        "version_skew",
        only("cluster"),
        must=((SKEW,),),
        signs=(SKEW_LOG, *UPGRADING, *UPGRADED_LATELY),
        tickets=frozenset(("version_skew", "store_restarted")),
    ),
    Rule(
        "placement_unmet",
        only("cluster"),
        must=((SHORT, UNPLACED, PD_SAYS),),
        signs=(DOWN_LONG, MISSING, DOWN_PEERS, STUCK, *PD_FORGOT),
        tickets=frozenset(("region_health", "quorum_margin")),
    ),
)
