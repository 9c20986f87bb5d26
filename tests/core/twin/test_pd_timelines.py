"""PD members that die, hang, lose their quorum or start: what the others answer, and when."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest

SPEED = 6.0
API = "/pd/api/v1"


async def leader_of(world, twin):
    for pd in twin.spec.pds:
        if twin.state(pd.name) != "running":
            continue
        try:
            status, _, text = await world.ask(f"{twin.url(pd.name)}{API}/leader", timeout_s=0.5)
        except (TimeoutError, aiohttp.ClientError):
            continue
        if status == 200:
            return json.loads(text)["name"]
    return None


async def names(world, twin):
    leader = await world.until(lambda: leader_of(world, twin), what="a leader")
    return leader, [pd.name for pd in twin.spec.pds if pd.name != leader]


async def watch(world, url, begun, stop):
    """(scaled seconds since `begun`, status, scaled duration, text) of request after request."""
    rows = []
    while not rows or not stop(rows[-1]):
        sent = time.monotonic()
        status, _, text = await world.ask(url, timeout_s=20)
        rows.append(((sent - begun) * SPEED, status, (time.monotonic() - sent) * SPEED, text))
        assert sent - begun < 15, rows[-3:]
        await asyncio.sleep(0.02)
    return rows


async def age(world, url, seconds):
    """Wait until the cluster is that old: persisted heartbeats must be past 20 s."""

    async def old():
        body = await world.get(f"{url}{API}/store/1")
        return time.time() - body["store"]["start_timestamp"] > seconds

    await world.until(old, what="the cluster's age")


async def test_a_killed_leader_is_missed_for_11_to_14_s_and_then_all_stores_read_disconnected(
    world,
):
    twin = await world.up(speed=SPEED, regions=12)
    leader, (one, _) = await names(world, twin)
    await age(world, twin.url(one), 3)
    begun = time.monotonic()
    twin.kill(leader)
    url = f"{twin.url(one)}{API}"
    rows = await watch(world, f"{url}/stores", begun, lambda row: row[1] == 200)
    *failed, first = rows
    assert {status for _, status, _, _ in failed} == {500}
    # A fresh leader that is not yet sure of its lease may say the second for a moment.
    assert {text for *_, text in failed} <= {
        "[PD:apiutil:ErrRedirect]redirect failed\n",
        "[PD:apiutil:ErrRedirectToNotLeader]redirect to not leader\n",
    }
    assert failed[0][3] == "[PD:apiutil:ErrRedirect]redirect failed\n"
    assert 10.5 < first[0] < 40.0  # 11 to 14 on a machine that is not busy
    stores = json.loads(first[3])["stores"]
    assert {row["store"]["state_name"] for row in stores} == {"Disconnected"}
    assert {row["status"]["capacity"] for row in stores} == {"0B"}
    assert {row["status"]["region_count"] for row in stores} == {12}

    async def all_up():
        body = await world.get(f"{url}/stores")
        return {row["store"]["state_name"] for row in body["stores"]} == {"Up"}

    await world.until(all_up, what="all stores Up")
    health = {row["name"]: row["health"] for row in await world.get(f"{url}/health")}
    assert health == {pd.name: pd.name != leader for pd in twin.spec.pds}


async def test_while_the_leader_is_dead_pings_of_8_5_answer_and_those_of_7_5_do_not(world):
    for version, expected in (("v8.5.7", 200), ("v7.5.7", 500)):
        twin = await world.up(speed=SPEED, regions=3, stores=1, version=version)
        leader, (one, _) = await names(world, twin)
        twin.kill(leader)
        for path in ("ping", "status", "health"):
            status, _, _ = await world.ask(f"{twin.url(one)}{API}/{path}")
            assert (version, path, status) == (version, path, expected)
        await twin.down()


async def test_a_paused_leader_makes_requests_hang_and_serves_as_follower_when_resumed(world):
    twin = await world.up(speed=SPEED, regions=6)
    leader, (one, _) = await names(world, twin)
    twin.pause(leader)
    url = f"{twin.url(one)}{API}"
    with pytest.raises(TimeoutError):
        await world.ask(f"{url}/stores", timeout_s=0.5)
    begun = time.monotonic()
    health = {row["name"]: row["health"] for row in await world.get(f"{url}/health")}
    assert 2.5 < (time.monotonic() - begun) * SPEED < 15.0
    assert health == {pd.name: pd.name != leader for pd in twin.spec.pds}
    assert (await world.ask(f"{url}/ping"))[0] == 200

    async def answers():
        try:
            return (await world.ask(f"{url}/stores", timeout_s=0.3))[0] == 200
        except TimeoutError:
            return False

    await world.until(answers, what="a new leader")
    twin.resume(leader)
    body = await world.get(f"{twin.url(leader)}{API}/leader")
    assert body["name"] != leader
    status, _, _ = await world.ask(f"{twin.url(leader)}{API}/stores")
    assert status == 200


async def test_a_lost_quorum_is_500_for_60_s_and_then_503_after_waiting(world):
    twin = await world.up(speed=40, regions=3, stores=1)
    leader, (one, other) = await names(world, twin)
    twin.kill(other)
    twin.kill(leader)
    url = f"{twin.url(one)}{API}"
    begun = time.monotonic()

    async def gives_up():
        status, kind, text = await world.ask(f"{url}/stores")
        assert kind == "text/plain; charset=utf-8"
        assert (status, text) in (
            (500, "[PD:apiutil:ErrRedirect]redirect failed\n"),
            (503, "[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader\n"),
        )
        return status == 503

    status, kind, text = await world.ask(f"{url}/config")
    assert (status, kind) == (500, "application/json; charset=UTF-8")
    assert "connect: connection refused" in text
    await world.until(gives_up, what="503")
    assert (time.monotonic() - begun) * 40 > 60
    status, _, text = await world.ask(f"{url}/config")
    assert (status, json.loads(text)) == (500, "[PD:server:ErrLeaderNil]leader is nil ")
    assert (await world.ask(f"{url}/ping"))[0] == 200
    health = {row["name"]: row["health"] for row in await world.get(f"{url}/health")}
    assert health == {one: True, leader: False, other: False}


async def test_a_member_that_starts_without_a_quorum_accepts_and_never_answers(world):
    twin = world.layout(speed=SPEED, stores=0)
    twin.start("pd-0")

    async def listens():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", twin.spec.pds[0].client_port)
        except OSError:
            return False
        writer.close()
        return True

    await world.until(listens, what="the port")
    for path in ("/pd/api/v1/ping", "/pd/api/v1/stores", "/metrics"):
        with pytest.raises(TimeoutError):
            await world.ask(f"{twin.url('pd-0')}{path}", timeout_s=0.3)
    twin.start("pd-1")
    status, _, _ = await world.ask(f"{twin.url('pd-0')}/pd/api/v1/ping")
    assert status == 200


async def test_what_was_committed_outlives_the_leader_and_a_restart_of_all_members(world):
    twin = await world.up(speed=10, regions=6)
    leader, (one, _) = await names(world, twin)
    url = f"{twin.url(one)}{API}"
    body = json.dumps({"name": "evict-leader-scheduler", "store_id": 2})
    await world.ask(f"{url}/schedulers", "POST", data=body)
    await world.ask(f"{url}/config", "POST", data=json.dumps({"max-store-down-time": "10m"}))
    twin.kill(leader)

    async def drained():
        status, _, text = await world.ask(f"{url}/store/2")
        return status == 200 and json.loads(text)["status"]["leader_count"] == 0

    await world.until(drained, what="the eviction")
    assert "evict-leader-scheduler" in await world.get(f"{url}/schedulers")
    await twin.down()
    await twin.up()
    assert "evict-leader-scheduler" in await world.get(f"{url}/schedulers")
    schedule = await world.get(f"{url}/config/schedule")
    assert schedule["max-store-down-time"] == "10m0s"
    status, _, _ = await world.ask(f"{url}/schedulers/evict-leader-scheduler-2", "DELETE")
    assert status == 200

    async def back():
        row = await world.get(f"{url}/store/2")
        return row["status"]["leader_count"] >= 1

    await world.until(back, what="leaders on store 2")


async def test_resigning_transferring_and_a_graceful_end_move_the_lead_at_once(world):
    twin = await world.up(speed=2, regions=3, stores=1)
    leader, (one, _) = await names(world, twin)
    begun = time.monotonic()
    status, _, text = await world.ask(f"{twin.url(one)}{API}/leader/resign", "POST")
    assert (status, json.loads(text)) == (200, "The resign command is submitted.")
    second, _ = await names(world, twin)
    assert second != leader

    async def transferred():  # a follower may not have heard of the new leader yet
        url = f"{twin.url(one)}{API}/leader/transfer/{leader}"
        return (await world.ask(url, "POST"))[0] == 200

    await world.until(transferred, what="the transfer")

    async def back():
        return await leader_of(world, twin) == leader

    await world.until(back, what="the old leader")
    twin.stop(leader)

    async def moved():
        return await leader_of(world, twin) not in (None, leader)

    await world.until(moved, what="the hand-over")
    assert time.monotonic() - begun < 5.0


async def test_a_deleted_member_leaves_and_does_not_come_back(world):
    twin = await world.up(speed=10, regions=3, stores=1)
    leader, (one, other) = await names(world, twin)
    url = f"{twin.url(leader)}{API}"
    status, _, text = await world.ask(f"{url}/members/name/{one}", "DELETE")
    assert (status, json.loads(text)) == (200, f"removed, pd: {one}")
    assert (await world.ask(f"{url}/members/name/{one}", "DELETE"))[0] == 404

    async def gone():
        return twin.state(one) == "stopped"

    await world.until(gone, what="the end of the removed member")
    members = await world.get(f"{url}/members")
    assert {row["name"] for row in members["members"]} == {leader, other}
