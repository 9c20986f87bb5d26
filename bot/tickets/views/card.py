"""A ticket's card: the one top-level message that is edited in place."""

from __future__ import annotations

from collections.abc import Iterator

from bot import words
from bot.blocks import (
    Element,
    Message,
    actions,
    bullets,
    clock,
    context,
    fields,
    header,
    line,
    link,
    plain,
    rich,
    said,
)
from bot.sentences import pieces
from bot.text import clean
from bot.tickets.views import pieces as shared
from bot.tickets.views.facts import Look
from bot.validate import fit
from core.tickets.model import Ticket


def card(ticket: Ticket, look: Look) -> Message:
    """The card of a ticket as it stands now: five blocks, the same order in every state.

    It mentions `look.mention` while nobody owns the ticket; an edit never wakes anyone, so the
    mention counts once, when the card is new.
    """
    text = shared.sentence(ticket, look)
    called = look.mention if ticket.unowned and not ticket.held else ""
    blocks = (
        header(shared.headline(ticket, look)),
        fields(*shared.cells(ticket, look)),
        rich(*_body(ticket, look, called)),
        context(*small_print(ticket, look)),
        actions(*shared.ticket_buttons(ticket)),
    )
    return fit(Message(f"{text} {shared.mention_text(called)}".strip(), blocks))


def _body(ticket: Ticket, look: Look, called: str) -> Iterator[Element | None]:
    if ticket.open:
        yield line(shared.summary_of(ticket, 600))
        yield line(*pieces(shared.why(ticket, look), look.name_of))
    else:
        yield line("Last seen broken: ", clean(ticket.summary, 600) or "no more is known")
        yield line("✅ ", *pieces(words.ended(ticket), look.name_of))
    for note in shared.notes(ticket, look):
        yield line(*pieces(note, look.name_of))
    yield from symptom_list(look)
    whom = shared.called(called)
    if whom is not None:
        yield line(whom, " please have a look.")


def symptom_list(look: Look) -> Iterator[Element | None]:
    """The tickets that this one explains; the first few by name, the others by count."""
    total = max(look.symptom_count, len(look.symptoms))
    if not total:
        return
    yield line("Explained by this:")
    shown = look.symptoms[: shared.SHOWN_SYMPTOMS]
    listed = [
        [
            f"{words.sign(one)} Ticket {one.id}, {one.severity}, {words.state(one)}: ",
            clean(one.title, 120),
        ]
        for one in shown
    ]
    if total > len(shown):
        listed.append([f"and {total - len(shown):,} more"])
    yield bullets(listed)


def small_print(ticket: Ticket, look: Look) -> Iterator[Element]:
    """Number, what was checked, how often and when last seen, links."""
    yield plain(f"Ticket {ticket.id} · {ticket.invariant} · {ticket.entity}", 200)
    if ticket.open and ticket.broken:
        often = f"{words.times(ticket.count)}, last" if ticket.count > 1 else "at"
        yield said(f"seen broken {often} ", clock(ticket.last_seen_at))
    for label, url in look.links[:6]:
        yield said(link(url, label))
