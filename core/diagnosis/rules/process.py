"""Causes that lie in a node's process: killed, crashed, looping, out of memory, hung, asked to stop."""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.rules import pd_etcd
from core.diagnosis.rules.endings import (
    ASKED_EVENT,
    ASKED_LOG,
    BEGINS_ANEW,
    DIE_137,
    EMPTIED_FIRST,
    EVICTED,
    EXIT_137,
    FAILED_DIE,
    FAILED_EXIT,
    FATAL_LOG,
    MANY_DEATHS,
    MANY_RESTARTS,
    MANY_STARTS,
    MEMORY_HIGH,
    NO_GOODBYE,
    NO_SPACE,
    OOM_EVENT,
    OOM_FLAG,
    OOM_LOG,
    PLANNED,
    PLANNED_AND_BACK,
    ROOM_IN_MEMORY,
    SIGNAL_9,
    STARTS_SEEN,
    STEADY,
    SUDDEN,
    UNWITNESSED,
    ZERO_EXIT,
)
from core.diagnosis.rules.life import (
    ANSWERS,
    DETACHED,
    ENDED,
    EXITED,
    GONE,
    HEARTBEATS,
    IDLE,
    LEADS_NOTHING,
    LOG_STOPPED,
    LOST_PD,
    LOST_PEERS,
    MEMBER_SILENT,
    NOT_ANSWERING,
    NOT_LEFT,
    OR_CUT,
    PAUSED,
    PD_SILENT,
    PEERS_MISS,
    QUEUES_FULL,
    REFUSED,
    RESTARTED,
    RESTARTING,
    RUNNING,
    SERVES_NOTHING,
    TIMED_OUT,
    UNROUTED,
    YOUNG,
)
from core.diagnosis.rules.sign import Rule, against, nodes, stores

_DOWN = frozenset(
    ("store_down", "quorum_margin", "pd_member_down", "process_gone", "member_down", "no_leader")
)
_BACK = _DOWN | {"store_restarted"}

_FOUND = (
    Rule(
        "process_killed",
        stores,
        must=(GONE,),
        signs=(
            *(SIGNAL_9, EXIT_137, DIE_137, REFUSED, PD_SILENT, PEERS_MISS, SUDDEN),
            *(against(OOM_FLAG, 90), against(OOM_EVENT, 90), against(OOM_LOG, 80)),
            *(against(FATAL_LOG, 60), against(FAILED_EXIT, 70), against(FAILED_DIE, 50)),
            *(against(ASKED_EVENT, 30), against(ASKED_LOG, 40), against(ZERO_EXIT, 40)),
            *(against(MEMORY_HIGH, 40), against(TIMED_OUT, 25), against(MANY_DEATHS, 60)),
            *(against(RUNNING, 30), against(UNROUTED, 30), HEARTBEATS),
            UNWITNESSED,
        ),
        must_not=(against(PAUSED, 90), against(DETACHED, 90), against(ANSWERS, 70)),
        tickets=_DOWN,
    ),
    # One that is back: that it ended was seen, and not how; without a witness it is never likely.
    Rule(
        "process_killed",
        stores,
        must=((replace(ANSWERS, points=0),), (RESTARTED, YOUNG), (BEGINS_ANEW,)),
        signs=(
            *(against(OOM_FLAG, 90), against(OOM_EVENT, 90), against(OOM_LOG, 80), SIGNAL_9),
            *(against(FAILED_EXIT, 70), against(FAILED_DIE, 50), against(MEMORY_HIGH, 40)),
            *(against(ASKED_EVENT, 60), against(PLANNED, 40), against(EMPTIED_FIRST, 60)),
        ),
        tickets=_DOWN,
    ),
    Rule(
        "process_crashed",
        nodes,
        must=(ENDED, (FATAL_LOG, FAILED_EXIT, FAILED_DIE)),
        signs=(
            *(against(NO_SPACE, 60), against(pd_etcd.DIFFERS, 60)),
            *(REFUSED, PD_SILENT, PEERS_MISS, against(OOM_FLAG, 60), against(OOM_EVENT, 60)),
            *(against(SIGNAL_9, 40), against(ASKED_EVENT, 20), against(OOM_LOG, 50)),
        ),
        must_not=(against(PAUSED, 90),),
        tickets=_BACK,
    ),
    Rule(
        "crash_loop",
        nodes,
        must=((MANY_DEATHS, MANY_STARTS, MANY_RESTARTS, STARTS_SEEN),),
        signs=(*(RESTARTING, YOUNG, NOT_ANSWERING, FATAL_LOG, FAILED_EXIT),),
        must_not=(STEADY,),
        tickets=_BACK,
    ),
    Rule(
        "out_of_memory",
        nodes,
        must=(ENDED, (OOM_FLAG, OOM_EVENT, OOM_LOG, MEMORY_HIGH)),
        signs=(
            *(EXIT_137, DIE_137, REFUSED, PD_SILENT, YOUNG, NO_GOODBYE, ROOM_IN_MEMORY),
            *(against(ASKED_EVENT, 40), against(ASKED_LOG, 40), against(FATAL_LOG, 30)),
        ),
        must_not=(against(PAUSED, 90), against(SIGNAL_9, 60)),
        tickets=_BACK,
    ),
    Rule(
        "process_hung",
        nodes,
        must=(
            (PAUSED, NOT_ANSWERING, MEMBER_SILENT, IDLE),
            (PAUSED, TIMED_OUT, RUNNING, IDLE),
        ),
        signs=(
            *(
                PD_SILENT,
                PEERS_MISS,
                LOG_STOPPED,
                OR_CUT,
                QUEUES_FULL,
                SERVES_NOTHING,
                LEADS_NOTHING,
            ),
            *(against(REFUSED, 50), against(UNROUTED, 40), HEARTBEATS, against(ANSWERS, 20)),
            *(against(FATAL_LOG, 30), against(SIGNAL_9, 40)),
            *(against(LOST_PD, 40), against(LOST_PEERS, 45)),
        ),
        must_not=(against(EXITED, 80), against(DETACHED, 90)),
        tickets=_DOWN,
    ),
    Rule(
        "graceful_restart",
        nodes,
        must=(ENDED, (ASKED_EVENT, ASKED_LOG, PLANNED_AND_BACK, EMPTIED_FIRST)),
        signs=(
            *(ZERO_EXIT, PLANNED, EVICTED, PD_SILENT, RESTARTED),
            *(against(OOM_EVENT, 60), against(FATAL_LOG, 50), against(MANY_DEATHS, 40)),
            *(against(EXIT_137, 25), against(DIE_137, 15), against(SIGNAL_9, 20)),
        ),
        must_not=(against(PAUSED, 90),),
        tickets=_BACK,
    ),
)

# Of a store that left the cluster for good nothing of this matters any more.
RULES = tuple(replace(one, must_not=(*one.must_not, *NOT_LEFT)) for one in _FOUND)
