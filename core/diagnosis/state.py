"""What a store, a member, a probe or a container is like, in words: from a piece of evidence. Pure.

A source that answered in a shape that is not known here has no words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Facts = Mapping[str, Any]
MAX_STATE = 600
"""Characters of one state: several times what an honest source says."""


def in_words(kind: str, now: Any, before: Any) -> str:
    """The state in a line, with what it was before where that differs; "" if it has no words."""
    tell = _TOLD.get(kind)
    if tell is None or not isinstance(now, dict) or not now:
        return ""
    told = tell(now, before if isinstance(before, dict) else {})
    return ", ".join(one for one in told if one)[:MAX_STATE]


def _store(now: Facts, before: Facts) -> list[str]:
    used = now.get("used_ratio")
    return [
        f"PD calls it {_was(now, before, 'state')}",
        _if(now, "heartbeat_age_s", "last heartbeat {} ago", lasted),
        f"regions {_was(now, before, 'regions')}",
        f"leaders {_was(now, before, 'leaders')}",
        "busy" if now.get("busy") is True else "",
        f"{now['pending_peers']} pending peers" if now.get("pending_peers") else "",
        f"disk {used:.0%} used" if isinstance(used, int | float) else "",
        _if(now, "running_s", "started {} ago", lasted),
        f"version {_was(now, before, 'version')}",
        _if(now, "address", "at {}"),
    ]


def _member(now: Facts, before: Facts) -> list[str]:
    led = before.get("leader") is True and now.get("leader") is False
    return [
        _either(now, "answers", "it answers", "it does not answer"),
        str(now.get("said") or ""),
        _either(now, "health", "healthy", "not healthy"),
        _either(now, "leader", "leads", f"does not lead{' (led before)' if led else ''}"),
        f"version {_was(now, before, 'version')}",
    ]


def _either(now: Facts, key: str, yes: str, no: str) -> str:
    value = now.get(key)
    return yes if value is True else no if value is False else ""


def _probe(now: Facts, before: Facts) -> list[str]:
    if now.get("ok"):
        return ["it answers" + ("" if before.get("ok", True) else " (did not before)")]
    said = str(now.get("said") or "")
    answered = " (did before)" if before.get("ok") else ""
    return [
        f"no answer{answered}{': ' if said else ''}{said}",
        _if(now, "silent_s", "silent for {}", lasted),
    ]


def _container(now: Facts, before: Facts) -> list[str]:
    return [
        f"{now.get('name') or 'it'} is {_was(now, before, 'status')}",
        _if(now, "exit_code", "exit code {}"),
        "killed for lack of memory" if now.get("oom_killed") else "",
        f"restarted {now['restart_count']} times by Docker" if now.get("restart_count") else "",
        "cut from its network" if now.get("detached") else "",
        _if(now, "health", "health {}"),
        _if(now, "image", "image {}"),
    ]


def _was(now: Facts, before: Facts, key: str) -> str:
    """ "Disconnected (before: Up)"."""
    value, old = now.get(key), before.get(key)
    told = "not known" if value in (None, "") else str(value)
    return told if old in (None, "", value) else f"{told} (before: {old})"


def _if(now: Facts, key: str, text: str, show: Callable[[Any], str] = str) -> str:
    value = now.get(key)
    return "" if value in (None, "") else text.format(show(value))


def lasted(seconds: Any) -> str:
    """A stretch of time given in seconds: 34 s, 5 min, 3 h, 7 d."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return str(seconds)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


_TOLD: Mapping[str, Callable[[Facts, Facts], list[str]]] = {
    "store": _store,
    "member": _member,
    "probe": _probe,
    "container": _container,
}
