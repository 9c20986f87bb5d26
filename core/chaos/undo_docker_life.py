"""Bringing a container's process back: what a kill, a stop, a crash or a pause took away.

A container that somebody stopped on purpose meanwhile stays as they left it, where the engine's
memory of events (256, lost when it restarts) can tell that.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from core.chaos.undo_docker_engine import START_S, Engine, EngineSaid
from core.chaos.undo_ending import HEALED, NEVER_LANDED, NOT_YET, VANISHED, Healed

Raw = Mapping[str, Any]

# What our own call does to the container, as the engine tells it: never read as somebody's wish.
_OURS = {"kill": ("kill",), "stop": ("kill", "stop"), "restart": ("kill", "stop")}
_FATAL = ("9", "15", "2", "3", "SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT")
# So many events an engine keeps, of every kind (moby, daemon/events).
_REMEMBERED = 256
_ALIVE = ("running", "paused")
# Faults that live on when the process is started anew: what ends meanwhile may be their doing.
LASTING = ("cut", "limit_cpu", "limit_memory", "fill_disk")


def status(found: Raw) -> str:
    """created, running, paused, restarting, removing, exited or dead."""
    return str((found.get("State") or {}).get("Status") or "")


def same_process(undo: Raw, found: Raw) -> bool:
    """Whether it was not started anew since the fault was planned."""
    return bool((found.get("State") or {}).get("StartedAt") == undo["started_at"])


def heal_life(engine: Engine, undo: Raw, found: Raw) -> Healed:
    """After a kill, a stop, a restart or a crash."""
    if (waiting := _between(found)) is not None:
        return waiting
    if status(found) in _ALIVE:
        if same_process(undo, found):
            return Healed(NEVER_LANDED, "it runs, and has run all along")
        return Healed(HEALED, "it was started anew already" + moved(undo, found))
    return _start(engine, undo, found)


def heal_pause(engine: Engine, undo: Raw, found: Raw) -> Healed:
    """After a pause."""
    if status(found) == "paused" and same_process(undo, found):
        try:
            engine.ask("POST", f"/containers/{quote(undo['id'])}/unpause")
        except EngineSaid as said:
            # 409: not paused any more. 500: it ended meanwhile. Looking again tells.
            if said.status not in (404, 409, 500):
                return Healed(NOT_YET, said.text)
        again = engine.container(undo["id"])
        if again is None:
            return gone()
        if status(again) == "paused":
            return Healed(NOT_YET, "it is still paused")
        if status(again) == "running":
            return Healed(HEALED, "it runs again", ("unpaused",))
        found = again
    return heal_life(engine, undo, found)


def revive(engine: Engine, undo: Raw, healed: Healed) -> Healed:
    """After another kind of fault was healed: what ran before runs again, unless somebody meant it.

    A disk that is full or a network that is gone ends some processes.
    """
    if not healed.final:
        return healed
    found = engine.container(undo["id"])
    if found is None:
        return Healed(VANISHED, "its container was removed", healed.did)
    if status(found) in _ALIVE:
        return healed
    waiting = _between(found)
    lived = waiting or _start(engine, undo, found)
    if lived.ending == HEALED:
        return Healed(
            HEALED, "; ".join(filter(None, (healed.why, lived.why))), healed.did + lived.did
        )
    return Healed(lived.ending, lived.why, healed.did + lived.did)


def gone() -> Healed:
    """Its container does not exist any more."""
    return Healed(VANISHED, "its container was removed")


def _between(found: Raw) -> Healed | None:
    now = status(found)
    if now == "restarting":
        return Healed(NOT_YET, "its restart policy is starting it")
    if now == "removing":
        return Healed(NOT_YET, "it is being removed")
    return None


def _start(engine: Engine, undo: Raw, found: Raw) -> Healed:
    """It does not run: start it, if its end can have been our doing."""
    if undo["fault"] not in LASTING and not same_process(undo, found):
        return Healed(HEALED, "it was started since, and has ended since: it is left as it is")
    if _meant(engine, undo):
        return Healed(HEALED, "somebody stopped it on purpose since: it is left as it is")
    try:
        engine.ask("POST", f"/containers/{quote(undo['id'])}/start", timeout_s=START_S)
    except EngineSaid as said:
        return Healed(NOT_YET, f"it cannot be started: {said.text}")
    again = engine.container(undo["id"])
    if again is None:
        return gone()
    if status(again) not in _ALIVE:
        code = (again.get("State") or {}).get("ExitCode")
        return Healed(NOT_YET, f"it was started and is {status(again)} (exit code {code})")
    return Healed(HEALED, "it runs again" + moved(undo, again), ("started",))


def moved(undo: Raw, found: Raw) -> str:
    """ ", now at ..." for addresses that a network gave out anew; "" if all are as before."""
    networks = (found.get("NetworkSettings") or {}).get("Networks") or {}
    said = []
    for name, before in (undo.get("addresses") or {}).items():
        now = str((networks.get(name) or {}).get("IPAddress") or "")
        if before and now and now != before:
            said.append(f"{now} on {name} (was {before})")
    return f", its address is now {', '.join(said)}" if said else ""


def _meant(engine: Engine, undo: Raw) -> bool:
    """Whether the engine remembers somebody else ending it since."""
    events = _events(engine, undo)
    if not _whole(events, undo):
        return False
    ours = _OURS.get(str(undo["fault"]), ())
    meant = False
    for one in events:
        action, actor = str(one.get("Action") or ""), one.get("Actor") or {}
        said = actor.get("Attributes") or {}
        if actor.get("ID") != undo["id"] or action in ours:
            continue
        if action == "start":
            meant = False
        elif action == "stop" or (action == "kill" and str(said.get("signal")) in _FATAL):
            meant = True
    return meant


def _whole(events: list[dict[str, Any]], undo: Raw) -> bool:
    """Whether the engine's memory reaches back to when this was planned.

    One that was started anew since remembers only itself: how it ended what it found running. A full
    memory has dropped what is older, and is believed.
    """
    planned = instant(str(undo.get("planned_at") or ""))
    return len(events) >= _REMEMBERED or any(_at(one) <= planned for one in events)


def _at(event: Raw) -> float:
    found = event.get("timeNano")
    return found / 1e9 if isinstance(found, int) else float("inf")


def _events(engine: Engine, undo: Raw) -> list[dict[str, Any]]:
    """What the engine remembers of everything since this one's process began, oldest first."""
    now = instant(str((engine.ask("GET", "/info") or {}).get("SystemTime") or ""))
    query = {
        "since": str(int(instant(str(undo["started_at"])))),
        # Not later than the engine's own now: it would wait for what comes until then.
        "until": f"{now:.9f}",
    }
    try:
        found = engine.lines("/events", query)
    except EngineSaid:
        return []
    return [one for one in found if isinstance(one, dict)]


def instant(text: str) -> float:
    """Seconds since the epoch of an RFC 3339 time with up to nine digits; 0.0 if it is none."""
    read = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if read is None:
        return 0.0
    day, clock, part, zone = read.groups()
    at = calendar.timegm(time.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S")) + float(part or 0)
    if zone != "Z":
        hours, minutes = zone[1:].split(":")
        at -= (1 if zone[0] == "+" else -1) * (int(hours) * 3600 + int(minutes) * 60)
    return at
