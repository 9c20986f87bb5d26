"""What an ended run left to read, kept with its digest: its record, its pictures."""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa

from core.db import Tx
from core.runs.model import Artefact
from core.schema_runs import artefacts, runs

a = artefacts
_COLUMNS = (a.c.run_id, a.c.name, a.c.mime, a.c.alt, a.c.digest, a.c.body)


def put(tx: Tx, run_id: int, name: str, mime: str, body: bytes, alt: str = "") -> Artefact:
    """Keep it under its name; one that is there already is replaced."""
    made = Artefact(run_id, name, mime, alt, hashlib.sha256(body).hexdigest(), body)
    values: dict[str, Any] = {c.name: getattr(made, c.name) for c in _COLUMNS}
    tx.upsert(a, values, ["run_id", "name"])
    return made


def find(tx: Tx, run_id: int, name: str) -> Artefact | None:
    """One of a run's artefacts by name, or None."""
    row = tx.row(sa.select(*_COLUMNS).where(a.c.run_id == run_id, a.c.name == name))
    return None if row is None else _from_row(row)


def of_run(tx: Tx, run_id: int) -> list[Artefact]:
    """All that a run left, by name."""
    rows = tx.rows(sa.select(*_COLUMNS).where(a.c.run_id == run_id).order_by(a.c.name))
    return [_from_row(row) for row in rows]


def names(tx: Tx, run_id: int) -> dict[str, str]:
    """The names of what a run left, each with its digest, without the bodies."""
    rows = tx.rows(sa.select(a.c.name, a.c.digest).where(a.c.run_id == run_id).order_by(a.c.name))
    return {str(row.name): str(row.digest) for row in rows}


def forget_orphans(tx: Tx, limit: int = 500) -> int:
    """Forget what was left by runs that were forgotten."""
    gone = sa.select(a.c.id).where(a.c.run_id.not_in(sa.select(runs.c.id))).limit(limit)
    return tx.changed(sa.delete(a).where(a.c.id.in_(gone)))


def _from_row(row: sa.Row[Any]) -> Artefact:
    return Artefact(row.run_id, row.name, row.mime, row.alt, row.digest, bytes(row.body))
