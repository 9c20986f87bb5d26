"""PostgreSQL: READ COMMITTED over asyncpg; each write begins by taking one advisory lock, so that event
ids are committed in order there too."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from core.engines import BUSY_TIMEOUT_S, TURN_TIMEOUT_S, T, Work, told_plainly

WRITER_LOCK = 0x70C51
"""The PostgreSQL advisory lock that orders writers, so that event ids commit in order."""


class Postgres:
    """A server, over asyncpg."""

    def __init__(self, url: sa.URL) -> None:
        limit_ms = str(int(BUSY_TIMEOUT_S * 1000))
        self.url = url
        self._engine = create_async_engine(
            url,
            pool_size=5,
            max_overflow=0,
            pool_timeout=TURN_TIMEOUT_S,
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

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction that waits for the writers before it."""
        with told_plainly():
            async with self._engine.begin() as connection:
                await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
                return await connection.run_sync(work)

    async def read(self, work: Work[T], person: bool = False) -> T:
        """Run `work` in a transaction of its own."""
        with told_plainly():
            async with self._engine.connect() as connection:
                return await connection.run_sync(work)

    async def connection(self) -> AsyncConnection:
        """A connection of its own, for locks and news that belong to a session."""
        with told_plainly():
            return await self._engine.connect()

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
