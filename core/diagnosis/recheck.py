"""The claims of a diagnosis, run again: against the evidence of then, and against the cluster now."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.diagnosis.claims import Found, Outcome, every, examine, run
from core.diagnosis.encode import plain
from core.diagnosis.model import Check, Claim, Diagnosis, Piece, Snapshot, canonical


@dataclass(frozen=True, slots=True)
class Line:
    """One claim: what its check found then (with whether its evidence was altered since), and now.

    `now` has the outcome *no such evidence* where nothing of the kind can be seen any more. `rival`:
    only an alternative claims it, so that the diagnosis does not rest on it.
    """

    claim: Claim
    then: Found
    now: Found
    rival: bool = False

    @property
    def changed(self) -> bool:
        """Whether the check comes out otherwise now."""
        return self.then.stands != self.now.stands


@dataclass(frozen=True, slots=True)
class Rechecked:
    """Every claim that was posted, then and now. Times are seconds since the epoch."""

    diagnosis_id: int
    then_at: float
    now_at: float
    lines: tuple[Line, ...]

    @property
    def still(self) -> int:
        """How many claims hold now, too."""
        return sum(1 for one in self.lines if one.now.stands)


def again(diagnosis_id: int, made: Diagnosis, then: Snapshot, now: Snapshot) -> Rechecked:
    """Both runs, claim by claim; one that is made of several hypotheses is checked once."""
    claims: dict[str, Claim] = {}
    for one in every(made):  # the diagnosis's own words come before those of an alternative
        claims.setdefault(canonical(plain(one.check)), one)
    own = {canonical(plain(one.check)) for one in made.claims}
    lines = tuple(
        Line(one, run(one, then), _now(one, then, now), key not in own)
        for key, one in claims.items()
    )
    return Rechecked(diagnosis_id, then.taken_at, now.taken_at, lines)


def _now(claim: Claim, then: Snapshot, now: Snapshot) -> Found:
    check = _moved(claim.check, then, now)
    return Found(Outcome.NO_EVIDENCE) if check is None else examine(check, now)


def _moved(check: Check, then: Snapshot, now: Snapshot) -> Check | None:
    """The same check of the same thing: ids are given anew with every snapshot, and a stretch of
    time that reached up to then reaches up to now."""
    window = check.window
    if window is not None and window[1] >= then.taken_at:
        window = (window[0], now.taken_at)
    if not check.evidence:
        return replace(check, window=window)
    old = then.by_id.get(check.evidence)
    fresh = None if old is None else _same(old, now)
    return None if fresh is None else replace(check, evidence=fresh.id, window=window)


def _same(old: Piece, now: Snapshot) -> Piece | None:
    return now.piece(old.kind, old.entity, old.source)
