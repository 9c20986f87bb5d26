"""Causes that lie in PD: no leader, no quorum, one member gone; and clocks."""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.model import Op
from core.diagnosis.rules import pd_etcd
from core.diagnosis.rules.life import DETACHED, EXITED, PAUSED
from core.diagnosis.rules.sign import Rule, Sign, against, members, nodes, only

NO_LEADER = Sign(30, "members", "now.leader", Op.EQUALS, "", "PD names no leader", direct=True)
# An error page of a proxy is nobody's word: PD speaks plain text and JSON.
FOREIGN = Sign(
    40,
    "members",
    "now.said",
    Op.CONTAINS,
    "<html|<!doctype|not a pd|bad gateway|gateway time|nginx|haproxy|envoy",
    'what answers in PD\'s place is not PD: "{value}"',
    about="pd",
)
NOT_SERVING = Sign(
    35,
    "members",
    "now.serves",
    Op.EQUALS,
    False,
    "PD's leader does not answer",
    unless=(FOREIGN,),
)
SAID_NO_LEADER = Sign(
    20,
    "members",
    "now.said",
    Op.CONTAINS,
    "redirect failed|no leader|not leader",
    'PD says "{value}"',
    direct=True,
)
NEW_LEADER = Sign(
    40, "members", "leader", Op.CHANGED, None, "PD's leader changed: {value}", direct=True
)
CHANGES = Sign(
    30,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "PD changed its leader {times} in 10 minutes",
    source="pd_leader_changes",
    direct=True,
)
MAJORITY = Sign(
    20, "members", "now.majority", Op.EQUALS, True, "more than half of its members answer"
)
NO_MAJORITY = Sign(
    60,
    "members",
    "now.majority",
    Op.EQUALS,
    False,
    "half of its members or fewer answer",
    direct=True,
)
# Silence alone may be a network between it and us; a port that refuses shows that nothing listens.
MEMBER_GONE = Sign(50, "member", "now.answers", Op.EQUALS, False, "{entity} does not answer a ping")
MEMBER_REFUSES = Sign(
    10,
    "member",
    "now.said",
    Op.CONTAINS,
    "refused",
    "its machine refuses the connection: nothing listens",
    direct=True,
)
UNHEALTHY = Sign(
    20, "member", "now.health", Op.EQUALS, False, "the other members call it unhealthy"
)
PD_SERVES = Sign(20, "members", "now.serves", Op.EQUALS, True, "PD answers")
HAS_LEADER = Sign(
    10, "members", "now.leader", Op.DIFFERS, "", "PD has a leader: {value}", about="pd"
)
WAS_LEADER = Sign(-30, "member", "before.leader", Op.EQUALS, True, "it led PD before")
LOG_ELECTION = Sign(
    20,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "PD's log tells of the loss or election of a leader",
    where="no longer a leader|lost leader|leader changed|campaign|etcd leader changed|pd leader is changed|elected leader|leader is deleted|ready to campaign",
    about="pd:*",
    recent=True,
)

NOBODY_GONE = Sign(-25, "members", "now.missing", Op.AT_MOST, 0, "every member answers", about="pd")
# The lead of PD was moved, or a member was restarted on purpose: by PD's own record or the cluster's.
_BY_HAND = "transfer|resign|handed over|hand over|handover|moved the lead|leader moved"
_PLANNED = f'{_BY_HAND}|"what":"restart"|"what":"deploy"|"what":"version"'
TRANSFERRED = tuple(
    Sign(
        -70,
        "change",
        "changes",
        Op.COUNT_AT_LEAST,
        1,
        "a move of its lead, or a restart of it, was recorded just now",
        about=about,
        where=where,
        recent=True,
    )
    for about, where in (
        ("pd*", _PLANNED),
        ("cluster", "member leader|pd leader|leader of pd|pd's lead|lead of pd|restart of pd"),
    )
)
# Planned and through: all members answer, and one of them leads.
HANDED_OVER = tuple(
    replace(one, points=50, only_if=((NOBODY_GONE,), (HAS_LEADER,))) for one in TRANSFERRED
)
NO_STORE_HEARD = Sign(
    30,
    "spread",
    "heard_share",
    Op.AT_MOST,
    0.0,
    "PD has not heard from any store lately: a new leader starts from old heartbeat times",
    about="cluster",
)

