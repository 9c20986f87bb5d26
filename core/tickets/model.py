"""A ticket: the facts of one episode of a violation, and what follows from them. Pure.

The row holds facts; *status* is computed from them, in this order: resolved, else diagnosed, else
acknowledged, else open. Held is a fact beside the status, and so is the owner.

Times are seconds since the epoch (UTC). An actor is "slack:U0123", "cli:name" or "tocsin".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from core.errors import Conflict, Invalid, Refused
from core.invariant import Severity

FLAP_WINDOW_S = 600.0
"""A recurrence within this time after recovery reopens the ticket."""
FLAPPING = 3
"""From this many reopenings on a ticket counts as flapping and must stay healthy for longer."""
FLAP_DAMPING_S = 60.0
"""How long a flapping ticket must be seen healthy before it resolves by itself."""
OUTLIVE_S = 30.0
"""How long a symptom must outlive its cause before it gets a card of its own."""
REMIND_S = 600.0
"""A critical ticket that nobody acknowledged for this long is told again."""
MAX_HOLD_S = 30 * 86400.0
"""The longest timed hold."""
MAX_REASON = 500
"""Characters of a reason that are kept."""


class Status(StrEnum):
    """Where a ticket stands."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    DIAGNOSED = "diagnosed"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """Why a ticket ended."""

    RECOVERED = "recovered"
    MANUAL = "manual"
    REMOVED = "removed"


class Detail(msgspec.Struct, frozen=True, gc=False):
    """What was measured when the ticket was last seen broken."""

    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    facts: Mapping[str, str] | None = None


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """One episode of a violation, as stored. (A Struct, as is its Detail: ten thousand are read after
    a storm, which takes 10 ms, and 50 for dataclasses.)

    `seen_period_s` is the pace of the source that saw it. `healthy_since` is set while it is seen
    holding but not resolved yet (or held); `shut` says that a person closed it while it was still
    broken, so its fingerprint stays closed until it has once been seen healthy.
    """

    id: int
    subject: str
    invariant: str
    entity: str
    fingerprint: str
    severity: Severity
    title: str
    summary: str
    detail: Detail
    opened_at: float
    last_seen_at: float
    seen_period_s: float
    count: int
    healthy_since: float | None = None
    healthy_at: float | None = None
    healthy_for_s: float = 0.0
    acknowledged_at: float | None = None
    acknowledged_by: str | None = None
    held_at: float | None = None
    held_by: str | None = None
    held_until: float | None = None
    held_until_healthy: bool = False
    hold_reason: str | None = None
    diagnosed_at: float | None = None
    resolved_at: float | None = None
    resolved_by: str | None = None
    resolution: Resolution | None = None
    resolve_reason: str | None = None
    shut: bool = False
    flap_count: int = 0
    reopened_at: float | None = None
    previous_id: int | None = None
    explained_by: int | None = None
    adopted: bool = False
    reminded_at: float | None = None
    version: int = 1

    @property
    def status(self) -> Status:
        """Computed from the facts, never stored."""
        if self.resolved_at is not None:
            return Status.RESOLVED
        if self.diagnosed_at is not None:
            return Status.DIAGNOSED
        if self.acknowledged_by is not None:
            return Status.ACKNOWLEDGED
        return Status.OPEN

    @property
    def open(self) -> bool:
        """Whether it is not resolved."""
        return self.resolved_at is None

    @property
    def held(self) -> bool:
        """Whether somebody holds it open."""
        return self.held_at is not None and self.resolved_at is None

    @property
    def broken(self) -> bool:
        """Whether it was still broken when last seen."""
        return self.resolved_at is None and self.healthy_since is None

    @property
    def unowned(self) -> bool:
        """Whether it is open and nobody has acknowledged it."""
        return self.resolved_at is None and self.acknowledged_by is None


class StillBroken(Refused):
    """It is still broken: hold it instead, or say that you want it resolved anyway."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a verb did. `changed` is False when it was already so."""

    verb: str
    changed: bool
    ticket: Ticket


