"""Writing what ends or calms a ticket: seen healthy, removed, unshut, outliving its cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from core import events, schema
from core.db import Tx
from core.events import New
from core.tickets.explain import Rejoining
from core.tickets.known import parts
from core.tickets.model import Resolution, Ticket
from core.tickets.plan import Healthy
from core.tickets.store import NOT_HELD, from_row, t


def healthy_again(tx: Tx, seen: list[Healthy], news: list[New]) -> None:
    """Note that tickets were seen holding; resolve those for which that is enough."""
    if not seen:
        return
    # A person may have held or resolved one since the plan was made: look again, inside.
    now_open = _still(tx, [h.ticket.id for h in seen])
    recovering: list[Healthy] = []
    resolving: list[Healthy] = []
    for h in seen:
        fresh = now_open.get(h.ticket.id)
        if fresh is None:
            continue
        ends = h.resolve and (not fresh[0] or fresh[1])
        (resolving if ends else recovering).append(h)
    _recovering(tx, recovering, news)
    _resolving(tx, resolving, news)


def _still(tx: Tx, ids: list[int]) -> dict[int, tuple[bool, bool]]:
    found: dict[int, tuple[bool, bool]] = {}
    for part in parts(ids, 500):
        rows = tx.rows(
            sa.select(t.c.id, t.c.held_at, t.c.held_until_healthy).where(
                t.c.id.in_(part), t.c.resolved_at.is_(None)
            )
        )
        found.update({r.id: (r.held_at is not None, r.held_until_healthy) for r in rows})
    return found


def _recovering(tx: Tx, recovering: list[Healthy], news: list[New]) -> None:
    first = [h for h in recovering if h.ticket.healthy_since is None]
    again = [h for h in recovering if h.ticket.healthy_since is not None]
    for times, ids in _alike(first):
        tx.run(sa.update(t).where(t.c.id.in_(ids)).values(**times, version=t.c.version + 1))
    for times, ids in _alike(again):
        tx.run(sa.update(t).where(t.c.id.in_(ids)).values(**times))
    news.extend(New("ticket.recovering", h.ticket.subject, h.ticket.id) for h in first)


def _resolving(tx: Tx, resolving: list[Healthy], news: list[New]) -> None:
    for times, ids in _alike(resolving):
        tx.run(
            sa.update(t)
            .where(t.c.id.in_(ids), t.c.resolved_at.is_(None))
            .values(
                **NOT_HELD,
                **times,
                resolved_at=tx.now,
                resolution=str(Resolution.RECOVERED),
                version=t.c.version + 1,
            )
        )
    news.extend(New("ticket.resolved", h.ticket.subject, h.ticket.id) for h in resolving)


def _alike(seen: list[Healthy]) -> Iterator[tuple[dict[str, float], list[int]]]:
    """The ids of those that share their times, as nearly all do after a storm: they are written by
    one statement."""
    alike: dict[tuple[float, float, float], list[int]] = {}
    for h in seen:
        alike.setdefault((h.healthy_since, h.at, h.healthy_for_s), []).append(h.ticket.id)
    for (since, at, for_s), ids in alike.items():
        yield {"healthy_since": since, "healthy_at": at, "healthy_for_s": for_s}, ids


def remove(tx: Tx, gone: list[Ticket], news: list[New]) -> None:
    """Close tickets whose entity is gone for good."""
    for ticket in gone:
        done = tx.changed(
            sa.update(t)
            .where(t.c.id == ticket.id, t.c.resolved_at.is_(None))
            .values(
                **NOT_HELD,
                resolved_at=tx.now,
                resolution=str(Resolution.REMOVED),
                version=t.c.version + 1,
            )
        )
        if done:
            news.append(New("ticket.resolved", ticket.subject, ticket.id))


def unshut(tx: Tx, shut: list[Ticket]) -> None:
    """These have been seen healthy once: their fingerprints may open again."""
    for ticket in shut:
        calm = sa.update(t).where(t.c.id == ticket.id)
        tx.run(calm.values(shut=False, version=t.c.version + 1))


def surface(tx: Tx, outliving: list[Ticket], news: list[New]) -> None:
    """Symptoms that outlived their cause stand for themselves from now on."""
    for ticket in outliving:
        _explained_anew(tx, ticket, None, news)


def rejoin(tx: Tx, joining: list[Rejoining], ids: Mapping[str, int], news: list[New]) -> None:
    """Symptoms of a cause that is over belong to the one that explains them now. `ids` are those of
    tickets opened in this tick, by fingerprint."""
    for one in joining:
        cause = one.explained_by
        _explained_anew(tx, one.ticket, ids.get(cause) if isinstance(cause, str) else cause, news)


def _explained_anew(tx: Tx, ticket: Ticket, cause: int | None, news: list[New]) -> None:
    """Its cause is over; `cause` explains it now, or nothing does."""
    done = tx.changed(
        sa.update(t)
        .where(
            t.c.id == ticket.id,
            t.c.resolved_at.is_(None),
            t.c.explained_by == ticket.explained_by,
        )
        .values(explained_by=cause, version=t.c.version + 1)
    )
    if done:
        kind = "ticket.surfaced" if cause is None else "ticket.rejoined"
        data = {"outlived": ticket.explained_by, "cause": cause}
        news.append(New(kind, ticket.subject, ticket.id, data=data))


def close(tx: Tx, gone: list[Ticket]) -> None:
    """Close tickets of what is no longer there, and say that the change is complete."""
    news: list[New] = []
    remove(tx, gone, news)
    events.emit_all(tx, news)


def close_subject(tx: Tx, subject: str) -> int:
    """Close every open ticket of a subject that was taken out of the configuration."""
    rows = tx.rows(sa.select(t).where(t.c.subject == subject, t.c.resolved_at.is_(None)))
    news: list[New] = []
    remove(tx, [from_row(r) for r in rows], news)
    events.emit_all(tx, news)
    tx.run(sa.delete(schema.conditions).where(schema.conditions.c.subject == subject))
    return len(rows)
