"""Who is the one holder of a database, and since which epoch.

One process at a time watches and sends. On SQLite it holds an flock beside the file, and a second
process refuses, naming the first. On PostgreSQL it holds a session advisory lock, and others stand
by until it is free. Every holder raises the epoch, which fences all writes of the one before.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import sqlalchemy as sa

from core import schema
from core.clock import SystemClock
from core.db import Database, Tx
from core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

HOLDER_LOCK = 0x70C50
"""The PostgreSQL session advisory lock that the holder keeps."""
STAND_BY_S = 1.0
"""How often a process that stands by asks for the lock."""


LOOK_S = (0.02, 0.08, 0.2)
"""Pauses between attempts to take the file: a look at it lasts microseconds."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Proof of being the holder: hand `epoch` to every fenced write."""

    epoch: int
    name: str


def who_am_i(command: str) -> str:
    """How this process names itself to others: command, pid and host."""
    return f"{command} (pid {os.getpid()} on {socket.gethostname()})"


@asynccontextmanager
async def hold(db: Database, command: str, *, wait: bool = True) -> AsyncIterator[Holding]:
    """Be the holder inside the block, of a database that is up to date."""
    async with hold_raw(db, command, wait=wait):
        yield Holding(await take_epoch(db, command), command)


Meanwhile = Callable[[Database], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def hold_raw(
    db: Database, command: str, *, wait: bool = True, meanwhile: Meanwhile | None = None
) -> AsyncIterator[None]:
    """Be the holder inside the block, whatever the database contains: it may yet be migrated.

    Refused at once on SQLite when another process holds the file. On PostgreSQL waits until it is
    free (Refused at once without `wait`), inside of `meanwhile` if that is given.
    """
    async with _flock(db, command) if db.is_sqlite else _advisory(db, wait, meanwhile):
        yield


async def take_epoch(db: Database, command: str) -> int:
    """Begin a new epoch as the holder: fences every write of the one before."""
    return await db.write(_raise_epoch, who_am_i(command))


def _raise_epoch(tx: Tx, name: str) -> int:
    h = schema.holder
    current = tx.value(sa.select(h.c.epoch)) or 0
    tx.upsert(h, {"id": 1, "epoch": current + 1, "name": name, "since": tx.now}, ["id"])
    return int(current) + 1


@asynccontextmanager
async def _flock(db: Database, command: str) -> AsyncIterator[None]:
    with ExitStack() as held:
        for pause in LOOK_S:
            try:
                held.enter_context(take_file(_lock_file(db), command))
                break
            except Refused:
                # It may be a look (`is_held`). That is on the machine's time, not on ours.
                await SystemClock().sleep(pause)
        else:
            held.enter_context(take_file(_lock_file(db), command))
        yield


def _lock_file(db: Database) -> Path:
    return Path(str(db.url.database) + ".lock")


async def is_held(db: Database) -> bool:
    """Whether some process holds the database, without ever taking it: whoever starts in that very
    instant becomes the holder all the same."""
    return _is_flocked(_lock_file(db)) if db.is_sqlite else await db.read(_is_advised)


def _is_flocked(path: Path) -> bool:
    # An flock cannot be asked about: the pid in the file may be another container's, or reused, and
    # /proc/locks misses overlay file systems. So it is tried, shared and only for microseconds:
    # looks do not disturb each other, and who wants to hold it tries again for longer than one.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Unavailable(f"{path} cannot be opened: {error.strerror}.") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _is_advised(tx: Tx) -> bool:
    """A key of one bigint is shown as its two halves, with objsubid 1 (pg_locks, PostgreSQL)."""
    held = sa.text(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0"
        " AND objid = :key AND objsubid = 1 AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return bool(tx.value(held.bindparams(key=HOLDER_LOCK)))


IN_USE = "{holder} already uses this database. Stop it first, or choose another with --db."


class take_file:  # noqa: N801 - reads as a statement: with take_file(path, ...)
    """Holds an flock on `path`, whose content names the holder; Refused, as `refusal` words it,
    if another has it."""

    def __init__(self, path: Path, command: str, refusal: str = IN_USE) -> None:
        self._path = path
        self._command = command
        self._refusal = refusal
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be opened: {error.strerror}.") from None
        file = os.fdopen(fd, "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _named(file.read())
            file.close()
            raise Refused(self._refusal.replace("{holder}", holder)) from None
        file.seek(0)
        file.truncate()
        json.dump({"holder": who_am_i(self._command)}, file)
        file.flush()
        self._file = file

    def __exit__(self, *_: Any) -> None:
        if self._file is not None:
            self._file.close()


def _named(content: str) -> str:
    try:
        return str(json.loads(content)["holder"])
    except (ValueError, KeyError, TypeError):
        return "Another process"


@asynccontextmanager
async def _advisory(db: Database, wait: bool, meanwhile: Meanwhile | None) -> AsyncIterator[None]:
    connection = await _session(db)
    try:
        if not await _try_advisory(connection):
            if not wait:
                holder = await db.read(_holder_name)
                raise Refused(f"{holder} already holds this database.")
            async with meanwhile(db) if meanwhile is not None else nullcontext():
                while not await _try_advisory(connection):
                    await db.clock.sleep(STAND_BY_S)
        yield
    finally:
        # Back in the pool it would keep the lock: the session itself must end.
        await connection.invalidate()
        await connection.close()


async def _session(db: Database) -> AsyncConnection:
    from core.engine_postgres import Postgres

    assert isinstance(db.engine, Postgres)
    return await db.engine.connection()


async def _try_advisory(connection: AsyncConnection) -> bool:
    got = await connection.execute(sa.text(f"SELECT pg_try_advisory_lock({HOLDER_LOCK})"))
    await connection.commit()
    return bool(got.scalar())


def _holder_name(tx: Tx) -> str:
    return tx.value(sa.select(schema.holder.c.name)) or "Another process"
