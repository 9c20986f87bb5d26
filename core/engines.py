"""How each kind of database is reached: one way to write in a transaction, one to read a snapshot.

SQLite: WAL, synchronous=FULL, BEGIN IMMEDIATE for the writer, and each transaction whole in one
thread (one for writing, a few for reading). Statement by statement over an async driver a click cost
32 hops between threads and twice the time. PostgreSQL: `core.engine_postgres`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from core.addresses import guard_file, parse_url
from core.errors import Unavailable

T = TypeVar("T")
Work = Callable[[sa.Connection], T]

BUSY_TIMEOUT_S = 1.5
"""How long a statement waits for a lock that another process holds."""
TURN_TIMEOUT_S = 10.0
"""How long a connection of the pool is waited for."""
READERS = 2
"""Threads, and so snapshots, that read a SQLite file for the program at once; as many for people."""


class Engine(Protocol):
    """A database of either kind."""

    @property
    def url(self) -> sa.URL:
        """Where it is."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction and commit it. Unavailable when it is out of reach."""
        ...

    async def read(self, work: Work[T], person: bool = False) -> T:
        """Run `work` on one snapshot; for a person ahead of what the program reads."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


def open_engine(url: str, *, create: bool) -> Engine:
    """The database at `url`; a SQLite file is made only with `create`, and only used if it is ours."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        guard_file(Path(parsed.database or ""), create=create)
        return Sqlite(parsed, create=create)
    # SQLAlchemy's asyncio side brings its whole ORM along: only for those who need it.
    from core.engine_postgres import Postgres

    return Postgres(parsed)


class Sqlite:
    """A file, written by one thread at a time and read by a few."""

    def __init__(self, url: sa.URL, *, create: bool) -> None:
        self.url = url
        self._writer = _sqlite(url, create, writer=True)
        self._reader = _sqlite(url, create, writer=False)
        self._write_thread = ThreadPoolExecutor(1, "db-write")
        self._read_threads = ThreadPoolExecutor(READERS, "db-read")
        self._people_threads = ThreadPoolExecutor(READERS, "db-people")

    async def write(self, work: Work[T]) -> T:
        """Run `work` between BEGIN IMMEDIATE and COMMIT."""

        def whole() -> T:
            with told_plainly(), self._writer.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._write_thread, whole)

    async def read(self, work: Work[T], person: bool = False) -> T:
        """Run `work` on one snapshot; it cannot write."""
        threads = self._people_threads if person else self._read_threads

        def whole() -> T:
            with told_plainly(), self._reader.connect() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(threads, whole)

    async def close(self) -> None:
        """Wait for what runs, then close the file."""
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._people_threads.shutdown()
        self._writer.dispose()
        self._reader.dispose()


def _sqlite(url: sa.URL, create: bool, *, writer: bool) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=1 if writer else 2 * READERS,
        max_overflow=0,
        pool_timeout=TURN_TIMEOUT_S,
        connect_args={
            "timeout": BUSY_TIMEOUT_S,
            "isolation_level": None,
            "check_same_thread": False,
        },
    )

    @sa.event.listens_for(engine, "connect")
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

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


class told_plainly:  # noqa: N801 - reads as a statement: with told_plainly()
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