class Verb(StrEnum):
    """What a person can do with a ticket."""

    ACKNOWLEDGE = "acknowledge"
    HOLD = "hold"
    UNHOLD = "unhold"
    RESOLVE = "resolve"


def allowed(ticket: Ticket) -> tuple[Verb, ...]:
    """The verbs that would change the ticket now, in the order in which they are offered."""
    if not ticket.open:
        return ()
    verbs: list[Verb] = []
    if ticket.unowned:
        verbs.append(Verb.ACKNOWLEDGE)
    verbs.append(Verb.RESOLVE)
    verbs.append(Verb.UNHOLD if ticket.held else Verb.HOLD)
    return tuple(verbs)


class AlreadyResolved(Conflict):
    """That ticket is already resolved."""

    def __init__(self, ticket: Ticket) -> None:
        super().__init__(f"Ticket {ticket.id} is already resolved.")
        self.ticket = ticket


def guard_open(ticket: Ticket) -> None:
    """AlreadyResolved for a ticket that has ended."""
    if not ticket.open:
        raise AlreadyResolved(ticket)


def guard_resolve(ticket: Ticket, *, anyway: bool) -> None:
    """StillBroken unless it was seen healthy, or the person insists."""
    if ticket.broken and not anyway:
        raise StillBroken(
            f"Ticket {ticket.id} is still broken. Hold it instead, or resolve it anyway: it then "
            "stays closed until it has been seen healthy once."
        )


def reason(text: str | None) -> str | None:
    """A reason as kept: trimmed, one line, None when empty."""
    cleaned = " ".join((text or "").split())[:MAX_REASON]
    return cleaned or None


def guard_hold(until: float | None, now: float) -> None:
    """Invalid for a hold that ends in the past or too far away."""
    if until is None:
        return
    if until <= now:
        raise Invalid("A hold must end in the future.")
    if until - now > MAX_HOLD_S:
        raise Invalid("A hold can last 30 days at most; leave the time out to hold until unheld.")


def recovery_needed_s(ticket: Ticket, recover_s: float) -> float:
    """How long it must be seen healthy before it resolves by itself."""
    if ticket.flap_count >= FLAPPING:
        return max(recover_s, FLAP_DAMPING_S)
    return recover_s


def public(ticket: Ticket, iso: Any) -> dict[str, Any]:
    """The documented JSON form of a ticket; `iso` turns a time into text."""

    def when(at: float | None) -> Any:
        return None if at is None else iso(at)

    return {
        "id": ticket.id,
        "status": str(ticket.status),
        "severity": str(ticket.severity),
        "subject": ticket.subject,
        "invariant": ticket.invariant,
        "entity": ticket.entity,
        "title": ticket.title,
        "summary": ticket.summary,
        "value": ticket.detail.value,
        "threshold": ticket.detail.threshold,
        "unit": ticket.detail.unit,
        "facts": dict(ticket.detail.facts or {}),
        "count": ticket.count,
        "opened_at": when(ticket.opened_at),
        "last_seen_at": when(ticket.last_seen_at),
        "healthy_since": when(ticket.healthy_since),
        "held": ticket.held,
        "held_by": ticket.held_by,
        "held_until": when(ticket.held_until),
        "held_until_healthy": ticket.held_until_healthy,
        "hold_reason": ticket.hold_reason,
        "acknowledged_by": ticket.acknowledged_by,
        "acknowledged_at": when(ticket.acknowledged_at),
        "resolved_at": when(ticket.resolved_at),
        "resolved_by": ticket.resolved_by,
        "resolution": None if ticket.resolution is None else str(ticket.resolution),
        "resolve_reason": ticket.resolve_reason,
        "flap_count": ticket.flap_count,
        "previous_id": ticket.previous_id,
        "explained_by": ticket.explained_by,
    }
