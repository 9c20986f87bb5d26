"""What people type after `/monitor`, understood. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.durations import is_duration, parse_duration
from core.errors import Invalid

VERBS = ("status", "pause", "resume", "interval", "help")
EVERYTHING = "all"
_EXAMPLE = "{0} pause 30m replacing disks, or {0} pause prod 30m replacing disks"


@dataclass(frozen=True, slots=True)
class Pause:
    """`subject` None means all; `for_s` in seconds."""

    subject: str | None
    for_s: float
    reason: str


def pause(words: Sequence[str], command: str = "/monitor") -> Pause:
    """`[subject] <30m> <reason>`. Invalid, with an example, where something is missing; `command`
    is how it is called where somebody typed it."""
    example = _EXAMPLE.format(command)
    rest = list(words)
    subject: str | None = None
    if rest and not rest[0][:1].isdigit():
        subject = rest.pop(0)
        if subject.lower() == EVERYTHING:
            subject = None
    if not rest:
        raise Invalid(f"For how long, and why? Write it like {example}.")
    if subject is not None and not is_duration(rest[0]):
        raise Invalid(f"A pause needs a duration and a reason: {example}.")
    for_s = parse_duration(rest.pop(0))
    if not rest:
        raise Invalid(f"A pause needs a reason, so that others know: {example}.")
    return Pause(subject, for_s, " ".join(rest))


def subject(words: Sequence[str]) -> str | None:
    """The subject that is named; None for all."""
    if not words or words[0].lower() == EVERYTHING:
        return None
    if len(words) > 1:
        raise Invalid("/monitor resume takes one subject, or none for all.")
    return words[0]


def interval(words: Sequence[str]) -> float:
    """The interval in seconds; a bare number is seconds."""
    if len(words) != 1:
        raise Invalid("How often? Write it like /monitor interval 10s")
    return float(words[0]) if words[0].isdecimal() else parse_duration(words[0])
