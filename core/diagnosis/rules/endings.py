"""Signs of how a node's process ended: killed, out of memory, failed, asked to stop."""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.model import Op
from core.diagnosis.rules.life import (
    ANSWERS,
    LOGS_ON,
    LOST_PD,
    LOST_PEERS,
    RESTARTED,
    YOUNG,
    YOUNG_PD,
)
from core.diagnosis.rules.sign import Sign

OOM_FLAG = Sign(
    70,
    "container",
    "now.oom_killed",
    Op.EQUALS,
    True,
    "Docker: it was killed for lack of memory",
    direct=True,
)
OOM_EVENT = Sign(
    70,
    "event",
    "events",
    Op.COUNT_AT_LEAST,
    1,
    "Docker reported out of memory",
    where='"action":"oom"',
    recent=True,
    direct=True,
)
OOM_LOG = Sign(
    60,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "a log line says that the kernel killed it for memory",
    where="out of memory: kill|oom-kill|oom_reaper|oom killer|oom-killer|memory cgroup out of memory",
    recent=True,
    direct=True,
)
SIGNAL_9 = Sign(
    60,
    "event",
    "events",
    Op.COUNT_AT_LEAST,
    1,
    "Docker reported SIGKILL from outside",
    where='"signal":"9"|"signal":"sigkill"',
    recent=True,
    direct=True,
)
EXIT_137 = Sign(
    25, "container", "now.exit_code", Op.EQUALS, 137, "it ended by SIGKILL (exit code 137)"
)
DIE_137 = Sign(
    15,
    "event",
    "events",
    Op.COUNT_AT_LEAST,
    1,
    "its end was by SIGKILL (exit code 137)",
    where='"exit_code":137',
    recent=True,
)
ASKED_EVENT = Sign(
    50,
    "event",
    "events",
    Op.COUNT_AT_LEAST,
    1,
    "Docker was asked to stop or restart it",
    where='"action":"stop"|"action":"restart"|"signal":"15"|"signal":"sigterm"',
    recent=True,
    direct=True,
)
# The process itself must speak: words that a field quotes may be anybody's.
ASKED_LOG = Sign(
    50,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log says that it was asked to stop, and did",
    where="] receive signal 15|] receive signal sigterm|] stopping server|] tikv is shut down|] got signal to exit"
    "|] close server|] graceful shutdown|] received sigterm|] received signal; shutting down",
    recent=True,
    direct=True,
)
FATAL_LOG = Sign(
    65,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log ends with a fatal error or panic",
    where="^[fatal]|^thread '|^panic|^fatal error|] panicked at|] thread panicked|segfault|sigsegv",
    recent=True,
    direct=True,
)
MEMORY_HIGH = Sign(
    35, "share", "memory_ratio_max", Op.AT_LEAST, 0.9, "it used {share} of its memory limit before"
)
ZERO_EXIT = Sign(15, "container", "now.exit_code", Op.EQUALS, 0, "it ended with exit code 0")
FAILED_EXIT = Sign(
    35,
    "container",
    "now.exit_code",
    Op.ONE_OF,
    (1, 2, 101, 132, 134, 135, 136, 139),
    "it ended by itself, with exit code {value}",
)
FAILED_DIE = Sign(
    25,
    "event",
    "events",
    Op.COUNT_AT_LEAST,
    1,
    "Docker saw it end with an error of its own",
    where='"exit_code":1,|"exit_code":1}|"exit_code":2,|"exit_code":2}|"exit_code":101|"exit_code":134|"exit_code":139',
    recent=True,
)
MANY_DEATHS = Sign(
    60,
    "event",
    "events",
    Op.COUNT_AT_LEAST,
    3,
    "its container ended {times} within minutes",
    where='"action":"die"',
    recent=True,
    direct=True,
)
MANY_STARTS = Sign(
    60,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    3,
    "its log shows {count:start} within minutes",
    where="welcome to tikv|welcome to placement driver",
    recent=True,
    direct=True,
)
# Kubernetes and Docker start a process again within seconds; what has run for minutes is no loop.
STEADY = Sign(
    -60,
    "reading",
    "now",
    Op.AT_LEAST,
    120,
    "it answers, and its process has been running for {value} s",
    source="uptime_s",
    only_if=((ANSWERS,),),
)
MANY_RESTARTS = Sign(
    55,
    "share",
    "restarts",
    Op.AT_LEAST,
    3,
    "Docker restarted it {times} within minutes",
    direct=True,
)
# What a log does not say counts only where it reaches to the end.
LOG_REACHES = Sign(
    0,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log was written to until then",
    recent=True,
    within_s=300,
)
NO_GOODBYE = Sign(
    20,
    "log",
    "lines",
    Op.COUNT_AT_MOST,
    0,
    "its log stops without a word of stopping or failing",
    where="receive signal|stopping server|shut down|[fatal]|panic|got signal to exit|close server|out of memory|oom-kill|shutting down",
    recent=True,
    only_if=((LOG_REACHES,),),
    unless=(ANSWERS, LOGS_ON, LOST_PD, LOST_PEERS),
)
_BEGINS = replace(MANY_STARTS, value=1, direct=False, within_s=300)
BEGINS_ANEW = replace(
    NO_GOODBYE,
    words="its log begins anew without a word of stopping or failing",
    only_if=((LOG_REACHES,), (_BEGINS,)),
    unless=(),
)
ROOM_IN_MEMORY = Sign(
    -25, "share", "memory_ratio_max", Op.AT_MOST, 0.75, "it used only {share} of its memory limit"
)
# The kernel that kills for memory leaves no word in the log, either: that it had room must be seen.
SUDDEN = replace(NO_GOODBYE, only_if=((LOG_REACHES,), (ROOM_IN_MEMORY,)))
NO_SPACE = Sign(
    65,
    "log",
    "lines",
    Op.COUNT_AT_LEAST,
    1,
    "its log says that the disk is full",
    where="no space left|disk full|diskfull|disk is full|enospc|space is not enough",
    recent=True,
    direct=True,
)
PLANNED = Sign(
    20,
    "change",
    "changes",
    Op.COUNT_AT_LEAST,
    1,
    "a restart or rollout was recorded shortly before",
    where='"what":"restart"|"what":"deploy"|"what":"version"',
    recent=True,
)
# Where nobody saw it stop: it was to be restarted, it is young, and it is back.
PLANNED_AND_BACK = replace(
    PLANNED,
    points=35,
    words="a restart of it was recorded, and it is back since",
    where='"what":"restart"',
    only_if=((ANSWERS,), (YOUNG, YOUNG_PD, RESTARTED)),
)
# Somebody who empties a store first, and ends that once it is back, means it to be restarted.
EMPTIED_FIRST = Sign(
    35,
    "share",
    "evicted_before_start_s",
    Op.AT_LEAST,
    0,
    "its leaders were evicted {value} s before its process started anew, and it is back since",
    only_if=((ANSWERS,), (YOUNG, YOUNG_PD, RESTARTED)),
)
# Of Prometheus alone: each start lets the uptime begin anew.
STARTS_SEEN = Sign(
    60,
    "reading",
    "falls",
    Op.AT_LEAST,
    3,
    "its uptime began anew {times} within a quarter of an hour",
    source="uptime_s",
    unless=(PLANNED,),
)
EVICTED = Sign(
    10,
    "pd",
    "body.store-id-ranges.{id}",
    Op.EXISTS,
    None,
    "its leaders were moved off it",
    about="pd",
    source="/scheduler-config/evict-leader-scheduler/list",
)

# Nobody saw how it ended: the same silence follows a crash, a kill, and a machine that was turned off.
UNWITNESSED = Sign(
    -5,
    "probe",
    "now.ok",
    Op.EQUALS,
    False,
    "that {entity} does not answer does not tell how it ended",
    unless=(SIGNAL_9, EXIT_137, DIE_137, SUDDEN),
)
