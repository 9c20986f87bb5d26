"""Causes that lie in an etcd cluster: its members' processes and network, its majority, room and disks."""

from __future__ import annotations

from core.diagnosis.model import Op, Snapshot
from core.diagnosis.rules.endings import (
    ASKED_EVENT,
    ASKED_LOG,
    DIE_137,
    EXIT_137,
    FAILED_DIE,
    FAILED_EXIT,
    FATAL_LOG,
    MANY_DEATHS,
    OOM_EVENT,
    OOM_FLAG,
    OOM_LOG,
    SIGNAL_9,
    SUDDEN,
    ZERO_EXIT,
)
from core.diagnosis.rules.endings import NO_SPACE as DISK_FULL
from core.diagnosis.rules.life import (
    ANSWERS,
    DETACHED,
    EXITED,
    GONE,
    NOT_ANSWERING,
    PAUSED,
    REFUSED,
    RUNNING,
    TIMED_OUT,
    UNROUTED,
)
from core.diagnosis.rules.network import CUT_EVENT
from core.diagnosis.rules.sign import Rule, Sign, against, only

ETCD = "etcd"

NO_LEADER = Sign(
    30, "members", "now.leader", Op.EQUALS, "", "no member knows a leader", direct=True
)
NO_MAJORITY = Sign(
    60,
    "members",
    "now.majority",
    Op.EQUALS,
    False,
    "half of the voters or fewer answer",
    direct=True,
)
NO_SPACE = Sign(
    80, "members", "now.alarms", Op.CONTAINS, "NOSPACE", "etcd has raised: {value}", direct=True
)
CORRUPT = Sign(
    80, "members", "now.alarms", Op.CONTAINS, "CORRUPT", "etcd has raised: {value}", direct=True
)
UNHEARD = Sign(
    15,
    "member",
    "now.said",
    Op.CONTAINS,
    "no other member hears",
    "no other member hears from it",
)
HEARD = Sign(
    70,
    "member",
    "now.life",
    Op.EQUALS,
    "unseen",
    "other members hear from it, though it does not answer here",
    direct=True,
)
ISOLATED = Sign(
    60,
    "member",
    "now.life",
    Op.EQUALS,
    "cut off",
    "it answers here, and has no leader while others have one",
    direct=True,
)
SLOW_SYNC = Sign(
    60,
    "reading",
    "now",
    Op.AT_LEAST,
    0.01,
    "its log takes {value} s to sync (99th percentile; should be below 0.01)",
    source="fsync_p99_s",
    direct=True,
)
SLOW_COMMIT = Sign(
    55,
    "reading",
    "now",
    Op.AT_LEAST,
    0.025,
    "its backend takes {value} s to commit (99th percentile; should be below 0.025)",
    source="commit_p99_s",
    direct=True,
)
WAITING = Sign(
    10,
    "reading",
    "now",
    Op.AT_LEAST,
    10,
    "{value} proposals wait in it",
    source="proposals_pending",
)

_DOWN = frozenset(("member_down", "quorum_margin", "no_leader"))


def members(snapshot: Snapshot) -> tuple[str, ...]:
    """Every member of an etcd cluster."""
    return tuple(one for one in snapshot.entities if one.startswith("member:"))


RULES = (
    Rule(
        "process_killed",
        members,
        must=(GONE,),
        signs=(
            *(SIGNAL_9, EXIT_137, DIE_137, REFUSED, SUDDEN, UNHEARD),
            *(against(OOM_FLAG, 90), against(OOM_EVENT, 90), against(OOM_LOG, 80)),
            *(against(FATAL_LOG, 60), against(FAILED_EXIT, 70), against(FAILED_DIE, 50)),
            *(against(ASKED_EVENT, 30), against(ASKED_LOG, 40), against(ZERO_EXIT, 40)),
            against(MANY_DEATHS, 60),
            *(against(RUNNING, 30), against(UNROUTED, 30)),
        ),
        must_not=(
            *(against(PAUSED, 90), against(DETACHED, 90), against(ANSWERS, 70)),
            against(HEARD, 90),
        ),
        tickets=_DOWN,
    ),
    Rule(
        "network_cut_two_way",
        members,
        must=((NOT_ANSWERING, DETACHED), (DETACHED, CUT_EVENT, UNROUTED)),
        signs=(TIMED_OUT, RUNNING, UNHEARD, against(REFUSED, 60)),
        must_not=(
            *(against(EXITED, 80), against(PAUSED, 90), against(ANSWERS, 60)),
            against(HEARD, 90),
        ),
        tickets=_DOWN,
    ),
    Rule(
        "network_cut_one_way",
        members,
        must=((ISOLATED,),),
        signs=(RUNNING, ANSWERS),
        tickets=_DOWN,
    ),
    Rule(
        "observer_blind",
        members,
        must=((HEARD,),),
        signs=(RUNNING,),
        must_not=(against(EXITED, 90), against(PAUSED, 90), against(DETACHED, 90)),
        tickets=frozenset(("observer_blind", "member_down")),
    ),
    Rule(
        "etcd_quorum_loss",
        only(ETCD),
        must=((NO_MAJORITY,), (NO_LEADER,)),
        tickets=_DOWN,
    ),
    Rule(
        "etcd_no_space",
        only(ETCD),
        must=((NO_SPACE,),),
        tickets=frozenset(("alarm_active", "db_size_quota")),
        not_for=frozenset(("member_down",)),
    ),
    Rule(
        "disk_full",
        members,
        must=((DISK_FULL,),),
        signs=(NOT_ANSWERING, EXITED, FATAL_LOG),
        tickets=_DOWN | {"fsync_slow"},
    ),
    Rule(
        "etcd_corrupt",
        only(ETCD),
        must=((CORRUPT,),),
        tickets=frozenset(("alarm_active",)),
        not_for=frozenset(("member_down",)),
    ),
    Rule(
        "etcd_slow_disk",
        members,
        must=((SLOW_SYNC, SLOW_COMMIT),),
        signs=(WAITING,),
        tickets=frozenset(("fsync_slow", "leader_changes", "member_lagging")),
        not_for=frozenset(("member_down", "quorum_margin", "alarm_active", "db_size_quota")),
    ),
)
