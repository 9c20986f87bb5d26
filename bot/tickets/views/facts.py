"""What the views of tickets are given beside the tickets themselves: plain facts, nothing decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from bot import words
from core.diagnosis.made import Made
from core.invariant import Severity
from core.tickets.model import Ticket


class Why(StrEnum):
    """Why somebody is told of a ticket."""

    FIRST = "first"
    NEW_ENTITY = "new entity"
    REPEAT = "repeat"
    WORSENED = "worsened"
    RECURRED = "recurred"


class PageReason(StrEnum):
    """Why a new message mentions somebody again."""

    REOPENED = "reopened"
    WORSENED = "worsened"
    UNOWNED = "unowned"
    SURFACED = "surfaced"
    HOLD_ENDED = "hold ended"


@dataclass(frozen=True, slots=True)
class Look:
    """What surrounds one ticket when it is shown.

    `subject`: how its subject is called ("" = by its name). `mention`: "<@U1>", "<!subteam^S1>" or
    "": whom a new message calls; replies and edits never use it. `symptoms`: tickets that this one
    explains, oldest first; `symptom_count` says how many there are if not all are given. `links`:
    (label, address) from the configuration. `why` None is computed from the ticket. `experiment`
    names the experiment during which it opened; `maintenance` tells of announced quiet ("until 15:30: ...").
    `diagnosis`: its headline; `diagnoses`: all of them, oldest first, where they are listed. `possible_duplicate`: an earlier copy may exist. `card_url` leads to
    the ticket's card. `name_of` turns an actor ("slack:U1", "cli:ana", "tocsin") into a display
    name, or into a mention ("<@U1>") where no name is known.
    """

    now: float
    subject: str = ""
    mention: str = ""
    symptoms: tuple[Ticket, ...] = ()
    symptom_count: int = 0
    links: tuple[tuple[str, str], ...] = ()
    why: Why | None = None
    experiment: str = ""
    maintenance: str = ""
    diagnosis: str | None = None
    diagnoses: tuple[Made, ...] = ()
    possible_duplicate: bool = False
    card_url: str = ""
    name_of: Callable[[str], str] = words.mention_of


NONE_BY_SEVERITY: Mapping[Severity, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class StormFacts:
    """A burst that one living message gathers.

    Counts are of its member tickets: `total` ever folded in, `open` not resolved, `owned` and
    `held` of the open ones. `by_severity` and `by_invariant` (most frequent first) count the open
    ones (all, once none is open). `worst`: a few open ones, most severe first. `labels` maps
    subject names to how they are called. `closed_at`: when it stopped taking new ones.
    """

    ref: str
    opened_at: float
    last_at: float
    total: int
    open: int
    owned: int = 0
    held: int = 0
    by_severity: Mapping[Severity, int] = field(default_factory=lambda: NONE_BY_SEVERITY)
    by_invariant: tuple[tuple[str, int], ...] = ()
    subjects: tuple[str, ...] = ()
    worst: tuple[Ticket, ...] = ()
    closed_at: float | None = None
    possible_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class AdoptionFacts:
    """What was already broken when a subject was first seen.

    `total` tickets were adopted, `open` are left. `accepted_by`/`shown_by`: who chose what, when.
    """

    ref: str
    subject: str
    at: float
    total: int
    open: int
    by_severity: Mapping[Severity, int] = field(default_factory=lambda: NONE_BY_SEVERITY)
    by_invariant: tuple[tuple[str, int], ...] = ()
    worst: tuple[Ticket, ...] = ()
    accepted_by: str | None = None
    accepted_at: float | None = None
    shown_by: str | None = None
    shown_at: float | None = None
    possible_duplicate: bool = False
    name_of: Callable[[str], str] = words.mention_of
