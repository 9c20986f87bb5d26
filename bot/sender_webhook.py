"""Carrying criticals to the fallback webhook, through the same outbox."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from bot.pager import WEBHOOK, Pager
from bot.pager import event as pager_event
from bot.sender_refusals import retry_s
from bot.slack import Ambiguous, AuthFailed, Limited, Ok, Outcome, Refused, Unreached
from core import channels, outbox, reconcile
from core.db import Database, Tx
from core.metrics import Metrics
from core.outbox import Row
from core.placements import ticket_of
from core.tickets import store

NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to send now: look again in so many seconds, or when something was committed."""

    seconds: float
    probe: str = ""


class Webhook:
    """Sends what is due to the fallback webhook."""

    def __init__(self, db: Database, epoch: int, pager: Pager, metrics: Metrics) -> None:
        self._db = db
        self._epoch = epoch
        self._pager = pager
        self._metrics = metrics

    async def step(self) -> float:
        """One event at most; how many seconds to rest (0: go on at once)."""
        found = await self._db.write_as(self._epoch, self._take)
        if isinstance(found, Rest):
            return found.seconds
        if found is not None:
            row, body = found
            outcome = await self._pager.send(body)
            self._metrics.deliveries.labels(row.kind, type(outcome).__name__.lower()).inc()
            await self._db.write_as(self._epoch, _record, row, outcome)
        return 0.0

    def _take(self, tx: Tx) -> tuple[Row, dict[str, Any]] | Rest | None:
        row = outbox.next_pending(tx, WEBHOOK)
        if row is None:
            due_at = channels.next_due_at(tx, WEBHOOK)
            return Rest(NEVER if due_at is None else max(due_at - tx.now, 0.001))
        ticket = store.find(tx, ticket_of(row.ref) or 0)
        if ticket is None or (row.kind == "trigger" and not ticket.open):
            reconcile.drop(tx, row.key)
            return None
        if not outbox.begin(tx, row, self._epoch):
            return None
        body = pager_event(ticket, row.kind, self._pager.settings)
        return replace(row, attempt=row.attempt + 1), body


def _record(tx: Tx, row: Row, outcome: Outcome) -> None:
    # Sending an event twice changes nothing, so nothing is ever looked up here.
    match outcome:
        case Ok():
            outbox.sent(tx, row.key, row.ref, None)
        case Refused(code, _):
            reconcile.park(tx, row.key, code)
        case Limited(after_s):
            reconcile.not_sent(tx, row.key, "asked for patience", tx.now + after_s)
        case AuthFailed(why) | Unreached(why) | Ambiguous(why):
            reconcile.not_sent(tx, row.key, why, tx.now + retry_s(row.attempt))
