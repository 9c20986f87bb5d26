"""Events are followed in the order of their commits, once each, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from core import elsewhere, events, migrate
from core.clock import ManualClock, SystemClock
from core.db import Database, Tx
from core.events import Event, New
from core.lock import hold


def emit(tx: Tx, *kinds: str) -> None:
    events.emit(tx, *(New(k, "s", 1, "cli:ana", {"n": i}) for i, k in enumerate(kinds)))


async def settled(until: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not until():
            await asyncio.sleep(0.001)


async def test_an_event_comes_back_as_it_was_emitted(db: Database, clock: ManualClock) -> None:
    await db.write(emit, "ticket.opened")

    [event] = await db.read(events.since, 0)

    assert event == Event(1, clock.now().timestamp(), "ticket.opened", "s", 1, "cli:ana", {"n": 0})


async def test_a_follower_sees_each_event_once_and_in_order(db: Database) -> None:
    seen: list[int] = []
    async with hold(db, "t") as holding:
        follower = asyncio.create_task(
            events.follow(db, "f", lambda _, batch: seen.extend(e.id for e in batch), holding.epoch)
        )
        await asyncio.gather(*(db.write(emit, "a", "b") for _ in range(25)))
        await settled(lambda: len(seen) == 50)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)

    assert seen == sorted(set(seen))


async def test_a_follower_takes_small_steps_and_stops_where_there_is_no_more(db: Database) -> None:
    await db.write(emit, *["a"] * (2 * events.STEP + 1))
    sizes: list[int] = []

    def follow(tx: Tx) -> int:
        def handle(_tx: Tx, batch: list[Event]) -> None:
            sizes.append(len(batch))

        return sum(1 for step in events._steps("f", handle, ()) if step(tx) >= 0)

    assert await db.write(follow) == 3
    assert sizes == [events.STEP, events.STEP, 1]


async def test_a_handler_that_fails_moves_nothing(db: Database) -> None:
    await db.write(emit, "a")

    def fail(_tx: Tx, _batch: list[Event]) -> None:
        raise ValueError("no")

    seen: list[str] = []
    async with hold(db, "t") as holding:
        with pytest.raises(ValueError, match="no"):
            await events.catch_up(db, "f", fail, holding.epoch)
        await events.catch_up(
            db, "f", lambda _, batch: seen.extend(e.kind for e in batch), holding.epoch
        )

    assert seen == ["a"]


async def test_a_rolled_back_event_is_told_to_nobody(db: Database) -> None:
    def half(tx: Tx) -> None:
        emit(tx, "phantom")
        raise ValueError("no")

    told = db.news.seen("events")
    with pytest.raises(ValueError, match="no"):
        await db.write(half)

    assert await db.read(events.since, 0) == []
    assert db.news.seen("events") == told


async def test_events_are_forgotten_only_below_every_cursor(
    db: Database, clock: ManualClock
) -> None:
    await db.write(emit, "a", "b", "c")
    await db.write(events.move_cursor, "fast", 3)
    await db.write(events.move_cursor, "slow", 1)
    later = clock.now().timestamp() + 1

    assert await db.write(events.purge, later) == 1
    assert [e.kind for e in await db.read(events.since, 0)] == ["b", "c"]


async def test_a_commit_of_another_process_wakes_a_follower_here(db_url: str) -> None:
    """Two Database objects stand in for two processes: they share nothing but the database."""
    clock = SystemClock()
    here = Database.open(db_url, clock, lambda *_: None, create=True)
    await migrate.migrate(here)
    there = Database.open(db_url, clock, lambda *_: None)
    seen: list[str] = []
    async with hold(here, "t") as holding:
        following: list[Awaitable[None]] = [
            events.follow(here, "f", lambda _, b: seen.extend(e.kind for e in b), holding.epoch),
            elsewhere.watch(here, clock),
        ]
        tasks = [asyncio.ensure_future(f) for f in following]
        await there.write(emit, "from elsewhere")
        await settled(lambda: seen == ["from elsewhere"])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await there.close()
    await here.close()


async def test_ids_commit_in_order_with_several_writers(db_url: str) -> None:
    """A bare id cursor lost 132 of 2,400 events on PostgreSQL; ordered writers lose none."""
    clock = SystemClock()
    first = Database.open(db_url, clock, lambda *_: None, create=True)
    await migrate.migrate(first)
    second = Database.open(db_url, clock, lambda *_: None)
    seen: list[int] = []
    async with hold(first, "t") as holding:
        follower = asyncio.create_task(
            events.follow(first, "f", lambda _, b: seen.extend(e.id for e in b), holding.epoch)
        )
        for _ in range(10):
            await asyncio.gather(*(d.write(emit, "x") for d in (first, second) for _ in range(6)))
        await first.write(emit, "last")
        await settled(lambda: len(seen) == 121)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
    assert seen == sorted(seen)
    await second.close()
    await first.close()
