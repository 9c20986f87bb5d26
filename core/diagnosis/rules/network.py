"""Causes that lie between nodes: cut off altogether, cut off from some, and the bot that is blind."""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.compare import HEARD_AFTER_S
from core.diagnosis.model import Op
from core.diagnosis.rules.endings import PLANNED
from core.diagnosis.rules.fine_signs import ALL_ANSWER, ALL_UP
from core.diagnosis.rules.life import (
    AHEAD,
    BEHIND,
    DETACHED,
    EXITED,
    HEARTBEATS,
    IDLE,
    JUST_BEGUN,
    LEADER_KNOWN,
    LOG_STOPPED,
    LOGS_ON,
    LOST_PD,
    LOST_PEERS,
    NOT_ANSWERING,
    NOT_LEFT,
    PAUSED,
    PD_SILENT,
    PEERS_MISS,
    REFUSED,
    RUNNING,
    SERVES_NOTHING,
    TIMED_OUT,
    UNROUTED,
    YOUNG,
    YOUNG_PD,
)
from core.diagnosis.rules.sign import Rule, Sign, against, only, stores
from core.diagnosis.rules.watch import NO_PROMETHEUS, STALE_BEYOND

_DOWN = frozenset(("store_down", "quorum_margin"))

CUT_EVENT = Sign(
    50,
    "event",
    "events",
    Op.COUNT_AT_LEAST,
    1,
    "Docker disconnected it from a network",
    where='"action":"disconnect"',
    recent=True,
    direct=True,
)
LOG_GOES_ON = Sign(
    15,
    "log",
    "quiet_s",
    Op.AT_MOST,
    15,
    "its log goes on: the process runs",
    only_if=((LOGS_ON,),),
)
ANSWERS = Sign(15, "probe", "now.ok", Op.EQUALS, True, "it answers the bot")
PD_DEAF = Sign(
    35,
    "store",
    "now.heartbeat_age_s",
    Op.AT_LEAST,
    20,
    "PD has not heard from it for {value} s",
    only_if=((PD_SILENT,), (LEADER_KNOWN,)),  # by its own clock, and not by a new leader's memory
)
MISSED = replace(PEERS_MISS, unless=JUST_BEGUN)
PD_HEARS = Sign(
    25, "store", "now.heartbeat_age_s", Op.AT_MOST, 12, "PD still hears from it: {value} s ago"
)
PD_HEARD_SINCE = Sign(
    25,
    "share",
    "heard_while_silent_s",
    Op.AT_LEAST,
    HEARD_AFTER_S,
    "PD heard from it {value} s after it fell silent to us",
)
PD_UP = Sign(10, "store", "now.state", Op.EQUALS, "Up", "PD calls it Up")
SCRAPED = Sign(15, "reading", "now", Op.AT_LEAST, 1, "Prometheus scrapes it", source="up")
SERVES = Sign(
    15, "reading", "now", Op.AT_LEAST, 1.0, "it serves {value} requests a second", source="qps"
)
MOST_SILENT = Sign(
    -90,
    "spread",
    "silent_share",
    Op.AT_LEAST,
    0.67,
    "PD misses {share} of all stores at once: it is PD's memory, not the stores",
    about="cluster",
)
ANOTHER_GONE = Sign(
    -60,
    "spread",
    "blind_share",
    Op.AT_LEAST,
    0.001,
    "another store does not answer: its peers miss that one",
    about="cluster",
)
MISSES_MOST = Sign(
    25,
    "share",
    "missing_peers_ratio",
    Op.AT_LEAST,
    1.5,
    "it misses {value} times as many stores as the others do",
)
MISSES_FEW = Sign(
    -70,
    "share",
    "missing_peers_ratio",
    Op.AT_MOST,
    0.8,
    "another store misses more: it misses {share} of what the others do on average",
)
MISSES = Sign(
    10,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "it reports {count:other store} unreachable",
    source="missing_peers",
)
# Of what a log says alone nobody is cut off: somebody else must miss them, or it them, by the figures.
LOST_AND_MISSED = replace(
    LOST_PEERS,
    only_if=(*LOST_PEERS.only_if, (replace(PEERS_MISS, about="store:*"), MISSES, PD_DEAF)),
)
NEW_PD_LEADER = Sign(
    -50,
    "members",
    "leader",
    Op.CHANGED,
    None,
    "PD's leader changed ({value}): heartbeat times start from old ones",
    about="pd",
)
# A machine that is off and a way that is cut look the same from outside.
OR_DEAD = Sign(
    -25,
    "probe",
    "now.ok",
    Op.EQUALS,
    False,
    "nothing that was seen tells a machine that is off from a way that is cut",
    unless=(RUNNING, LOG_GOES_ON, LOST_PD, LOST_PEERS, DETACHED, CUT_EVENT),
)
# From outside a process whose threads are stuck looks the same: its status port answers, PD hears nothing.
OR_STUCK = Sign(
    -25,
    "probe",
    "now.ok",
    Op.EQUALS,
    True,
    "that its status port answers does not tell that it works",
    unless=(SERVES, LOST_PD, LOST_AND_MISSED, PEERS_MISS, MISSES),
)
EVERY_STORE_ANSWERS = replace(ALL_ANSWER, about="cluster")
CUT_OFF = (DETACHED, CUT_EVENT, UNROUTED, TIMED_OUT)
ALL_BLIND = Sign(
    45,
    "spread",
    "blind_share",
    Op.AT_LEAST,
    0.99,
    "no store at all answers the bot",
    about="cluster",
    direct=True,
)
ALL_HEARD = Sign(
    35,
    "spread",
    "heard_while_blind_share",
    Op.AT_LEAST,
    0.99,
    "PD heard from every store after it fell silent to us",
    about="cluster",
    direct=True,
)
QPS_GOES_ON = Sign(
    15,
    "reading",
    "now",
    Op.AT_LEAST,
    1.0,
    "the cluster serves {value} requests a second",
    about="cluster",
    source="qps_total",
)
PEERS_CONTENT = Sign(
    15, "reading", "now", Op.AT_MOST, 0.01, "no other store misses it", source="unreachable_per_s"
)
RUNS = Sign(10, "container", "now.status", Op.EQUALS, "running", "Docker: its container runs")

