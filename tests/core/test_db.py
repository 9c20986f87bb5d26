"""A transaction is a plain function; nothing is left open, and every failure says so plainly."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from core import migrate, schema
from core.addresses import private_folder
from core.clock import ManualClock
from core.db import STEPS_S, Database, Fenced, Tx
from core.engines import READERS
from core.errors import Conflict, Invalid, Unavailable
from core.lock import hold

due = schema.due


def put(tx: Tx, name: str) -> None:
    row = {"name": name, "cron": "", "zone": "UTC", "next_at": tx.now, "data": "{}"}
    tx.upsert(due, row, ["name"])


def names(tx: Tx) -> list[str]:
    return [r.name for r in tx.rows(sa.select(due.c.name).order_by(due.c.name))]


async def test_what_a_function_wrote_is_there_after_the_commit(db: Database) -> None:
    await db.write(put, "a")

    assert await db.read(names) == ["a"]


async def test_a_function_that_raises_leaves_nothing_behind(db: Database) -> None:
    def half(tx: Tx) -> None:
        put(tx, "a")
        raise Conflict

    with pytest.raises(Conflict):
        await db.write(half)

    assert await db.read(names) == []


async def test_everything_in_a_transaction_carries_one_instant(
    db: Database, clock: ManualClock
) -> None:
    def twice(tx: Tx) -> tuple[float, float]:
        first = tx.now
        clock.step_wall(5)
        return first, tx.now

    first, second = await db.write(twice)

    assert first == second


async def test_a_cancelled_caller_never_leaves_a_transaction_open(db: Database) -> None:
    """Measured before: 25 of 258 cancelled writes left SQLite's write lock held."""
    chance = random.Random(7)
    for n in range(60):
        task = asyncio.create_task(db.write(put, f"n{n}"))
        for _ in range(chance.randrange(30)):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await db.write(put, "after")

    assert "after" in await db.read(names)


async def test_writers_take_turns_and_none_is_lost(db: Database) -> None:
    await asyncio.gather(*(db.write(put, f"n{n:02}") for n in range(50)))

    assert len(await db.read(names)) == 50


async def test_steps_share_a_transaction_while_nobody_waits(
    db: Database, clock: ManualClock
) -> None:
    seen: list[Tx] = []

    def step(tx: Tx) -> int:
        seen.append(tx)
        put(tx, f"n{len(seen)}")
        return len(seen)

    async with hold(db, "me") as held:
        assert await db.write_steps(held.epoch, [step] * 3) == [1, 2, 3]

    assert len({id(one) for one in seen}) == 1
    assert await db.read(names) == ["n1", "n2", "n3"]


async def test_steps_end_their_transaction_after_a_while(db: Database, clock: ManualClock) -> None:
    seen: list[Tx] = []

    def step(tx: Tx) -> None:
        seen.append(tx)
        clock._move_to(clock.monotonic() + STEPS_S * 0.6)

    async with hold(db, "me") as held:
        await db.write_steps(held.epoch, [step] * 4)

    assert [one is seen[0] for one in seen] == [True, True, False, False]


async def test_somebody_who_waits_gets_in_between_two_steps(db: Database) -> None:
    loop, came = asyncio.get_running_loop(), list[asyncio.Future[None]]()

    def first(tx: Tx) -> list[str]:
        loop.call_soon_threadsafe(lambda: came.append(asyncio.ensure_future(db.write(put, "b"))))
        put(tx, "a")
        while not db._turns.pressing:
            tx.value(sa.select(1))  # lets the loop go on, whatever the database
        return names(tx)

    async with hold(db, "me") as held:
        found = await db.write_steps(held.epoch, [first, names])
    await came[0]

    assert found == [["a"], ["a", "b"]]


async def test_steps_end_their_transaction_when_somebody_is_served(db: Database) -> None:
    db.courtesy.pause_s = 0.001
    seen: list[Tx] = []

    def step(tx: Tx) -> None:
        seen.append(tx)

    async with hold(db, "me") as held:
        with db.courtesy.serving():
            await db.write_steps(held.epoch, [step] * 3)

    assert len({id(one) for one in seen}) == 3


async def test_the_program_writes_and_reads_when_nobody_is_served(db: Database) -> None:
    db.courtesy.pause_s = 30.0
    async with hold(db, "me") as held:
        with db.courtesy.serving():
            later = asyncio.gather(db.write_as(held.epoch, names), db.read(names))
            await asyncio.sleep(0)
            await db.write(put, "a")
            assert await db.ask(names) == ["a"]
        assert await later == [["a"], ["a"]]


async def test_steps_that_were_committed_stay_when_a_later_one_fails(
    db: Database, clock: ManualClock
) -> None:
    def first(tx: Tx) -> None:
        put(tx, "a")
        clock._move_to(clock.monotonic() + STEPS_S * 2)

    def second(tx: Tx) -> None:
        put(tx, "b")
        raise Conflict

    async with hold(db, "me") as held:
        with pytest.raises(Conflict):
            await db.write_steps(held.epoch, [first, second])
        with pytest.raises(Fenced):
            await db.write_steps(held.epoch - 1, [first])

    assert await db.read(names) == ["a"]


