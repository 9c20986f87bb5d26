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
from collections.abc import Callable, Iterable
from typing import Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa

from core import schema
from core.clock import Clock
from core.courtesy import Courtesy, Patience
from core.db_turns import Turns
from core.db_tx import Tx as Tx
from core.engines import Engine, open_engine
from core.errors import Refused, TocsinError, Unavailable
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


class Database:
    """An open database. Make one with `Database.open`, end it with `close`."""

    def __init__(self, engine: Engine, clock: Clock, on_error: OnError) -> None:
        self.url = engine.url
        self.clock = clock
        self.news = News()
        self.engine = engine
        self.pending = 0
        """Transactions under way or waiting for their turn."""
        self.courtesy = Courtesy()
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
            began = self.clock.monotonic()
            while step is not None:
                done.append(step(tx))
                step = next(left, None)
                if self._gives_way(self.clock.monotonic() - began):
                    return

        while step is not None:
            await self._shielded(some, epoch)
        return done

    def _gives_way(self, took_s: float) -> bool:
        """Whether a transaction of steps ends after so long."""
        turns = self._turns
        return (
            self.courtesy.busy
            or turns.pressing
            or took_s > (SHARED_S if turns.waiting else STEPS_S)
        )

    async def read(
        self,
        look: Callable[Concatenate[Tx, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `look(tx, ...)` on one snapshot; it must not write. People go first (`ask`)."""
        # On PostgreSQL this runs on the loop itself, which nothing may block.
        patience = self.courtesy.patience() if self.is_sqlite else None
        await self.courtesy.make_room()
        return await self._snapshot(lambda tx: look(tx, *args, **kwargs), patience)

    async def ask(
        self,
        look: Callable[Concatenate[Tx, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Like `read`, for somebody who waits for it: the program's own reads are not in the way."""
        return await self._snapshot(lambda tx: look(tx, *args, **kwargs), None, person=True)

    async def _snapshot(
        self, look: Callable[[Tx], T], patience: Patience | None, *, person: bool = False
    ) -> T:
        now = self.clock.now().timestamp()
        self.pending += 1
        try:
            return await self.engine.read(lambda conn: look(Tx(conn, now, patience)), person)
        finally:
            self.pending -= 1

    async def _shielded(self, change: Callable[[Tx], T], epoch: int | None) -> T:
        return await asyncio.shield(self._tasks.start("write", self._write(change, epoch)))

    async def _write(self, change: Callable[[Tx], T], epoch: int | None) -> T:
        if epoch is not None:
            await self.courtesy.make_room()
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
