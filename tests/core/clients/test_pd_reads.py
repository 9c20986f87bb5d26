from __future__ import annotations

import pytest

from core.clients.failures import PdRefused, PdUncertain
from core.clients.http import Http
from core.clients.pd import Pd
from core.clients.pd_admin import PdAdmin
from core.clients.pd_paths import READS, allowed
from core.clock import ManualClock
from core.errors import Invalid, NotFound
from tests.stub_http import RESET, Response, as_json, as_text
from tests.world import World


@pytest.fixture
async def world():
    async with World(ManualClock(), prometheus=False) as one:
        yield one


@pytest.fixture
async def pd(world):
    client = Pd(world.pd.urls, world.clock, Http(world.clock))
    yield client
    await client.close()


async def test_cluster_version_and_status_of_a_member_are_read(pd, world):
    assert (await pd.cluster()).id == world.pd.cluster_id
    assert await pd.version() == "v8.5.7"
    assert (await pd.status(world.pd.urls[1])).version == "v8.5.7"


async def test_health_tells_which_members_are_thought_well(pd, world):
    await world.pd.refuse(2)
    assert [one.health for one in await pd.health()] == [True, True, False]


async def test_configuration_is_read(pd, world):
    world.pd.location_labels = "zone, host"
    found = await pd.replicate()
    assert (found.max_replicas, found.locations) == (3, ("zone", "host"))
    assert (await pd.schedule()).max_store_down_s == 1800
    rules = await pd.rules()
    assert (rules[0].role, rules[0].count) == ("voter", 3)


async def test_without_placement_rules_there_are_none(pd, world):
    world.pd.answers["/config/rules"] = as_json("placement rules feature is disabled", 412)
    assert await pd.rules() == ()
    world.pd.answers["/config/rules"] = Response(200, b"null")
    assert await pd.rules() == ()


async def test_schedulers_and_who_is_being_evicted_are_read(pd, world):
    assert await pd.evicting() == ()
    world.pd.evicting = {2, 10}
    assert await pd.evicting() == (2, 10)
    assert "evict-leader-scheduler" in await pd.schedulers()


async def test_operators_are_read(pd, world):
    world.pd.operators = [
        "admin-transfer-leader {transfer leader: store 1 to 2} (kind:admin,leader, "
        "region:1000(61, 5), createAt:2026-11-21 09:33:19.9 +0000 UTC m=+40.9, startAt:2026-11-21 "
        "09:33:19.9 +0000 UTC m=+40.9, currentStep:0, size:96, steps:[0:{transfer leader from "
        "store 1 to store 2}], timeout:[1m0s])"
    ]
    found = (await pd.operators())[0]
    assert (found.region_id, found.store_ids) == (1000, (1, 2))


async def test_regions_of_a_store_carry_their_peers(pd):
    found = await pd.regions_of_store(2)
    assert found.count == len(found.regions) == 60
    assert all(2 in [peer.store_id for peer in one.peers] for one in found.regions)


@pytest.mark.parametrize("status", [200, 404])
async def test_a_region_that_pd_does_not_know_is_none_on_every_version(pd, world, status):
    if status == 404:
        answer = as_json("[PD:region:ErrRegionNotFound]region 7 not found", 404)
    else:
        answer = as_json({"id": 0, "start_key": "", "end_key": "", "leader": {"role_name": ""}})
    world.pd.answers["/region/id/7"] = answer
    assert await pd.region(7) is None


async def test_hot_spots_are_read(pd):
    assert (await pd.hot_stores()).bytes_write_rate == {}


async def test_only_the_leader_counts_regions_in_its_metrics(pd, world):
    wanted = ["pd_regions_status", "etcd_server_is_leader"]
    leader = await pd.metrics(world.pd.urls[0], wanted)
    assert leader.sum_by("pd_regions_status", "type")["down-peer-region-count",] == 0
    other = await pd.metrics(world.pd.urls[1], wanted)
    assert other.total("pd_regions_status") is None
    assert other.total("etcd_server_is_leader") == 0


async def test_one_member_can_be_read_although_the_others_are_gone(pd, world):
    await world.pd.refuse(0, 2)
    assert (await pd.stores()).stores
    assert pd.transport.preferred == world.pd.urls[1]


def test_no_path_that_changes_anything_is_on_the_list_of_reads():
    assert READS
    refused = (
        "/admin/unsafe/remove-failed-stores",
        "/leader/resign",
        "/store/1?force",
        "/stores/remove-tombstone",
        "/regions",
        "/region/id/1 ",
        "/stores?state=3",
        "//stores",
        "",
    )
    assert not [one for one in refused if allowed(one)]


@pytest.fixture
async def admin(pd):
    return PdAdmin(pd)


async def test_leaders_are_driven_out(admin, pd):
    assert not (await admin.evict_leaders(2)).already
    assert (await admin.evict_leaders(2)).already
    assert await pd.evicting() == (2,)


async def test_evicting_from_a_store_that_is_not_there_is_refused(admin):
    with pytest.raises(PdRefused, match="store 99 not found"):
        await admin.evict_leaders(99)


async def test_pd_leadership_is_handed_over(admin, pd):
    await admin.transfer_leader("pd-2")
    assert (await pd.members()).leader.name == "pd-2"
    await admin.resign()
    assert (await pd.members()).leader.name == "pd-0"
    with pytest.raises(NotFound, match="no member pd-9"):
        await admin.transfer_leader("pd-9")
    with pytest.raises(Invalid):
        await admin.transfer_leader("../../admin")


async def test_a_change_without_an_answer_is_uncertain_and_is_not_repeated_elsewhere(admin, world):
    world.pd.answering(RESET, 0)
    with pytest.raises(PdUncertain, match="Read back first"):
        await admin.evict_leaders(2)
    assert [one.count for one in world.pd.members][1:] == [0, 0]


async def test_a_change_that_cannot_have_been_passed_on_is_tried_elsewhere(admin, world):
    await world.pd.refuse(0)
    world.pd.answering(as_text("[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader", 503), 1)
    assert (await admin.evict_leaders(2)).said == "The scheduler is created."


async def test_a_redirect_that_failed_on_the_way_is_uncertain(admin, world):
    world.pd.no_leader()
    with pytest.raises(PdUncertain):
        await admin.evict_leaders(2)
