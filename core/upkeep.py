"""What time alone brings about: holds that end, owners that are missing, quiet that is over,
history that is old enough to forget. Each is found by a query on facts, so a restart misses none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core import events, gatherings, maintenance, people, placements, reconcile, requests
from core.db import Database, Tx
from core.diagnosis import retention
from core.runs import artefacts, harm
from core.runs import store as runs
from core.tickets import deadlines as tickets

EVERY_S = 1.0
"""How often deadlines are looked for."""
PURGE_EVERY_S = 600.0
"""How often old history is looked for."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is over is kept, in seconds."""

    tickets_s: float = 90 * 86400.0
    events_s: float = 30 * 86400.0
    requests_s: float = 90 * 86400.0


_DEADLINES: tuple[Callable[[Tx], int], ...] = (
    tickets.end_expired_holds,
    tickets.remind,
    maintenance.end_expired,
)


def _due(tx: Tx) -> bool:
    """Whether any deadline has passed, so that a quiet second costs no write."""
    return tickets.deadline_passed(tx) or maintenance.deadline_passed(tx)


def _deal(tx: Tx) -> int:
    return sum(deal(tx) for deal in _DEADLINES)


async def deadlines(db: Database, epoch: int) -> int:
    """Deal with every deadline that has passed; how many there were."""
    if not await db.read(_due):
        return 0
    return await db.write_as(epoch, _deal)


async def purge(db: Database, epoch: int, keep: Retention) -> int:
    """Forget what is old, in small transactions; how many rows that were."""
    total = 0
    for forget, keep_s in (
        (events.purge, keep.events_s),
        (requests.purge, keep.requests_s),
        (tickets.purge, keep.tickets_s),
        (people.purge, keep.tickets_s),
        (retention.purge, keep.tickets_s),
        (placements.purge, keep.tickets_s),
        (gatherings.purge, keep.tickets_s),
        (reconcile.purge, keep.tickets_s),
        (runs.forget_before, keep.tickets_s),
    ):
        while n := await db.write_as(epoch, _older, forget, keep_s):
            total += n
    for forget_orphans in (artefacts.forget_orphans, harm.forget_orphans):
        while n := await db.write_as(epoch, forget_orphans):
            total += n
    return total


def _older(tx: Tx, forget: Callable[[Tx, float], int], keep_s: float) -> int:
    return forget(tx, tx.now - keep_s)
