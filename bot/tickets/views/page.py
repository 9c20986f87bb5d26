"""New messages that mention somebody (R13)."""

from __future__ import annotations

from bot.blocks import Message
from bot.tickets.views.facts import Look, PageReason
from core.tickets.model import Ticket


def page(ticket: Ticket, reason: PageReason, look: Look) -> Message:
    """One ticket, told again to whom it concerns."""
    return Message(f"{look.mention} {ticket.title} {reason}")


def criticals(tickets: tuple[Ticket, ...], total: int, look: Look) -> Message:
    """The criticals that a storm took in within ten seconds, in one mentioning message."""
    return Message(f"{look.mention} {total} critical tickets {len(tickets)}")
