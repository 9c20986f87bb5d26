"""Small values that outlive a restart, by name: what people set while it runs, what was learned."""

from __future__ import annotations

import sqlalchemy as sa

from core import schema
from core.db import Tx

s = schema.settings


def get(tx: Tx, name: str) -> str | None:
    """The value, or None."""
    found = tx.value(sa.select(s.c.value).where(s.c.name == name))
    return None if found is None else str(found)


def put(tx: Tx, name: str, value: str, by: str = "tocsin") -> None:
    """Remember the value."""
    tx.upsert(s, {"name": name, "value": value, "by": by, "at": tx.now}, ["name"])
