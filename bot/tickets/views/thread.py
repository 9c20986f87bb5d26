"""Replies in a ticket's thread: its timeline."""

from __future__ import annotations

from bot.blocks import Message
from bot.tickets.views.facts import Look
from core.events import Event
from core.tickets.model import Ticket


def reply(ticket: Ticket, event: Event, look: Look) -> Message | None:
    """What the thread says of an event; None where the edited card says enough."""
    return Message(f"{event.kind} {ticket.title} {look.subject}")


def joined(symptom: Ticket, look: Look) -> Message:
    """Another ticket turned out to be explained by this one."""
    return Message(f"{symptom.title} {look.subject}")