async def test_cancelling_ends_steps_at_the_end_of_their_transaction(
    db: Database, clock: ManualClock
) -> None:
    loop, task = asyncio.get_running_loop(), list[asyncio.Task[list[None]]]()

    def step(tx: Tx) -> None:
        put(tx, "a")
        clock._move_to(clock.monotonic() + STEPS_S * 2)
        loop.call_soon_threadsafe(task[0].cancel)

    def never(tx: Tx) -> None:
        put(tx, "b")

    async with hold(db, "me") as held:
        task.append(asyncio.create_task(db.write_steps(held.epoch, [step, never])))
        await asyncio.gather(*task, return_exceptions=True)
        await db.write(put, "c")

    assert await db.read(names) == ["a", "c"]


async def test_what_is_asked_for_somebody_does_not_wait_for_what_the_program_reads(
    sqlite_db: Database,
) -> None:
    done, begun = threading.Event(), threading.Semaphore(0)

    def long(_tx: Tx) -> bool:
        begun.release()
        return done.wait(30)

    reads = [asyncio.create_task(sqlite_db.read(long)) for _ in range(READERS + 1)]
    for _ in range(READERS):
        await asyncio.to_thread(begun.acquire)

    assert await sqlite_db.ask(names) == []
    assert not any(one.done() for one in reads)

    done.set()
    assert all(await asyncio.gather(*reads))


async def test_blocks_of_numbers_are_consecutive_and_never_given_twice(db: Database) -> None:
    blocks = await asyncio.gather(*(db.write(Tx.next_ids, "tickets", 3) for _ in range(10)))

    assert sorted(n for block in blocks for n in block) == list(range(1, 31))
    assert all(list(b) == list(range(b[0], b[0] + 3)) for b in blocks)


async def test_a_write_of_an_earlier_epoch_is_fenced(db: Database) -> None:
    async with hold(db, "first") as earlier:
        pass
    async with hold(db, "second") as later:
        with pytest.raises(Fenced):
            await db.write_as(earlier.epoch, put, "stale")
        await db.write_as(later.epoch, put, "fresh")

    assert await db.read(names) == ["fresh"]


async def test_a_guarded_change_that_touches_no_row_is_a_conflict(db: Database) -> None:
    def change(tx: Tx) -> None:
        tx.exactly_one(sa.update(due).where(due.c.name == "nobody").values(zone="UTC"), "gone")

    with pytest.raises(Conflict, match="gone"):
        await db.write(change)


async def test_a_bulk_insert_is_the_same_as_many_inserts(db: Database) -> None:
    columns = ("name", "cron", "zone", "next_at", "data")
    rows = [(f"n{n:04}", "", "UTC", 1.5, '{"a": "ä"}') for n in range(2500)]

    await db.write(lambda tx: tx.bulk_insert(due, columns, rows))

    assert await db.read(names) == [r[0] for r in rows]


async def test_a_lock_held_elsewhere_is_waited_for_then_told_once(
    sqlite_db: Database, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "state" / "tocsin.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable, match="busy"):
        await sqlite_db.write(put, "a")

    other.execute("ROLLBACK")
    other.close()
    await sqlite_db.write(put, "a")


async def test_sqlite_is_durable_and_private(sqlite_db: Database, tmp_path: Path) -> None:
    def pragmas(tx: Tx) -> tuple[str, int]:
        mode = tx.value(sa.text("PRAGMA journal_mode"))
        return mode, tx.value(sa.text("PRAGMA synchronous"))

    assert await sqlite_db.write(pragmas) == ("wal", 2)
    file = tmp_path / "state" / "tocsin.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_folders_made_on_the_way_are_private_and_those_that_were_there_stay(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    private_folder(tmp_path / "state" / "twin")
    private_folder(tmp_path / "state" / "twin")
    modes = [stat.S_IMODE(one.stat().st_mode) for one in (tmp_path, *sorted(tmp_path.rglob("*")))]
    assert modes == [0o755, 0o700, 0o700]


async def test_a_guest_never_creates_a_database(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(Unavailable, match="tocsin serve"):
        Database.open(str(tmp_path / "none.db"), clock, lambda *_: None)

    assert not (tmp_path / "none.db").exists()


async def test_a_folder_and_a_foreign_kind_are_refused_in_words(
    tmp_path: Path, clock: ManualClock
) -> None:
    with pytest.raises(Unavailable, match="not a file"):
        Database.open(str(tmp_path), clock, lambda *_: None)
    with pytest.raises(Invalid, match="not supported"):
        Database.open("mysql://x/y", clock, lambda *_: None)


async def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "bad.db"
    path.write_bytes(b"this is not a database" * 100)
    database = Database.open(str(path), clock, lambda *_: None)

    with pytest.raises(Unavailable, match="damaged"):
        await migrate.require_current(database)

    await database.close()
    assert path.read_bytes().startswith(b"this is not")


async def test_reading_cannot_write(sqlite_db: Database) -> None:
    with pytest.raises(Unavailable, match="read-only"):
        await sqlite_db.read(put, "a")