_FOUND = (
    Rule(
        "network_cut_two_way",
        stores,
        must=((NOT_ANSWERING, DETACHED), (DETACHED, CUT_EVENT, UNROUTED, LOST_PD, LOST_PEERS)),
        signs=(
            *(TIMED_OUT, RUNNING, PD_SILENT, PEERS_MISS, LOG_GOES_ON),
            *(against(REFUSED, 60), HEARTBEATS, against(LOG_STOPPED, 15), OR_DEAD),
        ),
        must_not=(against(EXITED, 80), against(PAUSED, 90), against(ANSWERS, 60)),
        tickets=_DOWN,
    ),
    Rule(
        "network_cut_one_way",
        stores,
        must=((ANSWERS, PD_HEARS), (PD_DEAF, MISSED, LOST_AND_MISSED)),
        signs=(
            *(PD_UP, SCRAPED, SERVES, LOST_PD, RUNS, OR_STUCK),
            *(against(IDLE, 30), against(SERVES_NOTHING, 20)),
            *(MOST_SILENT, NEW_PD_LEADER, ANOTHER_GONE, MISSES_MOST, MISSES_FEW),
        ),
        must_not=(
            against(EXITED, 80),
            against(PAUSED, 90),
            against(DETACHED, 90),
            against(NOT_ANSWERING, 30),
        ),
        tickets=_DOWN | {"region_health", "high_latency", "leader_imbalance"},
    ),
    Rule(
        "observer_blind",
        only("nodes"),
        must=((ALL_BLIND,), (ALL_HEARD,)),
        signs=(QPS_GOES_ON,),
        tickets=frozenset(("observer_blind", "store_down")),
    ),
    Rule(
        "observer_blind",
        only("nodes"),
        must=((AHEAD, BEHIND), (replace(ALL_UP, about="cluster"),), (EVERY_STORE_ANSWERS,)),
        must_not=(replace(NO_PROMETHEUS, about="prometheus"), STALE_BEYOND),
        tickets=frozenset(("observer_blind", "prometheus_stale", "store_down")),
    ),
    Rule(
        "observer_blind",
        stores,
        must=((NOT_ANSWERING,), (PD_HEARD_SINCE,), (SCRAPED, SERVES, PEERS_CONTENT)),
        signs=(PD_UP, RUNS, against(PEERS_MISS, 50), against(PLANNED, 40)),
        must_not=(
            *(against(EXITED, 90), against(PAUSED, 90), against(DETACHED, 90)),
            # What PD heard may be of the process that came after the one that we miss.
            *(against(YOUNG, 40), against(YOUNG_PD, 40)),
        ),
        tickets=frozenset(("observer_blind", "store_down")),
    ),
)

# Of a store that left the cluster for good nothing of this matters any more.
RULES = tuple(replace(one, must_not=(*one.must_not, *NOT_LEFT)) for one in _FOUND)
