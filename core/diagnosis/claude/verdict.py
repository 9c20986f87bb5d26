"""Makes of Claude's words a diagnosis that may be posted: bounded, harmless, and checked by plain code. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from core.diagnosis import befallen, catalogue
from core.diagnosis.causes import CAUSES
from core.diagnosis.claims import checked
from core.diagnosis.claude import worth
from core.diagnosis.claude.plain import LEFT_OUT, plain, quiet
from core.diagnosis.claude.schema import AnswerTable, ClaimTable, CommandTable, RivalTable
from core.diagnosis.claude.task import Task
from core.diagnosis.model import (
    Alternative,
    Certainty,
    Check,
    Claim,
    Command,
    Diagnosis,
    Op,
    Predicate,
    Query,
    Snapshot,
    Weight,
)
from core.diagnosis.rules.advice import unsure
from core.diagnosis.rules.sign import title
from core.diagnosis.rules.telling import readings, timeline, unseen
from core.invariant import Severity

MAX_CLAIMS, MAX_RIVALS, MAX_SIDES = 8, 4, 3
MAX_COMMANDS, MAX_RISKS, MAX_UNSEEN = 4, 4, 6
WORDS, SENTENCE, ANSWER = 240, 400, 1_500
MAX_VALUES = 40
_WAIT = "Wait and observe."
_LIVE = {"reading": "promql", "pd": "pd", "log": "log"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A checked diagnosis, and what code found wrong with it, in words for a person ("": nothing).

    Of the answer to a question `doubt` is what is wrong with the diagnosis that came with it.
    """

    diagnosis: Diagnosis
    fault: str
    answer: str = ""
    cited: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def good(self) -> bool:
        """Whether it may stand as it is."""
        return not self.fault


def judge(said: AnswerTable, task: Task, snapshot: Snapshot, model: str) -> Verdict:
    """The diagnosis that these words amount to against the evidence, live answers included."""
    held = checked(_diagnosis(said, snapshot, model), snapshot)
    made, fault = worth.weighed(held, task.rules, snapshot)
    made = replace(made, action=_action(made, said.next))
    if not task.question:
        return Verdict(made, fault)
    # A question is answered from what can be shown, whatever becomes of the cause.
    words = plain(said.answer, ANSWER)
    if not words or not any(one.weight is Weight.MAIN for one in held.claims):
        return Verdict(made, "what it answered could not be shown from the evidence")
    cited = tuple(dict.fromkeys(one.check.evidence for one in held.claims))
    return Verdict(made, "", words, cited, doubt=fault)


def _diagnosis(said: AnswerTable, snapshot: Snapshot, model: str) -> Diagnosis:
    known = {*snapshot.entities, snapshot.entity}
    # An entity that nobody told of is none: the ticket's own is meant.
    entity = said.entity if said.entity in known else snapshot.entity
    missing = dict.fromkeys((*unseen(snapshot, entity), *_each(said.unseen, 160)))
    risks = dict.fromkeys((*befallen.of(said.cause, entity).risks, *_each(said.risks, WORDS)))
    healthy = said.cause == "nothing_wrong"
    return Diagnosis(
        cause=said.cause,
        entity=entity,
        primary=plain(said.primary, SENTENCE) or _says(said.cause, snapshot, entity),
        certainty=said.certainty if entity == said.entity else Certainty.INCONCLUSIVE,
        claims=_claims(said.claims, snapshot),
        alternatives=tuple(_rival(one, snapshot) for one in said.alternatives[:MAX_RIVALS]),
        action="",
        commands=_commands(said.commands, snapshot),
        severity=Severity.INFO if healthy else snapshot.severity,
        risks=tuple(risks)[:MAX_RISKS],
        unseen=tuple(missing)[:MAX_UNSEEN],
        timeline=timeline(snapshot, entity),
        affected=tuple(dict.fromkeys((entity, snapshot.entity))),
        readings=readings(snapshot, entity),
        made_by=model,
        taken_at=snapshot.taken_at,
    )


def _says(cause: str, snapshot: Snapshot, entity: str) -> str:
    said = CAUSES[cause].says.replace("{entity}", title(snapshot, entity))
    return said[:1].upper() + said[1:]


def _action(made: Diagnosis, chosen: str) -> str:
    """What to do, in our words: Claude picks which of them, so nobody can speak through it here."""
    own = _WAIT if chosen == "wait" else befallen.of(made.cause, made.entity).action
    if chosen == "more_data" or made.certainty is Certainty.INCONCLUSIVE:
        return unsure(made.cause, made.unseen, own)
    return own


