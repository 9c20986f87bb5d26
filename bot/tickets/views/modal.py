"""The dialogue that asks for how long and why a ticket is held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.tickets.model import Ticket

View = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """What was filled in: `seconds` None means no time limit."""

    seconds: float | None
    until_healthy: bool
    reason: str


def hold_modal(ticket: Ticket) -> View:
    """The hold dialogue of a ticket."""
    return {"type": "modal", "title": {"type": "plain_text", "text": f"Hold ticket {ticket.id}"}}


def read_hold(values: Mapping[str, Any]) -> Wish:
    """What `view.state.values` of the hold dialogue says."""
    return Wish(None, not values, "")
