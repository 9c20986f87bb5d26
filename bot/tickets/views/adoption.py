"""What was already broken when a subject was first seen (R15), in one message."""

from __future__ import annotations

from bot.blocks import Message
from bot.tickets.views.facts import AdoptionFacts


def adoption(facts: AdoptionFacts) -> Message:
    """The adoption message: accept all as known, or show them as cards."""
    return Message(f"{facts.total} tickets")
