"""A burst of tickets in one living message, and its members page by page."""

from __future__ import annotations

from collections.abc import Sequence

from bot.blocks import Message
from bot.tickets.views.facts import StormFacts
from core.tickets.model import Ticket


def storm(facts: StormFacts) -> Message:
    """The living message of a burst."""
    return Message(f"{facts.total} tickets")


def storm_page(facts: StormFacts, tickets: Sequence[Ticket], page: int) -> Message:
    """One page (from 0) of a storm's members, for the person who asked: PER_PAGE tickets a page."""
    return Message(f"{facts.total} {len(tickets)} {page}")
