"""The worker: one look a ticket and moment, rules first, revised later, and nothing lost or endless."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core import events, lock
from core.clock import ManualClock, SystemClock
from core.db import Database, Fenced, Tx
from core.diagnosis import calls, looks, store
from core.diagnosis.model import Certainty, Reason
from core.diagnosis.worker import CONSUMER
from core.errors import Refused, Unavailable
from core.invariant import Severity
from tests.core.diagnosis.bench import (
    ANA,
    Diagnosing,
    close,
    diagnosing,
    open_tickets,
    seen_broken,
    seen_healthy,
    worsen,
)


@pytest.fixture
async def bench(sqlite_db: Database, clock: ManualClock) -> AsyncIterator[Diagnosing]:
    async with diagnosing(sqlite_db, clock) as made:
        yield made
    assert made.errors == []


async def test_a_ticket_is_diagnosed_by_rules_as_soon_as_it_opens(bench: Diagnosing) -> None:
    ticket = await bench.open()
    await bench.idle()

    [made] = await bench.made(ticket)
    assert (made.diagnosis.cause, made.diagnosis.entity) == ("process_killed", "store:1")
    assert made.diagnosis.certainty is Certainty.CONFIRMED
    assert made.diagnosis.first_look
    assert made.told
    assert made.made_by == "rules"
    [told] = await bench.events("ticket.diagnosed")
    assert told.data["diagnosis_id"] == made.id
    assert told.subject == "prod"
    assert bench.metrics.page().count(b'tocsin_diagnoses_total{certainty="confirmed"') == 1


async def test_it_is_looked_at_again_after_30_s_and_5_min_and_the_same_is_not_told_twice(
    bench: Diagnosing,
) -> None:
    ticket = await bench.open()
    await bench.idle()
    await bench.later(29)
    assert len(await bench.made(ticket)) == 1
    await bench.later(2)
    assert len(await bench.made(ticket)) == 2
    await bench.later(300)

    made = await bench.made(ticket)
    assert [one.reason for one in made] == [Reason.OPENED, Reason.SOON, Reason.LATER]
    assert [one.told for one in made] == [True, False, False]
    assert [one.diagnosis.first_look for one in made] == [True, False, False]
    assert len(await bench.events("ticket.diagnosed")) == 1
    same = await bench.events("diagnosis.unchanged")
    assert [one.data["same_as"] for one in same] == [made[0].id] * 2
    await bench.later(3600)
    assert len(await bench.made(ticket)) == 3


async def test_a_revision_is_told_and_names_what_it_revises(bench: Diagnosing) -> None:
    ticket = await bench.open()
    await bench.idle()
    bench.subject.well = True
    await bench.later(31)

    first, second = await bench.made(ticket)
    assert second.told
    assert second.diagnosis.cause != first.diagnosis.cause
    told = await bench.events("ticket.diagnosed")
    assert [one.data["revises"] for one in told] == [None, first.id]
    current = await bench.db.read(store.current, ticket)
    assert current is not None
    assert current.id == second.id


async def test_a_ticket_that_worsens_is_looked_at_at_once(bench: Diagnosing) -> None:
    ticket = await bench.open(severity=Severity.WARNING)
    await bench.idle()
    await bench.db.write(worsen, ticket)
    await bench.idle()

    assert [one.reason for one in await bench.made(ticket)] == [Reason.OPENED, Reason.WORSENED]


async def healthy_again(bench: Diagnosing) -> int:
    """A ticket that was diagnosed and is seen healthy before its second look, and not closed."""
    ticket = await bench.open()
    await bench.idle()
    await bench.later(25)
    await bench.db.write(seen_healthy, ticket)
    return ticket


async def test_a_later_look_waits_for_what_becomes_of_a_ticket_that_is_seen_healthy(
    bench: Diagnosing,
) -> None:
    ticket = await healthy_again(bench)
    await bench.later(20)
    assert len(await bench.made(ticket)) == 1

    await bench.db.write(seen_broken, ticket)
    await bench.later(6)
    assert [one.reason for one in await bench.made(ticket)] == [Reason.OPENED, Reason.SOON]


async def test_a_later_look_at_a_ticket_that_is_kept_open_though_healthy_is_made_in_the_end(
    bench: Diagnosing,
) -> None:
    ticket = await healthy_again(bench)
    await bench.later(looks.MENDING_S + looks.LOOK_AGAIN_S)
    assert [one.reason for one in await bench.made(ticket)] == [Reason.OPENED, Reason.SOON]


async def test_later_looks_at_a_closed_ticket_are_dropped(bench: Diagnosing) -> None:
    ticket = await bench.open()
    await bench.idle()
    await bench.db.write(close, ticket)
    await bench.idle()
    await bench.later(400)

    assert len(await bench.made(ticket)) == 1
    dropped = await bench.rows("dropped")
    assert [one.error for one in dropped] == [looks.CLOSED] * 2


async def test_a_symptom_gets_no_look_of_its_own_and_shows_that_of_its_cause(
    bench: Diagnosing,
) -> None:
    root = await bench.open()
    symptom = await bench.open("cluster", invariant="quorum_margin", cause=root)
    await bench.idle()

    assert {one.ticket_id for one in await bench.rows()} == {root}
    [made] = await bench.made(symptom)
    assert made.ticket_id == root
    assert f"explained by ticket {root}" in made.note
    [own] = await bench.made(root)
    assert own.note == ""
    asked = await bench.db.write(store.ask, symptom, ANA)
    await bench.idle()
    assert [one.ticket_id for one in await bench.db.read(store.of_investigation, asked)] == [root]


async def test_what_was_broken_before_watching_began_is_not_looked_at_by_itself(
    bench: Diagnosing,
) -> None:
    ticket = await bench.open(adopted=True)
    await bench.idle()

    assert await bench.made(ticket) == []
    standing = await bench.db.read(looks.standing, ticket)
    assert standing is not None
    assert (standing.state, standing.error) == ("dropped", calls.KNOWN)
    await bench.db.write(store.ask, ticket, ANA)
    await bench.idle()
    assert len(await bench.made(ticket)) == 1


async def test_a_storm_is_bounded_and_the_worst_and_newest_go_first(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with diagnosing(sqlite_db, clock) as bench:
        bench.subject.gate = asyncio.Event()
        many = [f"store:{n}" for n in range(10_000)]
        for start in range(0, 10_000, 1_000):
            part = many[start : start + 1_000]
            await bench.db.write(open_tickets, part, severity=Severity.WARNING)
        [worst] = await bench.db.write(open_tickets, ["store:1"], invariant="region_health")
        async with asyncio.timeout(30):
            while await bench.db.read(_behind) or bench.worker.busy < 2:
                await asyncio.sleep(0.01)
        assert bench.worker.busy == 2
        assert bench.subject.explained <= 2
        assert len(await bench.rows("due")) <= calls.BACKLOG + 4
        dropped = await bench.rows("dropped")
        assert len(dropped) >= 9_900
        assert {one.error for one in dropped} == {calls.CROWDED}
        bench.subject.gate.set()
        await bench.idle(60.0)
        done = await bench.rows("done")
        assert len(done) <= calls.BACKLOG + 4
        newest = {one.ticket_id for one in done[2:]}
        assert worst in newest
        assert min(newest - {worst}) > 9_000
        # What was dropped says so, and can be asked for.
        standing = await bench.db.read(looks.standing, dropped[0].ticket_id)
        assert standing is not None
        assert standing.error == calls.CROWDED


def _behind(tx: Tx) -> bool:
    return events.newest(tx) > events.cursor(tx, CONSUMER)


async def test_at_most_two_looks_are_made_at_a_time(bench: Diagnosing) -> None:
    bench.subject.gate = asyncio.Event()
    await bench.db.write(open_tickets, ["store:1", "store:2", "store:3"])
    for _ in range(200):
        await asyncio.sleep(0.002)
    assert bench.subject.explained == 2
    bench.subject.gate.set()
    await bench.idle()
    assert bench.subject.explained == 3


async def test_a_source_that_fails_gives_a_diagnosis_that_says_so(bench: Diagnosing) -> None:
    bench.subject.fails = Unavailable("PD does not answer.")
    ticket = await bench.open()
    await bench.idle()

    [made] = await bench.made(ticket)
    assert made.diagnosis.certainty is Certainty.INCONCLUSIVE
    frozen = await bench.db.read(store.snapshot, made.snapshot_id)
    assert any("PD does not answer" in one.error for one in frozen.pieces)


async def test_a_look_that_fails_three_times_is_dropped_with_its_error_and_a_word_in_the_thread(
    bench: Diagnosing,
) -> None:
    bench.subject.fails = KeyError("store_id token=hunter2hunter2")
    ticket = await bench.open()
    await bench.idle()
    await bench.later(2)
    await bench.later(4)

    assert bench.subject.explained == 3
    [first, *_] = await bench.rows("dropped")
    assert "KeyError" in first.error
    assert "hunter2" not in first.error
    [dropped] = await bench.events("diagnosis.dropped")
    assert dropped.data["investigation_id"] == first.id
    [made] = await bench.made(ticket)
    assert made.diagnosis.certainty is Certainty.INCONCLUSIVE
    assert "KeyError" in made.diagnosis.unseen[0]
    assert len(await bench.events("ticket.diagnosed")) == 1
    assert b'tocsin_failures_total{where="look"} 3.0' in bench.metrics.page()


async def test_a_look_that_failed_once_is_tried_again_and_the_error_is_forgotten(
    bench: Diagnosing,
) -> None:
    bench.subject.fails = KeyError("once")
    ticket = await bench.open()
    await bench.idle()
    bench.subject.fails = None
    await bench.later(3)

    [made] = await bench.made(ticket)
    assert made.diagnosis.cause == "process_killed"
    [row] = await bench.rows("done")
    assert (row.attempts, row.error) == (2, None)


async def test_asking_again_tells_even_what_is_unchanged(bench: Diagnosing) -> None:
    ticket = await bench.open()
    await bench.idle()
    number = await bench.db.write(store.ask, ticket, ANA)
    assert await bench.db.write(store.ask, ticket, ANA) == number
    await bench.idle()

    made = await bench.made(ticket)
    assert [one.told for one in made] == [True, True]
    assert made[1].investigation_id == number
    assert made[1].reason is Reason.ASKED


async def test_of_a_closed_ticket_what_was_frozen_is_diagnosed(bench: Diagnosing) -> None:
    ticket = await bench.open()
    await bench.idle()
    await bench.db.write(close, ticket)
    bench.subject.well = True
    await bench.db.write(store.ask, ticket, ANA)
    await bench.idle()

    first, again = await bench.made(ticket)
    assert again.diagnosis.cause == "process_killed"
    assert again.snapshot_id == first.snapshot_id


async def test_a_question_is_answered_from_what_was_frozen_also_when_the_source_is_gone(
    bench: Diagnosing,
) -> None:
    ticket = await bench.open()
    await bench.idle()
    looked = bench.subject.explained
    bench.worker.means.subjects.clear()  # type: ignore[attr-defined]  # a dict in this test
    number = await bench.db.write(store.ask, ticket, ANA, "why did it go down?")
    await bench.idle()

    assert bench.subject.explained == looked
    [_, said] = await bench.made(ticket)
    assert said.question == "why did it go down?"
    assert said.answer is not None
    assert "ended from outside" in said.answer.words
    assert said.answer.cited
    frozen = await bench.db.read(store.snapshot, said.snapshot_id)
    assert set(said.answer.cited) <= set(frozen.by_id)
    [told] = await bench.events("ticket.answered")
    assert told.data == {"diagnosis_id": said.id, "investigation_id": number}
    current = await bench.db.read(store.current, ticket)
    assert current is not None
    assert current.question == ""


async def test_what_is_not_understood_gets_what_can_be_asked(bench: Diagnosing) -> None:
    ticket = await bench.open()
    await bench.idle()
    await bench.db.write(store.ask, ticket, ANA, "sing me a song")
    await bench.idle()

    said = (await bench.made(ticket))[-1].answer
    assert said is not None
    assert "why?" in said.can_ask


async def test_a_look_that_waits_can_be_stopped(sqlite_db: Database, clock: ManualClock) -> None:
    async with diagnosing(sqlite_db, clock, running=False) as bench:
        ticket = await bench.open()
        number = await bench.db.write(store.ask, ticket, ANA)
        assert await bench.db.write(store.stop, number, ANA)
        assert not await bench.db.write(store.stop, number, ANA)
        [row] = await bench.rows("dropped")
        assert (row.id, row.stopped_by) == (number, ANA)


async def test_looks_that_were_stopped_before_they_began_are_forgotten(bench: Diagnosing) -> None:
    bench.subject.gate = asyncio.Event()
    tickets = [await bench.open(f"store:{n}") for n in range(5)]
    async with asyncio.timeout(10):
        while bench.worker.busy < 2 or len(await bench.rows("due")) < 3:
            await asyncio.sleep(0.005)
    waiting = [await bench.db.write(store.ask, one, ANA) for one in tickets[2:]]
    for number in waiting:
        assert await bench.db.write(store.stop, number, ANA)
    async with asyncio.timeout(10):
        while await bench.db.read(_behind):
            await asyncio.sleep(0.005)
    bench.subject.gate.set()
    await bench.idle()

    assert {row.id for row in await bench.rows("dropped")} >= set(waiting)
    async with asyncio.timeout(5):
        while bench.worker._stopped:
            await asyncio.sleep(0.005)


def _behind(tx: Tx) -> bool:
    return events.newest(tx) > events.cursor(tx, "diagnosis")


async def test_no_more_than_twenty_requests_wait(sqlite_db: Database, clock: ManualClock) -> None:
    async with diagnosing(sqlite_db, clock, running=False) as bench:
        ticket = await bench.open()
        for n in range(store.MAX_ASKED):
            await bench.db.write(store.ask, ticket, ANA, f"question {n}")
        with pytest.raises(Refused, match="Try again in a minute"):
            await bench.db.write(store.ask, ticket, ANA, "one more")


async def test_many_who_recheck_at_once_do_not_read_all_sources_at_once(bench: Diagnosing) -> None:
    ticket = await bench.open()
    await bench.idle()
    [made] = await bench.made(ticket)
    before, bench.subject.gate = bench.subject.explained, asyncio.Event()

    asked = [asyncio.ensure_future(bench.worker.recheck(made.id)) for _ in range(6)]
    while bench.subject.explained < before + 2:
        await asyncio.sleep(0.001)
    # Others would have begun by now: they have had a turn for each step that these two took.
    for _ in range(50):
        await asyncio.sleep(0.001)
    under_way = bench.subject.explained - before
    bench.subject.gate.set()
    await asyncio.gather(*asked)

    assert under_way == 2


async def test_rechecking_shows_then_and_now(bench: Diagnosing) -> None:
    ticket = await bench.open()
    await bench.idle()
    [made] = await bench.made(ticket)
    bench.subject.well = True
    found = await bench.worker.recheck(made.id)

    assert found.lines
    assert all(one.then.stands and not one.then.altered for one in found.lines)
    assert any(one.changed for one in found.lines)
    bench.subject.well = False
    found = await bench.worker.recheck(made.id)
    assert found.still == len(found.lines)


async def test_a_worker_that_is_no_longer_the_holder_ends(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with diagnosing(sqlite_db, clock, running=False) as bench:
        await lock.take_epoch(bench.db, "another")
        await bench.open()
        with pytest.raises(Fenced):
            await asyncio.wait_for(bench.worker.run(), 10)


async def test_what_another_process_left_in_the_middle_is_taken_up_again(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with diagnosing(sqlite_db, clock, running=False) as gone:
        ticket = await gone.open()
        epoch = gone.worker.means.epoch
        await events.catch_up(gone.db, CONSUMER, gone.worker.hear, epoch)
        await gone.db.write(looks.claim, epoch, (), 1)
        assert len(await gone.rows("working")) == 1
    async with diagnosing(sqlite_db, clock) as bench:
        await bench.idle()
        assert len(await bench.made(ticket)) == 1
        [row] = await bench.rows("done")
        assert row.attempts == 2


async def test_the_first_word_on_a_ticket_comes_within_a_second(sqlite_db: Database) -> None:
    clock = SystemClock()
    db = Database.open(str(sqlite_db.url.database), clock, lambda *_: None)
    async with diagnosing(db, clock) as bench:
        ticket = await bench.open()
        await bench.idle()
        [made] = await bench.made(ticket)
        opened = (await bench.events("ticket.opened"))[0].at
        assert made.made_at - opened < 1.0
    await db.close()


async def test_it_works_the_same_on_both_kinds_of_database(
    db: Database, clock: ManualClock
) -> None:
    async with diagnosing(db, clock) as bench:
        ticket = await bench.open()
        await bench.idle()
        number = await db.write(store.ask, ticket, ANA, "since when?")
        await bench.idle()
        await bench.later(31)
        made = await bench.made(ticket)
        assert [one.reason for one in made] == [Reason.OPENED, Reason.ASKED, Reason.SOON]
        assert [one.told for one in made] == [True, True, False]
        assert [one.investigation_id for one in made][1] == number
        assert bench.errors == []
