"""Signs of life and of its end: what tells of a node's process, and how it ended."""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.compare import HEARD_AFTER_S
from core.diagnosis.lost_peers import LOST
from core.diagnosis.model import Op
from core.diagnosis.rules.sign import Sign, against

NOT_ANSWERING = Sign(
    5, "probe", "now.ok", Op.EQUALS, False, "{entity} does not answer its status port"
)
REFUSED = Sign(
    25,
    "probe",
    "now.said",
    Op.CONTAINS,
    "refused|reset",
    "its machine refuses the connection: nothing listens",
)
TIMED_OUT = Sign(
    20, "probe", "now.said", Op.CONTAINS, "timed out|timeout|deadline", "its status port: {value}"
)
MEMBER_SILENT = Sign(
    5, "member", "now.answers", Op.EQUALS, False, "{entity} does not answer a ping"
)
EXITED = Sign(
    15,
    "container",
    "now.status",
    Op.ONE_OF,
    ("exited", "dead", "restarting"),
    "Docker: its container is {value}",
)
DIED = Sign(
    10,
    "event",
    "events",
    Op.COUNT_AT_LEAST,
    1,
    "Docker reported that its container died",
    where='"action":"die"',
    recent=True,
)
SCRAPE_FAILS = Sign(
    5, "reading", "now", Op.AT_MOST, 0.0, "its metrics cannot be scraped", source="up"
)
YOUNG = Sign(
    5, "reading", "now", Op.AT_MOST, 900, "its process started {value} s ago", source="uptime_s"
)
YOUNG_PD = Sign(
    5,
    "store",
    "now.running_s",
    Op.AT_MOST,
    900,
    "PD: its process started {value} s ago",
    unless=(YOUNG,),
)
RESTARTED = Sign(10, "store", "started_at", Op.CHANGED, None, "PD: its process was replaced")
PD_SILENT = Sign(
    5, "store", "now.state", Op.ONE_OF, ("Disconnected", "Down"), "PD calls it {value}"
)
PEERS_MISS = Sign(
    10,
    "reading",
    "now",
    Op.AT_LEAST,
    0.05,
    "other stores report it unreachable, {value} times a second",
    source="unreachable_per_s",
)

# The stores' ages at once, against PD's own word of them: what is common to all is the watcher's clock.
AHEAD = Sign(
    45,
    "spread",
    "clock_ahead_s",
    Op.AT_LEAST,
    0.0,
    "PD calls its stores Up, and by the bot's clock even the newest heartbeat is {value} s old",
    about="cluster",
)
BEHIND = Sign(
    45,
    "spread",
    "clock_behind_s",
    Op.AT_LEAST,
    0.0,
    "PD heard from a store {value} s in the future, by the bot's clock",
    about="cluster",
)
CLOCKS_DIFFER = (AHEAD, BEHIND)
# A rate is of the minute before: what began since was not yet there to be reached.
JUST_BEGUN = (
    replace(YOUNG, points=0, value=120),
    replace(YOUNG_PD, points=0, value=120, unless=()),
)

ENDED = (NOT_ANSWERING, MEMBER_SILENT, EXITED, DIED, SCRAPE_FAILS, YOUNG, YOUNG_PD, RESTARTED)
GONE = (NOT_ANSWERING, MEMBER_SILENT, EXITED, SCRAPE_FAILS)

PAUSED = Sign(
    75,
    "container",
    "now.status",
    Op.EQUALS,
    "paused",
    "Docker: its container is paused",
    direct=True,
)
RUNNING = Sign(20, "container", "now.status", Op.EQUALS, "running", "Docker: its container runs")
RESTARTING = Sign(
    20, "container", "now.status", Op.EQUALS, "restarting", "Docker: its container is restarting"
)
DETACHED = Sign(
    80,
    "container",
    "now.detached",
    Op.EQUALS,
    True,
    "Docker: its container is on no network",
    direct=True,
)
UNROUTED = Sign(
    40,
    "probe",
    "now.said",
    Op.CONTAINS,
    "no route|unreachable|host is down|no such host|connect timeout",
    "the way to it is gone: {value}",
)
LOG_STOPPED = Sign(
    15,
    "log",
    "quiet_s",
    Op.AT_LEAST,
    20,
    "its log has been silent for {value} s",
    unless=CLOCKS_DIFFER,
)
# From outside a process that hangs and one that is cut off look the same.
OR_CUT = Sign(
    -15,
    "probe",
    "now.said",
    Op.CONTAINS,
    "timed out|timeout|deadline",
    "a time-out alone does not tell a process that hangs from one that is cut off",
    only_if=((RUNNING,),),
    unless=(LOG_STOPPED, PAUSED),
)
ANSWERS = Sign(20, "probe", "now.ok", Op.EQUALS, True, "it answers its status port")
HEARTBEATS = Sign(
    -30,
    "share",
    "heard_while_silent_s",
    Op.AT_LEAST,
    HEARD_AFTER_S,
    "PD heard from it {value} s after it fell silent to us",
)

