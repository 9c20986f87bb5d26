"""A ticket's card: the one top-level message that is edited in place."""

from __future__ import annotations

from bot.blocks import Message
from bot.tickets.views.facts import Look
from core.tickets.model import Ticket


def card(ticket: Ticket, look: Look) -> Message:
    """The card of a ticket as it stands now."""
    return Message(f"{look.subject or ticket.subject}: {ticket.title}")
