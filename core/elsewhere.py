"""Noticing what other processes committed, so that followers here look for it.

SQLite: `PRAGMA data_version` on a connection of its own (4 us a look). PostgreSQL: LISTEN, which
the committing side answers with NOTIFY in the same transaction.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiosqlite

from core.clock import Clock
from core.db import NOTIFY_CHANNEL, Database

LOOK_S = 0.2
"""How often SQLite is asked whether somebody else wrote."""


async def watch(db: Database, clock: Clock) -> None:
    """Wake everybody here whenever another process commits; until cancelled."""
    if db.is_sqlite:
        await _poll(db, clock)
    else:
        await _listen(db)


async def _poll(db: Database, clock: Clock) -> None:
    async with aiosqlite.connect(str(db.url.database), isolation_level=None) as connection:
        before = None
        while True:
            async with connection.execute("PRAGMA data_version") as looked:
                row = await looked.fetchone()
            # The first look counts as news: something may have come before it.
            if row != before:
                db.news.tell_all()
            before = row
            await clock.sleep(LOOK_S)


async def _listen(db: Database) -> None:
    from core.engine_postgres import Postgres

    assert isinstance(db.engine, Postgres)
    connection = await db.engine.connection()
    try:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        lost = asyncio.get_running_loop().create_future()

        def heard(_connection: Any, _pid: int, _channel: str, topics: str) -> None:
            db.news.tell(topics.split(","))

        def gone(_connection: Any) -> None:
            if not lost.done():
                lost.set_exception(ConnectionError("the connection to PostgreSQL was lost"))

        raw.add_termination_listener(gone)
        await raw.add_listener(NOTIFY_CHANNEL, heard)
        # Something may have come before this was heard.
        db.news.tell_all()
        try:
            await lost
        finally:
            raw.remove_termination_listener(gone)
    finally:
        await connection.invalidate()
