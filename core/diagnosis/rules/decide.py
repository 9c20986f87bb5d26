"""Weighs the causes against each other and says which it is, how surely, and what else it might be."""

from __future__ import annotations

from dataclasses import replace

from core.diagnosis import catalogue
from core.diagnosis.causes import CAUSES
from core.diagnosis.claims import checked, reach
from core.diagnosis.model import (
    Alternative,
    Certainty,
    Claim,
    Diagnosis,
    Snapshot,
    Weight,
)
from core.diagnosis.rules import (
    etcd,
    fine,
    fleet,
    load,
    network,
    pd_etcd,
    placement_driver,
    process,
    schedule,
    storage,
    watch,
)
from core.diagnosis.rules.advice import advice, unsure
from core.diagnosis.rules.sign import Candidate, Rule, consider, title
from core.diagnosis.rules.telling import readings, timeline, unseen
from core.diagnosis.rules.ticket import FIGURES, KNOWN, LIFE, kinds
from core.invariant import Severity

RULES: tuple[Rule, ...] = (
    *process.RULES,
    *network.RULES,
    *placement_driver.RULES,
    *pd_etcd.RULES,
    *storage.RULES,
    *load.RULES,
    *schedule.RULES,
    *fleet.RULES,
    *watch.RULES,
    *fine.RULES,
    *etcd.RULES,
)
MADE_BY = "rules"
LIKELY_POINTS = 50
CONFIRMED_POINTS = 60
WORTH_NAMING = 25
MAX_ALTERNATIVES = 4
OLD_S = 3600.0
"""What was so for this long before a ticket opened, seconds, is not why another node has one now."""
MAX_CLAIMS = 8
# Tickets that tell of something which lies elsewhere as often as not.
SYMPTOMS = frozenset(
    (
        *("high_latency", "region_health", "quorum_margin", "leader_imbalance", "store_slow"),
        *("leader_changes", "member_lagging", "db_size_quota"),
    )
)
_DEEP = 70
_NODE = ("store:", "pd:", "member:")


def diagnose(snapshot: Snapshot, *, first_look: bool = False) -> Diagnosis:
    """What the rules make of the evidence; every claim of the answer has been re-run by code."""
    candidates = [
        consider(rule, snapshot, entity)
        for rule in RULES
        if rule.fits(snapshot)
        for entity in rule.scope(snapshot)
    ]
    primary, certainty = _choose(candidates, snapshot)
    made = _write(primary, certainty, candidates, snapshot)
    return checked(replace(made, first_look=first_look), snapshot)


def _choose(candidates: list[Candidate], snapshot: Snapshot) -> tuple[Candidate, Certainty]:
    eligible = [one for one in candidates if one.possible and _concerns(one, snapshot)]
    faults = [one for one in eligible if one.cause != "nothing_wrong"]
    sure = [one for one in faults if one.points >= LIKELY_POINTS]
    if sure:
        best = max(sure, key=lambda one: one.rank)
        certainty = _certainty(best, [one for one in faults if one.points >= WORTH_NAMING])
        if not _to_the_point(best, snapshot):
            return best, _beside(snapshot)
        if best.cause.startswith("prometheus") and snapshot.entity.startswith(_NODE):
            return best, Certainty.LIKELY  # it hides what the ticket tells of
        return best, certainty
    fine = [
        one
        for one in eligible
        if one.cause == "nothing_wrong"
        and one.entity == snapshot.entity
        and one.points >= LIKELY_POINTS
    ]
    if fine and not any(one.points >= WORTH_NAMING and _stronger(one) for one in faults):
        return fine[0], Certainty.LIKELY
    weak = [one for one in faults if one.points >= WORTH_NAMING]
    if weak:
        return max(weak, key=lambda one: one.rank), Certainty.INCONCLUSIVE
    return Candidate("unknown", snapshot.entity, 0, False, True, (), ()), Certainty.INCONCLUSIVE


def _stronger(one: Candidate) -> bool:
    return one.direct and not one.contradicting


def _certainty(one: Candidate, others: list[Candidate]) -> Certainty:
    """Confirmed where the cause itself was seen and nothing speaks against it.

    A fault of the whole beside one of a single node that lies deep may be the same fault, told
    twice: which it is was not seen.
    """
    whole = not one.entity.startswith(_NODE)
    shared = whole and any(
        other.entity.startswith(_NODE)
        and (other.points >= LIKELY_POINTS or CAUSES[other.cause].root >= _DEEP)
        for other in others
    )
    if one.direct and one.points >= CONFIRMED_POINTS and not one.contradicting and not shared:
        return Certainty.CONFIRMED
    return Certainty.LIKELY


def _to_the_point(one: Candidate, snapshot: Snapshot) -> bool:
    """Whether it is what such tickets tell of; else it may be so, and not be the reason."""
    return one.fits or CAUSES[one.cause].root >= _DEEP


