"""Everything about one ticket, for the person who asked."""

from __future__ import annotations

from collections.abc import Sequence

from bot.blocks import Message
from bot.tickets.views.facts import Look
from core.events import Event
from core.tickets.model import Ticket


def details(ticket: Ticket, events: Sequence[Event], look: Look) -> Message:
    """All facts and the history (events oldest first)."""
    return Message(f"{ticket.title} {len(events)} {look.subject}")
