"""The wording that Slack and the terminal share: durations, states, and sentences about tickets.

A sentence is a tuple of parts: words of ours, data, times and people. Each surface renders the parts
in its own way (`bot.blocks` for Slack, `spoken` for a terminal), so that it is written once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.text import clean
from core.durations import span
from core.invariant import Severity
from core.tickets.model import FLAPPING, Outcome, Resolution, Status, Ticket

NameOf = Callable[[str], str]
When = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Data:
    """Text that is not ours."""

    text: str
    limit: int = 500


@dataclass(frozen=True, slots=True)
class At:
    """A time, in seconds since the epoch (UTC)."""

    at: float


@dataclass(frozen=True, slots=True)
class Who:
    """An actor: "slack:U1", "cli:ana", "tocsin"."""

    actor: str


Phrase = tuple[str | Data | At | Who, ...]


def spoken(phrase: Phrase, name_of: NameOf, when: When) -> str:
    """A phrase as plain text, for a terminal."""
    out: list[str] = []
    for part in phrase:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, Data):
            out.append(clean(part.text, part.limit))
        elif isinstance(part, At):
            out.append(when(part.at))
        else:
            out.append(clean(name_of(part.actor), 80))
    return "".join(out)


def mention_of(actor: str) -> str:
    """How an actor is called where no display name is known: a mention for people in Slack."""
    kind, _, rest = actor.partition(":")
    if kind == "slack" and re.fullmatch(r"[UW][A-Z0-9]{1,40}", rest):
        return f"<@{rest}>"
    return plain_name(actor)


def plain_name(actor: str) -> str:
    """An actor without any mention: "ana (terminal)", "Tocsin", "U0123"."""
    kind, colon, rest = actor.partition(":")
    if kind == "cli" and rest:
        return f"{clean(rest, 60)} (terminal)"
    if actor == "tocsin":
        return "Tocsin"
    return clean(rest if colon else actor, 60) or "somebody"


# Durations.


def figure(value: float | None, unit: str = "") -> str:
    """A measured figure: "71.4 %", "1,203 regions", "-1 stores", "0.002 s"; "" without one."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return "no figure"
    if value == int(value) and abs(value) < 1e15:
        number = f"{int(value):,}"
    else:
        number = f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"
    return f"{number} {clean(unit, 20)}".strip()


def times(n: int) -> str:
    """ "once", "twice", "3 times"."""
    return {1: "once", 2: "twice"}.get(n, f"{n:,} times")


def pace(seconds: float) -> str:
    """How often something happens: "0.5 s", "30 s", "2 min"."""
    return f"{seconds:.2g} s" if 0 < seconds < 10 else span(seconds)


def ordinal(n: int) -> str:
    """2 -> "2nd"."""
    tail = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{tail}"


def counted(by_severity: Mapping[Severity, int]) -> str:
    """ "3 critical, 12 warning": worst first, without those of which there are none."""
    order = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)
    found = [f"{by_severity[s]:,} {s}" for s in order if by_severity.get(s)]
    return ", ".join(found) or "none"


# States.

COLOUR = {Severity.CRITICAL: "🔴", Severity.WARNING: "🟠", Severity.INFO: "🔵"}
"""Severity by colour; the word always stands beside it."""
_SIGN = {
    Status.OPEN: "",
    Status.ACKNOWLEDGED: "👀",
    Status.DIAGNOSED: "🔎",
    Status.RESOLVED: "✅",
}


def state(ticket: Ticket) -> str:
    """The state in words: "open", "acknowledged, diagnosed", "held", "open, recovering".

    Every ticket is diagnosed soon after it opens: whether somebody owns it comes first.
    """
    if not ticket.open:
        return "resolved"
    if ticket.held:
        return "held"
    found = "open" if ticket.unowned else "acknowledged"
    found += ", diagnosed" if ticket.diagnosed_at is not None else ""
    return found if ticket.broken else f"{found}, recovering"


