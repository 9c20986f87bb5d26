"""From what is seen, tick by tick, to tickets: opening, touching, healing, flapping, explaining."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from core import events
from core.clock import ManualClock
from core.db import Database
from core.errors import Unavailable
from core.invariant import Severity
from core.lock import hold, take_epoch
from core.monitor import Watch
from core.tickets import store
from core.tickets.model import Resolution, Status, StillBroken
from tests.core.scripted import PERIOD_S, Bench, Scripted


@pytest.fixture
async def bench(db: Database, clock: ManualClock) -> AsyncIterator[Bench]:
    async with hold(db, "test") as holding:
        yield await Bench.open(db, clock, holding.epoch)


async def kinds(bench: Bench) -> list[str]:
    found = await bench.db.read(events.since, 0, 5000)
    return [e.kind for e in found if e.ticket_id is not None]


async def test_a_violation_without_grace_opens_a_ticket_in_the_tick_that_sees_it(
    bench: Bench,
) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)

    ticket = await bench.only()
    assert (ticket.status, ticket.severity, ticket.count) == (Status.OPEN, Severity.CRITICAL, 1)
    assert ticket.fingerprint == "prod/store_down/store:1"


async def test_a_second_sighting_touches_the_same_ticket(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(4)

    ticket = await bench.only()
    assert ticket.count == 4
    assert ticket.last_seen_at == bench.clock.now().timestamp()
    assert await kinds(bench) == ["ticket.opened"]


async def test_a_title_follows_what_is_seen_while_the_ticket_is_open(bench: Bench) -> None:
    """From "the next loss breaks it" to "it is lost" the severity stays the same."""
    bench.subject.breaks("quorum_margin", "cluster", title="The next store lost breaks a majority")
    bench.subject.entities = ("cluster",)
    await bench.ticks(2)
    bench.subject.breaks("quorum_margin", "cluster", title="Some regions have lost their majority")
    await bench.ticks(1)

    assert (await bench.only()).title == "Some regions have lost their majority"
    assert await kinds(bench) == ["ticket.opened", "ticket.changed"]


class Counted:
    """A database that counts how often it is read."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.reads = 0
        self.write_as, self.write_steps = db.write_as, db.write_steps
        self.courtesy = db.courtesy

    async def read(self, *args: Any) -> Any:
        self.reads += 1
        return await self._db.read(*args)


async def test_while_nothing_is_wrong_or_remembered_the_database_is_left_alone(
    db: Database, clock: ManualClock
) -> None:
    counted: Any = Counted(db)
    async with hold(db, "test") as holding:
        bench = await Bench.open(counted, clock, holding.epoch)
        counted.reads = 0
        await bench.ticks(5)
        assert counted.reads == 0

        bench.subject.breaks("high_latency", "store:1")
        await bench.ticks(1)
        bench.subject.heals("high_latency", "store:1")
        # What waits for its hold time has to be forgotten again, and seen to be.
        await bench.ticks(5)
        assert counted.reads == 3
        bench.subject.breaks("high_latency", "store:1")
        await bench.ticks(31)
        assert len(await bench.all()) == 1


