"""When nothing is wrong: what must be seen to say so, by what the ticket is about.

That a node lives clears a ticket about its life. One about a figure needs that figure, as it should be.
"""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.model import Op, Snapshot
from core.diagnosis.rules.fine_signs import (
    ALL_ANSWER,
    ALL_QUICK,
    ALL_UP,
    CLOCKS_FIT,
    DIED_AND_BACK,
    EVEN,
    EVENING_ALL,
    FIT_CLOCK,
    FIT_CPU,
    FIT_LAG,
    FIT_MEMORY,
    FIT_PEERS,
    HEARD,
    LEADS,
    LOG_READ,
    MEMBER_FIT,
    MEMBER_UP,
    NO_CHANGES,
    NO_DOWN_PEERS,
    NO_ERRORS,
    NO_JUMP,
    NO_MISSING,
    NO_REQUESTS,
    NO_STALL,
    OLD,
    OLD_PD,
    ONE_VERSION,
    ONLY_REMOVED,
    PD_VERSION,
    QUICK,
    QUICK_APPEND,
    QUICK_FSYNC,
    QUICK_TSO,
    SLOW_NOW,
    TOLD_FIGURE,
    UNEVEN,
)
from core.diagnosis.rules.fleet import ODD, SKEW, STOPPED, UPGRADING
from core.diagnosis.rules.life import LEFT, NOT_ANSWERING, PEERS_MISS, RESTARTED, UNLISTED
from core.diagnosis.rules.network import (
    ANSWERS,
    EVERY_STORE_ANSWERS,
    PD_HEARS,
    PD_UP,
    SCRAPED,
    SERVES,
)
from core.diagnosis.rules.placement_driver import (
    CHANGES,
    HANDED_OVER,
    HAS_LEADER,
    MAJORITY,
    NEW_LEADER,
    PD_SERVES,
)
from core.diagnosis.rules.sign import Rule, Sign, against, members, only, stores
from core.diagnosis.rules.ticket import MEASURED, NO_DATA, UNKNOWN
from core.diagnosis.rules.watch import FRESH, THERE

_SPEED = frozenset(
    ("high_latency", "store_slow", "write_latency", "hot_store", "hot_region", UNKNOWN, NO_DATA)
)
_LATENCY = frozenset(("high_latency",))
_FIGURES = _SPEED | {
    *("raft_log_lag", "high_cpu", "memory", "requests", "clock_step", "log_lines", MEASURED),
    *("store_restarted", "region_health"),
}

NEW_LEADER_ANY = replace(NEW_LEADER, points=10, about="pd", direct=False)
CHANGES_ANY = replace(CHANGES, points=5, about="pd", direct=False)
UPGRADES = tuple(replace(one, points=55) for one in UPGRADING)
_LIFE = frozenset(
    ("store_down", "quorum_margin", "pd_no_leader", "pd_leader_change", "region_health")
)


_LED = frozenset(("pd_no_leader", "pd_leader_change"))


def _well(
    *figures: tuple[Sign, ...],
    kinds: frozenset[str],
    other: frozenset[str] = frozenset(),
    barred: tuple[Sign, ...] = (),
) -> Rule:
    """A store that lives, with figures as they should be, for tickets of these kinds (and no `other`)."""
    idle = (NO_REQUESTS,) if kinds & _SPEED else ()
    return Rule(
        "nothing_wrong",
        stores,
        must=((ANSWERS,), (PD_UP,), (HEARD,), *figures),
        signs=(PD_HEARS, SCRAPED, NO_ERRORS, ONLY_REMOVED, DIED_AND_BACK),
        must_not=(against(NOT_ANSWERING, 60), against(PEERS_MISS, 30), SLOW_NOW, *idle, *barred),
        asked_for=kinds,
        not_for=other,
    )


def _asked(snapshot: Snapshot) -> tuple[str, ...]:
    """What the ticket is about, where that is a store, all of them, or PD."""
    asked = snapshot.entity
    return (asked,) if asked in ("cluster", "nodes", "pd") or asked.startswith("store:") else ()