# Only of a leader that is known can be told whether it has just begun to count.
LEADER_KNOWN = Sign(0, "members", "now.total", Op.AT_LEAST, 1, "PD tells its members", about="pd")
# What leads nothing has nothing to do.
LEADS_SOME = Sign(0, "store", "now.leaders", Op.AT_LEAST, 1, "it leads {count:region}")
IDLE = Sign(
    40,
    "reading",
    "now",
    Op.AT_MOST,
    0.05,
    "its process uses {value} cores: it does next to nothing",
    source="cpu_cores",
    only_if=((LEADS_SOME, PD_SILENT),),
)
QUEUES_FULL = Sign(
    15,
    "reading",
    "now",
    Op.AT_LEAST,
    1,
    "its queues are full, {value} times a second",
    source="channel_full_per_s",
)
LOST_PD = Sign(
    35,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its own log goes on, and says that it cannot reach PD",
    where="failed to connect to pd|pd client|pd heartbeat|failed to update pd"
    "|fail to request pd|request pd|store heartbeat failed|pd server timeout|fail to connect pd"
    "|failed to heartbeat|pd failed to respond",
    during=True,
)
# A store whose peers left for good goes on naming them for days.
OF_LISTED = Sign(
    0, "share", "lost_listed", Op.AT_LEAST, 1, "those that its log says to miss are listed by PD"
)
LOST_PEERS = Sign(
    25,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its own log goes on, and says that it cannot reach other stores",
    where=LOST,
    during=True,
    only_if=((OF_LISTED,),),
)
LOGS_ON = Sign(
    0,
    "share",
    "logged_while_silent_s",
    Op.AT_LEAST,
    HEARD_AFTER_S,
    "its log went on for {value} s after it fell silent to us",
)
LEADS_NOTHING = Sign(
    -70,
    "share",
    "leads_nothing",
    Op.EQUALS,
    True,
    "it answers, PD hears from it, and it leads no region: it has nothing to do",
)
SERVES_NOTHING = Sign(
    10, "reading", "now", Op.AT_MOST, 0.0, "it serves no request at all", source="qps"
)

UNLISTED = Sign(10, "share", "listed", Op.EQUALS, False, "PD does not list it any more")
TOMBSTONE = Sign(
    55, "store", "now.state", Op.EQUALS, "Tombstone", "PD calls it {value}: it left for good"
)
EMPTIED = Sign(10, "store", "now.regions", Op.AT_MOST, 0, "it holds no region any more")
OFFLINE = Sign(10, "store", "now.state", Op.EQUALS, "Offline", "PD calls it {value}: it is leaving")
# While it is Offline it still moves its regions away: dying then is no leaving.
LONG_SILENT = Sign(
    10,
    "store",
    "now.heartbeat_age_s",
    Op.AT_LEAST,
    900,
    "PD last heard from it {value} s ago",
    unless=(OFFLINE,),
)
_TAKEN_OUT = "tombstone|scaled in|scale in|scale-in|scaled-in|decommission|for good|removed from"
# Recorded is not done: it left only when PD lists it no more, or nothing is on it.
SCALED_IN = Sign(
    60,
    "change",
    "changes",
    Op.COUNT_AT_LEAST,
    1,
    "it was taken out of the cluster on purpose",
    where=_TAKEN_OUT,
    direct=True,
    only_if=((UNLISTED, TOMBSTONE, EMPTIED, LONG_SILENT),),
)
_VERBS = ("scale-in", "scale-in of", "scale in", "scaled in", "removed", "store delete", "delete")
# Recorded of the cluster, by the store's name: "store 7" is not in "store 77".
SCALED_IN_BY_NAME = replace(
    SCALED_IN,
    about="cluster",
    where="|".join(
        f"{verb} store {{id}}{end}" for verb in _VERBS for end in (" ", ",", ".", ";", ":", '"')
    ),
)
OFFLINE_EMPTY = Sign(
    55,
    "store",
    "now.state",
    Op.EQUALS,
    "Offline",
    "PD calls it {value}, and it holds no region: it is leaving for good",
    only_if=((EMPTIED,),),
)
LEFT = (SCALED_IN, SCALED_IN_BY_NAME, TOMBSTONE, OFFLINE_EMPTY)
NOT_LEFT = tuple(against(one, 90) for one in LEFT)
