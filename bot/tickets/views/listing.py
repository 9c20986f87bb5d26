"""Lists of tickets for one person, paged with buttons."""

from __future__ import annotations

from collections.abc import Sequence

from bot.blocks import Message
from core.tickets.model import Ticket

PER_PAGE = 10


def listing(tickets: Sequence[Ticket], total: int, page: int, filter_text: str) -> Message:
    """One page (from 0) of a list of `total` tickets, with Previous and Next."""
    return Message(f"{len(tickets)} {total} {page} {filter_text}")
