"""Following one run: nothing that happens around it hides what happens to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.cli.chaos_follow import follow
from core import events
from core.clock import ManualClock
from core.db import Database, Tx
from core.lock import take_file
from core.runs import store
from core.runs.model import Outcome, State


def _noise(tx: Tx) -> None:
    """As when another subject opens tickets by the thousand."""
    events.emit_all(tx, [events.New("ticket.changed", subject="other")] * (events.BATCH + 100))


@pytest.fixture
def held(sqlite_db: Database) -> Iterator[None]:
    """Some bot holds the database."""
    with take_file(Path(f"{sqlite_db.url.database}.lock"), "tocsin serve"):
        yield


async def test_a_run_whose_bot_has_ended_is_not_waited_for(
    sqlite_db: Database, clock: ManualClock
) -> None:
    new = {"kind": "chaos", "subject": "prod", "name": "kill-store", "target": ""}
    run = await sqlite_db.write(store.create, **new, requested_by="cli:me", data={})
    run = await sqlite_db.write(store.claim, run)
    following = asyncio.ensure_future(follow(sqlite_db, clock, run, lambda _: None))

    end = time.monotonic() + 10.0
    while not following.done() and time.monotonic() < end:
        await clock.advance(0.2)
        await asyncio.sleep(0.001)

    assert following.done()
    assert following.result().state is State.CLAIMED


async def test_a_storm_elsewhere_does_not_hide_what_happens_to_the_run(
    sqlite_db: Database, clock: ManualClock, held: None
) -> None:
    new = {"kind": "chaos", "subject": "prod", "name": "kill-store", "target": ""}
    run = await sqlite_db.write(store.create, **new, requested_by="cli:me", data={})
    told: list[str] = []
    following = asyncio.ensure_future(follow(sqlite_db, clock, run, told.append))
    while not clock.sleepers and not following.done():
        await asyncio.sleep(0.001)
    await sqlite_db.write(_noise)
    run = await sqlite_db.write(store.claim, run)

    end = time.monotonic() + 10.0
    while not told and time.monotonic() < end:
        await clock.advance(0.2)
        await asyncio.sleep(0.001)
    run = await sqlite_db.write(store.begin, run, "baseline")
    run = await sqlite_db.write(store.finish, run, Outcome.REFUSED, run.data)
    run = await sqlite_db.write(store.archive, run)
    await sqlite_db.write(store.report, run)
    while not following.done() and time.monotonic() < end:
        await clock.advance(0.2)
        await asyncio.sleep(0.001)

    assert following.done(), told
    assert following.result().state is State.REPORTED
    assert "taken on by the bot" in told[0]