OFFSET = Sign(
    60, "share", "clock_offset_abs_s", Op.AT_LEAST, 0.5, "its clock is {value} s off", direct=True
)
SLOW_CLOCK = Sign(
    45,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "PD saw system time fall behind its timestamps ({times})",
    source="tso_clock_slow",
    direct=True,
)
CLOCK_LOG = Sign(
    35,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log tells of a clock that jumped",
    where="system time slow|clock offset|time jump|jump backward|clock drift|system time may incorrect|monotonic time jumped|clock skew",
    recent=True,
)
SLOW_ETCD = Sign(
    -45,
    "reading",
    "now",
    Op.AT_LEAST,
    0.1,
    "etcd takes {value} s to write: that delays timestamps, too",
    about="pd:*",
    source="etcd_fsync_p99_s",
)

FORGOT = Sign(
    30,
    "spread",
    "silent_share",
    Op.AT_LEAST,
    0.67,
    "PD misses {share} of all stores at once: a new leader starts from old heartbeat times",
    about="cluster",
    unless=(NO_STORE_HEARD,),
)
# What PD then says of its stores is memory: nothing is missing for that.
_ANOTHER = (replace(NEW_LEADER, about="pd"), replace(CHANGES, about="pd"))
PD_FORGOT = tuple(replace(one, points=-60, only_if=(_ANOTHER,)) for one in (FORGOT, NO_STORE_HEARD))

EVERY_MEMBER = replace(NOBODY_GONE, points=20)
RULES = (
    Rule(
        "observer_blind",
        only("pd"),
        must=((FOREIGN,), (MAJORITY,), (EVERY_MEMBER,)),
        must_not=(
            *(NO_MAJORITY, NO_LEADER, NEW_LEADER, CHANGES),
            *(pd_etcd.NO_SPACE, replace(pd_etcd.FSYNC, about="pd:*")),
        ),
        tickets=frozenset(("observer_blind", "pd_no_leader", "pd_member_down")),
    ),
    Rule(
        "pd_leader_loss",
        only("pd"),
        must=((NEW_LEADER, CHANGES), (MAJORITY,), (FORGOT, NO_STORE_HEARD)),
        signs=(LOG_ELECTION, *TRANSFERRED, NOBODY_GONE),
        must_not=HANDED_OVER,
        tickets=frozenset(("store_down", "quorum_margin", "region_health")),
    ),
    Rule(
        "pd_leader_loss",
        only("pd"),
        must=((NO_LEADER, NOT_SERVING, NEW_LEADER, CHANGES), (MAJORITY,)),
        signs=(
            *(SAID_NO_LEADER, LOG_ELECTION, *TRANSFERRED, NOBODY_GONE),
            against(pd_etcd.NO_SPACE, 60),
        ),
        must_not=(NO_MAJORITY, *HANDED_OVER),
        tickets=frozenset(("pd_no_leader", "pd_member_down", "pd_leader_change")),
    ),
    Rule(
        "pd_quorum_loss",
        only("pd"),
        must=((NO_MAJORITY,), (NO_LEADER, NOT_SERVING)),
        signs=(SAID_NO_LEADER,),
        tickets=frozenset(("pd_no_leader", "pd_member_down")),
    ),
    Rule(
        "pd_member_down",
        members,
        must=((MEMBER_GONE,), (HAS_LEADER,)),
        signs=(MEMBER_REFUSES, EXITED, PAUSED, DETACHED, UNHEALTHY, PD_SERVES, WAS_LEADER),
        tickets=frozenset(("pd_member_down",)),
    ),
    Rule(
        "clock_step",
        nodes,
        must=((OFFSET, CLOCK_LOG),),
        signs=(pd_etcd.TSO_WAITS,),
        tickets=frozenset(("clock_step", "pd_no_leader", "high_latency", "clock")),
    ),
    Rule(
        "clock_step",
        only("pd"),
        must=((SLOW_CLOCK,),),
        signs=(pd_etcd.TSO_WAITS, SLOW_ETCD),
        tickets=frozenset(("clock_step", "pd_no_leader", "high_latency", "clock")),
    ),
)
