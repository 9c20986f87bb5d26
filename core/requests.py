"""Every request of a person by what survives redelivery, with the answer that it got.

A second delivery of the same request finds its row and gets the stored answer; the row is also the
record of who asked for what, and what came of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from core import schema
from core.db import Tx

MAX_TARGET = 500
"""Characters of a target that are kept."""

r = schema.requests


@dataclass(frozen=True, slots=True)
class Request:
    """A request as remembered.

    `id` is Slack's trigger_id or event_id; `actor` as in tickets ("slack:U1"); `verb` what was
    asked ("/tickets ack"), `target` of what; `outcome` one word ("done", "refused", "invalid", ...);
    `answer` what the person was told, in a form that only the one who wrote it reads.
    """

    id: str
    at: float
    actor: str
    verb: str
    target: str
    outcome: str
    answer: str


def recall(tx: Tx, request_id: str) -> Request | None:
    """The request, if it was dealt with before."""
    row = tx.row(sa.select(r).where(r.c.id == request_id))
    return None if row is None else Request(**row._asdict())


def remember(
    tx: Tx, request_id: str, *, actor: str, verb: str, target: str, outcome: str, answer: str
) -> bool:
    """Keep the request and its answer; False if it was there already (it stays as it is)."""
    return tx.insert_new(
        r,
        {
            "id": request_id[:255],
            "at": tx.now,
            "actor": actor,
            "verb": verb[:MAX_TARGET],
            "target": target[:MAX_TARGET],
            "outcome": outcome[:32],
            "answer": answer,
        },
    )


def latest(tx: Tx, limit: int = 50) -> list[Request]:
    """The newest requests, newest first."""
    newest = sa.select(r).order_by(r.c.at.desc(), r.c.id).limit(limit)
    return [Request(**row._asdict()) for row in tx.rows(newest)]


def purge(tx: Tx, before: float, limit: int = 2000) -> int:
    """Forget requests older than `before`; how many."""
    old = sa.select(r.c.id).where(r.c.at < before).limit(limit)
    return tx.changed(sa.delete(r).where(r.c.id.in_(old)))
