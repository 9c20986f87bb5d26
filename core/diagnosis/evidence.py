"""Gathers evidence of a live subject, freezes it, and answers later questions of it.

What a subject cannot explain (it has no more evidence than its verdicts) is still gathered from our own
records. Everything is bounded, redacted, and its keys are masked before it is handed on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from core import settings
from core.clock import Clock, within
from core.db import Database, Tx
from core.diagnosis import evidence_records
from core.diagnosis.masking import Masking
from core.diagnosis.model import Piece, Query, Reason, Snapshot, bounded
from core.diagnosis.pieces import Filing, clean
from core.errors import Invalid, TocsinError
from core.redact import redact
from core.subject import Subject
from core.tickets.model import Ticket

LIMIT_S = 2.0
"""How long one gathering waits for its sources: a card's first diagnosis has 3 s in all."""
BEFORE_S = 300.0
"""How long before its ticket opened things are compared with."""
MAX_QUERY = 2_000
MAX_WINDOW_S = 7 * 86_400.0
_GRACE_S = 0.5
_SECRET = "mask.secret"


@dataclass(frozen=True, slots=True)
class About:
    """What evidence is wanted for. Times are seconds since the epoch; `limit_s` is for all of it."""

    subject: str
    invariant: str
    entity: str
    opened_at: float
    taken_at: float
    limit_s: float = LIMIT_S

    @property
    def before(self) -> float:
        """The moment that now is compared with."""
        return self.opened_at - BEFORE_S


@runtime_checkable
class Explains(Protocol):
    """A subject that has more evidence than its verdicts.

    Nothing of it raises for a source that fails or hangs: that is a failed piece, which says so.
    """

    async def explain(self, about: About, filing: Filing) -> None:
        """File all evidence, the most important first, within `about.limit_s`."""
        ...

    async def ask(self, query: Query, entity: str, window: tuple[float, float]) -> Piece:
        """One live answer, in the shape of the frozen ones; its id is empty.

        Invalid for a query that may not be asked: a PD path that is not on the list, an entity
        that there is not, a range that is too long.
        """
        ...

    def entities(self) -> tuple[str, ...]:
        """What may be asked about ("store:4", "pd:pd-0", "cluster"), at most some hundreds."""
        ...

    def pd_paths(self) -> tuple[str, ...]:
        """The paths of PD that may be read, as patterns for people; empty if there is no PD."""
        ...

    def readings(self) -> Mapping[str, str]:
        """Named figures and the PromQL of each; empty where there is no Prometheus."""
        ...

    def absent(self) -> tuple[str, ...]:
        """Sources that this site does not have at all: of docker, logs, prometheus, probe."""
        ...


async def gather(
    db: Database,
    clock: Clock,
    subject: Subject,
    ticket: Ticket,
    reason: Reason,
    *,
    limit_s: float = LIMIT_S,
) -> Snapshot:
    """The evidence about a ticket as of now; takes `limit_s` and a little at most, and never fails
    for a source that does."""
    taken_at = clock.now().timestamp()
    opened_at = max(ticket.opened_at, ticket.reopened_at or 0.0)
    about = About(subject.name, ticket.invariant, ticket.entity, opened_at, taken_at, limit_s)
    filing = Filing(taken_at)
    _file_ticket(filing, ticket)
    await _file_records(db, filing, ticket, taken_at)
    absent: tuple[str, ...] = ()
    if isinstance(subject, Explains):
        await _file_live(clock, subject, about, filing)
        absent = subject.absent()
    # Some 0.1 s of plain work on much text: beside the loop, which has people to answer.
    masking = await mask(db)
    kept, dropped = await asyncio.to_thread(_finished, filing.pieces, masking, ticket.entity)
    return Snapshot(
        subject=subject.name,
        invariant=ticket.invariant,
        entity=ticket.entity,
        opened_at=opened_at,
        taken_at=taken_at,
        reason=reason,
        pieces=kept,
        severity=ticket.severity,
        title=ticket.title,
        dropped=dropped,
        absent=absent,
    )


def _file_ticket(filing: Filing, ticket: Ticket) -> None:
    detail = ticket.detail
    said = {"invariant": ticket.invariant, "title": ticket.title, "summary": ticket.summary}
    figures = {"value": detail.value, "threshold": detail.threshold, "unit": detail.unit}
    more = {"facts": dict(detail.facts)} if detail.facts else {}
    filing.add("ticket", ticket.entity, {**said, **figures, **more}, source="the ticket")


