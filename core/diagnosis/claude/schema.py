"""The one form in which Claude answers: the JSON schema that it is held to, and its strict reading.

The schema keeps to what structured output takes (every field required, no further ones, no ranges);
the rest is checked here, so that it does not matter who kept to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from core.diagnosis.catalogue import TEMPLATES
from core.diagnosis.causes import CAUSES
from core.diagnosis.model import Certainty, Op, Weight
from core.errors import Invalid

MAX_ENUM = 150
"""Longer lists of ids are not spelt out: the schema would outgrow what it describes."""
MAX_ANSWER_BYTES = 64 * 1024

Scalar = str | float | bool | None


class ClaimTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A claim as it was written; `since` and `until` are seconds since the epoch, 0 for no limit."""

    words: str
    evidence: str
    entity: str
    path: str
    op: Op
    value: Scalar | list[Scalar]
    where: str
    since: float
    until: float
    weight: Weight


class RivalTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alternative as it was written."""

    cause: str
    entity: str
    supporting: list[ClaimTable]
    contradicting: list[ClaimTable]
    conclusion: str


class CommandTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command that was picked: its template, and whom it is for."""

    template: str
    entity: str


class AnswerTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole answer as it was written."""

    cause: str
    entity: str
    certainty: Certainty
    primary: str
    claims: list[ClaimTable]
    alternatives: list[RivalTable]
    next: Literal["advised", "wait", "more_data"]
    commands: list[CommandTable]
    risks: list[str]
    unseen: list[str]
    answer: str


def _object(properties: dict[str, Any], about: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"description": about, **made} if about else made


def text(about: str) -> dict[str, Any]:
    """A string."""
    return {"type": "string", "description": about}


def choice(of: Sequence[str], about: str) -> dict[str, Any]:
    """One of these where they are few, else any string; what is not among them is refused later."""
    made: dict[str, Any] = {"type": "string", "description": about}
    return {**made, "enum": list(of)} if 0 < len(of) <= MAX_ENUM else made


def _list(items: dict[str, Any], about: str) -> dict[str, Any]:
    return {"type": "array", "items": items, "description": about}


def _claim(entities: Sequence[str], evidence: Sequence[str]) -> dict[str, Any]:
    scalar = [{"type": one} for one in ("string", "number", "boolean", "null")]
    value = {
        "anyOf": [*scalar, {"type": "array", "items": {"type": "string"}}],
        "description": "What the value at `path` is compared with; null for exists and changed.",
    }
    return _object(
        {
            "words": text("The claim in one short sentence, with the value and its unit."),
            "evidence": choice(evidence, "Id of the piece of evidence that shows it."),
            "entity": choice(entities, "Whom that piece is about."),
            "path": text("Keys and list positions from the piece's content, joined by dots."),
            "op": choice([str(one) for one in Op], "How value and path are compared."),
            "value": value,
            "where": text("For the two counts: literal text that an item must hold; | parts them."),
            "since": {"type": "number", "description": "For counts: epoch seconds; 0 for none."},
            "until": {"type": "number", "description": "For counts: epoch seconds; 0 for none."},
            "weight": choice(
                [str(one) for one in Weight], "main for exactly one claim, the one it hangs on."
            ),
        }
    )


def answer(entities: Sequence[str], evidence: Sequence[str]) -> dict[str, Any]:
    """The schema of the final answer for a cluster with these entities and pieces."""
    claim = {"$ref": "#/$defs/claim"}
    rival = _object(
        {
            "cause": choice(list(CAUSES), "What else it might be."),
            "entity": choice(entities, "Of whom."),
            "supporting": _list(claim, "At most 3."),
            "contradicting": _list(claim, "At most 3."),
            "conclusion": text("Why it was not chosen, in one sentence."),
        }
    )
    command = _object(
        {
            "template": choice(list(TEMPLATES), "Name of a template."),
            "entity": choice(entities, "Whom it is for."),
        }
    )
    made = _object(
        {
            "cause": choice(list(CAUSES), "The cause."),
            "entity": choice(entities, "The thing to look after."),
            "certainty": choice([str(one) for one in Certainty], "How sure it is."),
            "primary": text("What is going on, in one or two sentences."),
            "claims": _list(claim, "At most 8. Code runs each of them."),
            "alternatives": _list(rival, "At most 4, best first."),
            "next": choice(
                ("advised", "wait", "more_data"),
                "The cause's own advice, wait and observe, or look at what is missing first.",
            ),
            "commands": _list(command, "At most 4."),
            "risks": _list(text("One sentence."), "At most 3."),
            "unseen": _list(text("A few words."), "What could not be looked at. At most 6."),
            "answer": text("Reply to the question, if one was asked; else empty."),
        }
    )
    return {**made, "$defs": {"claim": _claim(entities, evidence)}}


def read(said: str) -> AnswerTable:
    """The answer out of a reply's text; Invalid says what is wrong with it, for the model to mend."""
    if len(said) > MAX_ANSWER_BYTES:
        raise Invalid(f"The answer is longer than {MAX_ANSWER_BYTES} characters.")
    start, end = said.find("{"), said.rfind("}")
    if start < 0 or end < start:
        raise Invalid("The answer is not a JSON object.")
    try:
        made = msgspec.json.decode(
            said[start : end + 1].encode("utf-8", "replace"), type=AnswerTable
        )
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"The answer does not fit its schema: {error}") from None
    wrong = _wrong(made)
    if wrong:
        raise Invalid(wrong)
    return made


def _wrong(made: AnswerTable) -> str:
    for cause in (made.cause, *(one.cause for one in made.alternatives)):
        if cause not in CAUSES:
            return f"{cause[:60]!r} is no cause; there are {', '.join(CAUSES)}."
    for one in made.commands:
        if one.template not in TEMPLATES:
            return f"{one.template[:60]!r} is no template; there are {', '.join(TEMPLATES)}."
    return ""
