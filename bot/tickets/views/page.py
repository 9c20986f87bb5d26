"""New messages that mention somebody: the only ones, beside a new critical's card, that wake (R13).

Cluster, severity and entity come first, so that they can be read on a locked phone.
"""

from __future__ import annotations

from dataclasses import replace

from bot import words
from bot.blocks import Element, Message, actions, bullets, line, rich, web
from bot.blocks import words as say
from bot.sentences import markup, pieces
from bot.text import clean, escape, plural
from bot.tickets.views import pieces as shared
from bot.tickets.views.facts import Look, PageReason
from bot.validate import fit
from bot.words import At, Phrase
from core.durations import span
from core.tickets.model import REMIND_S, Ticket

SHOWN = 8


def page(ticket: Ticket, reason: PageReason, look: Look) -> Message:
    """One ticket, told to whom it concerns in a message of its own, with its buttons."""
    told = _told(ticket, reason)
    if not ticket.open:
        told = ("It has ended since. ", *words.ended(ticket))
        look = replace(look, mention="")
    text = f"{shared.sentence(ticket, look)} {markup(told, look.name_of)}"
    blocks = (
        rich(
            line(say(shared.headline(ticket, look), bold=True)),
            line(*pieces(told, look.name_of)),
            line(shared.summary_of(ticket, 400)),
            _whom(look),
        ),
        actions(*shared.ticket_buttons(ticket)),
    )
    return fit(Message(f"{text} {shared.mention_text(look.mention)}".strip(), blocks))


def _told(ticket: Ticket, reason: PageReason) -> Phrase:
    if reason is PageReason.REOPENED:
        again = words.ordinal(ticket.flap_count + 1)
        since = At(ticket.reopened_at or ticket.opened_at)
        return (f"It had recovered and is broken again, {again} time, since ", since, ".")
    if reason is PageReason.WORSENED:
        return (f"It got worse: it is {ticket.severity} now.",)
    if reason is PageReason.UNOWNED:
        waited = span(REMIND_S)
        return (f"Nobody has acknowledged it for {waited}.",)
    if reason is PageReason.SURFACED:
        return ("Its cause is over, but this is still broken.",)
    return ("Its hold has ended and it is still broken.",)


def _whom(look: Look) -> Element | None:
    whom = shared.called(look.mention)
    card = web(look.card_url, "its card") if look.card_url else None
    if whom is None and card is None:
        return None
    please = " please have a look." if whom else None
    return line(whom, please, " See " if card else None, card)


_OF_A_BURST = {
    "reopened": "of a burst: broken again",
    "worsened": "of a burst: it got worse",
    "unowned": f"of a burst: no owner for {span(REMIND_S)}",
}


def criticals(tickets: tuple[Ticket, ...], total: int, look: Look, reason: str = "new") -> Message:
    """The criticals that a storm took in within ten seconds, in one mentioning message.

    `tickets` are the first of `total`; the storm's own message counts and pages them all.
    """
    where = _where(tickets, look)
    what = _OF_A_BURST.get(reason)
    new = f"{plural(total, 'new critical ticket')} in a burst"
    of_it = f"{plural(total, 'critical ticket')} {what}"
    told = f"{where}: {of_it if what else new}"
    shown = tickets[:SHOWN]
    first = "; ".join(escape(clean(one.title, 80)) for one in shown[:3])
    several = where.endswith("clusters")
    listed: list[list[Element | str]] = [
        [f"{words.sign(one)} {one.id} ", named(one, several=several)] for one in shown
    ]
    if total > len(shown):
        listed.append([f"and {total - len(shown):,} more"])
    blocks = (
        rich(
            line(say(f"🔴 {told}", bold=True)),
            bullets(listed),
            line("The burst's own message counts them all and lists them."),
            _whom(look),
        ),
    )
    text = f"{escape(told)}: {first}. {shared.mention_text(look.mention)}"
    return fit(Message(text.strip(), blocks))


def named(ticket: Ticket, *, several: bool) -> str:
    """A ticket in a list: with its cluster where there are several."""
    title = clean(ticket.title, 120)
    return f"{clean(ticket.subject, 40)}: {title}" if several else title


def _where(tickets: tuple[Ticket, ...], look: Look) -> str:
    names = sorted({clean(one.subject, 40) for one in tickets})
    if look.subject or len(names) == 1:
        return clean(look.subject, 40) or names[0]
    return f"{len(names)} clusters" if names else "Several clusters"
