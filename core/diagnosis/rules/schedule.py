"""Causes that lie in scheduling: leaders, what was left set in PD, versions, and room for replicas."""

from __future__ import annotations

from core.diagnosis.model import Op
from core.diagnosis.rules.life import LEADER_KNOWN, NOT_ANSWERING
from core.diagnosis.rules.sign import Rule, Sign, against, only, stores

_LEADERS = frozenset(("leader_imbalance",))
_SCHEDULE = "/config/schedule"
_EVICT_LIST = "/scheduler-config/evict-leader-scheduler/list"

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
    "PD: it leads {share} of what the others lead on average",
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
# Its uptime may not be scraped; PD knows when its process began.
JUST_STARTED = Sign(
    -60,
    "store",
    "now.running_s",
    Op.AT_MOST,
    900,
    "PD: it started {value} s ago: its leaders are still to come",
    unless=(JUST_BACK,),
)
EVENING = Sign(
    -40,
    "share",
    "gap_closed",
    Op.AT_LEAST,
    0.15,
    "it comes nearer to the others, by {share} within minutes: balancing is under way",
)
# PD leaves no store without any by itself.
LEADS_NONE = Sign(
    -15,
    "store",
    "now.leaders",
    Op.AT_MOST,
    0,
    "that it leads nothing at all is somebody's or something's doing, which was not seen",
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
ONE_EVICTED = Sign(
    0, "spread", "evicting", Op.EQUALS, 1, "PD evicts leaders from one store", about="cluster"
)
# Where the list names one store it is that store's trouble, and its command needs the id.
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
    unless=(ONE_EVICTED,),
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
    "PD has {count:paused scheduler}",
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
MAINTAINED_ALL = Sign(
    -60,
    "change",
    "changes",
    Op.COUNT_AT_LEAST,
    1,
    "a restart or rollout of the cluster was recorded just now",
    about="cluster",
    where='"what":"restart"|"what":"deploy"|"what":"version"',
    recent=True,
)
EVICTS_ANY = Sign(
    -60,
    "pd",
    "body.store-id-ranges",
    Op.DIFFERS,
    {},
    "PD evicts leaders from some store, because somebody asked for it",
    about="pd",
    source=_EVICT_LIST,
)
LATELY = Sign(
    -10,
    "store",
    "leaders",
    Op.CHANGED,
    None,
    "its leaders moved within minutes ({value}): somebody may be at work on it",
)
LEADS_FEW = Sign(
    10,
    "share",
    "leaders_ratio",
    Op.AT_MOST,
    0.5,
    "PD: it leads {share} of what the others lead on average",
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

MISSING = Sign(
    20,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "too few replicas: {count:region}",
    source="miss_peer_regions",
)

RECOUNTS = Sign(
    -60,
    "members",
    "leader",
    Op.CHANGED,
    None,
    "PD's leader changed ({value}): its counts start short",
    about="pd",
)

RULES = (
    Rule(
        "leader_imbalance",
        stores,
        must=((MANY, FEW), (LEADER_KNOWN,)),
        signs=(UP, LEADS_NONE, JUST_BACK, JUST_STARTED, EVENING, WEIGHED, RECOUNTS),
        must_not=(
            SILENT,
            against(NOT_ANSWERING, 60),
            EVICTS_ANY,
            NO_BALANCE,
            GRANTED,
            PAUSED,
            LIMITS[0],
        ),
        tickets=_LEADERS,
    ),
    Rule(
        "scheduler_left_behind",
        stores,
        must=((EVICTING,),),
        signs=(LEADS_FEW, MAINTAINED, MAINTAINED_ALL, LATELY),
        tickets=_LEADERS | {"scheduler_left"},
    ),
    Rule(
        "scheduler_left_behind",
        only("cluster"),
        must=((*LIMITS, *CHECKERS, GRANTED, EVICTOR, NO_BALANCE, PAUSED),),
        signs=(UNEVEN, MISSING, MAINTAINED),
        tickets=_LEADERS | {"region_health", "scheduler_left"},
    ),
)
