"""An open ticket seen broken again: what of it is news, and what only needs a new date. Pure.

In a storm nearly all of it is the latter: those tickets share one record, and one statement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.invariant import Broken, Judged, Violation
from core.tickets.model import Ticket

TOUCH_S = 2.0
"""A ticket's count and last sighting are written at most this often (more rarely in a storm)."""
STORM_STEP = 500
"""Every so many open tickets stretch the touching by once TOUCH_S."""
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Touch:
    """An open ticket seen broken again, in other words or figures than before.

    `change` is "changed", "worsened" or "eased", or "" where that is not worth telling.
    """

    ticket: Ticket
    violation: Violation
    change: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Open tickets, by id, seen broken again at `at` (pace `period_s`) exactly as they were."""

    at: float
    period_s: float
    ids: list[int]


def touching_s(open_tickets: int) -> float:
    """How often a ticket's sighting is written while so many are open."""
    return TOUCH_S * (1 + open_tickets // STORM_STEP)


@dataclass(frozen=True, slots=True)
class Again:
    """What one invariant sees again; `unchanged` collects those that need no more than a date."""

    judged: Judged
    touch_s: float
    unchanged: list[int] = field(default_factory=list)

    def see(self, ticket: Ticket, found: Broken) -> str | None:
        """How the ticket changes, as in Touch; None if it need not be written, or only its date."""
        judged = self.judged
        if judged.at == ticket.last_seen_at:
            return None
        if change := self._change(ticket, found):
            return change
        # A step back of the wall clock must not stop the touching until it has caught up.
        pace_s = max(self.touch_s, judged.period_s * 0.9)
        if 0 <= judged.at - ticket.last_seen_at < pace_s:
            return None
        if not _same(ticket, found):
            return ""
        self.unchanged.append(ticket.id)
        return None

    def _change(self, ticket: Ticket, found: Broken) -> str:
        severity = found.severity or self.judged.invariant.severity
        if severity is not ticket.severity:
            return "worsened" if severity.rank > ticket.severity.rank else "eased"
        if ticket.healthy_since is not None or found.title != ticket.title:
            return "changed"
        if _rounded(found.value) != _rounded(ticket.detail.value):
            return "changed"
        return "" if found.facts == (ticket.detail.facts or _NONE) else "changed"


def _same(ticket: Ticket, found: Broken) -> bool:
    """Whether it says to the letter what it said, given that no change is worth telling."""
    detail = ticket.detail
    return (
        found.summary == ticket.summary
        and found.value == detail.value
        and found.threshold == detail.threshold
        and found.unit == detail.unit
    )


def _rounded(value: float | None) -> str:
    """Two significant digits: a figure that merely trembles is not news."""
    return "" if value is None else f"{value:.2g}"
