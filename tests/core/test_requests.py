"""What is remembered of people's requests."""

from __future__ import annotations

from core import requests
from core.clock import ManualClock
from core.db import Database, Tx


def remember(tx: Tx, request_id: str, answer: str = "yes") -> bool:
    return requests.remember(
        tx,
        request_id,
        actor="slack:U1",
        verb="ack",
        target="t:1:1" * 500,
        outcome="done",
        answer=answer,
    )


async def test_the_first_answer_stays(db: Database) -> None:
    assert await db.write(remember, "1.2.abc")
    assert not await db.write(remember, "1.2.abc", "no")
    found = await db.read(requests.recall, "1.2.abc")
    assert found is not None
    assert found.answer == "yes"
    assert len(found.target) == requests.MAX_TARGET


async def test_an_unknown_request_is_not_recalled(db: Database) -> None:
    assert await db.read(requests.recall, "1.2.abc") is None


async def test_the_newest_come_first_and_the_old_are_forgotten(
    db: Database, clock: ManualClock
) -> None:
    for name in ("a", "b", "c"):
        await db.write(remember, name)
        await clock.advance(10)
    assert [r.id for r in await db.read(requests.latest, 2)] == ["c", "b"]
    assert await db.write(requests.purge, clock.now().timestamp() - 15) == 2
    assert [r.id for r in await db.read(requests.latest)] == ["c"]
