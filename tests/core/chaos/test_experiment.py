"""An experiment from the look before to the verdict, and everything that may go wrong between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from core import events
from core.chaos.model import Fault, Margin, Stage
from core.clock import ManualClock
from core.db import Database, Tx
from core.errors import Unavailable
from core.runs import artefacts, harm, store
from core.runs.model import Outcome, State
from core.schema_runs import faults
from core.tasks import Tasks
from tests.core.chaos.rig import KILL, Rig, like, outcome, rig


async def kinds(world: Rig) -> list[str]:
    found = await world.db.read(events.since, 0)
    return [one.kind for one in found if one.kind.startswith("run.")]


async def settled(condition: Callable[[], bool]) -> None:
    """Wait until it is so, while no time passes for the program."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_it_breaks_watches_heals_and_passes(db: Database, clock: ManualClock) -> None:
    async with rig(db, clock) as world:
        run = await world.order(target="store:2")
        run = await world.ended(run.id)

        assert run.outcome is Outcome.SUCCEEDED
        story = await world.story()
        assert story.entity == "store:2"
        assert story.detected_by == "store_down"
        assert story.recovered_at is not None
        assert story.margin == "margin 1 -> 0"
        assert world.driver.calls == ["store:2"]
        assert world.healers.calls.index("arm store:2") < world.healers.calls.index("heal store:2")
        fault = await world.fault()
        assert fault.ending == "healed"
        assert fault.recorded_at <= (fault.armed_at or 0) <= (fault.inject_started_at or 0)
        assert world.healers.over == {fault.id}
        assert await kinds(world) == [
            "run.created",
            "run.claimed",
            "run.active",
            "run.stage",
            "run.stage",
            "run.stage",
            "run.detected",
            "run.stage",
            "run.healed",
            "run.stage",
            "run.finished",
            "run.archived",
            "run.reported",
        ]


