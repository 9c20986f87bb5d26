"""One transaction: statements on a connection, for functions that compose into one commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from core import schema
from core.courtesy import Patience
from core.db_bulk import bulk_insert
from core.errors import Conflict


class Tx:
    """One transaction: statements, and the instant that everything in it carries.

    `now` is seconds since the epoch, read once. `topics` collects what to wake after the commit.
    """

    __slots__ = ("_patience", "conn", "now", "topics")

    def __init__(self, conn: sa.Connection, now: float, patience: Patience | None = None) -> None:
        self._patience = patience
        self.conn = conn
        self.now = now
        self.topics: set[str] = set()

    @property
    def sqlite(self) -> bool:
        """Whether this is SQLite (else PostgreSQL)."""
        return self.conn.dialect.name == "sqlite"

    def breathe(self) -> None:
        """A joint of long work: while somebody is being served it pauses here (`core.courtesy`)."""
        if self._patience is not None:
            self._patience.pause()

    def run(self, statement: sa.Executable, values: Any = None) -> sa.CursorResult[Any]:
        """Execute one statement."""
        return self.conn.execute(statement, values)

    def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """All rows of a SELECT."""
        self.breathe()
        return self.conn.execute(statement).all()

    def row(self, statement: sa.Executable) -> sa.Row[Any] | None:
        """The only row of a SELECT, or None."""
        return self.conn.execute(statement).one_or_none()

    def value(self, statement: sa.Executable) -> Any:
        """The first column of the first row, or None."""
        return self.conn.execute(statement).scalar()

    def changed(self, statement: sa.Executable) -> int:
        """How many rows an UPDATE, INSERT or DELETE touched."""
        return int(self.run(statement).rowcount)

    def exactly_one(self, statement: sa.Executable, otherwise: str = "") -> None:
        """Execute a guarded change; Conflict unless it touched exactly one row."""
        if self.changed(statement) != 1:
            raise Conflict(otherwise)

    def many(self, statement: sa.Executable, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute one statement for each of many rows, in one call to the driver."""
        if rows:
            self.conn.execute(statement, list(rows))

    def bulk_insert(
        self, table: sa.Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        """Insert many rows as tuples in the order of `columns`.

        Goes past SQLAlchemy's per-row work: 10,000 rows of 20 columns cost a sixth of `many`.
        """
        bulk_insert(self.conn, self.sqlite, table.name, columns, list(rows))

    def each(self, values: Sequence[str]) -> sa.TableValuedAlias:
        """A table of one text column `value`, for joining to: a list of any length is one
        parameter, where `IN` would be as many."""
        listed = sa.literal(msgspec.json.encode(values).decode())
        if self.sqlite:
            return sa.func.json_each(listed).table_valued("value")
        from sqlalchemy.dialects import postgresql

        as_json = sa.cast(listed, postgresql.JSONB)
        return sa.func.jsonb_array_elements_text(as_json).table_valued("value")

    def upsert(self, table: sa.Table, values: Mapping[str, Any], key: Sequence[str]) -> int:
        """INSERT ... ON CONFLICT (key) DO UPDATE with all other values; rows touched."""
        statement = self._insert(table).values(**values)
        rest = {c: statement.excluded[c] for c in values if c not in key}
        return self.changed(statement.on_conflict_do_update(index_elements=list(key), set_=rest))

    def insert_new(self, table: sa.Table, values: Mapping[str, Any]) -> bool:
        """INSERT ... ON CONFLICT DO NOTHING; whether the row is new."""
        return self.changed(self._insert(table).values(**values).on_conflict_do_nothing()) == 1

    def next_ids(self, name: str, n: int) -> range:
        """`n` fresh numbers of the counter `name`, consecutive."""
        c = schema.counters
        forward = sa.update(c).where(c.c.name == name).values(value=c.c.value + n)
        last = self.value(forward.returning(c.c.value))
        if last is None:
            self.run(self._insert(c).values(name=name, value=0).on_conflict_do_nothing())
            last = self.value(forward.returning(c.c.value))
        return range(last - n + 1, last + 1)

    def _insert(self, table: sa.Table) -> Any:
        if self.sqlite:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
