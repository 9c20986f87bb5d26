"""Tocsin watches itself: parked channels, waiting messages, a refused token."""

from __future__ import annotations

from core import channels, outbox
from core.clock import ManualClock
from core.db import Database, Tx
from core.invariant import Broken, Holds, Unknown, judge
from core.outbox import Effect
from core.runs import harm
from core.subjects.own import INVARIANTS, OwnSubject


def _intend(tx: Tx) -> None:
    outbox.post(tx, Effect("T", "alerts", "gap:1", "gap", source_event=1))


async def _verdict(subject: OwnSubject, name: str, entity: str) -> object:
    seen = await subject.observe()
    judged = {j.invariant.name: j for j in judge(INVARIANTS, seen, seen.at)}
    return judged[name].verdict(entity)


async def test_a_parked_channel_is_broken_until_it_can_be_written_to(
    db: Database, clock: ManualClock
) -> None:
    own = OwnSubject(db, clock)
    await db.write(channels.park_channel, "alerts", "is_archived")
    found = await _verdict(own, "channel_parked", "alerts")
    assert isinstance(found, Broken)
    assert "is_archived" in found.summary
    await db.write(channels.unpark_channel, "alerts")
    assert isinstance(await _verdict(own, "channel_parked", "alerts"), Holds)


async def test_a_channel_parked_before_a_restart_can_still_be_seen_to_hold(
    db: Database, clock: ManualClock
) -> None:
    own = OwnSubject(db, clock)
    own.recall({"parked": ["alerts"]})
    assert isinstance(await _verdict(own, "channel_parked", "alerts"), Holds)
    assert (await own.observe()).carry == {"parked": ["alerts"]}


async def test_nothing_is_known_of_a_channel_that_was_never_parked(
    db: Database, clock: ManualClock
) -> None:
    assert isinstance(await _verdict(OwnSubject(db, clock), "channel_parked", "x"), Unknown)


async def test_messages_that_wait_for_over_a_minute_are_a_backlog(
    db: Database, clock: ManualClock
) -> None:
    own = OwnSubject(db, clock)
    await db.write(_intend)
    await clock.advance(60)
    assert isinstance(await _verdict(own, "delivery_backlog", "slack"), Holds)
    await clock.advance(1)
    assert isinstance(await _verdict(own, "delivery_backlog", "slack"), Broken)
    # What waits for a parked channel is told of by that channel's own ticket.
    await db.write(channels.park_channel, "alerts", "is_archived")
    assert isinstance(await _verdict(own, "delivery_backlog", "slack"), Holds)


async def test_a_refused_token_is_broken_while_it_is_refused(
    db: Database, clock: ManualClock
) -> None:
    own = OwnSubject(db, clock)
    said: list[str | None] = ["token_revoked"]
    own.listen(lambda: said[0])
    found = await _verdict(own, "slack_refused", "token")
    assert isinstance(found, Broken)
    assert "token_revoked" in found.summary
    said[0] = None
    assert isinstance(await _verdict(own, "slack_refused", "token"), Holds)


async def test_no_connection_from_slack_is_broken_until_one_is_up(
    db: Database, clock: ManualClock
) -> None:
    own = OwnSubject(db, clock)
    up: list[int | None] = [0]
    own.listen(lambda: None, lambda: up[0])
    found = await _verdict(own, "socket_deaf", "socket")
    assert isinstance(found, Broken)
    assert "commands and buttons do nothing" in found.summary
    up[0] = 1
    assert isinstance(await _verdict(own, "socket_deaf", "socket"), Holds)


async def test_where_slack_needs_no_connection_nobody_is_deaf(
    db: Database, clock: ManualClock
) -> None:
    own = OwnSubject(db, clock)
    assert isinstance(await _verdict(own, "socket_deaf", "socket"), Holds)
    own.listen(lambda: None, lambda: None)
    assert isinstance(await _verdict(own, "socket_deaf", "socket"), Holds)


def test_a_socket_must_be_deaf_for_a_minute() -> None:
    [one] = [i for i in INVARIANTS if i.name == "socket_deaf"]
    assert (one.hold_s, one.severity, one.explained_by) == (60.0, "warning", ("slack_refused",))


async def test_a_database_out_of_reach_makes_everything_unknown(
    sqlite_db: Database, clock: ManualClock
) -> None:
    own = OwnSubject(sqlite_db, clock)
    seen = await own.observe()
    assert seen.readings["outbox"].seen_at is not None
    await sqlite_db.close()
    broken = Database.open("postgresql://nobody@127.0.0.1:1/none", clock, lambda _, e: None)
    blind = await OwnSubject(broken, clock).observe()
    assert blind.readings["outbox"].seen_at is None
    assert blind.readings["outbox"].error
    await broken.close()


def _break(tx: Tx) -> int:
    fault = harm.record(
        tx,
        1,
        {
            "subject": "prod",
            "kind": "kill",
            "driver": "docker",
            "entity": "store:4",
            "target": {"name": "tikv-4"},
            "before": {},
            "undo": {"words": "start it again"},
            "lands_until": tx.now + 5,
            "heal_by": tx.now + 30,
        },
    )
    harm.heal_started(tx, fault.id)
    harm.not_healed(tx, fault.id, "the engine cannot be reached")
    return fault.id


async def test_what_was_broken_on_purpose_and_is_not_healed_in_time_is_broken_until_it_is(
    db: Database, clock: ManualClock
) -> None:
    own = OwnSubject(db, clock)
    number = await db.write(_break)
    entity = f"fault:{number}"
    assert isinstance(await _verdict(own, "fault_not_healed", entity), Unknown)

    await clock.advance(26)
    found = await _verdict(own, "fault_not_healed", entity)
    assert isinstance(found, Broken)
    assert found.title == "tikv-4 was broken on purpose and is not healed"
    assert "the engine cannot be reached" in found.summary
    assert found.facts["undo"] == "start it again"

    again = OwnSubject(db, clock)
    again.recall((await own.observe()).carry)
    await db.write(harm.verified, number, "healed")
    assert isinstance(await _verdict(again, "fault_not_healed", entity), Holds)