async def test_what_an_ended_run_leaves_is_its_record_under_a_manifest(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order()
        await world.ended()

        named = await sqlite_db.read(artefacts.names, 1)
        assert set(named) == {"record.json", "manifest.json"}
        manifest = await sqlite_db.read(artefacts.find, 1, "manifest.json")
        assert manifest is not None
        assert named["record.json"].encode() in manifest.body


async def test_an_expected_ticket_that_does_not_come_in_time_is_a_failure(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.driver.notices = False
        await world.order()
        run = await world.ended()

        assert outcome(run) == (
            Outcome.FAILED,
            "not detected within 5 s: store_down",
        )
        assert (await world.fault()).ending == "healed"


async def test_what_the_detached_healer_healed_was_missed_because_nobody_could_look(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.driver.notices = False
        world.healers.healed_before = clock.now().timestamp() + 1.0
        await world.order()
        run = await world.ended()

        assert outcome(run) == (
            Outcome.FAILED,
            "not detected within 5 s: store_down (Tocsin itself was interrupted meanwhile)",
        )


async def test_a_ticket_about_another_of_its_kind_is_no_detection(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.driver.notices = False
        await world.order(target="store:1")
        await world.at(Stage.WATCH)
        world.subject.breaks("store_down", "store:3")
        await world.at(Stage.RECOVER)
        world.subject.heals("store_down", "store:3")
        run = await world.ended()

        assert run.outcome is Outcome.FAILED
        assert (await world.story()).tickets != ()


async def test_what_is_not_well_again_in_time_is_a_failure(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order(target="store:1")
        await world.at(Stage.WATCH)
        world.subject.breaks("store_down", "store:3")
        run = await world.ended()

        assert run.outcome is Outcome.FAILED
        assert "not well 30 s after the healing" in outcome(run)[1]


async def test_an_abort_in_the_middle_heals_at_once(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order(duration_s=500.0)
        await world.at(Stage.WATCH)
        await sqlite_db.write(store.abort, 1, "slack:U2", "enough")
        run = await world.ended()

        assert outcome(run)[0] is Outcome.ABORTED
        assert "aborted by slack:U2: enough" in outcome(run)[1]
        fault = await world.fault()
        assert fault.ending == "healed"
        assert (fault.verified_at or 0.0) - (run.abort_at or 0.0) < 60.0


async def test_an_abort_before_anything_was_broken_breaks_nothing(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.stop()
        await world.order()
        await sqlite_db.write(store.abort, 1, "slack:U2")
        await world.start()
        run = await world.ended()

        assert run.outcome is Outcome.ABORTED
        assert world.driver.calls == []


async def test_it_stops_by_itself_when_it_goes_too_far(
    sqlite_db: Database, clock: ManualClock
) -> None:
    far = like(KILL, name="far", abort_on=("quorum_margin",))
    async with rig(sqlite_db, clock, far) as world:
        await world.order("far")
        await world.at(Stage.WATCH)
        world.subject.breaks("quorum_margin", "store:3")
        run = await world.ended()

        assert run.outcome is Outcome.ABORTED
        assert "stopped by itself" in outcome(run)[1]


async def test_a_call_that_refused_did_no_harm(sqlite_db: Database, clock: ManualClock) -> None:
    async with rig(sqlite_db, clock) as world:
        world.driver.refuses = "It is not the container that was planned for."
        await world.order()
        run = await world.ended()

        assert outcome(run)[0] is Outcome.REFUSED
        assert (await world.fault()).ending == "never_landed"


@pytest.mark.parametrize("error", [Unavailable("the engine did not answer"), ValueError("odd")])
async def test_a_call_of_unknown_outcome_is_healed_and_ends_unknown(
    sqlite_db: Database, clock: ManualClock, error: Exception
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.driver.fails = error
        await world.order()
        run = await world.ended()

        assert outcome(run)[0] is Outcome.UNKNOWN
        assert str(error) in outcome(run)[1]
        assert (await world.fault()).ending == "healed"
        assert world.driver.down == set()


async def test_a_call_that_never_comes_back_is_healed_all_the_same(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.driver.hangs = True
        await world.order()
        run = await world.ended()

        assert run.outcome is Outcome.UNKNOWN
        assert world.driver.down == set()


async def test_what_fails_right_after_the_call_does_not_pass_for_a_refusal(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:

        async def returned(_fault: object) -> None:
            raise OSError("no space left on device")

        world.healers.returned = returned
        await world.order()
        run = await world.ended()

        assert outcome(run)[0] is Outcome.UNKNOWN
        assert "no space left on device" in outcome(run)[1]
        assert world.driver.down == set()


async def test_without_a_detached_healer_nothing_is_broken(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.healers.unarmed = "The detached healer did not start."
        await world.order()
        run = await world.ended()

        assert outcome(run) == (Outcome.REFUSED, "The detached healer did not start.")
        assert world.driver.calls == []
        assert (await world.fault()).ending == "never_landed"


async def test_the_margin_is_looked_at_again_right_before_the_harm(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        arm = world.healers.arm

        async def armed(fault, words):
            world.subject.left = Margin(-1, False, "margin 0 -> majority lost")
            return await arm(fault, words)

        world.healers.arm = armed
        await world.order(target="store:1")
        run = await world.ended()

        assert outcome(run)[0] is Outcome.REFUSED
        assert "margin 0 -> majority lost" in outcome(run)[1]
        assert world.driver.calls == []


async def test_what_cannot_be_healed_is_tried_until_it_is(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.healers.out_of_reach = "the engine is gone"
        await world.order()
        await world.at(Stage.HEAL)
        began = clock.now()
        await world.until(lambda _: (clock.now() - began).total_seconds() > 60)

        assert (await world.fault()).error == "the engine is gone"
        assert [one.what for one in await sqlite_db.read(harm.overdue)] != []

        world.healers.out_of_reach = ""
        run = await world.ended()
        assert (await world.fault()).ending == "healed"
        assert await sqlite_db.read(harm.overdue) == ()
        assert run.state is State.REPORTED


async def test_one_after_the_other_only_goes_on_when_all_is_well(
    sqlite_db: Database, clock: ManualClock
) -> None:
    roll = like(
        KILL,
        name="roll",
        fault=Fault.RESTART,
        selector="each:store",
        duration_s=1.0,
        expects=("store_down",),
    )
    async with rig(sqlite_db, clock, roll) as world:
        await world.order("roll")
        run = await world.ended()

        assert run.outcome is Outcome.SUCCEEDED
        assert world.driver.calls == ["store:1", "store:2", "store:3"]
        assert (await world.story()).done == ("store:1", "store:2", "store:3")
        ends = [(f.verified_at or 0.0) for f in await sqlite_db.read(harm.of_run, 1)]
        starts = [(f.inject_started_at or 0.0) for f in await sqlite_db.read(harm.of_run, 1)]
        assert ends[0] < starts[1] < ends[1] < starts[2]


async def test_nobody_may_be_paged_where_nothing_is_expected(
    sqlite_db: Database, clock: ManualClock
) -> None:
    quiet = like(KILL, name="quiet", expects=())
    async with rig(sqlite_db, clock, quiet) as world:
        await world.order("quiet")
        run = await world.ended()

        assert outcome(run)[0] is Outcome.FAILED
        assert "nobody should have been paged" in outcome(run)[1]


async def test_an_order_that_waited_for_too_long_is_not_carried_out(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.stop()
        await world.order()
        await clock.advance(61.0)
        await world.look()
        await world.start()
        run = await world.ended()

        assert run.outcome is Outcome.REFUSED
        assert "s before Tocsin could begin; nothing was broken" in outcome(run)[1]
        assert world.driver.calls == []


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (Stage.ARM, "before anything was broken"),
        (Stage.WATCH, "while it was broken"),
        (Stage.HEAL, "while it was being healed"),
    ],
)
async def test_a_new_process_heals_first_and_says_so(
    sqlite_db: Database, clock: ManualClock, stage: Stage, said: str
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.healers.out_of_reach = "not yet" if stage is Stage.HEAL else ""
        world.stop_at = "arm.after" if stage is Stage.ARM else ""
        await world.order()
        await world.at(stage)
        await world.stop()
        world.stop_at = world.healers.out_of_reach = ""

        await world.start()
        run = await world.ended()

        assert run.outcome is Outcome.ABORTED
        assert outcome(run)[1].startswith(f"Tocsin ended {said}")
        assert world.driver.down == set()
        assert not (await world.fault()).open


async def test_what_was_left_broken_is_healed_before_the_start_is_over(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order()
        await world.at(Stage.WATCH)
        await world.stop()
        assert world.driver.down != set()

        await world.runner().boot()

        assert world.driver.down == set()
        assert await sqlite_db.read(harm.unhealed) == []


async def test_a_healer_that_fails_does_not_keep_the_program_from_starting(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order()
        await world.at(Stage.WATCH)
        await world.stop()
        world.healers.fails = OSError("no file can be opened")

        await world.start()
        assert world.driver.down != set()
        world.healers.fails = None
        await world.ended()

        assert world.driver.down == set()


async def test_a_row_that_cannot_be_read_is_healed_all_the_same(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order()
        await world.at(Stage.WATCH)
        await world.stop()
        run = await sqlite_db.read(store.get, 1)
        await sqlite_db.write(store.advance, run, data={"duration_s": "a while"})

        await world.start()
        run = await world.ended()

        assert world.driver.down == set()
        assert run.outcome is Outcome.ABORTED


async def test_a_fault_whose_run_is_over_is_healed_all_the_same(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order()
        await world.at(Stage.WATCH)
        await world.stop()
        run = await sqlite_db.read(store.get, 1)
        await sqlite_db.write(store.finish, run, Outcome.UNKNOWN, run.data)

        await world.start()
        await world.ended()

        assert world.driver.down == set()
        assert (await world.fault()).ending == "healed"


async def test_two_people_at_once_start_one_run(db: Database, clock: ManualClock) -> None:
    async with rig(db, clock) as world:
        await world.stop()
        both = await asyncio.gather(world.order(), world.order(), return_exceptions=True)

        assert sorted(type(one).__name__ for one in both) == ["Conflict", "Run"]
        assert len(await db.read(store.listing)) == 1


async def test_a_new_process_does_not_break_the_next_of_a_row(
    sqlite_db: Database, clock: ManualClock
) -> None:
    roll = like(KILL, name="roll", selector="each:store", duration_s=1.0)
    async with rig(sqlite_db, clock, roll) as world:
        await world.order("roll")
        await world.at(Stage.RECOVER)
        await world.stop()
        await world.start()
        run = await world.ended()

        assert run.outcome is Outcome.ABORTED
        assert "1 of 3" in outcome(run)[1]
        assert world.driver.calls == ["store:1"]


async def test_a_program_that_ends_properly_heals_before_it_goes(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order()
        runner = world.runner()
        await world.at(Stage.WATCH)
        await world.stop()

        await runner.close()

        run = await sqlite_db.read(store.get, 1)
        assert run.outcome is Outcome.ABORTED
        assert world.driver.down == set()
        assert (await world.fault()).ending == "healed"


async def test_a_call_that_hangs_keeps_nothing_else_from_being_healed_at_the_end(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.stop()
        world.beside("staging").driver.hangs = True
        runner = await world.start()
        await world.order(subject="prod", duration_s=500.0)
        await world.order(subject="staging")
        await world.at(Stage.WATCH)
        await world.until(lambda _: world.others["staging"].driver.down != set())
        world.healers.stuck = {"staging"}
        await world.stop()

        closing = asyncio.ensure_future(runner.close())
        await settled(lambda: world.driver.down == set())
        while (await world.fault(1)).ending is None:
            await asyncio.sleep(0.001)
        assert not closing.done()
        while not closing.done():
            await clock.advance(1.0)
            await asyncio.sleep(0.001)
        await closing

        assert (await world.fault(1)).ending == "healed"
        assert (await world.fault(2)).open
        assert (await sqlite_db.read(store.get, 2)).stage == Stage.HEAL


def forgotten(tx: Tx) -> None:
    tx.run(sa.delete(faults))


@pytest.mark.parametrize("stage", [Stage.WATCH, Stage.HEAL])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_run_whose_record_of_harm_is_gone_ends_and_frees_its_subject(
    sqlite_db: Database, clock: ManualClock, stage: Stage, *, restarted: bool
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.healers.out_of_reach = "not yet"
        await world.order(target="store:1")
        await world.at(stage)
        if restarted:
            await world.stop()
        await sqlite_db.write(forgotten)
        if restarted:
            await world.start()
        run = await world.ended()

        assert run.outcome is Outcome.UNKNOWN
        assert "the record of what was broken is gone" in outcome(run)[1]
        assert "store-1" in outcome(run)[1]
        assert await sqlite_db.read(store.live, "prod") is None


@pytest.mark.parametrize("aborted", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_run_whose_fault_was_healed_beside_it_ends_well(
    sqlite_db: Database, clock: ManualClock, *, aborted: bool, restarted: bool
) -> None:
    async with rig(sqlite_db, clock) as world:
        await world.order(target="store:1", duration_s=500.0)
        await world.at(Stage.WATCH)
        await world.until(lambda run: run.data.get("detected_at") is not None)
        await world.stop()
        fault = await world.fault()
        await world.healers.heal(fault, 0.0)
        await sqlite_db.write(harm.verified, fault.id, "healed")
        if aborted:
            await sqlite_db.write(store.abort, 1, "slack:U2", "enough")
        if restarted:
            await world.start()
        else:
            world.tasks = Tasks(world.failed)
            world.tasks.start("runs", world.runner().run())
        run = await world.ended()

        story, verified_at = await world.story(), (await world.fault()).verified_at
        assert (story.ending, story.healed_at) == ("healed", verified_at)
        ends_early = aborted or restarted
        assert run.outcome is (Outcome.ABORTED if ends_early else Outcome.SUCCEEDED)
        assert ("aborted by slack:U2" in outcome(run)[1]) is aborted
