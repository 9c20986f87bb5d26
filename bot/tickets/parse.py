"""What people type after `/tickets`, understood. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.command_line import Line, line_of
from core.durations import is_duration, parse_duration
from core.errors import Invalid, NotFound
from core.invariant import Severity
from core.tickets.store import Filter

VERBS = (
    "list",
    "show",
    "ack",
    "hold",
    "unhold",
    "resolve",
    "diagnose",
    "why",
    "recheck",
    "useful",
    "useless",
    "stop",
    "accept",
    "cards",
    "help",
)
SAME = {
    "": "help",
    "ls": "list",
    "details": "show",
    "acknowledge": "ack",
    "own": "ack",
    "release": "unhold",
    "close": "resolve",
    "reasoning": "why",
    "?": "help",
}
"""What people also say, and which verb they mean."""
STATUSES = ("open", "acknowledged", "diagnosed", "resolved", "held", "unowned", "all")
MAX_DIGITS = 18
"""A longer number fits into no column."""
HEALTHY = "healthy"
ANYWAY = "anyway"
_NUMBER = re.compile(r"#?(\d{1,4000})", re.ASCII)


def line(text: str) -> Line:
    """The words of a `/tickets` command."""
    return line_of(text, VERBS, SAME)


def number(words: Sequence[str], verb: str) -> tuple[int, tuple[str, ...]]:
    """The ticket's number and the words after it. Invalid, with an example, without one."""
    if not words:
        raise Invalid(f"Which ticket? Write its number: /tickets {verb} 42")
    found = _NUMBER.fullmatch(words[0])
    if found is None:
        raise NoNumber(words)
    if len(found[1]) > MAX_DIGITS:
        raise NotFound("There is no such ticket. Ticket numbers are much smaller.")
    return int(found[1]), tuple(words[1:])


class NoNumber(Invalid):
    """What stands in the place of a ticket's number is none; `words` are what was written."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__("A ticket is named by its number, as in: /tickets show 42")
        self.words = tuple(words)


def only(words: Sequence[str], verb: str) -> int:
    """The ticket's number where nothing may follow."""
    ticket_id, rest = number(words, verb)
    if rest:
        raise Invalid(
            f"/tickets {verb} takes one ticket number, as in: /tickets {verb} {ticket_id}"
        )
    return ticket_id


def one_subject(words: Sequence[str], verb: str) -> str | None:
    """The subject that is named, None where none is. Invalid for more than one word."""
    if len(words) > 1:
        raise Invalid(f"/tickets {verb} takes one subject at most, as in: /tickets {verb} prod")
    return words[0][:100] if words else None


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a ticket is to be held, and why; `seconds` None means no end."""

    seconds: float | None
    until_healthy: bool
    reason: str


def hold(words: Sequence[str]) -> Hold:
    """`2h`, `healthy`, or both, or neither; then the reason. "for" and "until" may be written."""
    seconds: float | None = None
    healthy = False
    at = 0
    while at < len(words):
        word = words[at].lower()
        if word in ("for", "until") and at + 1 < len(words) and _is_term(words[at + 1]):
            at += 1
            continue
        if seconds is None and _starts_like_duration(word):
            seconds = parse_duration(word)
        elif not healthy and word == HEALTHY:
            healthy = True
        else:
            break
        at += 1
    return Hold(seconds, healthy, " ".join(words[at:]))


def _is_term(word: str) -> bool:
    return word.lower() == HEALTHY or is_duration(word)


def _starts_like_duration(word: str) -> bool:
    """A figure, a sign before one: meant as a time, even if it cannot be read as one."""
    return re.match(r"[-+]?\d", word, re.ASCII) is not None


def resolve(words: Sequence[str]) -> tuple[bool, str]:
    """Whether to resolve although it is broken, and the reason."""
    if words and words[0].lower().lstrip("-") == ANYWAY:
        return True, " ".join(words[1:])
    return False, " ".join(words)


def filter_of(words: Iterable[str], subjects: Iterable[str]) -> Filter:
    """Status, subject and severity wherever they stand; what is left are words to look for."""
    names = {name.lower(): name for name in subjects}
    status: str | None = None
    subject: str | None = None
    severity: Severity | None = None
    rest: list[str] = []
    for word in words:
        low = word.lower()
        if status is None and low in STATUSES:
            status = low
        elif subject is None and low in names:
            subject = names[low]
        elif severity is None and low in tuple(Severity):
            severity = Severity(low)
        else:
            rest.append(low[:100])
    return Filter(status, subject, severity, tuple(rest[:10]))