async def _file_live(clock: Clock, subject: Explains, about: About, filing: Filing) -> None:
    try:
        await within(clock, about.limit_s + _GRACE_S, subject.explain(about, filing))
    except TimeoutError:
        _failed(filing, about, f"no evidence within {about.limit_s + _GRACE_S:g} s")
    except TocsinError as error:
        _failed(filing, about, error.text)


def _failed(filing: Filing, about: About, why: str) -> None:
    filing.add("source", about.entity, None, source=f"subject {about.subject}", failed=why)


async def _file_records(db: Database, filing: Filing, ticket: Ticket, now: float) -> None:
    def look(tx: Tx) -> tuple[list[Any], list[Any], list[Any]]:
        return (
            evidence_records.nearby(tx, ticket, now),
            evidence_records.similar(tx, ticket, now),
            evidence_records.announced(tx, ticket.subject, now),
        )

    try:
        near, alike, announced = await db.read(look)
    except TocsinError as error:
        filing.add("nearby", ticket.entity, None, source="tickets", failed=error.text)
        return
    if near:
        filing.add("nearby", ticket.entity, {"tickets": near}, source="tickets")
    if alike:
        filing.add("nearby", ticket.entity, {"tickets": alike}, source="similar tickets")
    if announced:
        filing.add("change", "cluster", {"changes": announced}, source="announced maintenance")


async def mask(db: Database) -> Masking:
    """This installation's masking of keys: its secret is made when first needed."""
    try:
        found = await db.read(settings.get, _SECRET)
        if found is None:
            found = await db.write(_make_secret)
    except TocsinError:  # out of reach: then keys are told apart for this once only
        found = secrets.token_hex(16)
    return Masking(bytes.fromhex(found))


def _make_secret(tx: Tx) -> str:
    found = settings.get(tx, _SECRET)
    if found is None:
        found = secrets.token_hex(16)
        settings.put(tx, _SECRET, found)
    return found


def _finished(
    pieces: tuple[Piece, ...], masking: Masking, entity: str
) -> tuple[tuple[Piece, ...], int]:
    """The pieces masked, and bounded by what matters most; in the order of their filing."""
    order = {one.id: place for place, one in enumerate(pieces)}
    ranked = sorted(pieces, key=lambda one: _rank(one, entity))
    kept, dropped = bounded(_masked(one, masking) for one in ranked)
    return tuple(sorted(kept, key=lambda one: order[one.id])), dropped


def _rank(piece: Piece, entity: str) -> int:
    """Logs and figures are the bulk: those of other nodes give way first."""
    if piece.kind not in ("reading", "log"):
        return 0
    if piece.entity == entity:
        return 1
    return 2 if piece.kind == "log" else 3


def _masked(piece: Piece, masking: Masking) -> Piece:
    return replace(piece, content=masking.content(piece.content), error=masking.text(piece.error))


async def ask(
    db: Database,
    clock: Clock,
    subject: Subject,
    query: Query,
    entity: str,
    window: tuple[float, float],
    *,
    limit_s: float = LIMIT_S,
) -> Piece:
    """One live answer, bounded, redacted and masked; a source that fails or hangs is a failed piece.

    Invalid for a query that may not be asked. The piece's id is empty: whoever keeps it names it.
    """
    if not isinstance(subject, Explains):
        raise Invalid(f"The subject {subject.name!r} answers no questions.")
    if len(query.text) > MAX_QUERY:
        raise Invalid(f"The query is longer than {MAX_QUERY} characters.")
    start, end = window
    if not 0 <= end - start <= MAX_WINDOW_S:
        raise Invalid("The window must begin before it ends, and be at most a week long.")
    try:
        found = await within(clock, limit_s, subject.ask(query, entity, window))
    except TimeoutError:
        kind = {"promql": "reading", "pd": "pd"}.get(query.kind, "log")
        at, error = clock.now().timestamp(), f"no answer within {limit_s:g} s"
        return Piece("", kind, query.text, entity, at, window, None, ok=False, error=error)
    plain = replace(found, content=clean(found.content), error=redact(found.error)[:400])
    masked = _masked(plain, await mask(db))
    kept, dropped = bounded([masked])
    if dropped:
        return replace(masked, content=None, ok=False, error="too big to keep")
    return kept[0]
