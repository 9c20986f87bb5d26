"""What a diagnosis tells beside its cause: the time line, the figures, and what could not be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.diagnosis.claims import reach
from core.diagnosis.model import Moment, Piece, Snapshot

MAX_MOMENTS = 12
MAX_READINGS = 12
_WANTED = {
    "store:": ("probe", "store", "container", "log", "reading"),
    "pd:": ("member", "members", "container", "log"),
    "pd": ("members",),
    "member:": ("probe", "member", "container", "log", "reading"),
    "etcd": ("members",),
    "prometheus": ("prometheus",),
}
_SAY = {
    "probe": "its status port",
    "store": "what PD says of it",
    "container": "its container (no Docker here)",
    "log": "its log",
    "reading": "its metrics",
    "member": "what it answers itself",
    "members": "PD's members",
    "prometheus": "Prometheus",
}
_LISTS = {"event": "events", "change": "changes", "probe": "timeline"}


def unseen(snapshot: Snapshot, entity: str) -> tuple[str, ...]:
    """What would have been looked at for this entity, and could not be."""
    wanted = next((some for start, some in _WANTED.items() if entity.startswith(start)), ())
    missing = []
    for kind in wanted:
        about = ("etcd" if entity == "etcd" else "pd") if kind == "members" else entity
        pieces = snapshot.of(kind, about)
        if not pieces:
            missing.append(_SAY[kind])
        elif not any(one.ok for one in pieces):
            missing.append(f"{_SAY[kind]} ({pieces[0].error or 'the call failed'})")
    if snapshot.dropped:
        missing.append(f"{snapshot.dropped} pieces of evidence that did not fit")
    return tuple(missing)


def timeline(snapshot: Snapshot, entity: str) -> tuple[Moment, ...]:
    """What happened to the entity and when, oldest first; the newest dozen."""
    moments = [Moment(snapshot.opened_at, "the ticket opened")]
    for kind, key in _LISTS.items():
        for piece in snapshot.of(kind, entity):
            moments += _moments(piece, key)
    moments.sort(key=lambda one: one.at)
    return tuple(moments[-MAX_MOMENTS:])


def _moments(piece: Piece, key: str) -> Iterator[Moment]:
    items = reach(piece.content, key) if piece.ok else None
    for one in items if isinstance(items, list) else ():
        if isinstance(one, dict) and isinstance(one.get("at"), int | float):
            yield Moment(float(one["at"]), _said(piece.kind, one), piece.id)


def _said(kind: str, item: Mapping[str, Any]) -> str:
    if kind == "event":
        code = item.get("exit_code")
        return f"Docker: {item.get('action')}" + (
            f" (exit code {code})" if code is not None else ""
        )
    if kind == "probe":
        why = item.get("said") or "no answer"
        return "it answers" if item.get("ok") else f"it does not answer: {why}"
    return f"{item.get('what', 'change')}: {item.get('words', '')}"


def readings(snapshot: Snapshot, entity: str) -> Mapping[str, float]:
    """The entity's figures that changed most against before, by name."""
    found: list[tuple[float, str, float]] = []
    for piece in snapshot.of("reading", entity):
        now, before = (reach(piece.content, one) if piece.ok else None for one in ("now", "before"))
        if isinstance(now, int | float) and isinstance(before, int | float):
            change = abs(now - before) / (abs(now) + abs(before) + 1e-9)
            found.append((-change, piece.source, float(now)))
    return {name: now for _, name, now in sorted(found)[:MAX_READINGS]}
