"""The database: a transaction is a plain function of `tx`.

`await db.write(f, ...)` runs `f(tx, ...)` in one transaction and commits; `db.read` likewise without
writing. The function cannot await, so it never waits for the outside world while it holds the
writer; functions compose into one commit.

SQLite: WAL, synchronous=FULL, BEGIN IMMEDIATE for writers, one writer at a time behind a lock of
our own, several readers. PostgreSQL: READ COMMITTED, and each write begins by taking one advisory
lock, so that event ids are committed in order there too. A write is shielded: cancelling the
caller never leaves a transaction open; the caller must then assume that it may have happened.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from core import schema
from core.clock import Clock
from core.errors import Conflict, Invalid, Refused, Unavailable
from core.news import News
from core.tasks import OnError, Tasks

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_S = 1.5
"""How long a statement waits for a lock that another process holds."""
TURN_TIMEOUT_S = 10.0
"""How long a write waits for its turn behind others of this process."""
WRITE_DEADLINE_S = 5.0
"""A write that took longer than this is rolled back rather than committed late."""
WRITER_LOCK = 0x70C51
"""The PostgreSQL advisory lock that orders writers, so that event ids commit in order."""

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

    def __init__(
        self, url: sa.URL, clock: Clock, writer: AsyncEngine, reader: AsyncEngine, on_error: OnError
    ) -> None:
        self.url = url
        self.clock = clock
        self.news = News()
        self._writer = writer
        self._reader = reader
        self._turn = asyncio.Lock()
        self._on_error = on_error
        self._tasks = Tasks(_heard)

    @classmethod
    def open(cls, url: str, clock: Clock, on_error: OnError, *, create: bool = False) -> Database:
        """Open the database at `url` (a path, sqlite:///path, or postgresql://...).

        Without `create` a SQLite file that is not there is NotFound-like Unavailable, never made.
        """
        parsed = parse_url(url)
        if parsed.get_backend_name() == "sqlite":
            _guard_file(Path(parsed.database or ""), create=create)
            return cls(parsed, clock, *_sqlite_pair(parsed, create), on_error)
        engine = _postgres(parsed)
        return cls(parsed, clock, engine, engine, on_error)

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

        with _told_plainly():
            async with self._reader.connect() as conn:
                return await conn.run_sync(on_snapshot)

    async def _shielded(self, change: Callable[[Tx], T], epoch: int | None) -> T:
        writing = self._tasks.start("write", self._write(change, epoch))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            writing.add_done_callback(self._unheard)
            raise

    def _unheard(self, writing: asyncio.Task[Any]) -> None:
        """A write failed after its caller had gone: nobody else can tell."""
        if not writing.cancelled() and (error := writing.exception()) is not None:
            self._on_error(writing.get_name(), error)

    async def _write(self, change: Callable[[Tx], T], epoch: int | None) -> T:
        try:
            await asyncio.wait_for(self._turn.acquire(), TURN_TIMEOUT_S)
        except TimeoutError:
            raise Unavailable("The database has been busy for too long; try again.") from None
        topics: set[str] = set()
        try:
            with _told_plainly():
                result = await self._commit(change, epoch, topics)
        finally:
            self._turn.release()
        self.news.tell(topics)
        return result

    async def _commit(self, change: Callable[[Tx], T], epoch: int | None, topics: set[str]) -> T:
        started = asyncio.get_running_loop().time()

        def in_transaction(conn: sa.Connection) -> T:
            tx = Tx(conn, self.clock.now().timestamp())
            if epoch is not None:
                fence(tx, epoch)
            result = change(tx)
            topics.update(tx.topics)
            return result

        async with self._writer.begin() as conn:
            if not self.is_sqlite:
                await conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
            result = await conn.run_sync(in_transaction)
            if topics and not self.is_sqlite:
                told = {"channel": NOTIFY_CHANNEL, "topics": ",".join(sorted(topics))}
                await conn.execute(sa.text("SELECT pg_notify(:channel, :topics)"), told)
            if asyncio.get_running_loop().time() - started > WRITE_DEADLINE_S:
                raise Unavailable("The database was too slow; nothing was changed. Try again.")
        return result

    async def raw_reader(self) -> AsyncConnection:
        """A connection of its own outside any transaction (for watching other processes)."""
        return await self._reader.connect()

    async def close(self) -> None:
        """Finish the writes that run and close every connection."""
        await self._tasks.drain()
        await self._writer.dispose()
        await self._reader.dispose()


def _heard(_name: str, _error: BaseException) -> None:
    """Whoever waits for a write is given its error."""


def fence(tx: Tx, epoch: int) -> None:
    """Fenced unless `epoch` is the one that holds the database now."""
    if tx.value(sa.select(schema.holder.c.epoch)) != epoch:
        raise Fenced


def parse_url(url: str) -> sa.URL:
    """A path, a sqlite:// or a postgresql:// URL, as SQLAlchemy's URL with our drivers."""
    if "://" not in url:
        return sa.URL.create("sqlite+aiosqlite", database=str(Path(url).expanduser()))
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # Not quoted: what somebody meant as a database may hold a password.
        raise Invalid(
            "That is not a database: give a file, or postgresql://user@host/name."
        ) from None
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres":
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            raise Invalid(f"{other} databases are not supported: use SQLite or PostgreSQL.")


def _guard_file(path: Path, *, create: bool) -> None:
    """Refuse a file that is not ours; make the folder 0700 and the file 0600."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if not create:
            raise Unavailable(
                f"There is no database at {path}. `tocsin serve`, `tocsin local` or "
                "`tocsin migrate` creates it."
            ) from None
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        return
    except OSError as error:
        raise Unavailable(f"The database {path} cannot be opened: {error.strerror}.") from None
    if not stat.S_ISREG(found.st_mode):
        raise Unavailable(f"The database {path} is not a file.")
    if found.st_uid != os.geteuid():
        raise Refused(
            f"The database {path} belongs to {_owner(found.st_uid)}, not to you: run this as that "
            "user, or choose another file with --db."
        )


def _owner(uid: int) -> str:
    import pwd

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def _sqlite_pair(url: sa.URL, create: bool) -> tuple[AsyncEngine, AsyncEngine]:
    return _sqlite(url, True, create), _sqlite(url, False, create)


def _sqlite(url: sa.URL, writer: bool, create: bool) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=1 if writer else 4,
        max_overflow=0,
        pool_timeout=TURN_TIMEOUT_S,
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
    )

    @sa.event.listens_for(engine.sync_engine, "connect")
    def settle(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        if create:
            # The file remembers it; a guest leaves a file that is not prepared as it is.
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA temp_store=MEMORY")
        if writer:
            # A storm of 10,000 tickets fits into both: without them a third of its time goes into
            # reading back pages and into checkpoints half-way.
            cursor.execute("PRAGMA cache_size=-32000")
            cursor.execute("PRAGMA wal_autocheckpoint=5000")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def _postgres(url: sa.URL) -> AsyncEngine:
    limit_ms = str(int(BUSY_TIMEOUT_S * 1000))
    return create_async_engine(
        url,
        pool_size=5,
        max_overflow=0,
        pool_timeout=TURN_TIMEOUT_S,
        pool_pre_ping=False,
        isolation_level="READ COMMITTED",
        connect_args={
            "timeout": 5,
            "server_settings": {
                "application_name": "tocsin",
                "lock_timeout": limit_ms,
                "statement_timeout": limit_ms,
                "timezone": "UTC",
            },
        },
    )


class _told_plainly:  # noqa: N801 - reads as a statement: with _told_plainly()
    """Turns a driver's failure into one clear Unavailable; programming errors pass."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: Any, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError):
            return
        if isinstance(error, sa.exc.DBAPIError | sa.exc.TimeoutError | OSError):
            raise Unavailable(_plain_words(error)) from error


def _plain_words(error: BaseException) -> str:
    said = str(getattr(error, "orig", None) or error)
    if "locked" in said or "busy" in said or "lock timeout" in said:
        return "The database is busy: another process holds it. Try again in a moment."
    if "disk is full" in said or "No space" in said:
        return "The disk that holds the database is full; nothing was changed."
    if "malformed" in said or "not a database" in said:
        return "The database file is damaged. Restore it from a backup."
    if "readonly" in said or "read-only" in said:
        return "The database cannot be written to: it is read-only."
    return f"The database is out of reach: {said.splitlines()[0][:200]}"