class Interrupted(Counted):
    """A database that is lost, while `breaks`, before the last step of a tick."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.breaks = True
        self.write_steps: Any = self._all_but_the_last

    async def _all_but_the_last(self, epoch: int, steps: Any) -> Any:
        if not self.breaks:
            return await self._db.write_steps(epoch, steps)
        await self._db.write_steps(epoch, [*steps][:-1])
        raise Unavailable("The database was too slow.")


async def test_a_tick_whose_end_was_lost_is_ended_by_the_next_one(
    db: Database, clock: ManualClock
) -> None:
    interrupted: Any = Interrupted(db)
    async with hold(db, "test") as holding:
        bench = await Bench.open(interrupted, clock, holding.epoch)
        bench.subject.breaks("store_down", "store:1")
        with pytest.raises(Unavailable):
            await bench.ticks(1)
        assert len(await bench.all()) == 1
        interrupted.breaks = False

        await bench.ticks(3)

        ends = [one for one in await db.read(events.since, 0) if one.kind == "tick.settled"]
        assert len(ends) == 1


async def test_a_violation_must_last_its_hold_time(bench: Bench) -> None:
    bench.subject.breaks("high_latency", "store:1")
    await bench.ticks(30)
    assert await bench.all() == []

    await bench.ticks(1)
    assert (await bench.only()).invariant == "high_latency"


async def test_seeing_it_hold_once_restarts_the_hold_time(bench: Bench) -> None:
    bench.subject.breaks("high_latency", "store:1")
    await bench.ticks(29)
    bench.subject.heals("high_latency", "store:1")
    await bench.ticks(1)
    bench.subject.breaks("high_latency", "store:1")
    await bench.ticks(30)

    assert await bench.all() == []


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
async def test_a_step_of_the_clock_neither_skips_nor_restarts_grace(
    bench: Bench, step_s: float
) -> None:
    bench.subject.breaks("high_latency", "store:1")
    await bench.ticks(15)
    bench.clock.step_wall(step_s)
    await bench.ticks(10)
    assert await bench.all() == []

    await bench.ticks(7)
    assert len(await bench.all()) == 1


async def test_a_suspended_machine_does_not_skip_grace(bench: Bench) -> None:
    bench.subject.breaks("high_latency", "store:1")
    await bench.ticks(5)
    await bench.ticks(1, seconds=8 * 3600)

    assert await bench.all() == []


async def test_grace_goes_on_after_a_restart(bench: Bench) -> None:
    bench.subject.breaks("high_latency", "store:1")
    await bench.ticks(25)

    epoch = await take_epoch(bench.db, "again")
    bench.watch = Watch(bench.subject, bench.db, bench.clock, epoch)
    await bench.watch.start()
    await bench.ticks(5)
    assert await bench.all() == []
    await bench.ticks(1)
    assert len(await bench.all()) == 1


async def test_the_same_reading_judged_twice_counts_once(bench: Bench) -> None:
    bench.subject.breaks("high_latency", "store:1")
    bench.subject.frozen_at = bench.clock.now().timestamp()
    bench.clock.step_wall(-1)
    for _ in range(35):
        await bench.watch.tick()

    assert await bench.all() == []


async def test_health_resolves_and_says_so(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(2)
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(1)

    ticket = await bench.only()
    assert (ticket.status, ticket.resolution) == (Status.RESOLVED, Resolution.RECOVERED)
    assert await kinds(bench) == ["ticket.opened", "ticket.resolved"]


async def test_missing_data_resolves_nothing(bench: Bench) -> None:
    """The earlier operator resolved every ticket the moment PD was out of reach."""
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(2)

    bench.subject.blind = True
    await bench.ticks(5)
    bench.subject.blind = False
    bench.subject.hides("store_down", "store:1")
    await bench.ticks(5)
    bench.subject.entities = ("store:2", "store:3")
    await bench.ticks(5)

    assert (await bench.only()).open


async def test_a_stale_reading_resolves_nothing_and_opens_nothing(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    bench.subject.heals("store_down", "store:1")
    bench.subject.breaks("store_down", "store:2")
    bench.subject.frozen_at = bench.clock.now().timestamp() - 2 * PERIOD_S - 1
    await bench.ticks(3)

    assert [t.entity for t in await bench.all() if t.open] == ["store:1"]
    assert len(await bench.all()) == 1


async def test_recovery_must_last_where_the_invariant_says_so(bench: Bench) -> None:
    bench.subject.recover_s = 30.0
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(15)
    assert (await bench.only()).healthy_since is not None
    assert (await bench.only()).open

    await bench.ticks(1)
    assert not (await bench.only()).open


async def test_trembling_at_the_threshold_is_one_ticket_and_no_flapping(bench: Bench) -> None:
    bench.subject.recover_s = 30.0
    for _ in range(20):
        bench.subject.breaks("store_down", "store:1")
        await bench.ticks(1)
        bench.subject.heals("store_down", "store:1")
        await bench.ticks(1)

    ticket = await bench.only()
    assert ticket.open
    assert ticket.flap_count == 0


async def test_a_recurrence_within_the_window_reopens_the_ticket(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(1)
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)

    ticket = await bench.only()
    assert ticket.open
    assert ticket.flap_count == 1
    assert (await kinds(bench))[-1] == "ticket.reopened"


async def test_a_recurrence_after_the_window_is_a_new_ticket_that_names_the_old_one(
    bench: Bench,
) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(1)
    await bench.ticks(1, seconds=620)
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)

    first, second = await bench.all()
    assert second.previous_id == first.id


async def test_a_flapping_ticket_must_stay_healthy_for_longer(bench: Bench) -> None:
    for _ in range(4):
        bench.subject.breaks("store_down", "store:1")
        await bench.ticks(1)
        bench.subject.heals("store_down", "store:1")
        await bench.ticks(1)

    ticket = await bench.only()
    assert ticket.flap_count == 3
    assert ticket.open
    await bench.ticks(30)
    assert not (await bench.only()).open


async def test_a_held_ticket_does_not_resolve_by_itself_until_it_is_unheld(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    await bench.db.write(store.hold, 1, "cli:ana")
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(20)
    assert (await bench.only()).healthy_since is not None
    assert (await bench.only()).open

    await bench.db.write(store.unhold, 1, "cli:ana")
    await bench.ticks(1)
    assert not (await bench.only()).open


async def test_a_hold_until_healthy_ends_itself_at_recovery(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    await bench.db.write(store.hold, 1, "cli:ana", until_healthy=True)
    await bench.ticks(3)
    assert (await bench.only()).held

    bench.subject.heals("store_down", "store:1")
    await bench.ticks(1)
    ticket = await bench.only()
    assert not ticket.open
    assert ticket.held_by is None


async def test_a_hold_that_comes_while_health_is_settled_wins(bench: Bench) -> None:
    """The plan was made before the hold: the write must look again."""
    from core.monitor import settle_plan
    from core.tickets.known import known
    from core.tickets.plan import Healthy, Plan

    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    before = await bench.db.read(known, "prod")
    [ticket] = before.tickets.values()
    now = bench.clock.now().timestamp()
    plan = Plan(healthy=[Healthy(ticket, now, now, 99.0, True)])
    await bench.db.write(store.hold, 1, "cli:ana")

    await settle_plan(bench.db, bench.watch._epoch, "prod", plan)

    assert (await bench.only()).open


async def test_resolving_while_broken_keeps_it_closed_until_it_was_healthy_once(
    bench: Bench,
) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    with pytest.raises(StillBroken):
        await bench.db.write(store.resolve, 1, "cli:ana")
    await bench.db.write(store.resolve, 1, "cli:ana", anyway=True)
    await bench.ticks(20)
    assert len(await bench.all()) == 1

    bench.subject.heals("store_down", "store:1")
    await bench.ticks(1)
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    assert [t.open for t in await bench.all()] == [False, True]


async def test_a_rise_in_severity_opens_what_was_closed_while_broken(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1", severity=Severity.WARNING)
    await bench.ticks(1)
    await bench.db.write(store.resolve, 1, "cli:ana", anyway=True)
    await bench.ticks(5)
    assert len(await bench.all()) == 1

    bench.subject.breaks("store_down", "store:1", severity=Severity.CRITICAL)
    await bench.ticks(1)
    assert [t.open for t in await bench.all()] == [False, True]


async def test_worsening_is_told_also_while_held(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1", severity=Severity.WARNING)
    await bench.ticks(1)
    await bench.db.write(store.hold, 1, "cli:ana")
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)

    assert (await bench.only()).severity is Severity.CRITICAL
    assert (await kinds(bench))[-1] == "ticket.worsened"


async def test_what_is_gone_for_good_closes_as_removed(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    await bench.db.write(store.hold, 1, "cli:ana")
    bench.subject.removed = frozenset({"store:1"})
    await bench.ticks(1)

    assert (await bench.only()).resolution is Resolution.REMOVED
    await bench.ticks(3)
    assert len(await bench.all()) == 1


async def test_symptoms_of_one_tick_join_the_episode_of_their_cause(bench: Bench) -> None:
    bench.subject.breaks("quorum_margin", "store:2")
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)

    by_name = {t.invariant: t for t in await bench.all()}
    cause, symptom = by_name["store_down"], by_name["quorum_margin"]
    assert cause.explained_by is None
    assert symptom.explained_by == cause.id


async def test_a_symptom_that_comes_minutes_later_joins_too_and_at_the_root(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    bench.subject.breaks("quorum_margin", "store:1")
    bench.subject.breaks("high_latency", "store:3")
    await bench.ticks(60)

    by_name = {t.invariant: t for t in await bench.all()}
    assert by_name["high_latency"].explained_by == by_name["store_down"].id
    assert by_name["quorum_margin"].explained_by == by_name["store_down"].id


async def test_a_critical_never_hides_behind_a_lesser_cause(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1", severity=Severity.WARNING)
    await bench.ticks(1)
    bench.subject.breaks("quorum_margin", "store:1")
    await bench.ticks(1)

    assert [t.explained_by for t in await bench.all()] == [None, None]


async def test_a_symptom_that_outlives_its_cause_stands_for_itself(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    bench.subject.breaks("quorum_margin", "store:1")
    await bench.ticks(1)
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(2)
    assert "ticket.surfaced" not in await kinds(bench)

    await bench.ticks(16)
    assert (await kinds(bench)).count("ticket.surfaced") == 1
    assert all(t.explained_by is None for t in await bench.all())


async def test_a_symptom_that_outlives_its_cause_belongs_to_the_next_one(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    bench.subject.breaks("quorum_margin", "store:3")
    await bench.ticks(1)
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(4)
    bench.subject.breaks("store_down", "store:2")
    await bench.ticks(16)

    by_entity = {t.entity: t for t in await bench.all()}
    assert by_entity["store:3"].explained_by == by_entity["store:2"].id
    assert "ticket.surfaced" not in await kinds(bench)
    assert (await kinds(bench)).count("ticket.rejoined") == 1


async def test_what_hangs_on_a_cause_that_is_over_explains_nobody_else(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    bench.subject.breaks("quorum_margin", "store:1")
    bench.subject.breaks("quorum_margin", "store:2")
    await bench.ticks(1)
    bench.subject.heals("store_down", "store:1")
    await bench.ticks(18)

    assert all(t.explained_by is None for t in await bench.all() if t.open)


async def test_what_is_broken_when_first_seen_is_adopted(db: Database, clock: ManualClock) -> None:
    async with hold(db, "test") as holding:
        subject = Scripted(clock)
        subject.breaks("store_down", "store:1")
        watch = Watch(subject, db, clock, holding.epoch)
        await watch.start()
        bench = Bench(db, clock, subject, watch)
        await bench.ticks(10)
        subject.breaks("store_down", "store:2")
        await bench.ticks(1)

        assert [t.adopted for t in await bench.all()] == [True, False]


async def test_what_was_seen_in_order_first_is_not_adopted_when_it_breaks_soon(
    db: Database, clock: ManualClock
) -> None:
    async with hold(db, "test") as holding:
        subject = Scripted(clock)
        watch = Watch(subject, db, clock, holding.epoch)
        await watch.start()
        bench = Bench(db, clock, subject, watch)
        await bench.ticks(1)
        subject.breaks("store_down", "store:1")
        await bench.ticks(1)

        assert [t.adopted for t in await bench.all()] == [False]


async def test_a_gap_in_watching_is_told_with_its_ends(bench: Bench) -> None:
    before = bench.clock.now().timestamp()
    await bench.clock.advance(3600)
    epoch = await take_epoch(bench.db, "again")
    await Watch(bench.subject, bench.db, bench.clock, epoch).start()

    [gap] = [e for e in await bench.db.read(events.since, 0, 5000) if e.kind == "subject.gap"]
    assert before - gap.data["from"] <= 12
    assert gap.data["to"] == bench.clock.now().timestamp()


async def test_what_a_subject_carries_comes_back_after_a_restart(bench: Bench) -> None:
    bench.subject.carry = {"leader": "pd-1", "starts": {"1": 7}}
    await bench.ticks(1)
    epoch = await take_epoch(bench.db, "again")
    await Watch(bench.subject, bench.db, bench.clock, epoch).start()

    assert bench.subject.recalled == {"leader": "pd-1", "starts": {"1": 7}}


async def test_a_quiet_tick_writes_nothing(bench: Bench) -> None:
    bench.subject.breaks("store_down", "store:1")
    await bench.ticks(1)
    before = await bench.db.read(events.newest)
    await bench.ticks(20)

    assert await bench.db.read(events.newest) == before


async def test_ten_thousand_violations_in_one_tick_are_one_settled_tick(bench: Bench) -> None:
    bench.subject.entities = tuple(f"store:{n}" for n in range(2500))
    for entity in bench.subject.entities:
        bench.subject.breaks("store_down", entity)
    await bench.ticks(1)

    assert await bench.db.read(store.count, store.Filter()) == 2500
    found = await bench.db.read(events.since, 0, 20_000)
    assert [e.data for e in found if e.kind == "tick.settled"] == [{"opened": 2500}]

    for entity in bench.subject.entities:
        bench.subject.heals("store_down", entity)
    await bench.ticks(1)
    assert await bench.db.read(store.count, store.Filter()) == 0
