"""How the people who changed something are called: what Slack said, kept for a terminal without Slack."""

from __future__ import annotations

import sqlalchemy as sa

from core.db import Tx
from core.schema_people import people

MAX_NAME = 200
"""Characters of a name that are kept."""
MOST = 10_000
"""People that are read at once, those heard of last first."""
p = people.c


def remember(tx: Tx, actor: str, name: str) -> None:
    """Keep how an actor ("slack:U1") is called now."""
    row = {"actor": actor[:255], "name": name[:MAX_NAME], "at": tx.now}
    tx.upsert(people, row, ["actor"])


def names(tx: Tx) -> dict[str, str]:
    """Everybody's name, by actor."""
    newest = sa.select(p.actor, p.name).order_by(p.at.desc()).limit(MOST)
    return {str(row.actor): str(row.name) for row in tx.rows(newest)}


def purge(tx: Tx, before: float, limit: int = 2000) -> int:
    """Forget whom nothing was heard of since `before`; how many."""
    old = sa.select(p.actor).where(p.at < before).limit(limit)
    return tx.changed(sa.delete(people).where(p.actor.in_(old)))
