"""The database: a transaction is a plain function of `tx`.

`await db.write(f, ...)` runs `f(tx, ...)` in one transaction and commits; `db.read` likewise without
writing. The function cannot await, so it never waits for the outside world while it holds the
writer; functions compose into one commit.

Writes take turns of our own (`core.db_turns`): `write` is for somebody who waits for it and goes before
`write_as` and `write_steps`, the program's own work. A write is shielded: cancelling the caller never
leaves a transaction open; the caller must then assume that it may have happened. How each kind of
database is reached is `core.engines`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
import sqlalchemy as sa

from core import schema
from core.clock import Clock
from core.db_bulk import bulk_insert
from core.db_turns import Turns
from core.engines import Engine, open_engine
from core.errors import Conflict, Refused, TocsinError, Unavailable
from core.news import News
from core.tasks import OnError, Tasks

P = ParamSpec("P")
T = TypeVar("T")

WRITE_DEADLINE_S = 5.0
"""A write that took longer than this is rolled back rather than committed late."""
STEPS_S = 0.25
"""For so long steps are put into one transaction, while nobody waits in this process: others may."""
SHARED_S = 0.025
"""The same while other work of the program waits. Somebody who waits ends it after its step."""
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


class Database:
    """An open database. Make one with `Database.open`, end it with `close`."""

    def __init__(self, engine: Engine, clock: Clock, on_error: OnError) -> None:
        self.url = engine.url
        self.clock = clock
        self.news = News()
        self.engine = engine
        self.pending = 0
        """Transactions under way or waiting for their turn."""
        self._turns = Turns()

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
        """Run `change(tx, ...)` in one transaction and commit it, before the program's own work.

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
        """Like `write`, for the program itself: people go first. Fenced unless `epoch` still holds
        the database."""
        return await self._shielded(lambda tx: change(tx, *args, **kwargs), epoch)

    async def write_steps(self, epoch: int, steps: Iterable[Callable[[Tx], T]]) -> list[T]:
        """Run small steps in order, in as few transactions as fairness allows; what each returned.

        After each step it is looked whether somebody waits: then what is there is committed, and the
        rest follows when it is our turn again. So a step must leave what may be committed, and take a
        few milliseconds at most. `steps` may decide on each by what came of the one before. When one
        raises, those of earlier transactions stay. Fenced unless `epoch` holds the database.
        """
        left, done = iter(steps), list[T]()
        step = next(left, None)

        def some(tx: Tx) -> None:
            nonlocal step
            began = time.monotonic()
            while step is not None:
                done.append(step(tx))
                step = next(left, None)
                if self._gives_way(time.monotonic() - began):
                    return

        while step is not None:
            await self._shielded(some, epoch)
        return done

    def _gives_way(self, took_s: float) -> bool:
        """Whether a transaction of steps ends after so long."""
        turns = self._turns
        return turns.pressing or took_s > (SHARED_S if turns.waiting else STEPS_S)

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
        await self._turns.take(person=epoch is None)
        topics: set[str] = set()
        self.pending += 1
        try:
            result = await self._commit(change, epoch, topics)
        finally:
            self.pending -= 1
            self._turns.give()
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