def _each(some: Iterable[str], limit: int) -> tuple[str, ...]:
    told = (plain(one, limit) for one in list(some)[:MAX_UNSEEN])
    return tuple(one for one in told if one and LEFT_OUT not in one)


def _claims(told: list[ClaimTable], snapshot: Snapshot) -> tuple[Claim, ...]:
    made: list[Claim] = []
    for one in told[:MAX_CLAIMS]:
        claim = _claim(one, snapshot)
        if claim.weight is Weight.MAIN and any(other.weight is Weight.MAIN for other in made):
            claim = replace(claim, weight=Weight.SUPPORTING)
        if claim.check not in [other.check for other in made]:
            made.append(claim)
    return tuple(made)


def _claim(told: ClaimTable, snapshot: Snapshot, weight: Weight | None = None) -> Claim:
    value = _value(told)
    # A check that cannot be shown as it is points at nothing, and so it is struck.
    fit = _fit(told.entity, told.path, told.where, told.value)
    counts = told.op in (Op.COUNT_AT_LEAST, Op.COUNT_AT_MOST)
    path, where = told.path if fit else "", told.where if fit and counts else ""
    check = Check(
        entity=told.entity if fit else snapshot.entity,
        predicate=Predicate(path, told.op, value if fit else None, where),
        evidence=told.evidence if fit and told.evidence in snapshot.by_id else "",
        query=_query(told.evidence, snapshot),
        window=_window(told),
    )
    words = plain(told.words, WORDS)
    if not words or LEFT_OUT in words:
        words = plain(_spelt(check), WORDS)
    return Claim(words, check, weight or told.weight)


def _value(told: ClaimTable) -> Any:
    """The value in the shape that its operator takes: none, several for one_of, else as it was written."""
    if told.op in (Op.EXISTS, Op.CHANGED):
        return None
    if told.op is not Op.ONE_OF:
        return told.value
    return tuple(told.value) if isinstance(told.value, list) else (told.value,)


def _fit(*parts: object) -> bool:
    """Whether what a check is made of is short, and mentions and links nothing."""
    said: list[object] = []
    for one in parts:
        said += one if isinstance(one, list) else [one]
    texts = [one for one in said if isinstance(one, str)]
    return len(said) <= MAX_VALUES and all(len(one) <= WORDS and quiet(one) for one in texts)


def _query(evidence: str, snapshot: Snapshot) -> Query | None:
    """What was asked, where the piece is a live answer: so that it can be asked again."""
    piece = snapshot.by_id.get(evidence)
    if piece is None or not evidence.startswith("q") or piece.kind not in _LIVE:
        return None
    return Query(_LIVE[piece.kind], piece.source)


def _window(told: ClaimTable) -> tuple[float, float] | None:
    if told.since <= 0 and told.until <= 0:
        return None
    return (told.since, told.until if told.until > 0 else 1e12)


def _spelt(check: Check) -> str:
    """A claim in our words, where there are no others that may be shown."""
    wanted = "" if check.predicate.value is None else f" {check.predicate.value}"
    asked = str(check.predicate.op).replace("_", " ")
    return f"{check.entity}: {check.predicate.path} {asked}{wanted}"


def _rival(told: RivalTable, snapshot: Snapshot) -> Alternative:
    known = {*snapshot.entities, snapshot.entity}
    return Alternative(
        cause=told.cause,
        entity=told.entity if told.entity in known else snapshot.entity,
        supporting=tuple(
            _claim(one, snapshot, Weight.SUPPORTING) for one in told.supporting[:MAX_SIDES]
        ),
        contradicting=tuple(
            _claim(one, snapshot, Weight.CONTRADICTING) for one in told.contradicting[:MAX_SIDES]
        ),
        conclusion=plain(told.conclusion, WORDS) or "Weighed, and not chosen.",
    )


def _commands(told: list[CommandTable], snapshot: Snapshot) -> tuple[Command, ...]:
    """The templates that were picked, filled with ids that the evidence names; others are left out."""
    made = (
        one
        for picked in told[:MAX_COMMANDS]
        for one in catalogue.fitting((picked.template,), snapshot, picked.entity)
    )
    unique: list[Command] = []
    for one in made:
        if one not in unique:
            unique.append(one)
    return tuple(unique)
