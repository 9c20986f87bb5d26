from __future__ import annotations

import pytest

from core.clients.failures import Kind
from core.clients.http import Http
from core.clients.pd import Pd
from core.clients.pd_store import StoreState
from core.clock import ManualClock
from core.errors import NotFound
from tests.world import World


@pytest.fixture
async def clock():
    return ManualClock()


@pytest.fixture
async def world(clock):
    async with World(clock) as one:
        yield one


@pytest.fixture
async def pd(world, clock):
    client = Pd(world.pd.urls, clock, Http(clock))
    yield client
    await client.close()


async def test_the_stores_of_a_healthy_cluster_are_all_up(pd):
    found = await pd.stores()
    assert [one.id for one in found.stores] == [1, 2, 3]
    assert {one.state for one in found.stores} == {StoreState.UP}
    assert found.stores[0].disk_used_ratio == pytest.approx(0.05)
    assert found.notes == ()


async def test_a_killed_store_is_disconnected_after_twenty_seconds_and_down_after_thirty_minutes(
    pd, world, clock
):
    await world.kill_store(2)
    assert (await pd.stores()).stores[1].state is StoreState.UP
    await clock.advance(21)
    assert (await pd.stores()).stores[1].state is StoreState.DISCONNECTED
    await clock.advance(1800)
    assert (await pd.stores()).stores[1].state is StoreState.DOWN
    assert (await pd.stores()).stores[0].state is StoreState.UP


async def test_a_tombstone_is_shown_only_on_request(pd, world):
    world.tombstone(3)
    assert [one.id for one in (await pd.stores()).stores] == [1, 2]
    every = await pd.stores(tombstones=True)
    assert [one.id for one in every.stores if one.removed] == [3]


async def test_a_store_that_pd_never_heard_of_is_not_found(pd):
    assert (await pd.store(2)).address == "127.0.0.1:20162"
    with pytest.raises(NotFound, match="no store 99"):
        await pd.store(99)


async def test_members_and_leader_keep_ids_above_two_to_the_fifty_third(pd, world):
    found = await pd.members()
    assert found.leader.name == "pd-0"
    assert found.members[0].member_id == 14318340322766640597
    assert found.header.cluster_id == world.pd.cluster_id
    world.pd.change_leader(2)
    assert (await pd.members()).leader.name == "pd-2"


async def test_each_member_is_pinged_in_its_own_right(pd, world):
    await world.pd.refuse(1)
    found = await pd.ping_all()
    assert [one.kind for one in found] == [Kind.OK, Kind.REFUSED, Kind.OK]
