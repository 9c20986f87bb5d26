"""The same evidence with less in it: a source withheld, failed or old, clocks that differ, other names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.diagnosis.compare import share, spread
from core.diagnosis.model import Piece, Snapshot

_COMPARED = ("share", "spread")
_KEYED = ("reading", "pd")
_AGES = ("heartbeat_age_s", "running_s")
Changed = Callable[[Snapshot], Snapshot]


def compared(snapshot: Snapshot, pieces: Sequence[Piece]) -> Snapshot:
    """The snapshot with these pieces, and with what comparing them shows now."""
    kept = [one for one in pieces if one.kind not in _COMPARED and one.source != "qps_total"]
    facts = {
        (one.kind, one.entity, one.source if one.kind in _KEYED else ""): one.content
        for one in kept
        if one.ok
    }
    stores = [entity for kind, entity, _ in facts if kind == "store"]
    probed = [entity for kind, entity, _ in facts if kind == "probe"]
    members = list(dict.fromkeys(one for _, one, _ in facts if one.startswith("pd:")))
    for entity in dict.fromkeys((*stores, *probed, *members)):
        others = [one for one in stores if one != entity] if entity in stores else []
        kept.append(_made(snapshot, "share", entity, share(facts, entity, others)))
    kept.append(_made(snapshot, "spread", "cluster", spread(facts, stores, probed, members)))
    flows = [
        one["now"]
        for (kind, _, name), one in facts.items()
        if kind == "reading" and name == "qps" and one["now"] is not None
    ]
    if flows:
        total = _made(snapshot, "reading", "cluster", {"now": sum(flows), "points": []})
        kept.append(replace(total, source="qps_total"))
    named = [replace(one, id=f"w{number}") for number, one in enumerate(kept)]
    return replace(snapshot, pieces=tuple(named))


def _made(snapshot: Snapshot, kind: str, entity: str, content: Any) -> Piece:
    moment = (snapshot.taken_at, snapshot.taken_at)
    return Piece("", kind, "compared", entity, snapshot.taken_at, moment, content)


def without(*kinds: str) -> Changed:
    """No piece of these kinds."""
    return lambda seen: compared(seen, [one for one in seen.pieces if one.kind not in kinds])


def failing(*kinds: str) -> Changed:
    """The calls for these kinds failed."""

    def fail(one: Piece) -> Piece:
        if one.kind not in kinds:
            return one
        return replace(one, content=None, ok=False, error="timed out after 2 s")

    return lambda seen: compared(seen, [fail(one) for one in seen.pieces])


def old(age_s: float) -> Changed:
    """Prometheus answers, and its newest sample is as old as this."""
    now = {"now": {"answers": True, "said": "", "sample_age_s": age_s}}
    return lambda seen: compared(
        seen,
        [replace(one, content=now) if one.kind == "prometheus" else one for one in seen.pieces],
    )


def ahead(by_s: float) -> Changed:
    """The watcher's clock is ahead of everybody else's (below 0: behind)."""
    return lambda seen: compared(seen, [_earlier(one, by_s) for one in seen.pieces])


def _earlier(one: Piece, by_s: float) -> Piece:
    if not one.ok or not isinstance(one.content, dict):
        return one
    told: dict[str, Any] = dict(one.content)
    if one.kind == "store":
        told = {when: _older(told.get(when), by_s, _AGES) for when in ("now", "before")}
    elif one.kind == "prometheus":
        told = {"now": _older(told["now"], by_s, ("sample_age_s",))}
    elif one.kind == "log":
        told |= {**_older(told, by_s, ("quiet_s",)), "lines": _stamped(told["lines"], by_s)}
    elif one.kind == "event":
        told |= {"events": _stamped(told["events"], by_s)}
    return replace(one, content=told)


def _older(told: Any, by_s: float, names: Iterable[str]) -> Any:
    if not isinstance(told, Mapping):
        return told
    return {**told, **{name: told[name] + by_s for name in names if told.get(name) is not None}}


def _stamped(items: Iterable[Mapping[str, Any]], by_s: float) -> list[Any]:
    return [{**one, "at": one["at"] - by_s if one["at"] is not None else None} for one in items]


def page_of_a_proxy(seen: Snapshot) -> Snapshot:
    """Whatever PD is asked, a proxy answers in its place; the members answer their pings."""
    page = "502: <html><head><title>502 Bad Gateway</title></head>nginx/1.25.3</html>"
    kept = []
    for one in seen.pieces:
        if one.kind in ("store", "pd", "hot"):
            kept.append(replace(one, content=None, ok=False, error=page))
        elif one.kind == "members" and one.ok:
            now = {**one.content["now"], "serves": False, "said": page, "leader": None}
            kept.append(replace(one, content={**one.content, "now": now}))
        else:
            kept.append(one)
    return compared(seen, kept)


def renamed(words: Mapping[str, str]) -> Changed:
    """Other names for the same things, wherever they stand."""

    def spell(text: str) -> str:
        for old_name, new_name in words.items():
            text = text.replace(old_name, new_name)
        return text

    def again(seen: Snapshot) -> Snapshot:
        pieces = [
            replace(
                one, entity=spell(one.entity), content=json.loads(spell(json.dumps(one.content)))
            )
            for one in seen.pieces
        ]
        return replace(seen, entity=spell(seen.entity), pieces=tuple(pieces))

    return again
