"""Remembering runs: each change with its event in the same commit.

All functions take an open transaction; verbs are safe to repeat where it is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from core import events
from core.db import Tx
from core.errors import Conflict, NotFound
from core.runs.model import LIVE, Outcome, Run, State, Verb, after
from core.schema_runs import runs

r = runs
COLUMNS = tuple(c.name for c in r.columns)
TOPIC = "runs"
"""What is told on the news when a run was created, changed or aborted."""
_TOO_LARGE = 2**62
_encode = msgspec.json.Encoder().encode


def from_row(row: sa.Row[Any]) -> Run:
    """A stored row as a Run."""
    values = dict(zip(COLUMNS, row, strict=True))
    values["state"] = State(values["state"])
    values["outcome"] = Outcome(values["outcome"]) if values["outcome"] else None
    values["data"] = msgspec.json.decode(values["data"])
    return Run(**values)


def create(
    tx: Tx,
    *,
    kind: str,
    subject: str,
    name: str,
    target: str,
    requested_by: str,
    data: Mapping[str, Any],
    trial: str = "",
) -> Run:
    """A new run, due at once. Conflict if an experiment of the subject is still under way."""
    new = {
        "kind": kind,
        "subject": subject,
        "name": name,
        "target": target,
        "requested_by": requested_by,
        "trial": trial,
        "state": str(State.CREATED),
        "created_at": tx.now,
        "due_at": tx.now,
        "data": _encode(data).decode(),
    }
    if not tx.insert_new(r, new):
        raise Conflict(_busy(live(tx, subject), subject))
    # One writer at a time: the newest row is ours.
    made = get(tx, int(tx.value(sa.select(sa.func.max(r.c.id)))))
    _told(tx, "run.created", made, requested_by, name=name, target=target)
    return made


def _busy(other: Run | None, subject: str) -> str:
    if other is None:
        return f"An experiment on {subject} is under way already."
    stage = other.stage or str(other.state)
    return (
        f"{other.name} (run {other.id}) is under way on {subject} already, at {stage}. "
        "Wait for its end, or abort it."
    )


def get(tx: Tx, run_id: int) -> Run:
    """The run; NotFound names the newest ones."""
    run = find(tx, run_id)
    if run is None:
        newest = listing(tx, limit=3)
        near = ", ".join(f"{one.id} ({one.name})" for one in newest)
        hint = f"The newest are {near}." if near else "There are no runs yet."
        raise NotFound(f"There is no run {run_id}. {hint}")
    return run


def find(tx: Tx, run_id: int) -> Run | None:
    """The run, or None."""
    if abs(run_id) >= _TOO_LARGE:
        return None
    row = tx.row(sa.select(r).where(r.c.id == run_id))
    return None if row is None else from_row(row)


def listing(
    tx: Tx,
    *,
    kind: str = "",
    subject: str = "",
    states: Sequence[State] = (),
    limit: int = 50,
    offset: int = 0,
) -> list[Run]:
    """Runs, newest first; empty arguments do not filter."""
    where = []
    if kind:
        where.append(r.c.kind == kind)
    if subject:
        where.append(r.c.subject == subject)
    if states:
        where.append(r.c.state.in_([str(s) for s in states]))
    newest = sa.select(r).where(*where).order_by(r.c.id.desc()).limit(limit).offset(offset)
    return [from_row(row) for row in tx.rows(newest)]


def live(tx: Tx, subject: str, kind: str = "chaos") -> Run | None:
    """The run of this kind that is under way on a subject, or None."""
    found = listing(tx, kind=kind, subject=subject, states=LIVE, limit=1)
    return found[0] if found else None


def active_at(tx: Tx, kind: str, subject: str, at: float) -> Run | None:
    """The run of this kind that was under way on a subject at that instant, or None."""
    over = sa.or_(r.c.finished_at.is_(None), r.c.finished_at >= at)
    where = (r.c.kind == kind, r.c.subject == subject, r.c.active_at <= at, over)
    row = tx.row(sa.select(r).where(*where).order_by(r.c.id.desc()).limit(1))
    return None if row is None else from_row(row)


def unreported(tx: Tx, kind: str) -> list[Run]:
    """Runs of a kind that are not at their end, oldest first."""
    where = (r.c.kind == kind, r.c.state != str(State.REPORTED))
    return [from_row(row) for row in tx.rows(sa.select(r).where(*where).order_by(r.c.id))]


def abort(tx: Tx, run_id: int, by: str, reason: str = "") -> Run:
    """Ask a live run to end early. Asked again it changes nothing; Conflict if it is over."""
    run = get(tx, run_id)
    if not run.live:
        raise Conflict(f"Run {run_id} is over already: {run.outcome}.")
    if run.aborting:
        return run
    values = {"abort_at": tx.now, "abort_by": by, "abort_reason": reason or None, "due_at": tx.now}
    changed = _change(tx, run, values)
    _told(tx, "run.abort", changed, by, reason=reason)
    return changed


def claim(tx: Tx, run: Run) -> Run:
    """The runner has taken it on."""
    return _move(tx, run, Verb.CLAIM, {"claimed_at": tx.now})


def begin(tx: Tx, run: Run, stage: str) -> Run:
    """It is being worked on, at its first stage."""
    return _move(tx, run, Verb.BEGIN, {"active_at": tx.now, "stage": stage})


def advance(tx: Tx, run: Run, *, stage: str | None = None, data: Mapping[str, Any]) -> Run:
    """Another stage, or other facts; the old state is repeated, so Conflict if it moved."""
    values: dict[str, Any] = {"data": _encode(data).decode()}
    if stage is not None:
        values["stage"] = stage
    changed = _change(tx, run, values)
    if changed.stage != run.stage:
        _told(tx, "run.stage", changed, None, stage=changed.stage)
    return changed


def note(tx: Tx, run: Run, kind: str, data: Mapping[str, Any], **told: Any) -> Run:
    """Other facts, with an event of their own (`run.detected`, `run.diagnosed`)."""
    changed = _change(tx, run, {"data": _encode(data).decode()})
    _told(tx, kind, changed, None, **told)
    return changed


def finish(tx: Tx, run: Run, outcome: Outcome, data: Mapping[str, Any]) -> Run:
    """It has ended; what follows is the archive and the report."""
    values = {"finished_at": tx.now, "outcome": str(outcome), "data": _encode(data).decode()}
    return _move(tx, run, Verb.FINISH, values, outcome=str(outcome), why=data.get("why", ""))


def archive(tx: Tx, run: Run) -> Run:
    """What it leaves to read is kept (see core/runs/archive.py)."""
    return _move(tx, run, Verb.ARCHIVE, {"archived_at": tx.now})


def report(tx: Tx, run: Run) -> Run:
    """Its report may be told."""
    return _move(tx, run, Verb.REPORT, {"reported_at": tx.now}, outcome=str(run.outcome))


def _move(tx: Tx, run: Run, verb: Verb, values: dict[str, Any], **told: Any) -> Run:
    state = after(run.state, verb)
    changed = _change(tx, run, {"state": str(state), **values})
    _told(tx, f"run.{state}", changed, None, stage=changed.stage, **told)
    return changed


def _change(tx: Tx, run: Run, values: Mapping[str, Any]) -> Run:
    tx.exactly_one(
        sa.update(r)
        .where(r.c.id == run.id, r.c.version == run.version, r.c.state == str(run.state))
        .values(version=r.c.version + 1, **values),
        f"Run {run.id} was changed meanwhile.",
    )
    tx.topics.add(TOPIC)
    return get(tx, run.id)


def _told(tx: Tx, kind: str, run: Run, by: str | None, **data: Any) -> None:
    told = {"run_id": run.id, **data}
    events.emit(tx, events.New(kind, subject=run.subject, actor=by, data=told))
    tx.topics.add(TOPIC)


def forget_before(tx: Tx, before: float, limit: int = 500) -> int:
    """Forget runs that were reported before then; their artefacts and faults are forgotten by
    core/runs/archive.py and core/runs/harm.py, which see that the run is gone."""
    done = sa.select(r.c.id).where(r.c.reported_at < before).order_by(r.c.id).limit(limit)
    return tx.changed(sa.delete(r).where(r.c.id.in_(done)))
