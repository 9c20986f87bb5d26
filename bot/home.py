"""App Home: one person's tickets, what is open, which holds end soon, how watching goes.

Published when somebody opens it or clicks in it, from one read of the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot import blocks as b
from bot import ids, words
from bot.app_request import Answer, Book, Handler, Request
from bot.monitor import commands as monitor
from bot.monitor.commands import Watching
from bot.roles import Role, Roles
from core.db import Database, Tx
from core.invariant import Severity
from core.tickets import glance
from core.tickets.model import Ticket, Verb, allowed

Json = dict[str, Any]
ROWS = 10
"""Tickets shown in each list."""
SOON_S = 4 * 3600.0
"""A hold that ends within this time is shown."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """What somebody's home shows. `by_severity` counts open tickets, `status` how watching goes."""

    now: float
    mine: tuple[Ticket, ...]
    by_severity: dict[Severity, int]
    unowned: int
    ending: tuple[Ticket, ...]
    status: tuple[Json, ...]


def book() -> Book:
    """The button that shows the home anew: whatever is clicked there does, so it needs no more."""
    refresh = Handler("home_refresh", Role.VIEWER, _nothing, keep=False)
    return Book(actions={ids.HOME_REFRESH: lambda _request: refresh})


def _nothing(_tx: Tx, _request: Request) -> Answer:
    return Answer()


class Home:
    """Shows people their App Home."""

    def __init__(
        self, client: AsyncWebClient, db: Database, roles: Roles, watching: Watching
    ) -> None:
        self._client = client
        self._db = db
        self._roles = roles
        self._watching = watching

    async def show(self, user: str) -> None:
        """Publish the home of `user` as things stand now; for the barred, why they see nothing."""
        standing = await self._roles.standing(user, "")
        if standing.role < Role.VIEWER:
            view = closed(standing.why or "You have no role in Tocsin.")
        else:
            view = home(await self._db.read(_facts, f"slack:{user}", self._watching))
        await self._client.views_publish(user_id=user, view=view)


def _facts(tx: Tx, actor: str, watching: Watching) -> HomeFacts:
    return HomeFacts(
        now=tx.now,
        mine=tuple(glance.of_actor(tx, actor, ROWS + 1)),
        by_severity=glance.open_by_severity(tx),
        unowned=glance.unowned(tx),
        ending=tuple(glance.holds_ending(tx, tx.now + SOON_S, ROWS)),
        status=monitor.status(tx, watching).blocks,
    )


def closed(why: str) -> Json:
    """The home of somebody who may see nothing."""
    return {"type": "home", "blocks": [b.header("Tocsin"), b.section(why)]}


def home(facts: HomeFacts) -> Json:
    """The view of one person's home. Pure."""
    shown: list[Json] = [b.header("Open now"), _open_now(facts), _buttons()]
    shown += [b.divider(), b.header("Yours")]
    shown += _rows(facts.mine, "Nothing: you own and hold no open ticket.")
    if facts.ending:
        shown += [b.divider(), b.header("Holds that end within 4 hours")]
        shown += _rows(facts.ending, "")
    shown += [b.divider(), *facts.status, b.divider(), _help()]
    return {"type": "home", "blocks": shown[:100]}


def _open_now(facts: HomeFacts) -> Json:
    if not facts.by_severity:
        return b.section("✅ Nothing is open.")
    total = sum(facts.by_severity.values())
    owners = f"{facts.unowned:,} of them without an owner." if facts.unowned else "All have owners."
    return b.section(f"{total:,} open: {words.counted(facts.by_severity)}. {owners}")


def _buttons() -> Json:
    listing = ids.listing_value(0, "")
    return b.actions(
        b.button(ids.LISTING_NEXT, "All open tickets", listing),
        b.button(ids.HOME_REFRESH, "Refresh", "home"),
    )


def _rows(tickets: Sequence[Ticket], empty: str) -> list[Json]:
    if not tickets:
        return [b.section(empty)]
    rows: list[Json] = []
    for ticket in tickets[:ROWS]:
        rows += _row(ticket)
    if len(tickets) > ROWS:
        rows.append(b.section("More: ", b.code("/tickets list acknowledged")))
    return rows


def _row(ticket: Ticket) -> list[Json]:
    said: list[Any] = [
        f"{words.sign(ticket)} Ticket {ticket.id}, {ticket.severity}, {words.state(ticket)}: ",
        b.words(ticket.title, bold=True),
        f" ({ticket.subject}), since ",
        b.moment(ticket.opened_at),
    ]
    if ticket.held and ticket.held_until is not None:
        said += [", held until ", b.moment(ticket.held_until)]
    return [b.rich(b.line(*said)), _row_buttons(ticket)]


_LABELS = (
    (Verb.ACKNOWLEDGE, ids.TICKET_ACKNOWLEDGE, "Acknowledge"),
    (Verb.RESOLVE, ids.TICKET_RESOLVE, "Resolve"),
    (Verb.HOLD, ids.TICKET_HOLD, "Hold..."),
    (Verb.UNHOLD, ids.TICKET_UNHOLD, "Unhold"),
)


def _row_buttons(ticket: Ticket) -> Json:
    value = ids.ticket_value(ticket.id, ticket.version)
    possible = allowed(ticket)
    made = [
        b.button(action, text, value, label=f"{text} ticket {ticket.id}")
        for verb, action, text in _LABELS
        if verb in possible
    ]
    details = b.button(ids.TICKET_DETAILS, "Details", value, label=f"Details of {ticket.id}")
    return b.actions(*made, details)


def _help() -> Json:
    return b.context(
        b.said(
            "Everything here has a command: ",
            b.code("/tickets help"),
            ", ",
            b.code("/monitor help"),
            " and ",
            b.code("/chaos help"),
        )
    )
