"""One holder a database: a second one refuses (SQLite) or stands by (PostgreSQL)."""

from __future__ import annotations

import asyncio
import fcntl
import os

import pytest

from core.clock import ManualClock
from core.db import Database
from core.errors import Refused
from core.lock import hold, is_held


async def test_each_holder_raises_the_epoch(db: Database) -> None:
    async with hold(db, "one") as first:
        pass
    async with hold(db, "two") as second:
        pass

    assert second.epoch == first.epoch + 1


async def test_a_second_bot_on_one_file_is_refused_and_told_who_has_it(
    sqlite_db: Database,
) -> None:
    async with hold(sqlite_db, "tocsin serve"):
        with pytest.raises(Refused, match=r"tocsin serve \(pid \d+ on .+\) already uses"):
            async with hold(sqlite_db, "tocsin local"):
                pass

    async with hold(sqlite_db, "tocsin local"):
        pass


async def test_whether_it_is_held_can_be_seen(db: Database) -> None:
    assert not await is_held(db)
    async with hold(db, "tocsin serve"):
        assert await is_held(db)
    assert not await is_held(db)


async def test_who_starts_while_somebody_looks_is_not_refused(sqlite_db: Database) -> None:
    seen = os.open(f"{sqlite_db.url.database}.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(seen, fcntl.LOCK_SH)
    assert not await is_held(sqlite_db)
    holding = hold(sqlite_db, "tocsin serve")
    starting = asyncio.ensure_future(holding.__aenter__())
    for _ in range(3):
        await asyncio.sleep(0)
    assert not starting.done()
    os.close(seen)

    await starting
    assert await is_held(sqlite_db)
    await holding.__aexit__(None, None, None)


@pytest.mark.postgres
async def test_a_second_bot_on_postgres_stands_by_until_the_first_ends(
    postgres_server: object, clock: ManualClock
) -> None:
    from core import migrate

    url = postgres_server.create()  # type: ignore[attr-defined]
    first = Database.open(url, clock, lambda *_: None)
    second = Database.open(url, clock, lambda *_: None)
    await migrate.migrate(first)
    order: list[str] = []

    async def stand_by() -> None:
        async with hold(second, "second"):
            order.append("second holds")

    async with hold(first, "first"):
        waiting = asyncio.create_task(stand_by())
        async with asyncio.timeout(10):
            while not clock.sleepers:
                await asyncio.sleep(0.001)
        order.append("first ends")
    async with asyncio.timeout(10):
        while not waiting.done():
            await clock.advance(1)
            await asyncio.sleep(0.001)
    await waiting

    assert order == ["first ends", "second holds"]
    await first.close()
    await second.close()
