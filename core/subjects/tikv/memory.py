"""What a TiKV subject wants to be told again after a restart of this program: small JSON.

Monotonic times mean nothing to the next process, so that wall times are carried instead, and turned
back on the way in. What cannot be understood is left out: the worst that follows is a longer wait.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.subjects.tikv.evidence import Incident
from core.subjects.tikv.fusion import Fusion
from core.subjects.tikv.restarts import Restarts, Seen
from core.subjects.tikv.trust import Trust

VERSION = 1


def dump(
    fusion: Fusion, restarts: Restarts, trust: Trust, at: float, mono: float
) -> dict[str, Any]:
    """Everything as JSON; times in whole seconds, so that equal states are equal."""
    back = at - mono
    return {
        "v": VERSION,
        "leader": trust.leader,
        "started": {str(key): one for key, one in sorted(restarts.started.items())},
        "restarts": {
            str(key): {"at": round(one.at), "announced": one.announced, "ran_s": one.ran_s}
            for key, one in sorted(restarts.recent.items())
        },
        "incidents": {
            str(key): {
                "since": round(one.began + back),
                "how": one.how,
                "by": one.by,
                "announced": one.announced,
                "leaders": one.leaders,
                "mark": one.mark,
                "told": one.told,
                "together": one.together,
                "back": None if one.back is None else round(one.back + back),
            }
            for key, one in sorted(fusion.incidents.items())
        },
    }


def load(
    carry: Mapping[str, Any],
    fusion: Fusion,
    restarts: Restarts,
    trust: Trust,
    at: float,
    mono: float,
) -> None:
    """Take back what an earlier process carried."""
    if carry.get("v") != VERSION:
        return
    trust.leader = _text(carry.get("leader"))
    for key, value in _items(carry.get("started")):
        if isinstance(value, int) and not isinstance(value, bool):
            restarts.started[key] = value
    for key, value in _items(carry.get("restarts")):
        when = _number(value, "at")
        if when is not None:
            ago = max(at - when, 0.0)
            restarts.recent[key] = Seen(
                mono - ago, when, value.get("announced") is True, _number(value, "ran_s")
            )
    for key, value in _items(carry.get("incidents")):
        since = _number(value, "since")
        if since is not None:
            fusion.incidents[key] = _incident(value, since, at, mono)


def _incident(value: Mapping[str, Any], since: float, at: float, mono: float) -> Incident:
    back = _number(value, "back")
    return Incident(
        began=mono - max(at - since, 0.0),
        since=since,
        how=_text(value.get("how")),
        by=_text(value.get("by")),
        announced=value.get("announced") is True,
        leaders=int(_number(value, "leaders") or 0),
        mark=_number(value, "mark"),
        told=value.get("told") is True,
        together=value.get("together") is True,
        back=None if back is None else mono - max(at - back, 0.0),
    )


def _items(thing: Any) -> list[tuple[int, Any]]:
    if not isinstance(thing, Mapping):
        return []
    return [(int(key), value) for key, value in thing.items() if str(key).isdigit()]


def _number(thing: Any, name: str) -> float | None:
    value = thing.get(name) if isinstance(thing, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _text(thing: Any) -> str:
    return thing if isinstance(thing, str) else ""
