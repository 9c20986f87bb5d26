"""From a snapshot of a live cluster to a scenario file: what was seen, to be scored and kept.

The file says what the sources answered, as any scenario does; what was the matter, and what the right
answer is, a person writes into `[expect]`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.diagnosis.model import Piece, Snapshot
from core.diagnosis.scenario import base
from core.errors import Invalid

MAX_LINES = 40
"""Lines of each log that are kept: the newest."""
_GIB = 100.0
_BEFORE_S = -300.0
_DOCKER = ("container", "event")


@dataclass(frozen=True, slots=True)
class Told:
    """What a person adds: the question, and the right answer."""

    question: str
    cause: str
    entity: tuple[str, ...]
    accept: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    healthy: bool = False
    at_most: str = "confirmed"
    notes: str = ""


def recorded(snapshot: Snapshot, told: Told, origin: str) -> str:
    """The text of a scenario.toml; Invalid for a cluster that no base is like (stores 1, 4, 5...)."""
    stores = sorted(int(one[6:]) for one in snapshot.entities if one.startswith("store:"))
    name = f"tikv-{len(stores)}"
    if tuple(stores) != base.ids(name):
        raise Invalid(f"The stores {stores} are not those of a base: {base.ids(name)}.")
    return "".join(_tables(snapshot, told, origin, name))


def _tables(snapshot: Snapshot, told: Told, origin: str, name: str) -> Iterator[str]:
    taken = round(snapshot.taken_at - snapshot.opened_at, 3)
    head = {
        "question": told.question,
        "base": name,
        "taken": max(taken, 0.001),
        "origin": origin,
        "notes": told.notes,
        "without": [one for one in snapshot.absent if one == "docker" or one == "logs"],
        "withhold": _withheld(snapshot),
    }
    yield _lines(head)
    yield _table("ticket", _ticket(snapshot))
    yield _table("expect", _expected(told))
    failed = [one.error for one in snapshot.pieces if one.kind == "store" and not one.ok]
    if failed:
        yield _table("[pd]", {"path": "/stores", "failed": failed[0]})
    for piece in snapshot.pieces:
        yield from _one(piece, snapshot.opened_at, taken)


def _ticket(snapshot: Snapshot) -> dict[str, Any]:
    own = next((one for one in snapshot.pieces if one.kind == "ticket"), None)
    said = dict(own.content) if own is not None and own.ok else {}
    kept = {key: said.get(key) for key in ("title", "summary", "value", "threshold", "unit")}
    return {
        "invariant": snapshot.invariant,
        "entity": snapshot.entity,
        "severity": str(snapshot.severity),
        **kept,
    }


def _expected(told: Told) -> dict[str, Any]:
    found: dict[str, Any] = {"cause": told.cause, "entity": list(told.entity)}
    found |= {"accept": list(told.accept), "forbid": list(told.forbid)}
    return found | {"healthy": told.healthy, "at_most": told.at_most}


def _withheld(snapshot: Snapshot) -> list[str]:
    """Figures that a base has and this site did not give."""
    have = {(one.entity, one.source) for one in snapshot.pieces if one.kind == "reading"}
    kinds = {one.kind for one in snapshot.pieces}
    entities = [one for one in snapshot.entities if one.startswith(("store:", "pd:"))]
    missing = [
        f"reading:{entity}:{name}"
        for entity in (*entities, "pd", "cluster")
        for name in base.figures(entity, len(entities))
        if (entity, name) not in have
    ]
    return [*([] if "prometheus" in kinds else ["prometheus"]), *missing]


def _one(piece: Piece, opened: float, taken: float) -> Iterator[str]:
    content = piece.content if piece.ok and isinstance(piece.content, dict) else {}
    if piece.kind == "pd":
        yield _pd(piece, content)
    elif piece.kind == "reading" and piece.source != "qps_total":
        yield _reading(piece, content, opened, taken)
    elif piece.kind in _TELL and content:
        yield from _TELL[piece.kind](piece.entity, content, opened, taken)


def _store(entity: str, content: Mapping[str, Any], opened: float, taken: float) -> Iterator[str]:
    for key, at in (("before", _BEFORE_S), ("now", min(-0.001, taken))):
        said = content.get(key)
        if not isinstance(said, Mapping):
            continue
        used = said.get("used_ratio")
        heard, started = said.get("heartbeat_age_s"), said.get("started_at")
        looked = taken if key == "now" else _BEFORE_S
        yield _table(
            "[store]",
            {
                "id": int(entity[6:]),
                "at": at,
                "state_name": said.get("state"),
                "address": said.get("address"),
                "version": said.get("version"),
                "labels": dict(said.get("labels") or {}),
                "leader_count": said.get("leaders"),
                "region_count": said.get("regions"),
                "leader_weight": said.get("leader_weight"),
                "slow_score": said.get("slow_score"),
                "is_busy": said.get("busy"),
                "pending_peer_count": said.get("pending_peers"),
                "available": None if used is None else f"{(1 - used) * _GIB:.4g}GiB",
                "heartbeat_at": None if heard is None else round(looked - heard, 3),
                "started_at": None if started is None else round(started - opened, 3),
            },
        )


def _probe(entity: str, content: Mapping[str, Any], opened: float, taken: float) -> Iterator[str]:
    now = content.get("now") or {}
    if now.get("ok") is False:
        at = round(taken - float(now.get("silent_s") or 0.0), 3)
        said = {"entity": entity, "at": at, "ok": False, "said": now.get("said")}
        yield _table("[probe]", said)


def _member(entity: str, content: Mapping[str, Any], opened: float, taken: float) -> Iterator[str]:
    before, now = content.get("before") or {}, content.get("now") or {}
    name = entity[3:]
    if before.get("leader") and name != base.MEMBERS[0]:
        yield _table("[member]", {"name": name, "at": -1e6, "leader": True})
    told = {key: now.get(key) for key in ("answers", "said", "health", "version")}
    yield _table("[member]", {"name": name, "at": -0.001, **told, "leader": now.get("leader")})


def _container(
    entity: str, content: Mapping[str, Any], opened: float, taken: float
) -> Iterator[str]:
    now = dict(content.get("now") or {})
    now.pop("detached", None)
    times = {
        key: None if now.get(key) is None else round(now[key] - opened, 3)
        for key in ("started_at", "finished_at")
    }
    yield _table("[container]", {"entity": entity, "at": min(-0.001, taken), **now, **times})


def _event(entity: str, content: Mapping[str, Any], opened: float, taken: float) -> Iterator[str]:
    for one in content.get("events") or ():
        told = {**one, "at": round(one["at"] - opened, 3)}
        yield _table("[event]", {"entity": entity, **told})


def _log(entity: str, content: Mapping[str, Any], opened: float, taken: float) -> Iterator[str]:
    lines = [
        one["text"] if one.get("at") is None else f"{one['at'] - opened:.3f} {one['text']}"
        for one in (content.get("lines") or ())[-MAX_LINES:]
    ]
    if lines:
        yield _table("[log]", {"entity": entity, "text": "\n".join(lines)})


def _change(entity: str, content: Mapping[str, Any], opened: float, taken: float) -> Iterator[str]:
    for one in content.get("changes") or ():
        told = {"what": one.get("what"), "words": one.get("words")}
        yield _table("[change]", {"entity": entity, "at": round(one["at"] - opened, 3), **told})


_TELL = {
    "store": _store,
    "probe": _probe,
    "member": _member,
    "container": _container,
    "event": _event,
    "log": _log,
    "change": _change,
}


def _pd(piece: Piece, content: Mapping[str, Any]) -> str:
    if not piece.ok:
        return _table("[pd]", {"path": piece.source, "failed": piece.error})
    body = json.dumps(content.get("body"), separators=(",", ":"))
    return _table("[pd]", {"path": piece.source, "status": content.get("status"), "json": body})


def _reading(piece: Piece, content: Mapping[str, Any], opened: float, taken: float) -> str:
    about = {"name": piece.source, "entity": piece.entity}
    if not piece.ok:
        return _table("[reading]", {**about, "failed": piece.error})
    now, before = content.get("now"), content.get("before")
    most = content.get("max")
    if now is None and most is None:
        return _table("[reading]", {**about, "empty": True})
    if now is None:  # what it was while somebody exported it still counts
        points = [[_BEFORE_S, most if before is None else before], [min(-0.001, taken), most]]
        return _table("[reading]", {**about, "points": points, "gone": True})
    points = [[_BEFORE_S, now if before is None else before], [min(-0.001, taken), now]]
    return _table("[reading]", {**about, "points": points})


def _table(name: str, values: Mapping[str, Any]) -> str:
    return f"\n[{name}]\n" + _lines(values)


def _lines(values: Mapping[str, Any]) -> str:
    kept = ((key, value) for key, value in values.items() if value not in (None, "", [], {}))
    return "".join(f"{key} = {_toml(value)}\n" for key, value in kept)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{json.dumps(str(key))} = {_toml(one)}" for key, one in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(_toml(one) for one in value)}]"
    # A JSON string is a TOML string, but for the one character that TOML wants escaped.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