RULES = (
    Rule(
        "nothing_wrong",
        stores,
        must=((ANSWERS,), (PD_UP,), (HEARD,)),
        signs=(PD_HEARS, SCRAPED, QUICK, NO_ERRORS, SLOW_NOW, ONLY_REMOVED, DIED_AND_BACK),
        # One whose process was replaced meanwhile is well again; that is not to say that nothing was.
        must_not=(against(NOT_ANSWERING, 60), against(PEERS_MISS, 30), against(RESTARTED, 60)),
        not_for=_FIGURES,
    ),
    _well((QUICK,), kinds=_SPEED),
    _well((QUICK_APPEND, NO_STALL), kinds=_SPEED, other=_LATENCY),
    # A latency that the ticket tells of is cleared by none but itself.
    _well((QUICK_APPEND, NO_STALL), kinds=_LATENCY, barred=(TOLD_FIGURE,)),
    _well((FIT_LAG,), kinds=frozenset(("raft_log_lag",))),
    _well((FIT_CPU,), kinds=frozenset(("high_cpu",))),
    _well((FIT_MEMORY,), kinds=frozenset(("memory",))),
    _well((NO_ERRORS,), (SERVES,), kinds=frozenset(("requests",))),
    _well((FIT_CLOCK,), kinds=frozenset(("clock_step",))),
    # That it is back does not say why it was away: of a process that is young more must be known.
    _well((OLD, OLD_PD), kinds=frozenset(("store_restarted",))),
    _well((FIT_PEERS,), kinds=frozenset(("region_health",))),
    _well((LOG_READ,), kinds=frozenset(("log_lines",))),
    # A store that was removed: whatever is shown of it is memory.
    Rule(
        "nothing_wrong",
        stores,
        must=(LEFT,),
        signs=(UNLISTED,),
    ),
    # PD's lead was moved: its new leader remembers old heartbeats until the stores report anew.
    Rule(
        "nothing_wrong",
        _asked,
        must=(HANDED_OVER, (NEW_LEADER_ANY, CHANGES_ANY), (EVERY_STORE_ANSWERS,)),
        must_not=(against(NOT_ANSWERING, 60),),
        asked_for=_LIFE,
    ),
    # An upgrade that goes on: versions differ, as they must.
    Rule(
        "nothing_wrong",
        _asked,
        must=(UPGRADES, (SKEW, ODD)),
        must_not=(*STOPPED, against(NOT_ANSWERING, 60)),
        asked_for=frozenset(("version_skew",)),
    ),
    Rule(
        "nothing_wrong",
        only("cluster"),
        must=((ALL_UP,), (ALL_ANSWER, NO_DOWN_PEERS)),
        signs=(EVEN, UNEVEN, EVENING_ALL, NO_MISSING),
        not_for=_FIGURES | {"region_health", "version_skew"},
    ),
    Rule(
        "nothing_wrong",
        only("cluster"),
        must=((ALL_UP,), (ALL_ANSWER, NO_DOWN_PEERS), (ONE_VERSION,), (PD_VERSION,)),
        asked_for=frozenset(("version_skew",)),
    ),
    Rule(
        "nothing_wrong",
        only("cluster"),
        must=((ALL_UP,), (NO_DOWN_PEERS, NO_MISSING)),
        signs=(ALL_ANSWER, EVEN, UNEVEN),
        asked_for=frozenset(("region_health",)),
    ),
    Rule(
        "nothing_wrong",
        only("cluster"),
        must=((ALL_UP,), (ALL_QUICK,)),
        signs=(ALL_ANSWER,),
        asked_for=_SPEED | {"requests"},
    ),
    Rule(
        "nothing_wrong",
        only("cluster"),
        must=((ALL_UP,), (CLOCKS_FIT,)),
        signs=(NO_JUMP,),
        asked_for=frozenset(("clock_step",)),
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
    Rule(
        "nothing_wrong",
        only("pd"),
        must=((PD_SERVES,), (MAJORITY,), (LEADS,)),
        not_for=frozenset(("clock_step", *_LED, *_SPEED)) - {UNKNOWN, NO_DATA},
    ),
    # That it leads now does not say that it led throughout.
    Rule(
        "nothing_wrong",
        only("pd"),
        must=((PD_SERVES,), (MAJORITY,), (LEADS,), (QUICK_TSO, NO_CHANGES)),
        asked_for=_LED,
    ),
    Rule(
        "nothing_wrong",
        only("pd"),
        must=((PD_SERVES,), (MAJORITY,), (QUICK_TSO,)),
        signs=(LEADS,),
        asked_for=_SPEED,
    ),
    Rule(
        "nothing_wrong",
        only("pd"),
        must=((PD_SERVES,), (NO_JUMP, CLOCKS_FIT)),
        signs=(MAJORITY, LEADS),
        asked_for=frozenset(("clock_step",)),
    ),
    Rule(
        "nothing_wrong",
        members,
        must=((MEMBER_UP,), (HAS_LEADER,)),
        signs=(MEMBER_FIT,),
        not_for=frozenset(("clock_step", "fsync_slow", "leader_changes", MEASURED)),
    ),
    Rule(
        "nothing_wrong",
        members,
        must=((MEMBER_UP,), (QUICK_FSYNC,)),
        asked_for=frozenset(("fsync_slow",)),
    ),
    Rule(
        "nothing_wrong",
        members,
        must=((MEMBER_UP,), (FIT_CLOCK,)),
        asked_for=frozenset(("clock_step",)),
    ),
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
