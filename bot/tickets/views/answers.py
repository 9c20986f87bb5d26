"""Answers to one person: what their verb did, and what to do instead."""

from __future__ import annotations

from bot import ids
from bot.blocks import (
    Message,
    actions,
    button,
    confirmation,
    line,
    rich,
)
from bot.notes import Lines, help_message, note
from bot.sentences import markup, pieces
from bot.text import clean
from bot.tickets.views.facts import Look
from bot.validate import fit
from bot.words import Data, Phrase, already_resolved, outcome_phrase
from core.tickets.model import Outcome, Ticket


def _say(phrase: Phrase, look: Look) -> Message:
    blocks = (rich(line(*pieces(phrase, look.name_of))),)
    return fit(Message(markup(phrase, look.name_of), blocks))


def outcome(done: Outcome, look: Look) -> Message:
    """What a verb did, or that it was so already."""
    return _say(outcome_phrase(done), look)


def late(ticket: Ticket, look: Look) -> Message:
    """A click on a ticket that has ended: by whom and when."""
    return _say(already_resolved(ticket), look)


def resolve_confirm(ticket: Ticket, look: Look) -> Message:
    """Still broken: hold it, or resolve it anyway."""
    told: Phrase = (
        f"Ticket {ticket.id} is still broken: ",
        Data(ticket.title, 200),
        ". Hold it instead? Resolved anyway, it stays closed until it has been seen healthy once.",
    )
    value = ids.ticket_value(ticket.id, ticket.version)
    sure = confirmation(
        "Resolve while broken?",
        f"Closes ticket {ticket.id} of {clean(look.subject or ticket.subject, 40)}. Nobody is told "
        "of it again until it has been healthy once or gets worse. There is no undo.",
        "Resolve anyway",
        "Cancel",
    )
    hold = button(ids.TICKET_HOLD, "Hold…", value, style="primary") if not ticket.held else None
    anyway = button(
        ids.TICKET_RESOLVE_ANYWAY, "Resolve anyway", value, style="danger", confirm=sure
    )
    row = actions(hold, anyway)
    text = markup(told, look.name_of)
    return fit(Message(text, (rich(line(*pieces(told, look.name_of))), row)))


_TICKETS: Lines = (
    ("/tickets list", "what is unresolved, worst first"),
    ("/tickets list held", "also: open, acknowledged, diagnosed, resolved, unowned, all"),
    ("/tickets list critical disk", "a severity, a cluster's name or any words narrow it down"),
    ("/tickets show 42", "all about one ticket, with its history"),
    ("/tickets ack 42", "it is yours"),
    ("/tickets hold 42 2h disk swap", "keep it open and quiet for two hours; the reason is shown"),
    ("/tickets hold 42 healthy", "until it is healthy; without a time: until somebody unholds it"),
    ("/tickets unhold 42", "it may resolve by itself again"),
    ("/tickets diagnose 42", "look into it again; the answer comes in its thread"),
    ("/tickets why 42", "the reasoning behind its newest diagnosis"),
    ("/tickets recheck 42", "run the checks of that diagnosis again now: then and now"),
    ("/tickets useful 42", "or useless 42: what you think of that diagnosis"),
    ("/tickets stop 42", "stop the model that looks into it"),
    ("/tickets accept prod", "what was broken before watching began is known: held until healthy"),
    ("/tickets cards prod", "show cards of the worst ten of it"),
    ("/tickets resolve 42 reason", "close it; while it is still broken you are asked first"),
)


def help_text() -> Message:
    """What /tickets understands."""
    return help_message("Tickets", _TICKETS, "Each of these has a button, too.")


__all__ = ["help_text", "late", "note", "outcome", "resolve_confirm"]
