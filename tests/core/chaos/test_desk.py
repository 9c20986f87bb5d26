"""What people are shown before they break something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.chaos.catalog.read import Catalog
from core.chaos.desk import Desk
from core.chaos.model import Fault, Margin, Target
from core.chaos.order import Known, Rules
from core.clock import ManualClock
from core.db import Database
from core.errors import Invalid, NotFound
from core.runs import store
from tests.core.chaos.rig import KILL, OPEN, SUBJECT, Rig, rig


def desk(world: Rig, rules: Rules | None = None) -> Desk:
    subjects = {SUBJECT: world.subject, "plain": object()}
    return Desk(world.db, subjects, rules or world.rules, world.sight)


async def test_a_preview_says_what_would_be_done_and_undone_and_harms_nothing(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        found = await desk(world).preview("kill-store", target="store:2", duration_s=5.0)

        assert (found.subject, found.entities, found.name) == ("prod", ("store:2",), "store-2")
        assert (found.words, found.undo_words) == ("kill store-2", "start it")
        assert found.margin == Margin(0, True, "margin 1 -> 0")
        assert (found.duration_s, found.refused) == (5.0, "")
        assert world.driver.calls == []
        assert await sqlite_db.read(store.listing) == []


async def test_what_hangs_on_the_target_is_part_of_the_blast_radius(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:

        async def weight(entity: str) -> str:
            return f"{entity} carries 20 leaders"

        world.subject.weight = weight
        found = await desk(world).preview("kill-store", target="store:2")

        assert found.radius == "it (store:2 carries 20 leaders)"


async def test_a_preview_of_what_must_not_be_says_why_and_shows_the_margin(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.subject.left = Margin(-1, False, "margin 0 -> majority lost")
        thin = await desk(world).preview("kill-store", target="store:2")
        world.subject.left = Margin(0, True, "margin 1 -> 0")
        world.subject.breaks("store_down", "store:3")
        await world.look()
        sick = await desk(world).preview("kill-store", target="store:2")
        nobody = await desk(world).preview("kill-store", target="store:9")
        long = await desk(world).preview("kill-store", duration_s=9999.0)

        assert thin.refused == "Not without store:2: margin 0 -> majority lost."
        assert thin.margin == Margin(-1, False, "margin 0 -> majority lost")
        assert "a critical ticket is open: #1" in sick.refused
        assert "means nothing here" in nobody.refused
        assert "At most 600 s" in long.refused
        with pytest.raises(NotFound):
            await desk(world).preview("nope")
        with pytest.raises(NotFound):
            await desk(world).preview("kill-store", subject="nope")


async def test_a_target_of_another_kind_is_refused(sqlite_db: Database, clock: ManualClock) -> None:
    async with rig(sqlite_db, clock) as world:
        world.subject.entities = ("store:1", "store:2", "pd:pd-0")
        stores = (await world.driver.find("store:1"), await world.driver.find("store:2"))

        async def targets() -> tuple[Target, ...]:
            return stores

        world.driver.targets = targets
        found = await desk(world).preview("kill-store", target="pd:pd-0")

        assert found.refused == "kill-store means a store (store); pd:pd-0 is none."


async def test_a_named_target_must_play_the_part_that_the_experiment_is_about(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        lead = replace(KILL, name="kill-leader", selector="store:leader")
        follow = replace(KILL, name="kill-follower", selector="store:follower")
        rules = replace(world.rules, catalog=Catalog({one.name: one for one in (lead, follow)}))
        world.subject.leader = "store:2"

        async def refused(name: str, target: str) -> str:
            return (await desk(world, rules).preview(name, target=target)).refused

        assert await refused("kill-leader", "store:2") == ""
        assert await refused("kill-leader", "") == ""
        assert await refused("kill-leader", "store:1") == (
            "kill-leader is for the leader, store:2 just now; store:1 does not lead. "
            "Leave the target out to have it chosen."
        )
        assert await refused("kill-follower", "store:1") == ""
        assert await refused("kill-follower", "store:2") == (
            "kill-follower is for a follower; store:2 leads. "
            "Leave the target out to have it chosen."
        )
        world.subject.leader = ""
        assert await refused("kill-leader", "store:1") == "There is no leader just now."


async def test_the_catalogue_lists_what_cannot_be_done_with_the_reason(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        world.driver.cannot = {Fault.KILL: "this kernel has none"}
        found = await desk(world).catalogue(SUBJECT)

        assert found.off == ""
        assert [one.experiment.name for one in found.offers] == ["kill-store"]
        assert "twin: this kernel has none" in found.offers[0].unavailable
        assert found.targets == {f"store:{n}": f"store-{n}" for n in (1, 2, 3)}
        assert found.faults is not None
        assert found.faults["twin"][Fault.KILL] == "this kernel has none"


async def test_what_does_not_opt_in_is_off_and_says_how_to_change_that(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async with rig(sqlite_db, clock) as world:
        rules = Rules(
            world.rules.catalog,
            subjects={SUBJECT: Known("scripted"), "plain": Known("scripted", OPEN)},
        )
        shut = await desk(world, rules).catalogue(SUBJECT)
        plain = await desk(world, rules).catalogue("plain")
        unknown = await desk(world, rules).catalogue("nope")

        assert "set enabled = true" in shut.off
        assert "its kind offers no faults" in plain.off
        assert unknown.off != ""
        with pytest.raises(Invalid):
            await desk(world).may(SUBJECT, "format", "store:1")
        assert (await desk(world).may(SUBJECT, "kill", "store:1")).ok
