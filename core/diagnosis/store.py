"""Remembering diagnoses: the evidence, what was made of it, and what people thought of that.

All functions take an open transaction. The queue of looks that are still to be made is
`core.diagnosis.looks`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from core import events
from core.db import Tx
from core.diagnosis import encode, packing
from core.diagnosis.made import Made, New
from core.diagnosis.model import Diagnosis, Reason, Snapshot
from core.diagnosis.packing import Packed
from core.diagnosis.rows import made_of
from core.errors import Invalid, NotFound, Refused
from core.redact import redact
from core.schema_diagnosis import diagnoses, investigations, snapshots
from core.schema_diagnosis import feedback as voices
from core.tickets import store as tickets
from core.tickets.model import Ticket

d, s, i = diagnoses, snapshots, investigations
MAX_LISTED = 100
"""Diagnoses of one ticket that are handed out at most: the newest."""
MAX_ASKED = 20
"""Requests of people that may wait at once."""
MAX_QUESTION = 1_000
"""Characters of a question that are kept."""
LOOKS = "looks"
"""The topic under which the worker hears that there is something to look at."""


def save_snapshot(tx: Tx, ticket_id: int, taken: Snapshot, as_stored: Packed | None = None) -> int:
    """Freeze the evidence; its number."""
    form = as_stored or packing.pack(taken)
    row = {
        "ticket_id": ticket_id,
        "reason": str(taken.reason),
        "taken_at": taken.taken_at,
        "digest": form.digest,
        "size_bytes": form.size_bytes,
        "body": form.body,
    }
    return int(tx.value(sa.insert(s).values(**row).returning(s.c.id)))


def snapshot(tx: Tx, snapshot_id: int) -> Snapshot:
    """The evidence as it was frozen. NotFound if it is kept no more; Unavailable if the row is
    damaged: then nothing may be concluded from it."""
    row = tx.row(sa.select(s.c.body, s.c.digest).where(s.c.id == snapshot_id))
    if row is None:
        raise NotFound("That evidence is no longer kept.")
    return packing.unpack(bytes(row.body), row.digest)


def latest_snapshot(tx: Tx, ticket_id: int) -> tuple[int, Snapshot] | None:
    """The newest evidence of the ticket (or of the one that explains it) and its number."""
    root = episode(tx, ticket_id)
    newest = sa.select(sa.func.max(s.c.id)).where(s.c.ticket_id == root.id)
    found = tx.value(newest)
    return None if found is None else (int(found), snapshot(tx, int(found)))


def save_diagnosis(tx: Tx, new: New) -> int:
    """Keep a diagnosis; its number.

    Emits `ticket.diagnosed` (data: diagnosis_id, made_by, first_look, revises: the one told before,
    or None) when it is to be told; `ticket.answered` (diagnosis_id, investigation_id) when it
    answers a question; `diagnosis.unchanged` (diagnosis_id, same_as) when it says the same as what
    was told before and nobody asked.
    """
    before = _told_before(tx, new)
    asked = new.reason is Reason.ASKED
    told = asked or new.tell or before is None or _differs(tx, new, before)
    made = new.diagnosis
    row = {
        "ticket_id": new.ticket_id,
        "snapshot_id": new.snapshot_id,
        "investigation_id": new.investigation_id,
        "made_at": tx.now,
        "made_by": made.made_by,
        "reason": str(new.reason),
        "cause": made.cause[:64],
        "entity": made.entity[:255],
        "certainty": str(made.certainty),
        "first_look": made.first_look,
        "told": told,
        "question": new.question,
        "answer": encode.text(new.answer) if new.answer else "",
        "seconds": new.seconds,
        "body": encode.text(made),
    }
    number = int(tx.value(sa.insert(d).values(**row).returning(d.c.id)))
    _tell(tx, new, number, told, None if before is None else int(before.id))
    return number


def _tell(tx: Tx, new: New, number: int, told: bool, before: int | None) -> None:
    if new.question:
        data = {"diagnosis_id": number, "investigation_id": new.investigation_id}
        events.emit(tx, _event(tx, "ticket.answered", new.ticket_id, data))
    elif told:
        tickets.mark_diagnosed(
            tx,
            new.ticket_id,
            diagnosis_id=number,
            made_by=new.diagnosis.made_by,
            first_look=new.diagnosis.first_look,
            revises=before,
        )
    else:
        data = {"diagnosis_id": number, "same_as": before}
        events.emit(tx, _event(tx, "diagnosis.unchanged", new.ticket_id, data))


def _event(tx: Tx, kind: str, ticket_id: int, data: dict[str, Any]) -> events.New:
    ticket = tickets.find(tx, ticket_id)
    subject = None if ticket is None else ticket.subject
    return events.New(kind, subject=subject, ticket_id=ticket_id, data=data)


def _episode_began(tx: Tx, ticket_id: int) -> float:
    ticket = tickets.find(tx, ticket_id)
    return 0.0 if ticket is None else max(ticket.opened_at, ticket.reopened_at or 0.0)


def _told_before(tx: Tx, new: New, *where: sa.ColumnElement[bool]) -> sa.Row[Any] | None:
    """What was last told of this opening of the ticket (answers to questions aside)."""
    since = _episode_began(tx, new.ticket_id)
    return tx.row(
        sa.select(d.c.id, d.c.cause, d.c.entity, d.c.certainty)
        .where(d.c.ticket_id == new.ticket_id, d.c.question == "", d.c.made_at >= since)
        .where(*(where or (d.c.told.is_(True),)))
        .order_by(d.c.id.desc())
        .limit(1)
    )


def _differs(tx: Tx, new: New, before: sa.Row[Any]) -> bool:
    """Whether this is news: neither what was told last, nor what the same maker said last.

    So the rules, overruled by a model, do not say the same again with every later look.
    """
    own = _told_before(tx, new, d.c.made_by == new.diagnosis.made_by)
    said = _kernel(new.diagnosis)
    return all(said != (one.cause, one.entity, one.certainty) for one in (before, own) if one)


def _kernel(made: Diagnosis) -> tuple[str, str, str]:
    return made.cause[:64], made.entity[:255], str(made.certainty)


def episode(tx: Tx, ticket_id: int) -> Ticket:
    """The ticket that this one belongs to: the one that explains it, or itself. NotFound if there
    is no such ticket."""
    ticket = tickets.get(tx, ticket_id)
    for _ in range(5):
        above = ticket.explained_by and tickets.find(tx, ticket.explained_by)
        if not above:
            break
        ticket = above
    return ticket


def of_ticket(tx: Tx, ticket_id: int) -> list[Made]:
    """All diagnoses of the ticket, oldest first: the newest MAX_LISTED.

    A ticket that another explains has those of that one, too, each with a note. NotFound if there
    is no such ticket.
    """
    root = episode(tx, ticket_id)
    where = d.c.ticket_id.in_({root.id, ticket_id})
    rows = tx.rows(sa.select(d).where(where).order_by(d.c.id.desc()).limit(MAX_LISTED))
    return [_noted(one, ticket_id) for one in made_of(tx, list(reversed(rows)))]


def _noted(made: Made, asked: int) -> Made:
    if made.ticket_id == asked:
        return made
    note = f"Ticket {asked} is explained by ticket {made.ticket_id}: this is what is behind both."
    return replace(made, note=note)


def current(tx: Tx, ticket_id: int) -> Made | None:
    """What is thought of the ticket now: the newest diagnosis that was told and answers no
    question; None if there is none yet."""
    found = _newest(tx, episode(tx, ticket_id).id, d.c.told.is_(True))
    return None if found is None else _noted(found, ticket_id)


def was_behind(tx: Tx, ticket_id: int) -> Made | None:
    """What was behind a ticket that is over: what was thought last, as sure as it ever was (a later
    look may be less sure of the same only because all is well again by then)."""
    last = current(tx, ticket_id)
    if last is None:
        return None
    since, said = _episode_began(tx, last.ticket_id), _kernel(last.diagnosis)[:2]
    told = (d.c.told.is_(True), d.c.made_at >= since, d.c.cause == said[0], d.c.entity == said[1])
    surest = sa.case((d.c.certainty == "confirmed", 0), (d.c.certainty == "likely", 1), else_=2)
    return _noted(_newest(tx, last.ticket_id, *told, first=(surest,)) or last, ticket_id)


def by_model(tx: Tx, ticket_id: int) -> Made | None:
    """What a model said last since the ticket opened; None if it said nothing."""
    since = _episode_began(tx, ticket_id)
    return _newest(tx, ticket_id, d.c.made_by != "rules", d.c.made_at >= since)


def _newest(
    tx: Tx, ticket_id: int, *where: sa.ColumnElement[bool], first: tuple[sa.Case[int], ...] = ()
) -> Made | None:
    about = (d.c.ticket_id == ticket_id, d.c.question == "")
    rows = tx.rows(sa.select(d).where(*about, *where).order_by(*first, d.c.id.desc()).limit(1))
    return next(iter(made_of(tx, rows)), None)


def get(tx: Tx, diagnosis_id: int) -> Made:
    """The diagnosis with this number; NotFound if there is none (any more)."""
    rows = tx.rows(sa.select(d).where(d.c.id == diagnosis_id))
    if not rows:
        raise NotFound("That diagnosis is no longer kept.")
    return made_of(tx, rows)[0]


def of_investigation(tx: Tx, investigation_id: int) -> list[Made]:
    """What one look has brought so far, oldest first."""
    rows = tx.rows(sa.select(d).where(d.c.investigation_id == investigation_id).order_by(d.c.id))
    return made_of(tx, rows)


def feedback(tx: Tx, diagnosis_id: int, actor: str, useful: bool) -> None:
    """`actor` found it useful, or not; the newest word of each counts. NotFound if it is gone."""
    made = get(tx, diagnosis_id)
    row = {"diagnosis_id": diagnosis_id, "actor": actor[:255], "useful": useful, "at": tx.now}
    tx.upsert(voices, row, ["diagnosis_id", "actor"])
    data = {"diagnosis_id": diagnosis_id, "useful": useful}
    news = _event(tx, "diagnosis.feedback", made.ticket_id, data)
    events.emit(tx, replace(news, actor=actor))


def ask(tx: Tx, ticket_id: int, by: str, question: str = "") -> int:
    """Ask for another diagnosis, or, with a question, for an answer; the number of the look.

    What the same person asks again while it waits is the same look. Emits `diagnosis.asked`
    (investigation_id, question). Refused when too much waits already.
    """
    root = episode(tx, ticket_id)
    asked = redact(" ".join(question.split())[:MAX_QUESTION])
    if question and not asked:
        raise Invalid("Ask a question in words, such as: why, since when, what next?")
    waiting = tx.rows(
        sa.select(i.c.id, i.c.ticket_id, i.c.asked_by, i.c.asked).where(
            i.c.state.in_(("due", "working")), i.c.asked_by.is_not(None)
        )
    )
    for one in waiting:
        if (one.ticket_id, one.asked_by, one.asked) == (root.id, by, asked):
            return int(one.id)
    if len(waiting) >= MAX_ASKED:
        raise Refused(f"{len(waiting)} requests wait already. Try again in a minute.")
    row = {
        "ticket_id": root.id,
        "reason": str(Reason.ASKED),
        "due_at": tx.now,
        "asked_by": by,
        "asked": asked,
        "state": "due",
    }
    number = int(tx.value(sa.insert(i).values(**row).returning(i.c.id)))
    data = {"investigation_id": number, "question": asked}
    events.emit(tx, replace(_event(tx, "diagnosis.asked", root.id, data), actor=by))
    tx.topics.add(LOOKS)
    return number


def stop(tx: Tx, investigation_id: int, by: str) -> bool:
    """Stop a look; False if it had ended. One that works ends at its next step, with what it has.

    Emits `diagnosis.stopped` (investigation_id).
    """
    found = tx.row(sa.select(i.c.ticket_id, i.c.state).where(i.c.id == investigation_id))
    if found is None:
        raise NotFound("That diagnosis is no longer kept.")
    guard = sa.update(i).where(i.c.id == investigation_id, i.c.stopped_by.is_(None))
    ended = {"state": "dropped", "ended_at": tx.now, "error": "stopped before it began"}
    stopped = tx.changed(guard.where(i.c.state == "due").values(stopped_by=by, **ended))
    stopped += tx.changed(guard.where(i.c.state == "working").values(stopped_by=by))
    if stopped:
        data = {"investigation_id": investigation_id}
        news = _event(tx, "diagnosis.stopped", found.ticket_id, data)
        events.emit(tx, replace(news, actor=by))
        tx.topics.add(LOOKS)
    return bool(stopped)
