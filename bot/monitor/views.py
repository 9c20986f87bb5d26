"""What is shown of watching: status, pauses, gaps, help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot import words
from bot.blocks import Message


@dataclass(frozen=True, slots=True)
class Pause:
    """An announced maintenance. `subject` "" means everything. Times in seconds since the epoch."""

    id: int
    subject: str
    started_at: float
    until: float
    by: str
    reason: str
    ended_at: float | None = None
    ended_by: str | None = None


@dataclass(frozen=True, slots=True)
class SubjectStatus:
    """One subject as /monitor status shows it; `at` None: not looked at yet."""

    name: str
    label: str
    at: float | None
    tick_s: float = 0.0
    interval_s: float = 0.0
    broken: int = 0
    unknown: int = 0
    holds: int = 0
    open_tickets: int = 0
    blind: tuple[tuple[str, str], ...] = ()
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How delivery to Slack stands."""

    backlog: int = 0
    oldest_s: float = 0.0
    parked: tuple[tuple[str, str], ...] = ()
    connected: int | None = None
    trouble: str = ""


NameOf = Callable[[str], str]


def status(
    subjects: Sequence[SubjectStatus],
    delivery: Delivery,
    now: float,
    name_of: NameOf = words.mention_of,
) -> Message:
    """How watching goes, for the person who asked."""
    return Message(f"{len(subjects)} {delivery.backlog} {now} {name_of('tocsin')}")


def maintenance_started(pause: Pause, name_of: NameOf = words.mention_of) -> Message:
    """Notification is paused, until when, by whom and why."""
    return Message(f"{pause.reason} {name_of(pause.by)}")


def gap(subject: str, since: float, until: float, opened: int, resolved: int) -> Message:
    """Nobody watched between two times (R16), and what changed meanwhile."""
    return Message(f"{subject} {since} {until} {opened} {resolved}")


def help_text() -> Message:
    """What /monitor understands."""
    return Message("help")
