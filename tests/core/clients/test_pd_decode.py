"""Bodies: recorded ones of four versions, and hostile ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.clients import pd_decode, pd_operators
from core.clients.failures import Garbled
from core.clients.http import Reply
from core.clients.pd_model import Members, Replicate, Schedule
from core.clients.pd_region import HotStores, Region
from core.clients.pd_store import NodeState, Store, StoreState
from core.clock import ManualClock
from tests.stub_http import recorded

DATA = Path(__file__).parents[2] / "data" / "pd"
VERSIONS = ("v6.5.12", "v7.5.7", "v8.5.7", "v26.3.4")


def taken(version, path):
    answer = recorded((DATA / version / path).read_bytes())
    return Reply("http://pd:2379/x", answer.status, {}, answer.body, 0.0)


def reply(thing):
    body = thing if isinstance(thing, bytes) else json.dumps(thing).encode()
    return Reply("http://pd:2379/x", 200, {}, body, 0.0)


async def stores(thing):
    return await pd_decode.stores(thing, ManualClock())


@pytest.mark.parametrize("version", VERSIONS)
async def test_recorded_stores_are_read_on_every_version(version):
    found = await stores(taken(version, "02-healthy/stores.http"))
    assert sorted(one.id for one in found.stores) == [1, 2, 3]
    for one in found.stores:
        assert one.state is StoreState.UP
        assert one.node_state is NodeState.SERVING
        assert one.disk_used_ratio == pytest.approx(0.05)
        assert 1.79e9 < one.heartbeat_at < 1.8e9
        assert one.labels["host"] == f"h{one.id}"
        assert not one.removed
        assert not one.leaving
    assert found.notes == found.unreadable == ()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("scenario", "state"),
    [("04-store-disconnected", "Disconnected"), ("05-store-down", "Down")],
)
async def test_recorded_states_of_a_killed_store_are_read(version, scenario, state):
    found = await stores(taken(version, f"{scenario}/stores.http"))
    assert sorted(one.state.value for one in found.stores)[0] in (state, "Up")
    assert [one.state.value for one in found.stores].count(state) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_recorded_slow_and_busy_store_is_read(version):
    found = await stores(taken(version, "08-store-slow-busy/stores.http"))
    slow = [one for one in found.stores if one.status.is_busy]
    assert len(slow) == 1
    assert slow[0].status.slow_score == 100


@pytest.mark.parametrize("version", VERSIONS)
async def test_recorded_members_configuration_and_hot_spots_are_read(version):
    members = pd_decode.decode(taken(version, "02-healthy/members.http"), Members)
    assert len(members.members) == 3
    assert members.leader.name == members.etcd_leader.name
    assert members.leader.binary_version == version
    assert members.header.cluster_id > 2**53
    replicate = pd_decode.decode(taken(version, "02-healthy/config-replicate.http"), Replicate)
    assert (replicate.max_replicas, replicate.placement_rules) == (3, True)
    schedule = pd_decode.decode(taken(version, "02-healthy/config-schedule.http"), Schedule)
    assert schedule.max_store_down_s == 1800
    hot = pd_decode.decode(taken(version, "02-healthy/hotspot-stores.http"), HotStores)
    assert set(hot.bytes_write_rate) == {"1", "2", "3"}


@pytest.mark.parametrize("version", VERSIONS)
async def test_recorded_regions_are_read_with_their_down_and_pending_peers(version):
    found = await pd_decode.regions(
        taken(version, "04-store-disconnected/regions-check-down-peer.http"), ManualClock()
    )
    assert found.count == len(found.regions) > 0
    one = found.regions[0]
    assert [peer.votes for peer in one.peers] == [True] * 3
    assert one.down_peers[0].down_seconds > 600
    assert one.pending_peers[0].store_id == one.down_peers[0].peer.store_id


def test_an_unknown_region_is_all_zero_before_26():
    assert pd_decode.decode(taken("v8.5.7", "02-healthy/region-id-999999.http"), Region).id == 0


@pytest.mark.parametrize("version", ["v6.5.12", "v26.3.4"])
def test_recorded_operator_records_are_read(version):
    words = json.loads(taken(version, "03-mutations/36-operator-records.http").body)
    one = pd_operators.read(words[0])
    assert (one.desc, one.kind, one.region_id) == ("admin-transfer-leader", "admin,leader", 1000)
    assert one.store_ids == (1, 2)
    assert one.steps == "0:{transfer leader from store 1 to store 2}"
    assert one.finished_at > one.created_at > 1.79e9
    assert 0 < one.duration_s < 1


def test_a_sentence_that_is_no_operator_is_kept_as_it_is():
    one = pd_operators.read("something else " + "x" * 5000)
    assert (one.region_id, one.store_ids, one.created_at) == (0, (), None)
    assert one.raw.startswith("something else")
    assert len(one.raw) == 2000


def store(number, **status):
    meta = {"id": number, "address": f"tikv-{number}:20160", "state_name": "Up"}
    return {"store": meta, "status": {"capacity": "1GiB", "available": "1GiB", **status}}


async def test_null_fields_count_as_gos_zero_values():
    thing = store(1, leader_count=None, is_busy=None, slow_trend=None)
    thing["store"]["labels"] = None
    found = await stores(reply({"count": 1, "stores": [thing]}))
    assert found.stores[0].status.leader_count == 0
    assert found.stores[0].labels == {}


async def test_one_store_with_a_wrong_type_spoils_only_itself():
    broken = store(2, leader_count="many")
    found = await stores(reply({"count": 3, "stores": [store(1), broken, store(3)]}))
    assert [one.id for one in found.stores] == [1, 3]
    assert found.unreadable == ("2",)
    assert found.notes == ()


@pytest.mark.parametrize("entry", [7, "x", [], {}, {"store": None}, {"store": {"id": "what"}}])
async def test_an_entry_that_is_no_store_is_counted_as_unreadable(entry):
    found = await stores(reply({"count": 2, "stores": [store(1), entry]}))
    assert len(found.stores) == 1
    assert len(found.unreadable) == 1


async def test_an_id_that_comes_twice_is_one_store_and_a_note():
    found = await stores(reply({"count": 2, "stores": [store(1), store(1, leader_count=5)]}))
    assert len(found.stores) == 1
    assert "more than once: store 1" in found.notes[0]


async def test_a_count_that_does_not_match_is_noted():
    found = await stores(reply({"count": 5, "stores": [store(1)]}))
    assert "PD counts 5 stores and lists 1" in found.notes


async def test_an_unknown_state_name_is_other_and_not_up():
    thing = store(1)
    thing["store"]["state_name"] = "Hibernating"
    thing["store"]["node_state"] = 9
    one = (await stores(reply({"count": 1, "stores": [thing]}))).stores[0]
    assert (one.state, one.node_state) == (StoreState.OTHER, NodeState.OTHER)
    assert one.store.state_name == "Hibernating"


async def test_ids_above_two_to_the_fifty_third_stay_exact():
    number = 2**64 - 1
    found = await stores(reply({"count": 1, "stores": [store(number)]}))
    assert found.stores[0].id == number


async def test_unknown_fields_are_ignored():
    thing = store(1, invented={"deep": [1, 2]})
    thing["new"] = True
    assert len((await stores(reply({"count": 1, "stores": [thing], "x": 1}))).stores) == 1


@pytest.mark.parametrize(
    ("capacity", "available"),
    [("0B", "0B"), ("", ""), ("much", "1GiB"), ("1GiB", "2GiB"), ("-1GiB", "0B")],
)
async def test_a_disk_of_which_nothing_sane_is_said_has_no_ratio(capacity, available):
    thing = store(1, capacity=capacity, available=available)
    assert (await stores(reply({"count": 1, "stores": [thing]}))).stores[0].disk_used_ratio is None


@pytest.mark.parametrize(
    ("raw", "at"),
    [(0, None), (-5, None), (1795253596, 1795253596), (1795253596113, 1795253596.113)],
)
async def test_a_heartbeat_in_other_units_is_still_a_time(raw, at):
    thing = store(1)
    thing["store"]["last_heartbeat"] = raw
    found = (await stores(reply({"count": 1, "stores": [thing]}))).stores[0].heartbeat_at
    assert found == (None if at is None else pytest.approx(at))


async def test_tiflash_is_told_apart_by_its_label():
    thing = store(1)
    thing["store"]["labels"] = [{"key": "engine", "value": "tiflash_compute"}]
    assert (await stores(reply({"count": 1, "stores": [thing]}))).stores[0].is_tiflash


@pytest.mark.parametrize("indent", [None, 2])
async def test_a_body_of_many_megabytes_read_in_slices_gives_the_same(indent):
    many = [store(number, padding="x" * 400) for number in range(1, 12_000)]
    body = json.dumps({"count": len(many), "stores": many}, indent=indent).encode()
    assert len(body) > 4 * pd_decode.SLICE_BYTES
    found = await stores(reply(body))
    assert found.stores == pd_decode.decode(reply(json.dumps(many).encode()), tuple[Store, ...])
    broken = body.replace(b'"id": 5000,', b'"id": [],')
    found = await stores(reply(broken))
    assert (len(found.stores), len(found.unreadable)) == (len(many) - 1, 1)
    with pytest.raises(Garbled):
        await stores(reply(body[:-2000]))


async def test_a_peer_that_only_learns_does_not_vote():
    peers = [
        {"store_id": 1, "role_name": "Voter"},
        {"store_id": 2, "role_name": "Learner", "role": 1, "is_learner": True},
        {"store_id": 3, "role": 2, "role_name": "IncomingVoter"},
    ]
    body = {"count": 1, "regions": [{"id": 1, "peers": peers, "leader": peers[0]}]}
    found = await pd_decode.regions(reply(body), ManualClock())
    assert [peer.votes for peer in found.regions[0].peers] == [True, False, True]


def test_a_wrong_type_at_the_start_of_a_body_that_is_cut_off_is_garbled():
    """What begins as the wrong thing is read again forgivingly, and that must not fail otherwise."""
    with pytest.raises(Garbled):
        pd_decode.decode(reply(b'{"count": 3, "stores": [{"store": {"id'), tuple[str, ...] | None)
