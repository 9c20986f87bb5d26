"""Every line of what must hold before anything is broken, and that nothing is broken otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import maintenance
from core.chaos import safety
from core.chaos.model import Fault, Margin
from core.chaos.safety import Limits
from core.chaos.settings import SubjectChaos
from core.clock import ManualClock
from core.db import Database
from core.errors import Conflict, Invalid, Refused, Unavailable
from core.invariant import Severity
from core.runs import store
from core.runs.model import Outcome
from tests.core.chaos.rig import KILL, Rig, like, outcome, rig

Prepare = Callable[[Rig], Any]


async def refused(db: Database, clock: ManualClock, prepare: Prepare, **order: Any) -> str:
    """Why a run was refused, with nothing broken."""
    async with rig(db, clock) as world:
        await prepare(world)
        await world.order(**order)
        run = await world.ended()
        assert world.driver.calls == []
        assert run.outcome is Outcome.REFUSED, run
        return outcome(run)[1]


async def test_a_subject_with_an_open_critical_ticket_is_left_in_peace(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def sick(world: Rig) -> None:
        world.subject.breaks("store_down", "store:3")
        await world.look()

    said = await refused(sqlite_db, clock, sick, target="store:1")

    assert "a critical ticket is open: #1 store:3 store_down" in said


async def test_a_subject_that_is_sick_already_is_left_in_peace(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def sick(world: Rig) -> None:
        world.subject.breaks("store_down", "store:3", severity=Severity.WARNING)
        await world.look()

    assert "already sick: #1" in await refused(sqlite_db, clock, sick, target="store:1")


async def test_a_subject_under_maintenance_is_left_in_peace(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def quiet(world: Rig) -> None:
        await world.db.write(maintenance.pause, None, for_s=600.0, by="U1", reason="upgrade")

    assert "maintenance is announced: upgrade" in await refused(sqlite_db, clock, quiet)


async def test_a_subject_that_cannot_be_seen_is_not_taken_for_well(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def blind(world: Rig) -> None:
        world.subject.blind = True
        await world.look()

    said = await refused(sqlite_db, clock, blind)

    assert "not all of it can be seen just now: source" in said


async def test_a_look_that_is_too_old_says_nothing(db: Database, clock: ManualClock) -> None:
    now = clock.now().timestamp()
    old = safety.Sight(now - safety.FRESH_S - 1, 2.0)

    assert await db.read(safety.sick, "prod", None, 0.0) != ""
    assert await db.read(safety.sick, "prod", old, 0.0) != ""
    assert await db.read(safety.sick, "prod", safety.Sight(now, 2.0), 0.0) == ""


async def test_a_run_that_would_cost_a_majority_is_refused_with_the_margin(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def thin(world: Rig) -> None:
        world.subject.left = Margin(-1, False, "margin 0 -> majority lost")

    said = await refused(sqlite_db, clock, thin, target="store:1")

    assert said == "Not without store:1: margin 0 -> majority lost."


async def test_a_placement_that_cannot_be_told_is_refused(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def dark(world: Rig) -> None:
        world.subject.left = Margin(None, False, "margin 1 -> unknown: PD is silent")

    assert "unknown: PD is silent" in await refused(sqlite_db, clock, dark)


async def test_a_target_that_means_nothing_is_refused(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def nothing(_world: Rig) -> None:
        return None

    assert "means nothing here" in await refused(sqlite_db, clock, nothing, target="store:99")


async def test_more_targets_than_allowed_are_refused(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock, max_targets=2) as world:
        await world.order(target="each:store")
        run = await world.ended()

        assert outcome(run)[1] == "each:store means 3 targets; at most 2 are allowed."
        assert world.driver.calls == []


async def test_a_fault_that_no_driver_can_do_is_refused_with_each_reason(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def cannot(world: Rig) -> None:
        world.driver.cannot = {Fault.KILL: "this kernel has none"}

    said = await refused(sqlite_db, clock, cannot)

    assert said == "kill cannot be done on prod: twin: this kernel has none."


async def test_a_target_outside_of_the_configured_ones_is_refused(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def limited(world: Rig) -> None:
        world.subject.chaos = SubjectChaos(
            enabled=True, drivers=("twin",), twin="x", targets=("store:2",)
        )

    said = await refused(sqlite_db, clock, limited, target="store:1")

    assert said == "store-1 (store:1) is not among the targets allowed: store:2."


async def test_a_subject_that_got_sick_between_is_not_broken(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def later(world: Rig) -> None:
        arm = world.healers.arm

        async def armed(fault: Any, words: str) -> int:
            world.subject.breaks("store_down", "store:3")
            await world.look()
            return await arm(fault, words)

        world.healers.arm = armed  # type: ignore[method-assign]

    said = await refused(sqlite_db, clock, later, target="store:1")

    assert "a critical ticket is open" in said


async def test_getting_ready_that_took_too_long_is_given_up(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def slow(world: Rig) -> None:
        arm = world.healers.arm

        async def armed(fault: Any, words: str) -> int:
            await world.clock.advance(20.0)
            await world.look()
            return await arm(fault, words)

        world.healers.arm = armed  # type: ignore[method-assign]

    assert "took too long to get ready" in await refused(sqlite_db, clock, slow)


async def test_the_second_experiment_on_a_subject_is_a_conflict_that_names_the_first(
    db: Database, clock: ManualClock
) -> None:
    async with rig(db, clock) as world:
        await world.stop()
        await world.order()

        with pytest.raises(Conflict, match=r"kill-store \(run 1\) is under way on prod already"):
            await world.order()

        assert len(await db.read(store.listing)) == 1


async def test_a_subject_must_have_been_well_for_as_long_as_is_asked(
    sqlite_db: Database, clock: ManualClock
) -> None:
    calm = like(KILL, name="calm", steady_for_s=60.0)
    async with rig(sqlite_db, clock, calm) as world:
        world.subject.breaks("store_down", "store:3")
        await world.look()
        world.subject.heals("store_down", "store:3")
        for _ in range(5):
            await clock.advance(2.0)
            await world.look()
        await world.order("calm")
        run = await world.ended()

        assert run.outcome is Outcome.REFUSED
        assert "60 s are asked for" in outcome(run)[1]


async def test_a_harmless_ticket_counts_where_the_experiment_asks_for_it(
    sqlite_db: Database, clock: ManualClock
) -> None:
    strict = like(KILL, name="strict", steady=("high_latency",))
    async with rig(sqlite_db, clock, strict) as world:
        world.subject.hold_s = 0.0
        world.subject.breaks("high_latency", "store:3", severity=Severity.INFO)
        await world.look()
        await world.order("strict")
        refused = await world.ended(1)
        await world.order(target="store:1")
        other = await world.ended(2)

        assert outcome(refused)[1] == "Nothing was broken: already sick: #1 store:3 high_latency."
        assert other.outcome is Outcome.SUCCEEDED


def test_a_duration_beyond_what_is_allowed_is_refused() -> None:
    own = SubjectChaos(enabled=True, drivers=("pd",), max_duration_s=60.0)

    assert safety.duration(KILL, None, Limits(), own) == 10.0
    with pytest.raises(Refused, match="At most 60 s are allowed here; 61 s were asked for"):
        safety.duration(KILL, 61.0, Limits(), own)
    with pytest.raises(Refused, match="At most 600 s"):
        safety.duration(KILL, 601.0, Limits(), SubjectChaos())
    with pytest.raises(Invalid):
        safety.duration(KILL, 0.0, Limits(), own)


def test_what_does_not_opt_in_is_refused() -> None:
    with pytest.raises(Refused, match="does not opt in"):
        safety.opted_in(SubjectChaos(), "prod", KILL)
    with pytest.raises(Refused, match="kill is not allowed on prod; allowed are pause"):
        safety.opted_in(
            SubjectChaos(enabled=True, drivers=("pd",), faults=("pause",)), "prod", KILL
        )


async def test_may_answers_from_the_simulation_and_harms_nothing(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        yes = await safety.may(world.subject, "prod", "kill", "store:2")
        world.subject.left = Margin(-1, False, "margin 0 -> majority lost")
        no = await safety.may(world.subject, "prod", "stop", "store:2")

        assert (yes.ok, yes.words) == (True, "Yes: kill store:2 now: margin 1 -> 0.")
        assert (no.ok, no.words) == (False, "No: stop store:2 now: margin 0 -> majority lost.")
        assert world.driver.calls == []
        with pytest.raises(Invalid, match="no verb 'format'"):
            await safety.may(world.subject, "prod", "format", "store:2")
        with pytest.raises(Refused):
            await safety.may(None, "prod", "kill", "store:2")


async def test_what_cannot_be_read_is_no_answer_but_no(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:

        async def resolve(*_: object) -> tuple[str, ...]:
            raise Unavailable("PD does not answer.")

        world.subject.resolve = resolve
        no = await safety.may(world.subject, "prod", "kill", "store:2")

        said = "No: kill store:2 now: what would be left cannot be told: PD does not answer."
        assert (no.ok, no.words) == (False, said)
        assert no.margin.value is None
