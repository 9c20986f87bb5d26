"""Causes that lie in the etcd inside PD: out of its quota, data that differs, a disk slow to sync.

PD does not export etcd's alarms: what it says of them stands in its members' logs.
"""

from __future__ import annotations

from core.diagnosis.model import Op
from core.diagnosis.rules.life import ENDED
from core.diagnosis.rules.sign import Rule, Sign, members, only

NO_SPACE = Sign(
    90,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "PD's log says that its etcd has reached its quota, {times}",
    about="pd:*",
    where="database space exceeded|alarm=nospace|alarm:nospace|nospace alarm",
    recent=True,
    direct=True,
)
DIFFERS = Sign(
    85,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log says that its data differs from that of the other members",
    where="found data inconsistency with peers|found different hash values|data inconsistency detected",
    recent=True,
    direct=True,
)
CORRUPT = Sign(
    15,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "a member's log tells of etcd's alarm CORRUPT",
    about="pd:*",
    where="alarm=corrupt|alarm:corrupt|corrupt alarm",
    recent=True,
)
FSYNC = Sign(
    60,
    "reading",
    "now",
    Op.AT_LEAST,
    0.1,
    "its etcd takes {value} s to sync its log (99th percentile)",
    source="etcd_fsync_p99_s",
    direct=True,
)
SLOW_LOG = Sign(
    25,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log tells of slow syncs",
    where="slow fdatasync|kv gets too slow|took too long|wal sync|leader failed to send out heartbeat on time",
    recent=True,
)
TSO_WAITS = Sign(
    10,
    "reading",
    "now",
    Op.AT_LEAST,
    0.1,
    "handing out timestamps takes {value} s",
    source="tso_p99_s",
    about="pd",
)
_PD = frozenset(("pd_no_leader", "pd_leader_change", "pd_member_down", "alarm_active"))

RULES = (
    Rule(
        "etcd_no_space",
        only("pd"),
        must=((NO_SPACE,),),
        tickets=_PD | {"db_size_quota", "high_latency", "requests"},
    ),
    Rule(
        "etcd_corrupt",
        members,
        must=((DIFFERS,),),
        signs=(CORRUPT, *ENDED),
        tickets=_PD,
    ),
    Rule(
        "etcd_slow_disk",
        members,
        must=((FSYNC,),),
        signs=(SLOW_LOG, TSO_WAITS),
        tickets=frozenset(
            (
                *("fsync_slow", "high_latency", "store_slow", "write_latency"),
                *("pd_no_leader", "pd_leader_change", "leader_changes", "clock_step"),
            )
        ),
    ),
)
