"""What the views of experiments are given: plain facts, nothing decided. Durations in seconds,
times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot import words
from core.chaos.model import Story
from core.runs.model import Run
from core.tickets.model import Ticket


@dataclass(frozen=True, slots=True)
class Offer:
    """One experiment of the catalogue on one subject; `unavailable` says why it cannot be run."""

    name: str
    title: str
    fault: str
    selector: str
    duration_s: float
    expects: tuple[str, ...] = ()
    detect_within_s: float = 0.0
    unavailable: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What may be run on one subject; `off` says why nothing may."""

    subject: str
    offers: tuple[Offer, ...] = ()
    off: str = ""
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """One experiment as it would be run now.

    `target` is what people call it, `entity` the subject's own word. `refused` says why it must
    not be run now; then only what is known is filled in. `where` is the channel of its card.
    """

    name: str
    title: str
    subject: str
    duration_s: float
    target: str = ""
    entity: str = ""
    words: str = ""
    radius: str = ""
    undo_words: str = ""
    margin: str = ""
    expects: tuple[str, ...] = ()
    detect_within_s: float = 0.0
    recover_within_s: float = 0.0
    refused: str = ""
    about: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A run and what surrounds it when it is shown.

    `title` is the experiment's, `subject` how its subject is called. `tickets` opened meanwhile.
    `unhealed` counts what was broken and not yet seen healed.
    """

    run: Run
    story: Story
    now: float
    title: str = ""
    subject: str = ""
    tickets: tuple[Ticket, ...] = ()
    unhealed: int = 0
    possible_duplicate: bool = False
    name_of: Callable[[str], str] = words.mention_of


@dataclass(frozen=True, slots=True)
class Planned:
    """An experiment that comes by itself. `hours` ("9-17") limits when, "" does not."""

    number: int
    name: str
    subject: str
    target: str
    cron: str
    zone: str
    hours: str
    next_at: float | None
    by: str
