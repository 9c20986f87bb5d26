"""Re-runs what a diagnosis claims against the evidence, by plain code, and strikes what does not hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from core.diagnosis.model import (
    Alternative,
    Certainty,
    Check,
    Claim,
    Diagnosis,
    Op,
    Piece,
    Predicate,
    Snapshot,
    Weight,
    canonical,
)

ABSENT = object()
_KINDS = {"promql": "reading", "pd": "pd", "log": "log"}


class Outcome(StrEnum):
    """What came of running a check. Only *holds* may be posted."""

    HOLDS = "holds"
    FAILS = "fails"
    EMPTY = "empty"
    FAILED_CALL = "failed call"
    NO_EVIDENCE = "no such evidence"
    WRONG_ENTITY = "about another entity"


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of one check, the value that it saw, and the digest of the piece it looked at.

    `altered`: the claim was sealed, and the evidence is not what it was then.
    """

    outcome: Outcome
    value: Any = None
    digest: str = ""
    altered: bool = False

    @property
    def stands(self) -> bool:
        """Whether the claim may be posted."""
        return self.outcome is Outcome.HOLDS


def run(claim: Claim, snapshot: Snapshot) -> Found:
    """Run the claim's check; altered says whether its evidence is other than what it sealed."""
    found = examine(claim.check, snapshot)
    return replace(found, altered=bool(claim.seal) and found.digest != claim.seal)


def examine(check: Check, snapshot: Snapshot) -> Found:
    """Find the evidence that a check names and ask its predicate."""
    piece = _piece(check, snapshot)
    if piece is None:
        return Found(Outcome.NO_EVIDENCE)
    if piece.entity != check.entity:
        return Found(Outcome.WRONG_ENTITY, digest=snapshot.digest_of(piece))
    if not piece.ok:
        return Found(Outcome.FAILED_CALL, digest=snapshot.digest_of(piece))
    outcome, value = ask(check.predicate, piece.content, check.window)
    return Found(outcome, value, snapshot.digest_of(piece))


def _piece(check: Check, snapshot: Snapshot) -> Piece | None:
    if check.evidence:
        return snapshot.by_id.get(check.evidence)
    if check.query is None or check.query.kind not in _KINDS:
        return None
    kind, text = _KINDS[check.query.kind], check.query.text
    for one in snapshot.of(kind, check.entity):
        if kind == "log" or text in (one.source, reach(one.content, "query")):
            return one
    return None


def ask(
    predicate: Predicate, content: Any, window: tuple[float, float] | None = None
) -> tuple[Outcome, Any]:
    """Whether the predicate is so of this content, and the value that was looked at."""
    if predicate.op is Op.CHANGED:
        return _changed(predicate, content)
    value = reach(content, predicate.path)
    if value is ABSENT or value is None:
        return Outcome.EMPTY, None
    if predicate.op in (Op.COUNT_AT_LEAST, Op.COUNT_AT_MOST):
        return _counted(predicate, value, window)
    if predicate.op is Op.EXISTS:
        return Outcome.HOLDS, value
    return (Outcome.HOLDS if _TESTS[predicate.op](value, predicate.value) else Outcome.FAILS), value


def reach(content: Any, path: str) -> Any:
    """The value at a path of keys and list positions joined by dots; ABSENT if there is none."""
    value = content
    for key in path.split(".") if path else ():
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif (
            isinstance(value, list)
            and key.lstrip("-").isdigit()
            and -len(value) <= int(key) < len(value)
        ):
            value = value[int(key)]
        else:
            return ABSENT
    return value


def _changed(predicate: Predicate, content: Any) -> tuple[Outcome, Any]:
    now, before = (
        reach(content, f"now.{predicate.path}"),
        reach(content, f"before.{predicate.path}"),
    )
    if any(one is ABSENT or one is None for one in (now, before)):
        return Outcome.EMPTY, None
    return (Outcome.HOLDS if now != before else Outcome.FAILS), [before, now]


