"""Diagnoses, snapshots and answers as canonical JSON and back; rows of older releases still read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any, TypeVar

from core.diagnosis.model import (
    Alternative,
    Certainty,
    Check,
    Claim,
    Command,
    Diagnosis,
    Moment,
    Op,
    Piece,
    Predicate,
    Query,
    Reason,
    Snapshot,
    Weight,
    canonical,
)
from core.errors import Invalid
from core.invariant import Severity

E = TypeVar("E", bound=StrEnum)
_PIECE = tuple(one.name for one in fields(Piece))


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said to a question: plain words, the pieces of evidence that they rest on (ids of
    the snapshot), and, where nothing better was found, what can be asked."""

    words: str
    cited: tuple[str, ...] = ()
    can_ask: tuple[str, ...] = ()


def text(thing: Diagnosis | Snapshot | Answer | Piece) -> str:
    """Its canonical JSON: one spelling for one value, so that equal things are equal text."""
    return canonical(plain(thing))


def plain(thing: Any) -> Any:
    """Dataclasses, mappings and tuples as what JSON knows."""
    if isinstance(thing, Piece):
        # Its content is JSON already, and most of a snapshot.
        return {one: getattr(thing, one) for one in _PIECE}
    if is_dataclass(thing) and not isinstance(thing, type):
        return {one.name: plain(getattr(thing, one.name)) for one in fields(thing)}
    if isinstance(thing, StrEnum):
        return str(thing)
    if isinstance(thing, Mapping):
        return {str(key): plain(value) for key, value in thing.items()}
    if isinstance(thing, str | bytes) or not isinstance(thing, Iterable):
        return thing
    return [plain(one) for one in thing]


def diagnosis(stored: str) -> Diagnosis:
    """A Diagnosis from its text; what an older release did not write yet is empty. Invalid if it
    is no diagnosis at all."""
    o = _object(stored, "diagnosis")
    return Diagnosis(
        cause=_str(o, "cause", "unknown"),
        entity=_str(o, "entity"),
        primary=_str(o, "primary"),
        certainty=_enum(Certainty, o.get("certainty"), Certainty.INCONCLUSIVE),
        claims=_claims(o.get("claims")),
        alternatives=tuple(_alternative(one) for one in _objects(o.get("alternatives"))),
        action=_str(o, "action"),
        commands=tuple(_command(one) for one in _objects(o.get("commands"))),
        severity=_enum(Severity, o.get("severity"), Severity.WARNING),
        risks=_strs(o.get("risks")),
        unseen=_strs(o.get("unseen")),
        timeline=tuple(
            Moment(_float(one.get("at")), _str(one, "words"), _str(one, "evidence"))
            for one in _objects(o.get("timeline"))
        ),
        affected=_strs(o.get("affected")),
        readings={str(k): _float(v) for k, v in _mapping(o.get("readings")).items()},
        made_by=_str(o, "made_by", "rules"),
        taken_at=_float(o.get("taken_at")),
        first_look=o.get("first_look") is True,
        struck=_strs(o.get("struck")),
    )


def snapshot(stored: str) -> Snapshot:
    """A Snapshot from its text; contents of pieces come back exactly, so that seals still fit."""
    o = _object(stored, "snapshot")
    return Snapshot(
        subject=_str(o, "subject"),
        invariant=_str(o, "invariant"),
        entity=_str(o, "entity"),
        opened_at=_float(o.get("opened_at")),
        taken_at=_float(o.get("taken_at")),
        reason=_enum(Reason, o.get("reason"), Reason.ASKED),
        pieces=tuple(_piece(one) for one in _objects(o.get("pieces"))),
        severity=_enum(Severity, o.get("severity"), Severity.WARNING),
        title=_str(o, "title"),
        dropped=int(_float(o.get("dropped"))),
        absent=_strs(o.get("absent")),
    )


def answer(stored: str) -> Answer | None:
    """An Answer from its text; None where none was stored."""
    if not stored:
        return None
    o = _object(stored, "answer")
    return Answer(_str(o, "words"), _strs(o.get("cited")), _strs(o.get("can_ask")))


def _piece(o: Mapping[str, Any]) -> Piece:
    window, at = o.get("window"), o.get("at", 0.0)
    pair = window if isinstance(window, list) and len(window) == 2 else [at, at]
    # Numbers stay what they are: a seal tells 5 from 5.0.
    return Piece(
        id=_str(o, "id"),
        kind=_str(o, "kind"),
        source=_str(o, "source"),
        entity=_str(o, "entity"),
        at=at,
        window=(pair[0], pair[1]),
        content=o.get("content"),
        ok=o.get("ok") is not False,
        error=_str(o, "error"),
    )


def _claims(listed: Any) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            _str(one, "words"),
            _check(_mapping(one.get("check"))),
            _enum(Weight, one.get("weight"), Weight.SUPPORTING),
            _str(one, "seal"),
        )
        for one in _objects(listed)
        # A claim whose test this release does not know cannot be checked, so it is none.
        if _mapping(_mapping(one.get("check")).get("predicate")).get("op") in list(Op)
    )


def _check(o: Mapping[str, Any]) -> Check:
    asked, window = o.get("query"), o.get("window")
    predicate = _mapping(o.get("predicate"))
    return Check(
        entity=_str(o, "entity"),
        predicate=Predicate(
            _str(predicate, "path"),
            Op(predicate["op"]),
            predicate.get("value"),
            _str(predicate, "where"),
        ),
        evidence=_str(o, "evidence"),
        query=Query(_str(asked, "kind"), _str(asked, "text")) if isinstance(asked, dict) else None,
        window=(window[0], window[1]) if isinstance(window, list) and len(window) == 2 else None,
    )


def _alternative(o: Mapping[str, Any]) -> Alternative:
    return Alternative(
        cause=_str(o, "cause", "unknown"),
        entity=_str(o, "entity"),
        supporting=_claims(o.get("supporting")),
        contradicting=_claims(o.get("contradicting")),
        conclusion=_str(o, "conclusion"),
    )


def _command(o: Mapping[str, Any]) -> Command:
    return Command(
        _str(o, "template"), {str(k): str(v) for k, v in _mapping(o.get("args")).items()}
    )


def _object(stored: str, what: str) -> Mapping[str, Any]:
    try:
        found = json.loads(stored)
    except ValueError:
        raise Invalid(f"The stored {what} cannot be read any more.") from None
    if not isinstance(found, dict):
        raise Invalid(f"The stored {what} cannot be read any more.")
    return found


def _objects(listed: Any) -> list[Mapping[str, Any]]:
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _str(o: Mapping[str, Any], key: str, otherwise: str = "") -> str:
    found = o.get(key)
    return found if isinstance(found, str) else otherwise


def _strs(listed: Any) -> tuple[str, ...]:
    return tuple(one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()


def _float(found: Any) -> float:
    real = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if real else 0.0


def _enum(kind: type[E], found: Any, otherwise: E) -> E:
    try:
        return kind(found)
    except ValueError:
        return otherwise
