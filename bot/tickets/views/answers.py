"""Answers to one person: what their verb did, and what to do instead."""

from __future__ import annotations

from bot.blocks import Message
from bot.tickets.views.facts import Look
from core.tickets.model import Outcome, Ticket


def outcome(done: Outcome, look: Look) -> Message:
    """What a verb did, or that it was so already."""
    return Message(f"{done.verb} {look.subject}")


def late(ticket: Ticket, look: Look) -> Message:
    """A click on a ticket that has ended: by whom and when."""
    return Message(f"{ticket.id} {look.subject}")


def resolve_confirm(ticket: Ticket, look: Look) -> Message:
    """Still broken: hold it, or resolve it anyway."""
    return Message(f"{ticket.id} {look.subject}")


def note(text: str) -> Message:
    """A few lines of plain words (an error, a refusal): nothing in them is markup."""
    return Message(text)


def help_text() -> Message:
    """What /tickets understands."""
    return Message("help")
