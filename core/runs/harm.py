"""Remembering harm done on purpose: recorded before it is done, until it was seen undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from core import events
from core.db import Tx
from core.errors import NotFound
from core.runs.model import FaultRecord
from core.schema_runs import faults, runs

f = faults
HEAL_S = 20.0
"""Healing that takes longer than this is worth a ticket."""
COLUMNS = tuple(c.name for c in f.columns)
_encode = msgspec.json.Encoder().encode
_JSON = ("target", "before", "undo")


@dataclass(frozen=True, slots=True)
class Unhealed:
    """Something broken on purpose whose healing is overdue. `undo` says what is done to heal it."""

    fault_id: int
    run_id: int
    subject: str
    kind: str
    what: str
    why: str
    undo: str
    late_s: float

    @property
    def entity(self) -> str:
        """How the ticket names it."""
        return f"fault:{self.fault_id}"


def overdue(tx: Tx) -> tuple[Unhealed, ...]:
    """What should have been seen healed by now."""
    return tuple(
        Unhealed(
            one.id,
            one.run_id,
            one.subject,
            one.kind,
            str(one.target.get("name") or one.entity),
            one.error or "none yet",
            str(one.undo.get("words") or f"undo {one.kind} on {one.entity}"),
            tx.now - due,
        )
        for one in unhealed(tx)
        if (due := _due_at(one)) < tx.now
    )


def _due_at(one: FaultRecord) -> float:
    began = one.heal_started_at
    # A call that came back has nothing left to land.
    lands = one.lands_until if one.inject_returned_at is None else 0.0
    return one.heal_by if began is None else min(one.heal_by, max(began, lands) + HEAL_S)


def from_row(row: sa.Row[Any]) -> FaultRecord:
    """A stored row as a FaultRecord."""
    values = dict(zip(COLUMNS, row, strict=True))
    for name in _JSON:
        values[name] = msgspec.json.decode(values[name])
    return FaultRecord(**values)


def record(tx: Tx, run_id: int, values: Mapping[str, Any]) -> FaultRecord:
    """Write down what is about to be broken and how it will be undone.

    `values`: subject, kind, driver, entity, target, before, undo, lands_until, heal_by.
    """
    plain = {**values, **{name: _encode(values[name]).decode() for name in _JSON}}
    tx.run(sa.insert(f).values(run_id=run_id, recorded_at=tx.now, **plain))
    newest = int(tx.value(sa.select(sa.func.max(f.c.id)).where(f.c.run_id == run_id)))
    return get(tx, newest)


def get(tx: Tx, fault_id: int) -> FaultRecord:
    """The record; NotFound if there is none."""
    row = tx.row(sa.select(f).where(f.c.id == fault_id))
    if row is None:
        raise NotFound(f"There is no fault {fault_id}.")
    return from_row(row)


def of_run(tx: Tx, run_id: int) -> list[FaultRecord]:
    """What a run broke, oldest first."""
    rows = tx.rows(sa.select(f).where(f.c.run_id == run_id).order_by(f.c.id))
    return [from_row(row) for row in rows]


def unhealed(tx: Tx, subject: str = "") -> list[FaultRecord]:
    """What was recorded and not yet seen healed, oldest first."""
    where: list[sa.ColumnElement[bool]] = [f.c.verified_at.is_(None)]
    if subject:
        where.append(f.c.subject == subject)
    return [from_row(row) for row in tx.rows(sa.select(f).where(*where).order_by(f.c.id))]


def armed(tx: Tx, fault_id: int) -> None:
    """The detached healer runs."""
    _set(tx, fault_id, armed_at=tx.now)


def inject_started(tx: Tx, fault_id: int, lands_until: float, heal_by: float) -> None:
    """The harm is about to be done: from here on it may land until `lands_until`."""
    _set(tx, fault_id, inject_started_at=tx.now, lands_until=lands_until, heal_by=heal_by)


def inject_returned(tx: Tx, fault_id: int) -> None:
    """The call came back: whatever it did is done."""
    _set(tx, fault_id, inject_returned_at=tx.now)


def inject_refused(tx: Tx, fault_id: int) -> None:
    """The call came back saying that nothing was done: nothing can land."""
    _set(tx, fault_id, lands_until=tx.now)


def heal_started(tx: Tx, fault_id: int) -> None:
    """It is being undone."""
    tx.run(
        sa.update(f)
        .where(f.c.id == fault_id, f.c.heal_started_at.is_(None))
        .values(heal_started_at=tx.now)
    )


def not_healed(tx: Tx, fault_id: int, why: str) -> None:
    """An attempt did not end it; `why` is kept for the ticket."""
    _set(tx, fault_id, error=why[:2000])


def verified(tx: Tx, fault_id: int, ending: str) -> None:
    """Seen healed (or vanished, or never landed); repeating it changes nothing."""
    changed = tx.changed(
        sa.update(f)
        .where(f.c.id == fault_id, f.c.verified_at.is_(None))
        .values(verified_at=tx.now, ending=ending, error=None)
    )
    if changed:
        fault = get(tx, fault_id)
        data = {"run_id": fault.run_id, "fault_id": fault_id, "ending": ending}
        events.emit(tx, events.New("run.healed", subject=fault.subject, data=data))


def _set(tx: Tx, fault_id: int, **values: Any) -> None:
    where = (f.c.id == fault_id, f.c.verified_at.is_(None))
    tx.exactly_one(sa.update(f).where(*where).values(**values), "That fault is over already.")


def forget_orphans(tx: Tx, limit: int = 500) -> int:
    """Forget healed faults of runs that were forgotten."""
    gone = (
        sa.select(f.c.id)
        .where(f.c.verified_at.is_not(None), f.c.run_id.not_in(sa.select(runs.c.id)))
        .limit(limit)
    )
    return tx.changed(sa.delete(f).where(f.c.id.in_(gone)))
