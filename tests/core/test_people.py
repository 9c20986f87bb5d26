"""Names are kept for whoever cannot ask Slack."""

from __future__ import annotations

from core import people
from core.clock import ManualClock
from core.db import Database


async def test_the_newest_name_counts_and_whom_nothing_is_heard_of_is_forgotten(
    db: Database, clock: ManualClock
) -> None:
    await db.write(people.remember, "slack:U1", "Ana")
    await db.write(people.remember, "slack:U2", "Ben")
    await clock.advance(100.0)
    await db.write(people.remember, "slack:U1", "Ana Moreno " + "x" * 500)

    found = await db.read(people.names)
    assert list(found) == ["slack:U1", "slack:U2"]
    assert found["slack:U1"].startswith("Ana Moreno ")
    assert len(found["slack:U1"]) == people.MAX_NAME

    assert await db.write(people.purge, clock.now().timestamp() - 50.0) == 1
    assert list(await db.read(people.names)) == ["slack:U1"]
