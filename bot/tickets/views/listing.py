"""Lists of tickets for one person, paged with buttons."""

from __future__ import annotations

from collections.abc import Sequence

from bot import ids, words
from bot.blocks import (
    Block,
    Element,
    Message,
    Ours,
    actions,
    button,
    context,
    date,
    header,
    plain,
    section,
)
from bot.text import clean, escape, plural
from bot.validate import fit
from core.tickets.model import Ticket

PER_PAGE = 10


def listing(tickets: Sequence[Ticket], total: int, page: int, filter_text: str) -> Message:
    """One page (from 0) of a list of `total` tickets, with Previous and Next."""
    asked = clean(filter_text, 200)
    if not tickets:
        return _nothing(asked, total)
    pages = max((total - 1) // PER_PAGE + 1, page + 1)
    first = page * PER_PAGE + 1
    title = _title(asked, total)
    place = f"{first:,} to {first + len(tickets) - 1:,} of {total:,}" if pages > 1 else ""
    blocks: list[Block] = [header(f"{title} · {place}" if place else title)]
    blocks += rows(tickets)
    blocks.append(context(plain("Worst first. /tickets help lists the filters.", 200)))
    nav = _nav(page, pages, filter_text)
    if nav:
        blocks.append(nav)
    text = f"{escape(title)}. " + "; ".join(escape(short(one)) for one in tickets[:5])
    return fit(Message(text, tuple(blocks)))


def _title(asked: str, total: int) -> str:
    return f"{plural(total, 'ticket')}: {asked}" if asked else plural(total, "unresolved ticket")


def _nothing(asked: str, total: int) -> Message:
    if total:
        said = "That page is past the end of the list. /tickets list starts again."
    elif asked:
        said = f'No tickets for "{asked}". /tickets list shows all that are unresolved.'
    else:
        said = "✅ No unresolved tickets."
    return Message(escape(said), (section(said),))


def short(ticket: Ticket) -> str:
    """One ticket in a few words."""
    state = f"{ticket.severity}, {words.state(ticket)}"
    return f"{ticket.id} {state}: {clean(ticket.subject, 40)}, {clean(ticket.title, 120)}"


def rows(tickets: Sequence[Ticket]) -> list[Block]:
    """A paragraph for each ticket, with its Details button."""
    return [section(*_row(one), accessory=_details(one)) for one in tickets]


def _row(ticket: Ticket) -> tuple[Ours | str, ...]:
    """What is wrong where on the first line; how it stands on the second."""
    number = Ours(f"{words.sign(ticket)} *{ticket.id}* ", f"{words.sign(ticket)} {ticket.id} ")
    began = ticket.reopened_at or ticket.opened_at
    times: tuple[Ours | str, ...] = (" · since ", date(began))
    if ticket.resolved_at is not None:
        times = (" · ", date(ticket.resolved_at))
    subject, title = clean(ticket.subject, 40), clean(ticket.title, 160)
    state = f"\n{ticket.severity} · {words.state(ticket)}"
    return (number, subject, " · ", title, state, *times, _marks(ticket))


def _marks(ticket: Ticket) -> str:
    found = []
    if ticket.unowned and ticket.severity.rank > 0:
        found.append("no owner")
    if ticket.open and words.flapping(ticket):
        found.append("flapping")
    if ticket.open and ticket.explained_by is not None:
        found.append(f"explained by {ticket.explained_by}")
    return "".join(f" · {one}" for one in found)


def _details(ticket: Ticket) -> Element:
    value = ids.ticket_value(ticket.id, ticket.version)
    return button(ids.TICKET_DETAILS, "Details", value, label=f"Details of ticket {ticket.id}")


def _nav(page: int, pages: int, filter_text: str) -> Block | None:
    before = ids.listing_value(page - 1, filter_text)
    after = ids.listing_value(page + 1, filter_text)
    return paging(
        button(ids.LISTING_PREVIOUS, "Previous", before) if page > 0 else None,
        button(ids.LISTING_NEXT, "Next", after) if page + 1 < pages else None,
    )


def paging(previous: Element | None, following: Element | None) -> Block | None:
    """The row of paging buttons; None where there is one page only."""
    return actions(previous, following) if previous or following else None
