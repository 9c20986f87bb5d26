"""Whom a selector means in an etcd cluster, and what a loss would leave."""

from __future__ import annotations

import pytest

from core.chaos.driver import Breakable
from core.chaos.settings import SubjectChaos
from core.errors import Refused
from tests.core.subjects.etcd.conftest import Start
from tests.world_etcd import EtcdWorld

ALL = frozenset[str]()


def some(*names: str) -> frozenset[str]:
    return frozenset(f"member:{one}" for one in names)


async def test_a_whole_cluster_bears_the_loss_of_one_and_not_of_two(start: Start) -> None:
    watched = (await start(settle_s=1)).watched
    assert isinstance(watched, Breakable)
    one = await watched.margin(some("etcd-1"))
    assert (one.value, one.ok, one.words) == (0, True, "margin 1 -> 0")
    two = await watched.margin(some("etcd-1", "etcd-2"))
    assert (two.value, two.ok, two.words) == (-1, False, "margin 1 -> majority lost")
    none = await watched.margin(frozenset())
    assert (none.value, none.ok) == (1, True)


async def test_with_one_down_already_the_next_is_refused(start: Start) -> None:
    drive = await start(settle_s=1)
    await drive.world.kill("etcd-2")
    found = await drive.watched.margin(some("etcd-1"))
    assert (found.ok, found.words) == (False, "margin 0 -> majority lost")
    again = await drive.watched.margin(some("etcd-2"))
    assert (again.value, again.ok) == (0, True), "it is lost already"


async def test_a_member_that_is_cut_off_counts_as_lost(start: Start) -> None:
    drive = await start(settle_s=1)
    drive.world.members["etcd-2"].knows_leader = False
    assert not (await drive.watched.margin(some("etcd-1"))).ok


async def test_learners_and_members_that_never_started_help_nobody(start: Start) -> None:
    async def change(world: EtcdWorld) -> None:
        world.members["etcd-3"].learner = True

    drive = await start(settle_s=1, members=4, before=change)
    found = await drive.watched.margin(some("etcd-3"))
    assert (found.value, found.ok, found.words) == (1, True, "margin 1 -> 1")
    drive.world.members["etcd-2"].started = False
    await drive.world.members["etcd-2"].server.stop()
    assert not (await drive.watched.margin(some("etcd-1"))).ok


async def test_what_cannot_be_told_is_not_ok(start: Start) -> None:
    drive = await start(settle_s=1)
    unknown = await drive.watched.margin(some("etcd-9"))
    assert (unknown.value, unknown.ok) == (None, False)
    for name in drive.world.members:
        await drive.world.kill(name)
    blind = await drive.watched.margin(some("etcd-1"))
    assert (blind.value, blind.ok) == (None, False)
    assert "cannot be told" in blind.words


async def test_selectors_mean_members_that_are_well(start: Start) -> None:
    drive = await start(settle_s=1)
    ask = drive.watched.resolve
    assert await ask("leader", 1, ALL) == ("member:etcd-0",)
    assert await ask("member:leader", 1, ALL) == ("member:etcd-0",)
    assert await ask("etcd-2", 1, ALL) == ("member:etcd-2",)
    assert await ask("member:etcd-2", 1, ALL) == ("member:etcd-2",)
    assert await ask("each:member", 1, ALL) == tuple(sorted(some("etcd-0", "etcd-1", "etcd-2")))
    chosen = {(await ask("random", seed, ALL))[0] for seed in range(30)}
    assert chosen == some("etcd-0", "etcd-1", "etcd-2")
    assert {(await ask("follower", seed, ALL))[0] for seed in range(20)} == some("etcd-1", "etcd-2")
    assert await ask("member", 7, some("etcd-2")) == ("member:etcd-2",)
    await drive.world.kill("etcd-1")
    assert {(await ask("follower", seed, ALL))[0] for seed in range(9)} == some("etcd-2")


@pytest.mark.parametrize("selector", ["store", "pd:leader", "etcd", "", "member:", "each:store"])
async def test_what_means_nothing_is_refused(start: Start, selector: str) -> None:
    drive = await start(settle_s=1)
    with pytest.raises(Refused, match="means nothing here"):
        await drive.watched.resolve(selector, 1, ALL)


async def test_without_a_leader_or_beyond_what_opted_in_nobody_is_chosen(start: Start) -> None:
    drive = await start(settle_s=1)
    with pytest.raises(Refused, match="none of member:etcd-0"):
        await drive.watched.resolve("leader", 1, some("etcd-2"))
    drive.world.elect(None)
    with pytest.raises(Refused, match="none that is well"):
        await drive.watched.resolve("leader", 1, ALL)


async def test_it_is_broken_by_nothing_unless_it_opts_in(start: Start) -> None:
    off = await start(settle_s=1)
    assert off.watched.drivers() == ()
    opted = SubjectChaos(enabled=True, drivers=("docker",), docker="unix:///nowhere.sock")
    on = await start(settle_s=1, chaos=opted)
    assert [one.name for one in on.watched.drivers()] == ["docker"]


async def test_members_go_by_their_name_or_by_the_container_that_is_named(start: Start) -> None:
    drive = await start(settle_s=1, containers={"etcd-1": "conf-etcd-b"})
    breaking = drive.watched._parts.breaking
    known = await breaking.entities()
    assert known["member:etcd-1"] == ("conf-etcd-b",)
    assert known["member:etcd-0"][0] == "etcd-0"
    port = drive.world.members["etcd-0"].url.partition("//")[2]
    assert port in known["member:etcd-0"]
    assert "127.0.0.1" not in known["member:etcd-0"]
