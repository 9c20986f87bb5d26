"""Questions: what somebody wants who mentions the bot, and about which ticket.

A question is kept in the same transaction as its request, so that a second delivery asks nothing
twice; the answer comes in the ticket's thread, from the frozen evidence. Messages that do not
mention the bot are never heard, those of bots never answered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.app_request import Answer, Book, Handler, Request, words
from bot.roles import Role
from bot.tickets import verbs
from core import placements
from core.db import Tx
from core.diagnosis import store
from core.diagnosis.questions import QUESTIONS, SOMEBODY
from core.errors import Invalid
from core.tickets import store as tickets

EVENT = "app_mention"
MAX_QUESTION = 1_000
CAN_ASK = "For example: " + ", ".join(
    one.example for one in QUESTIONS if SOMEBODY not in one.example
)
_NAMED = re.compile(r"(?:\bticket\s*#?|#)(\d{1,18})\b", re.ASCII | re.IGNORECASE)
_LEADING = re.compile(r"#?(\d{1,18})(?=[\s:,?.]|$)", re.ASCII)
_MARKUP = re.compile(r"<([@#!])([^<>|]{1,100})(?:\|([^<>]{0,100}))?>")
_LINK = re.compile(r"<([^<>|\s]{1,2000})(?:\|([^<>]{0,200}))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def book(bot_user_id: str) -> Book:
    """What the bot answers to when it is mentioned."""
    handler = Handler("question", Role.VIEWER, lambda tx, request: _ask(tx, request, bot_user_id))
    return Book(events={EVENT: lambda _request: handler})


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it was meant: the ticket that it names (None: none), and its words."""

    ticket_id: int | None
    question: str


def understood(text: str, bot_user_id: str, *, in_thread: bool) -> Asked:
    """What a message wants. In a ticket's thread a bare number is no ticket's: it may be a store's."""
    said = _plain(text.replace(f"<@{bot_user_id}>", " "))
    found = _NAMED.search(said)
    if found is None and not in_thread:
        found = _LEADING.match(said)
    if found is not None:
        said = f"{said[: found.start()]} {said[found.end() :]}"
    question = " ".join(said.split()).lstrip(":,. ")[:MAX_QUESTION]
    return Asked(None if found is None else int(found[1]), question)


def _plain(text: str) -> str:
    """Slack's markup as a person reads it; mentions of others are left out."""
    said = _MARKUP.sub(lambda m: f" {m[3] or ''} ", text)
    said = _LINK.sub(lambda m: m[2] or m[1], said)
    for entity, char in _ENTITIES:
        said = said.replace(entity, char)
    return said.strip()


def _ask(tx: Tx, request: Request, bot_user_id: str) -> Answer:
    here = placements.told_at(tx, request.thread_ts) if request.thread_ts else None
    about = None if here is None else placements.ticket_of(here)
    asked = understood(request.text, bot_user_id, in_thread=about is not None)
    number = asked.ticket_id if asked.ticket_id is not None else about
    if number is None:
        raise Invalid(_which(here))
    root = store.episode(tx, tickets.get(tx, number).id)
    if not asked.question:
        raise Invalid(f"What would you like to know of ticket {number}? {CAN_ASK}")
    store.ask(tx, number, request.actor, asked.question)
    if about == root.id:
        return Answer()  # the thread in which it was asked says it
    if not verbs.has_thread(tx, root.id):
        return words(
            f"Ticket {root.id} has no message to answer under now; "
            f"`/tickets show {root.id}` will have the answer in a moment."
        )
    return words(f"The answer comes in the thread of ticket {root.id}, in a moment.")


def _which(here: str | None) -> str:
    if here is not None and here.startswith(("storm:", "adoption:")):
        return "Several tickets are told in this thread. Name one, as in: @tocsin ticket 42 why?"
    return (
        "Ask in a ticket's thread, or name a ticket, as in: @tocsin ticket 42 why? "
        "`/tickets list` shows what is open."
    )