def _beside(snapshot: Snapshot) -> Certainty:
    """How sure of a fault that such tickets do not tell of: without the ticket's own figure it stands
    for nothing but itself."""
    told = kinds(snapshot)
    if told & LIFE:
        return Certainty.INCONCLUSIVE  # nobody dies of that
    if not told & FIGURES:
        return Certainty.LIKELY
    some = snapshot.of("reading", snapshot.entity)
    seen = any(one.ok and isinstance(reach(one.content, "now"), int | float) for one in some)
    whole = not snapshot.entity.startswith(_NODE)
    return Certainty.LIKELY if seen or whole else Certainty.INCONCLUSIVE


def _concerns(one: Candidate, snapshot: Snapshot) -> bool:
    """Whether this cause could be behind the ticket: trouble elsewhere is not its explanation."""
    asked = snapshot.entity
    if one.entity == asked:
        return True
    if one.cause == "observer_blind" and not one.entity.startswith(_NODE):
        return one.fits  # that the bot sees badly explains what it does not see, and no more
    if one.cause.startswith("prometheus") or one.cause == "nothing_wrong":
        figures = one.cause == "prometheus_stale" and bool(kinds(snapshot) & FIGURES)
        return one.relevant > 0 and (figures or not asked.startswith(_NODE))
    deep = CAUSES[one.cause].root >= _DEEP
    told = kinds(snapshot)
    if not told & KNOWN:
        # Behind words that nobody here knows may be any fault that lies deep, or shows itself.
        return one.relevant > 0 or deep or one.direct
    symptom = bool(told & SYMPTOMS) or not asked.startswith(_NODE)
    if one.entity.startswith(_NODE):
        told_of_old = asked.startswith(_NODE) and _long_gone(one.entity, snapshot)
        return symptom and (one.relevant > 0 or deep) and not told_of_old
    return one.relevant > 0 or symptom


def _long_gone(entity: str, snapshot: Snapshot) -> bool:
    """Whether it has been silent since long before the ticket: no news, and no reason for another's."""
    piece = snapshot.piece("store", entity)
    age = reach(piece.content, "now.heartbeat_age_s") if piece is not None and piece.ok else None
    since = snapshot.taken_at - snapshot.opened_at + OLD_S
    return isinstance(age, int | float) and age > since


def _write(
    primary: Candidate, certainty: Certainty, candidates: list[Candidate], snapshot: Snapshot
) -> Diagnosis:
    said = advice(primary.cause, snapshot, primary.entity)
    name = title(snapshot, primary.entity)
    # What speaks against it is never cut off for length.
    against = primary.contradicting[: MAX_CLAIMS // 2]
    claims = (*_main(primary.supporting)[: MAX_CLAIMS - len(against)], *against)
    missing = unseen(snapshot, primary.entity)
    action = said.action
    if certainty is Certainty.INCONCLUSIVE:
        action = unsure(primary.cause, missing, said.action)
    healthy = primary.cause == "nothing_wrong"
    return Diagnosis(
        cause=primary.cause,
        entity=primary.entity,
        primary=_sentence(said.says.replace("{entity}", name)),
        certainty=certainty,
        claims=claims,
        alternatives=_alternatives(primary, candidates, snapshot),
        action=action,
        commands=catalogue.fitting(said.commands, snapshot, primary.entity),
        severity=Severity.INFO if healthy else snapshot.severity,
        risks=said.risks,
        unseen=missing,
        timeline=timeline(snapshot, primary.entity),
        affected=_affected(primary, snapshot),
        readings=readings(snapshot, primary.entity),
        made_by=MADE_BY,
        taken_at=snapshot.taken_at,
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _main(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    if not claims:
        return ()
    return (replace(claims[0], weight=Weight.MAIN), *claims[1:])


def _affected(primary: Candidate, snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(dict.fromkeys((primary.entity, snapshot.entity)))


def _alternatives(
    primary: Candidate, candidates: list[Candidate], snapshot: Snapshot
) -> tuple[Alternative, ...]:
    """The rivals: what else the same evidence might mean, best first."""
    rivals: dict[tuple[str, str], Candidate] = {}
    for one in sorted(candidates, key=lambda one: -one.rank):
        near = one.entity in (primary.entity, snapshot.entity) or (
            one.possible and one.points >= LIKELY_POINTS
        )
        same = (one.cause, one.entity) == (primary.cause, primary.entity)
        if near and not same and one.supporting and one.cause != "nothing_wrong":
            rivals.setdefault((one.cause, one.entity), one)
    ranked = sorted(rivals.values(), key=lambda one: (not one.possible, -one.rank))
    return tuple(_weighed(one, snapshot) for one in ranked[:MAX_ALTERNATIVES])


def _weighed(one: Candidate, snapshot: Snapshot) -> Alternative:
    if not one.possible:
        why = (
            "Ruled out by what was seen."
            if one.contradicting
            else "What would show it was not seen."
        )
    elif one.points >= LIKELY_POINTS:
        why = "Also so, as far as can be seen; it does not explain this as well."
    else:
        why = "Possible, with less to show for it."
    return Alternative(one.cause, one.entity, one.supporting[:4], one.contradicting[:4], why)
