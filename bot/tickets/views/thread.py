"""Replies in a ticket's thread: its timeline. A reply wakes nobody (R13): it names people without
mentioning them wherever their name is known."""

from __future__ import annotations

from bot import words
from bot.blocks import Message, bullets, line, rich
from bot.sentences import markup, pieces
from bot.text import clean, plural
from bot.tickets.views.facts import Look
from bot.tickets.views.history import told
from bot.tickets.views.pieces import summary_of
from bot.validate import fit
from bot.words import At, Data, NameOf, Phrase, Who, mention_of
from core.durations import span
from core.events import Event
from core.tickets.model import Ticket


def reply(ticket: Ticket, event: Event, look: Look) -> Message | None:
    """What the thread says of an event; None where the edited card says enough."""
    if event.kind == "ticket.resolved":
        return _summary(ticket, event, look)
    if event.kind == "ticket.hold_ended":
        return _hold_ended(ticket, event, look)
    if event.kind not in _TOLD:
        return None
    return _say(told(event, ticket), look.name_of)


_TOLD = frozenset(
    {
        "ticket.acknowledged",
        "ticket.held",
        "ticket.unheld",
        "ticket.worsened",
        "ticket.eased",
        "ticket.reopened",
        "ticket.surfaced",
    }
)


def _say(phrase: Phrase, name_of: NameOf) -> Message:
    blocks = (rich(line(*pieces(phrase, name_of))),)
    return fit(Message(markup(phrase, name_of), blocks))


def joined(symptom: Ticket, look: Look) -> Message:
    """Another ticket turned out to be explained by this one: told here, without a card."""
    phrase: Phrase = (
        f"{words.sign(symptom)} Also broken, explained by this: ticket {symptom.id}, ",
        f"{symptom.severity}: ",
        Data(symptom.title, 200),
        ". ",
        Data(summary_of(symptom, 300), 300),
    )
    return _say(phrase, look.name_of)


def _hold_ended(ticket: Ticket, event: Event, look: Look) -> Message:
    """The one reply that mentions somebody: its holder asked to be told."""
    holder = str(event.data.get("held_by") or "tocsin")
    is_broken = bool(event.data.get("broken", ticket.broken))
    now = "still broken" if is_broken else "healthy, so it resolves by itself if that lasts"
    phrase: Phrase = (Who(holder), f", your hold of ticket {ticket.id} has ended; it is {now}.")
    return _say(phrase, mention_of)


def _summary(ticket: Ticket, event: Event, look: Look) -> Message:
    """One summary when it ends: cause, duration, actions."""
    rows = list(_summary_rows(ticket, event, look))
    head = told(event, ticket)
    text = ". ".join(markup(row, look.name_of) for row in rows)
    listed = bullets([pieces(row, look.name_of) for row in rows])
    blocks = (rich(line(*pieces(head, look.name_of)), listed),)
    return fit(Message(f"{markup(head, look.name_of)} {text}", blocks))


def _summary_rows(ticket: Ticket, event: Event, look: Look) -> list[Phrase]:
    end = event.at
    seen = ticket.summary or ticket.title
    cause: Phrase = ("Cause: no diagnosis; last seen broken as: ", Data(seen, 400))
    if look.diagnosis:
        cause = ("Cause: ", Data(look.diagnosis, 400))
    rows: list[Phrase] = [
        cause,
        (
            f"Lasted {span(end - ticket.opened_at)}: from ",
            At(ticket.opened_at),
            " to ",
            At(end),
        ),
    ]
    if ticket.acknowledged_by and ticket.acknowledged_at:
        after = span(ticket.acknowledged_at - ticket.opened_at)
        rows.append(("Acknowledged by ", Who(ticket.acknowledged_by), f" after {after}"))
    else:
        rows.append(("Nobody acknowledged it",))
    if ticket.flap_count:
        rows.append((f"It came back {words.times(ticket.flap_count)} on the way",))
    total = max(look.symptom_count, len(look.symptoms))
    if total:
        rows.append((f"With it went {plural(total, 'explained ticket')}",))
    return rows


def still_broken(ticket: Ticket, look: Look) -> Message:
    """The compact reply of a repetition: at most one while the ticket is open."""
    often = words.times(ticket.count)
    phrase: Phrase = (
        f"Still broken, seen {often}: ",
        Data(clean(ticket.summary, 300) or ticket.title, 300),
    )
    return _say(phrase, look.name_of)
