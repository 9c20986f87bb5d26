"""What a verdict of Claude is worth beside the evidence: how sure it may be, and whether it may stand. Pure.

That its claims hold does not make its conclusion right: true things can be said of a healthy store.
So the signs of the rules, which are checks of the same evidence, are a limit to what it may say.
"""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis.claims import Outcome, ask
from core.diagnosis.model import Certainty, Claim, Diagnosis, Piece, Snapshot, Weight
from core.diagnosis.rules.decide import CONFIRMED_POINTS, RULES
from core.diagnosis.rules.sign import Candidate, Sign, consider, seen

_HEARSAY = frozenset(("ticket", "nearby"))
"""What a ticket says of itself, and what became of others, shows no cause."""


def weighed(made: Diagnosis, rules: Diagnosis, snapshot: Snapshot) -> tuple[Diagnosis, str]:
    """The diagnosis with the certainty that it may have, and what is wrong with it ("": nothing)."""
    made, empty = _without_empty(made, snapshot)
    fault = empty or _fault(made, rules, snapshot)
    if fault:
        return replace(made, certainty=Certainty.INCONCLUSIVE), fault
    if made.certainty is Certainty.CONFIRMED and not _shown(made, snapshot):
        made = replace(made, certainty=Certainty.LIKELY)
    return made, ""


def _without_empty(made: Diagnosis, snapshot: Snapshot) -> tuple[Diagnosis, str]:
    """Strike a main claim that shows nothing, true as it may be."""
    for one in made.claims:
        why = _idle(one, snapshot) if one.weight is Weight.MAIN else ""
        if why:
            kept = tuple(other for other in made.claims if other is not one)
            struck = (*made.struck, f"{one.words} ({why})")
            return replace(made, claims=kept, struck=struck), f"its main claim shows nothing: {why}"
    return made, ""


def _idle(claim: Claim, snapshot: Snapshot) -> str:
    piece = snapshot.by_id.get(claim.check.evidence)
    if piece is None:
        return ""
    if piece.kind in _HEARSAY:
        return "a ticket is no evidence of its own cause"
    if _holds_of_all(claim, piece, snapshot) and _held_before(claim, piece):
        return "so it is with all the others, and so it was before"
    return ""


def _holds_of_all(claim: Claim, piece: Piece, snapshot: Snapshot) -> bool:
    peers = [
        one
        for one in snapshot.pieces
        if (one.kind, one.source) == (piece.kind, piece.source)
        and one.entity != piece.entity
        and one.entity.partition(":")[0] == piece.entity.partition(":")[0]
        and one.ok
    ]
    check = claim.check
    return bool(peers) and all(
        ask(check.predicate, one.content, check.window)[0] is Outcome.HOLDS for one in peers
    )


def _held_before(claim: Claim, piece: Piece) -> bool:
    """Whether it was so before as well; what has no before is taken to have been."""
    content, predicate = piece.content, claim.check.predicate
    if not isinstance(content, dict) or content.get("before") is None:
        return True
    if predicate.path.split(".")[0] != "now":
        return True
    earlier = {**content, "now": content["before"]}
    return ask(predicate, earlier, claim.check.window)[0] is Outcome.HOLDS


def _fault(made: Diagnosis, rules: Diagnosis, snapshot: Snapshot) -> str:
    if made.certainty is Certainty.INCONCLUSIVE:
        lost = not any(one.weight is Weight.MAIN for one in made.claims)
        return "its main claim did not hold" if lost and made.struck else "it is inconclusive"
    if made.cause == "unknown":
        return "it names no cause"
    excluded = _excluded(made, rules, snapshot)
    if excluded:
        return excluded
    same = (made.cause, made.entity) == (rules.cause, rules.entity)
    if rules.certainty is Certainty.CONFIRMED and not same and not _shown(made, snapshot):
        return f"the evidence itself shows {rules.cause} of {rules.entity}"
    return ""


def _excluded(made: Diagnosis, rules: Diagnosis, snapshot: Snapshot) -> str:
    found = _candidates(made, snapshot)
    if not found:
        # Of things that no rule is about (another kind of subject) the rules say nothing, either way.
        strange = not any(made.entity in one.scope(snapshot) for one in RULES)
        return "" if strange else f"{made.cause} cannot be said of {made.entity}"
    if any(one.possible for one, _ in found):
        return ""
    if all(barred for _, barred in found):
        return f"what was seen of {made.entity} rules {made.cause} out"
    # What is fine must be seen to be fine, and what is seen to be fine needs a fault that can be seen.
    if made.cause == "nothing_wrong":
        return "that nothing is wrong was not seen"
    if rules.cause == "nothing_wrong" and rules.certainty is not Certainty.INCONCLUSIVE:
        return f"nothing that marks {made.cause} was seen of {made.entity}"
    return ""


def _candidates(made: Diagnosis, snapshot: Snapshot) -> list[tuple[Candidate, bool]]:
    """What the evidence says of this cause for this entity, and whether something bars it."""
    return [
        (consider(rule, snapshot, made.entity), _barred(rule.must_not, snapshot, made.entity))
        for rule in RULES
        if rule.cause == made.cause and rule.fits(snapshot) and made.entity in rule.scope(snapshot)
    ]


def _barred(signs: tuple[Sign, ...], snapshot: Snapshot, entity: str) -> bool:
    return any(seen(one, snapshot, entity) is not None for one in signs)


def _shown(made: Diagnosis, snapshot: Snapshot) -> bool:
    """Whether a piece of evidence shows this cause itself, and nothing that was seen speaks against it."""
    return any(
        one.possible and one.direct and not one.contradicting and one.points >= CONFIRMED_POINTS
        for one, _ in _candidates(made, snapshot)
    )
