"""What an event says in one sentence: for the thread, for the history in details, for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.words import Data, Phrase, Who, because, until
from core.events import Event
from core.tickets.model import Resolution, Ticket


def told(event: Event, ticket: Ticket) -> Phrase:
    """The event as a sentence. What the event does not say itself is taken from the ticket."""
    make = _SENTENCES.get(event.kind)
    if make is None:
        return (Data(event.kind.removeprefix("ticket.").replace("_", " "), 60),)
    return make(event, ticket)


def _actor(event: Event) -> Who:
    return Who(event.actor or "tocsin")


def _opened(event: Event, ticket: Ticket) -> Phrase:
    return ("Opened: ", Data(ticket.title, 200))


def _reopened(event: Event, ticket: Ticket) -> Phrase:
    return ("🔁 Broken again: ", Data(ticket.title, 200))


def _worsened(event: Event, ticket: Ticket) -> Phrase:
    return ("🔺 ", *_severity_change(event, ticket), ": ", Data(ticket.title, 200))


def _eased(event: Event, ticket: Ticket) -> Phrase:
    return ("🔻 ", *_severity_change(event, ticket), ": ", Data(ticket.title, 200))


def _severity_change(event: Event, ticket: Ticket) -> Phrase:
    before = event.data.get("from")
    now = str(ticket.severity).capitalize()
    return (f"{now} now", *((", was ", Data(str(before), 20)) if before else ()))


def _changed(event: Event, ticket: Ticket) -> Phrase:
    return ("What is measured changed",)


def _recovering(event: Event, ticket: Ticket) -> Phrase:
    return ("🌱 Seen healthy again",)


def _acknowledged(event: Event, ticket: Ticket) -> Phrase:
    return ("👀 Acknowledged by ", _actor(event))


def _held(event: Event, ticket: Ticket) -> Phrase:
    data = event.data
    if "until" not in data and ticket.held and ticket.held_by == event.actor:
        data = {
            "until": ticket.held_until,
            "until_healthy": ticket.held_until_healthy,
            "reason": ticket.hold_reason,
        }
    return ("⏸️ Held by ", _actor(event), *_until(data), *_because(data))


def _until(data: Mapping[str, Any]) -> Phrase:
    if "until" not in data:
        return ()
    at = data["until"]
    number = float(at) if isinstance(at, int | float) else None
    return until(number, bool(data.get("until_healthy")))


def _because(data: Mapping[str, Any]) -> Phrase:
    reason = data.get("reason")
    return because(str(reason)) if reason else ()


def _unheld(event: Event, ticket: Ticket) -> Phrase:
    holder = event.data.get("held_by")
    if holder and holder != event.actor:
        return ("▶️ The hold of ", Who(str(holder)), " was lifted by ", _actor(event))
    return ("▶️ Hold lifted by ", _actor(event))


def _hold_ended(event: Event, ticket: Ticket) -> Phrase:
    holder = event.data.get("held_by")
    broken = "still broken" if event.data.get("broken") else "healthy meanwhile"
    if not holder:
        return (f"▶️ The hold ended, {broken}",)
    return ("▶️ The hold of ", Who(str(holder)), f" ended, {broken}")


def _resolved(event: Event, ticket: Ticket) -> Phrase:
    if event.actor:
        still = " while still broken" if event.data.get("while_broken") else ""
        reason = event.data.get("reason", ticket.resolve_reason)
        tail = because(str(reason)) if reason else (".",)
        return ("✅ Resolved by ", _actor(event), still, *tail)
    if ticket.resolution is Resolution.REMOVED:
        return ("✅ Resolved: what it was about was removed for good.",)
    return ("✅ Resolved: it is healthy again.",)


def _surfaced(event: Event, ticket: Ticket) -> Phrase:
    cause = event.data.get("outlived")
    return (f"It outlived its cause{f', ticket {cause}' if cause else ''}: it stands for itself",)


def _rejoined(event: Event, ticket: Ticket) -> Phrase:
    cause, now = event.data.get("outlived"), event.data.get("cause")
    return (f"Ticket {cause}, which explained it, is over; ticket {now} explains it now",)


def _unowned(event: Event, ticket: Ticket) -> Phrase:
    return ("Asked again for somebody to own it",)


def _diagnosed(event: Event, ticket: Ticket) -> Phrase:
    return ("🔎 Diagnosed",)


def _same_again(event: Event, ticket: Ticket) -> Phrase:
    return ("🔎 Looked at again: nothing changed",)


def _asked(event: Event, ticket: Ticket) -> Phrase:
    question = str(event.data.get("question") or "")
    if question:
        return ("🔎 ", _actor(event), " asked: ", Data(question, 120))
    return ("🔎 ", _actor(event), " asked for a diagnosis")


def _answered(event: Event, ticket: Ticket) -> Phrase:
    return ("🔎 Answered",)


def _judged(event: Event, ticket: Ticket) -> Phrase:
    found = "useful" if event.data.get("useful") else "not useful"
    return ("🔎 ", _actor(event), f" found the diagnosis {found}")


def _stopped(event: Event, ticket: Ticket) -> Phrase:
    return ("⏹️ ", _actor(event), " stopped the model")


def _model_ended(event: Event, ticket: Ticket) -> Phrase:
    why = str(event.data.get("why") or "")
    return ("🔎 The model is done", *((": ", Data(why, 200)) if why else ()))


def _given_up(event: Event, ticket: Ticket) -> Phrase:
    return ("🔎 Not diagnosed: ", Data(str(event.data.get("why") or "it failed"), 200))


UNTOLD = frozenset(("diagnosis.progress",))
"""Kinds of events that a history leaves out: they are news only while they happen."""
_SENTENCES: Mapping[str, Callable[[Event, Ticket], Phrase]] = {
    "ticket.opened": _opened,
    "ticket.reopened": _reopened,
    "ticket.worsened": _worsened,
    "ticket.eased": _eased,
    "ticket.changed": _changed,
    "ticket.recovering": _recovering,
    "ticket.acknowledged": _acknowledged,
    "ticket.held": _held,
    "ticket.unheld": _unheld,
    "ticket.hold_ended": _hold_ended,
    "ticket.resolved": _resolved,
    "ticket.surfaced": _surfaced,
    "ticket.rejoined": _rejoined,
    "ticket.unowned": _unowned,
    "ticket.diagnosed": _diagnosed,
    "ticket.answered": _answered,
    "diagnosis.unchanged": _same_again,
    "diagnosis.asked": _asked,
    "diagnosis.feedback": _judged,
    "diagnosis.stopped": _stopped,
    "diagnosis.ended": _model_ended,
    "diagnosis.dropped": _given_up,
}