def sign(ticket: Ticket) -> str:
    """Emoji of severity and state; never the only bearer of either."""
    if not ticket.open:
        return _SIGN[Status.RESOLVED]
    how = ticket.status if ticket.unowned else Status.ACKNOWLEDGED
    return COLOUR[ticket.severity] + ("⏸️" if ticket.held else _SIGN[how])


def flapping(ticket: Ticket) -> bool:
    """Whether it keeps coming back."""
    return ticket.flap_count >= FLAPPING


# Sentences.


def until(at: float | None, healthy: bool) -> Phrase:
    """When a hold ends: " until 15:30 or healthy again"."""
    if at is not None:
        return (" until ", At(at), " or healthy again" if healthy else "")
    return (" until healthy again",) if healthy else (" until somebody unholds it",)


def because(reason: str | None) -> Phrase:
    """A reason after a colon; a full stop at the end either way."""
    if not reason:
        return (".",)
    return (": ", Data(reason), "" if reason.rstrip()[-1:] in ".!?…" else ".")


def hold_words(ticket: Ticket) -> Phrase:
    """ "Held by Ana until 15:30: reason"; nothing for a ticket that is not held."""
    if ticket.held_by is None:
        return ()
    ends = until(ticket.held_until, ticket.held_until_healthy)
    return ("Held by ", Who(ticket.held_by), *ends, *because(ticket.hold_reason))


def ended(ticket: Ticket) -> Phrase:
    """How a ticket ended: "Resolved by Ana: reason"."""
    if ticket.resolution is Resolution.RECOVERED:
        return ("It is healthy again.",)
    if ticket.resolution is Resolution.REMOVED:
        return ("What it was about was removed for good.",)
    by: Phrase = ("Resolved by ", Who(ticket.resolved_by or "tocsin"))
    still = " It was still broken then, and stays closed until it has been seen healthy once."
    return (*by, *because(ticket.resolve_reason), *((still,) if ticket.shut else ()))


def already_resolved(ticket: Ticket) -> Phrase:
    """What somebody reads who comes too late: by whom and when."""
    at: Phrase = (" (", At(ticket.resolved_at), ")") if ticket.resolved_at is not None else ()
    return (f"Ticket {ticket.id} is already resolved", *at, ". ", *ended(ticket))


def outcome_phrase(done: Outcome) -> Phrase:
    """What a verb did, or that it was so already."""
    make = _DONE.get(done.verb)
    number = f"Ticket {done.ticket.id}"
    return make(done, number) if make else (f"{number}: ", Data(done.verb, 60))


def outcome(done: Outcome, name_of: NameOf, when: When) -> str:
    """The same as plain text, for a terminal; `when` writes a time."""
    return spoken(outcome_phrase(done), name_of, when)


def _acknowledged(done: Outcome, number: str) -> Phrase:
    owner = Who(done.ticket.acknowledged_by or "tocsin")
    if done.changed:
        return (f"{number} is owned by ", owner, " now: ", Data(done.ticket.title, 200), ".")
    at = done.ticket.acknowledged_at
    since: Phrase = (" (", At(at), ")") if at is not None else ()
    return (f"{number} is already owned by ", owner, *since, ".")


def _held(done: Outcome, number: str) -> Phrase:
    ticket = done.ticket
    holder = Who(ticket.held_by or "tocsin")
    ends = until(ticket.held_until, ticket.held_until_healthy)
    told = "is held by" if done.changed else "is already held by"
    return (f"{number} {told} ", holder, *ends, *because(ticket.hold_reason))


def _unheld(done: Outcome, number: str) -> Phrase:
    if done.changed:
        return (f"{number} is no longer held. It resolves by itself once it is healthy.",)
    return (f"{number} is not held.",)


def _resolved(done: Outcome, number: str) -> Phrase:
    ticket = done.ticket
    if not done.changed:
        return already_resolved(ticket)
    tail = " It stays closed until it has been seen healthy once." if ticket.shut else ""
    return (f"{number} is resolved: ", Data(ticket.title, 200), f".{tail}")


_DONE: dict[str, Callable[[Outcome, str], Phrase]] = {
    "acknowledge": _acknowledged,
    "hold": _held,
    "unhold": _unheld,
    "resolve": _resolved,
}
