"""What a diagnosis is made of: pieces of evidence, checks, claims, and the one schema of the answer.

Everything here is plain frozen data. Times are seconds since the epoch; contents are JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any

from core.invariant import Severity

MAX_PIECE_BYTES = 32 * 1024
MAX_PIECES = 1_500
MAX_SNAPSHOT_BYTES = 768 * 1024
MAX_WORDS = 400


class Reason(StrEnum):
    """Why a snapshot was taken."""

    OPENED = "opened"
    SOON = "30s"
    LATER = "5min"
    WORSENED = "worsened"
    ASKED = "asked"


class Certainty(StrEnum):
    """How sure a diagnosis is. Confirmed needs evidence that shows the cause itself."""

    CONFIRMED = "confirmed"
    LIKELY = "likely"
    INCONCLUSIVE = "inconclusive"


class Weight(StrEnum):
    """What a claim is to its hypothesis."""

    MAIN = "main"
    SUPPORTING = "supporting"
    CONTRADICTING = "contradicting"


class Op(StrEnum):
    """What a predicate asks of the value at its path.

    `changed` compares now.<path> with before.<path>. The two counts take a list and count its
    items inside the check's time range whose JSON (whose text, if it has one) holds `where`: one of
    several parted by |; a part that begins with ^ must stand at the beginning.
    """

    EXISTS = "exists"
    EQUALS = "equals"
    DIFFERS = "differs"
    ONE_OF = "one_of"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    CONTAINS = "contains"
    CHANGED = "changed"
    COUNT_AT_LEAST = "count_at_least"
    COUNT_AT_MOST = "count_at_most"


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence: what one source answered about one entity.

    `id` is its name in citations ("e12"). `kind` is store, member, members, pd, probe, container,
    event, log, reading, prometheus, change, nearby or ticket; `source` says whom was asked what
    (a PD path, a PromQL query, "docker events"). `window` is the stretch of time that it covers.
    `ok` false: the call failed, `error` says how, and nothing may be concluded from it.
    """

    id: str
    kind: str
    source: str
    entity: str
    at: float
    window: tuple[float, float]
    content: Any = None
    ok: bool = True
    error: str = ""

    @property
    def digest(self) -> str:
        """What a seal is made of: changes with any field, the id included."""
        said = [
            *(self.id, self.kind, self.source, self.entity),
            *(self.at, list(self.window), self.content, self.ok, self.error),
        ]
        return hashlib.sha256(canonical(said).encode()).hexdigest()[:32]


def canonical(thing: Any) -> str:
    """JSON with one spelling for one value."""
    return json.dumps(thing, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


@dataclass(frozen=True)
class Snapshot:
    """Everything that a diagnosis may look at, frozen.

    `opened_at` is when the ticket opened. `dropped` counts pieces that did not fit. `absent` names
    kinds of evidence that this subject does not have at all. (No slots: its index is kept.)
    """

    subject: str
    invariant: str
    entity: str
    opened_at: float
    taken_at: float
    reason: Reason
    pieces: tuple[Piece, ...]
    severity: Severity = Severity.WARNING
    title: str = ""
    dropped: int = 0
    absent: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Piece]:
        """The pieces by the name they are cited under."""
        return {one.id: one for one in self.pieces}

    @cached_property
    def _filed(self) -> Mapping[tuple[str, str], tuple[Piece, ...]]:
        found: dict[tuple[str, str], list[Piece]] = {}
        for one in self.pieces:
            found.setdefault((one.kind, one.entity), []).append(one)
        return {key: tuple(some) for key, some in found.items()}

    def of(self, kind: str, entity: str) -> tuple[Piece, ...]:
        """The pieces of a kind about an entity, in order."""
        return self._filed.get((kind, entity), ())

    def piece(self, kind: str, entity: str, source: str = "") -> Piece | None:
        """The first such piece (of that source, if one is named); None if there is none."""
        for one in self.of(kind, entity):
            if not source or one.source == source:
                return one
        return None

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}

    @cached_property
    def memo(self) -> dict[tuple[int, str], Any]:
        """For whoever asks the same of it again and again: it never changes."""
        return {}

    def digest_of(self, piece: Piece) -> str:
        """The digest of one of its pieces, computed once."""
        known = self._digests.get(piece.id)
        if known is None:
            known = self._digests[piece.id] = piece.digest
        return known

    @cached_property
    def entities(self) -> tuple[str, ...]:
        """Every entity that some piece is about, sorted."""
        return tuple(sorted({one.entity for one in self.pieces}))


def bounded(pieces: Iterable[Piece]) -> tuple[tuple[Piece, ...], int]:
    """The pieces that fit, most important first as given, and how many did not.

    A piece over the limit keeps its newest list items; what cannot be made to fit counts as failed.
    """
    kept: list[Piece] = []
    room, dropped = MAX_SNAPSHOT_BYTES, 0
    for one in pieces:
        small = _small(one)
        size = len(canonical(small.content)) + 200
        if len(kept) >= MAX_PIECES or size > room:
            dropped += 1
            continue
        room -= size
        kept.append(small)
    return tuple(kept), dropped


def _small(piece: Piece) -> Piece:
    content = piece.content
    while len(canonical(content)) > MAX_PIECE_BYTES:
        lists = (
            [(len(value), key) for key, value in content.items() if isinstance(value, list)]
            if isinstance(content, dict)
            else []
        )
        longest, key = max(lists, default=(0, ""))
        if longest < 2:
            return replace(piece, content=None, ok=False, error="too big to keep")
        content = {**content, key: content[key][-(longest // 2) :], "cut": True}
    return replace(piece, content=content)


@dataclass(frozen=True, slots=True)
class Predicate:
    """A small expression over a piece's content: the value at `path` (keys joined by dots), `op`, `value`."""

    path: str
    op: Op
    value: Any = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """Evidence by question instead of by id: kind "promql", "pd" (a path) or "log" (a literal text)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Check:
    """How plain code finds out whether a claim is so.

    Either `evidence` (a piece's id) or `query` says where to look; `entity` is whom it must be
    about; `window` limits what counts among things with a time of their own.
    """

    entity: str
    predicate: Predicate
    evidence: str = ""
    query: Query | None = None
    window: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Something said, and how to check it. `seal` is the digest of the evidence it was made from."""

    words: str
    check: Check
    weight: Weight = Weight.SUPPORTING
    seal: str = ""


@dataclass(frozen=True, slots=True)
class Alternative:
    """An explanation that was weighed and not chosen, with what speaks for and against it."""

    cause: str
    entity: str
    supporting: tuple[Claim, ...]
    contradicting: tuple[Claim, ...]
    conclusion: str


@dataclass(frozen=True, slots=True)
class Command:
    """A template of the catalogue and the arguments to put in: never text of its own."""

    template: str
    args: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the time line; `evidence` is the id of the piece that tells of it."""

    at: float
    words: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The one schema of every diagnosis, whoever made it.

    `cause` is a word of `core.diagnosis.causes`; `primary` says it in a sentence. `unseen` lists what
    could not be looked at. `first_look`: made at once, and revised when PD and metrics have caught up.
    """

    cause: str
    entity: str
    primary: str
    certainty: Certainty
    claims: tuple[Claim, ...]
    alternatives: tuple[Alternative, ...]
    action: str
    commands: tuple[Command, ...]
    severity: Severity
    risks: tuple[str, ...]
    unseen: tuple[str, ...]
    timeline: tuple[Moment, ...]
    affected: tuple[str, ...]
    readings: Mapping[str, float]
    made_by: str
    taken_at: float
    first_look: bool = False
    struck: tuple[str, ...] = ()
