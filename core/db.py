"""The database: a transaction is a plain function of `tx`.

`await db.write(f, ...)` runs `f(tx, ...)` in one transaction and commits; `db.read` likewise without
writing. The function cannot await, so it never waits for the outside world while it holds the
writer; functions compose into one commit.

Writes take turns behind a lock of our own. A write is shielded: cancelling the caller never leaves a
transaction open; the caller must then assume that it may have happened. How each kind of database is
reached is `core.engines`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
import sqlalchemy as sa

from core import schema
from core.clock import Clock
from core.engines import Engine, open_engine
from core.errors import Conflict, Refused, TocsinError, Unavailable
from core.news import News
from core.tasks import OnError, Tasks

P = ParamSpec("P")
T = TypeVar("T")

TURN_TIMEOUT_S = 10.0
"""How long a write waits for its turn behind others of this process."""
WRITE_DEADLINE_S = 5.0
"""A write that took longer than this is rolled back rather than committed late."""
MAX_PARAMETERS = 30_000
"""SQLite takes 32,766 parameters in one statement."""
NOTIFY_CHANNEL = "tocsin"
"""Where PostgreSQL tells other processes which topics a commit touched."""


class Fenced(Refused):
    """This process is no longer the one that holds the database."""


class Tx:
    """One transaction: statements, and the instant that everything in it carries.

    `now` is seconds since the epoch, read once. `topics` collects what to wake after the commit.
    """

    __slots__ = ("conn", "now", "topics")

    def __init__(self, conn: sa.Connection, now: float) -> None:
        self.conn = conn
        self.now = now
        self.topics: set[str] = set()

    @property
    def sqlite(self) -> bool:
        """Whether this is SQLite (else PostgreSQL)."""
        return self.conn.dialect.name == "sqlite"

    def run(self, statement: sa.Executable, values: Any = None) -> sa.CursorResult[Any]:
        """Execute one statement."""
        return self.conn.execute(statement, values)

    def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """All rows of a SELECT."""
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
        listed = list(rows)
        names = ", ".join(f'"{c}"' for c in columns)
        insert = f'INSERT INTO "{table.name}" ({names}) VALUES '  # noqa: S608 - names are ours
        at = self._insert_blocks(insert, len(columns), listed) if self.sqlite else 0
        if at == len(listed):
            return
        if self.sqlite:
            marks = ", ".join("?" for _ in columns)
        else:
            marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        self.conn.exec_driver_sql(f"{insert}({marks})", listed[at:])

    def _insert_blocks(self, insert: str, width: int, rows: list[tuple[Any, ...]]) -> int:
        """Insert blocks of rows by one statement each; how many rows that were.

        One statement of 1,000 rows costs a third less than 1,000 runs of one, and lets go of the
        interpreter once instead of for each row.
        """
        at = 0
        one = f"({', '.join('?' * width)})"
        for size in (1000, 100):
            if size * width > MAX_PARAMETERS or len(rows) - at < size:
                continue
            block = insert + ", ".join([one] * size)
            while len(rows) - at >= size:
                values = tuple(chain.from_iterable(rows[at : at + size]))
                self.conn.exec_driver_sql(block, values)
                at += size
        return at

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


class Database:
    """An open database. Make one with `Database.open`, end it with `close`."""

    def __init__(self, engine: Engine, clock: Clock, on_error: OnError) -> None:
        self.url = engine.url
        self.clock = clock
        self.news = News()
        self.engine = engine
        self.pending = 0
        """Transactions under way or waiting for their turn."""
        self._turn = asyncio.Lock()

        def unexpected(name: str, error: BaseException) -> None:
            # A refusal is an answer to whoever asked, and no failure of ours.
            if not isinstance(error, TocsinError):
                on_error(name, error)

        self._tasks = Tasks(unexpected)

    @classmethod
    def open(cls, url: str, clock: Clock, on_error: OnError, *, create: bool = False) -> Database:
        """Open the database at `url` (a path, sqlite:///path, or postgresql://...).

        Without `create` a SQLite file that is not there is Unavailable, and never made.
        """
        return cls(open_engine(url, create=create), clock, on_error)

    @property
    def is_sqlite(self) -> bool:
        """Whether the file is local (one process writes at a time)."""
        return self.url.get_backend_name() == "sqlite"

    async def write(
        self,
        change: Callable[Concatenate[Tx, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `change(tx, ...)` in one transaction and commit it.

        Raises what `change` raises (rolled back), Unavailable when the database is out of reach or
        too busy. Cancelling the caller does not cancel the write.
        """
        return await self._shielded(lambda tx: change(tx, *args, **kwargs), None)

    async def write_as(
        self,
        epoch: int,
        change: Callable[Concatenate[Tx, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Like `write`, but only while `epoch` still holds the database; else Fenced."""
        return await self._shielded(lambda tx: change(tx, *args, **kwargs), epoch)

    async def read(
        self,
        look: Callable[Concatenate[Tx, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `look(tx, ...)` on one snapshot; it must not write."""
        now = self.clock.now().timestamp()

        def on_snapshot(conn: sa.Connection) -> T:
            return look(Tx(conn, now), *args, **kwargs)

        self.pending += 1
        try:
            return await self.engine.read(on_snapshot)
        finally:
            self.pending -= 1

    async def _shielded(self, change: Callable[[Tx], T], epoch: int | None) -> T:
        return await asyncio.shield(self._tasks.start("write", self._write(change, epoch)))

    async def _write(self, change: Callable[[Tx], T], epoch: int | None) -> T:
        try:
            await asyncio.wait_for(self._turn.acquire(), TURN_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable("The database has been busy for too long; try again.") from None
        topics: set[str] = set()
        self.pending += 1
        try:
            result = await self._commit(change, epoch, topics)
        finally:
            self.pending -= 1
            self._turn.release()
        self.news.tell(topics)
        return result

    async def _commit(self, change: Callable[[Tx], T], epoch: int | None, topics: set[str]) -> T:
        now = self.clock.now().timestamp()
        started = time.monotonic()

        def in_transaction(conn: sa.Connection) -> T:
            tx = Tx(conn, now)
            if epoch is not None:
                fence(tx, epoch)
            result = change(tx)
            topics.update(tx.topics)
            if topics and not tx.sqlite:
                told = {"channel": NOTIFY_CHANNEL, "topics": ",".join(sorted(topics))}
                conn.execute(sa.text("SELECT pg_notify(:channel, :topics)"), told)
            if time.monotonic() - started > WRITE_DEADLINE_S:
                raise Unavailable("The database was too slow; nothing was changed. Try again.")
            return result

        return await self.engine.write(in_transaction)

    async def close(self) -> None:
        """Finish the writes that run and close every connection."""
        await self._tasks.drain()
        await self.engine.close()


def fence(tx: Tx, epoch: int) -> None:
    """Fenced unless `epoch` is the one that holds the database now."""
    if tx.value(sa.select(schema.holder.c.epoch)) != epoch:
        raise Fenced