def _counted(
    predicate: Predicate, value: Any, window: tuple[float, float] | None
) -> tuple[Outcome, Any]:
    bound = _number(predicate.value)
    if not isinstance(value, list) or bound is None:
        return Outcome.EMPTY, None
    many = sum(1 for one in value if _counts(one, predicate.where, window))
    good = many >= bound if predicate.op is Op.COUNT_AT_LEAST else many <= bound
    return (Outcome.HOLDS if good else Outcome.FAILS), many


def _counts(item: Any, where: str, window: tuple[float, float] | None) -> bool:
    if window is not None:
        at = _number(item.get("at")) if isinstance(item, dict) else None
        if at is None or not window[0] <= at <= window[1]:
            return False
    if not where:
        return True
    text = item.get("text") if isinstance(item, dict) else None
    said = text if isinstance(text, str) else canonical(item)
    low = said.lower()
    return any(_holds(low, one.lower()) for one in where.split("|"))


def _holds(said: str, wanted: str) -> bool:
    """Whether the text holds it; of what begins with ^, whether it begins so."""
    return said.startswith(wanted[1:]) if wanted.startswith("^") else wanted in said


def _number(value: Any) -> float | None:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if real and math.isfinite(value) else None


def _at_least(value: Any, bound: Any) -> bool:
    a, b = _number(value), _number(bound)
    return a is not None and b is not None and a >= b


def _at_most(value: Any, bound: Any) -> bool:
    a, b = _number(value), _number(bound)
    return a is not None and b is not None and a <= b


def _same(value: Any, wanted: Any) -> bool:
    # JSON's true is not its 1, though Python's is.
    return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)


def _contains(value: Any, wanted: Any) -> bool:
    said = value if isinstance(value, str) else canonical(value)
    return any(one.lower() in said.lower() for one in str(wanted).split("|"))


_TESTS = {
    Op.EQUALS: _same,
    Op.DIFFERS: lambda value, wanted: not _same(value, wanted),
    Op.ONE_OF: lambda value, wanted: any(_same(value, one) for one in wanted or ()),
    Op.AT_LEAST: _at_least,
    Op.AT_MOST: _at_most,
    Op.CONTAINS: _contains,
}


def sealed(claim: Claim, snapshot: Snapshot) -> Claim:
    """The claim with the digest of the evidence that it looks at now."""
    return replace(claim, seal=examine(claim.check, snapshot).digest)


def every(diagnosis: Diagnosis) -> Iterator[Claim]:
    """All claims that would be posted: those of the diagnosis and of its alternatives."""
    yield from diagnosis.claims
    for one in diagnosis.alternatives:
        yield from one.supporting
        yield from one.contradicting


def checked(diagnosis: Diagnosis, snapshot: Snapshot) -> Diagnosis:
    """The diagnosis as it may be posted: claims that do not stand are struck, the others sealed.

    Without its main claim, or with none at all, it is inconclusive.
    """
    claims, struck = _standing(diagnosis.claims, snapshot)
    alternatives = []
    for one in diagnosis.alternatives:
        kept, alternative_struck = _alternative(one, snapshot)
        alternatives.append(kept)
        struck += alternative_struck
    certainty = diagnosis.certainty
    if not any(one.weight is Weight.MAIN for one in claims):
        certainty = Certainty.INCONCLUSIVE
    return replace(
        diagnosis,
        claims=claims,
        alternatives=tuple(alternatives),
        certainty=certainty,
        struck=diagnosis.struck + struck,
    )


def _alternative(one: Alternative, snapshot: Snapshot) -> tuple[Alternative, tuple[str, ...]]:
    supporting, lost = _standing(one.supporting, snapshot)
    contradicting, also = _standing(one.contradicting, snapshot)
    return replace(one, supporting=supporting, contradicting=contradicting), lost + also


def _standing(
    claims: tuple[Claim, ...], snapshot: Snapshot
) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    kept: list[Claim] = []
    struck: list[str] = []
    for one in claims:
        found = run(one, snapshot)
        if not found.stands:
            struck.append(f"{one.words} ({found.outcome})")
        elif found.altered:
            struck.append(f"{one.words} (altered)")
        else:
            kept.append(replace(one, seal=found.digest))
    return tuple(kept), tuple(struck)
