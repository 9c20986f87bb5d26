"""The tools that Claude may use: all of them read, and what they may be asked is spelt out in enums."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from core.diagnosis.claude import schema
from core.diagnosis.claude.task import Live
from core.diagnosis.model import Snapshot
from core.errors import Invalid

MAX_LIVE = 12
"""Questions to the live cluster in one diagnosis: each becomes a piece of evidence."""
PAGE = 6_000
"""Characters of a piece that one reading gives."""
MAX_TEXT = 500
"""Characters of a query or of a text to look for."""
MAX_MINUTES = 180
MAX_NAMES = 4_000
_LITERAL = re.compile(r"[A-Za-z0-9/_-]+")
ANY = ("any", "")
"""What stands for no choice of a kind or an entity."""


class ListPieces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What evidence there is."""

    kind: str
    entity: str
    offset: int


class ReadPiece(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of one piece from a character on."""

    evidence: str
    offset: int


class SearchPieces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a literal text stands."""

    text: str
    kind: str


class AskPrometheus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PromQL query over the last minutes."""

    query: str
    entity: str
    minutes: int


class AskPd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A path of PD."""

    path: str


class FilterLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of a log that hold a literal text."""

    entity: str
    text: str
    minutes: int


Call = ListPieces | ReadPiece | SearchPieces | AskPrometheus | AskPd | FilterLog
_FORMS: dict[str, type[Call]] = {
    "list_evidence": ListPieces,
    "read_evidence": ReadPiece,
    "search_evidence": SearchPieces,
    "ask_prometheus": AskPrometheus,
    "ask_pd": AskPd,
    "filter_log": FilterLog,
}


def names(snapshot: Snapshot, live: Live | None) -> tuple[str, ...]:
    """Every entity that may be named, sorted: those of the evidence and those that are there now."""
    now = live.entities if live is not None else ()
    return tuple(sorted({*snapshot.entities, snapshot.entity, *now}))


def pieces(snapshot: Snapshot, live: Live | None) -> tuple[str, ...]:
    """Every id of evidence that there is or may come to be."""
    coming = tuple(f"q{n}" for n in range(1, MAX_LIVE + 1)) if live is not None else ()
    own = tuple(one.id for one in snapshot.pieces)
    return tuple(dict.fromkeys((*own, *coming)))


def offered(snapshot: Snapshot, live: Live | None) -> list[dict[str, Any]]:
    """The definitions, filled for this snapshot and cluster."""
    kinds = ("any", *sorted({one.kind for one in snapshot.pieces}))
    entities, ids = names(snapshot, live), pieces(snapshot, live)
    anyone, any_kind = ("any", *entities), "Only this kind."
    made = [
        _tool(
            "list_evidence",
            "Lists the pieces of evidence: id, kind, entity, source. 200 at a time.",
            kind=schema.choice(kinds, any_kind),
            entity=schema.choice(anyone, "Only about this entity."),
            offset=_whole("How many to skip; 0 to begin."),
        ),
        _tool(
            "read_evidence",
            f"The content of a piece, {PAGE} characters at a time. From 0 a long one is given as its head and its "
            "tail; the rest is there under its offset.",
            evidence=schema.choice(ids, "Id of the piece."),
            offset=_whole("The first character wanted; 0 to begin."),
        ),
        _tool(
            "search_evidence",
            "Finds a literal text in all pieces, ignoring case: ids, offsets, and what stands around it.",
            text=schema.text(f"The text, at most {MAX_TEXT} characters."),
            kind=schema.choice(kinds, any_kind),
        ),
    ]
    return made + (_live(live, entities) if live is not None else [])


def _live(live: Live, entities: Sequence[str]) -> list[dict[str, Any]]:
    minutes = _whole(f"How far back, 1 to {MAX_MINUTES}.")
    figures = ", ".join(name for name, _ in live.readings)[:MAX_NAMES]
    becomes = "The answer becomes a piece of evidence with an id to cite."
    made = [
        _tool(
            "filter_log",
            f"Lines of an entity's log that hold a literal text, from the live source. {becomes}",
            entity=schema.choice(entities, "Whose log."),
            text=schema.text("The literal text; empty: all lines."),
            minutes=minutes,
        )
    ]
    if live.pd_paths:
        made.insert(
            0,
            _tool(
                "ask_pd",
                f"Reads one of PD's answers now. {becomes}",
                path=_path(live.pd_paths),
            ),
        )
    if live.readings:
        made.insert(
            0,
            _tool(
                "ask_prometheus",
                f"Runs a PromQL range query that ends now. {becomes}",
                query=schema.text(
                    f"PromQL, at most {MAX_TEXT} characters, or the name of one of these figures: {figures}"
                ),
                entity=schema.choice(entities, "Whom the answer is about."),
                minutes=minutes,
            ),
        )
    return made


def _path(patterns: Sequence[str]) -> dict[str, Any]:
    about = "The path below /pd/api/v1, with its query."
    if all(_LITERAL.fullmatch(one) for one in patterns):
        return schema.choice(patterns, about)
    return schema.text(
        f"{about} Regular expressions of all that may be read: {'  '.join(patterns)}"
    )


def allowed(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path may be read: it fits one of these patterns whole."""
    return len(path) <= MAX_TEXT and any(re.fullmatch(one, path) for one in patterns)


def _whole(about: str) -> dict[str, Any]:
    return {"type": "integer", "description": about}


def _tool(name: str, about: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "description": about,
        "strict": True,
        "input_schema": {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }


def parse(name: str, given: Any, live: Live | None) -> Call:
    """The call, its arguments checked; Invalid tells the model what is wrong."""
    form = _FORMS.get(name)
    needs = {"ask_prometheus": live and live.readings, "ask_pd": live and live.pd_paths}
    if form is None or not needs.get(name, live is not None or name.endswith("_evidence")):
        raise Invalid(f"There is no tool {name[:60]!r}.")
    try:
        made = msgspec.convert(given, form)
    except msgspec.ValidationError as error:
        raise Invalid(f"The arguments do not fit: {error}") from None
    said = getattr(made, "text", "") or getattr(made, "query", "")
    if len(said) > MAX_TEXT:
        raise Invalid(f"The text is longer than {MAX_TEXT} characters.")
    if getattr(made, "offset", 0) < 0:
        raise Invalid("An offset is 0 or more.")
    if not 1 <= getattr(made, "minutes", 1) <= MAX_MINUTES:
        raise Invalid(f"Minutes are 1 to {MAX_MINUTES}.")
    return made
