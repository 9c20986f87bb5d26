"""Stored rows as diagnoses: with what people thought of them and what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from core.db import Tx
from core.diagnosis import encode
from core.diagnosis.made import Made, Spent
from core.diagnosis.model import Reason
from core.schema_diagnosis import feedback as voices
from core.schema_diagnosis import spending as sp


def made_of(tx: Tx, rows: Sequence[Any]) -> list[Made]:
    """Rows of `diagnoses` as they are handed out, with votes and cost."""
    votes = _votes(tx, [row.id for row in rows])
    costs = _costs(tx, {row.investigation_id for row in rows if row.investigation_id})
    return [
        Made(
            id=row.id,
            ticket_id=row.ticket_id,
            snapshot_id=row.snapshot_id,
            investigation_id=row.investigation_id,
            made_at=row.made_at,
            made_by=row.made_by,
            reason=Reason(row.reason),
            diagnosis=encode.diagnosis(row.body),
            seconds=row.seconds,
            told=bool(row.told),
            question=row.question,
            answer=encode.answer(row.answer),
            useful=votes.get((row.id, True), 0),
            useless=votes.get((row.id, False), 0),
            spent=None if row.made_by == "rules" else costs.get(row.investigation_id),
        )
        for row in rows
    ]


def _votes(tx: Tx, ids: list[int]) -> dict[tuple[int, bool], int]:
    f = voices
    rows: Sequence[Any] = tx.rows(
        sa.select(f.c.diagnosis_id, f.c.useful, sa.func.count())
        .where(f.c.diagnosis_id.in_(ids))
        .group_by(f.c.diagnosis_id, f.c.useful)
    )
    return {(number, bool(useful)): int(n) for number, useful, n in rows}


def _costs(tx: Tx, investigation_ids: Iterable[int]) -> dict[int, Spent]:
    cached = sp.c.cache_read_tokens + sp.c.cache_write_tokens
    rows: Sequence[Any] = tx.rows(
        sa.select(
            sp.c.investigation_id,
            sa.func.count(),
            sa.func.sum(sp.c.input_tokens + cached),
            sa.func.sum(sp.c.output_tokens),
            sa.func.sum(sp.c.micro_dollars),
        )
        .where(sp.c.investigation_id.in_(list(investigation_ids)))
        .group_by(sp.c.investigation_id)
    )
    return {row[0]: Spent(*(int(one or 0) for one in row[1:])) for row in rows}
