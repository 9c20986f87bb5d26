"""Stores that die, come back, join and leave: their states, leaders and regions over time."""

from __future__ import annotations

import json
import time

API = "/pd/api/v1"


async def store(world, url, store_id):
    return await world.get(f"{url}{API}/store/{store_id}")


async def leaders(world, url):
    body = await world.get(f"{url}{API}/stores")
    return {row["store"]["id"]: row["status"]["leader_count"] for row in body["stores"]}


def region_states(body):
    return {row["store"]["id"]: row["store"]["state_name"] for row in body["stores"]}


async def post(world, url, path, value, method="POST"):
    status, _, text = await world.ask(f"{url}{API}{path}", method, data=json.dumps(value))
    return status, json.loads(text)


async def test_a_killed_store_is_up_for_20_s_after_its_last_heartbeat_then_disconnected_then_down(
    world,
):
    speed = 20.0
    twin = await world.up(pds=1, speed=speed, regions=6)
    url = twin.pd_urls[0]
    await post(world, url, "/config", {"max-store-down-time": "40s"})
    twin.kill("store-3")
    seen = {}

    async def down():
        row = (await store(world, url, 3))["store"]
        age = (time.time_ns() - row["last_heartbeat"]) / 1e9 * speed
        seen.setdefault(row["state_name"], []).append(age)
        return row["state_name"] == "Down"

    await world.until(down, what="Down")
    slack = 6.0  # scaled: 0.3 s of real time between the stamp and our look at it
    assert list(seen) == ["Up", "Disconnected", "Down"]
    assert max(seen["Up"]) < 20.0 + slack
    assert 20.0 <= min(seen["Disconnected"]) < 20.0 + 2 * slack
    assert max(seen["Disconnected"]) < 40.0 + slack
    assert 40.0 <= min(seen["Down"]) < 40.0 + 2 * slack
    body = await world.get(f"{url}{API}/stores/check?state=Down")
    assert region_states(body) == {3: "Down"}


async def test_leaders_of_a_dead_store_move_after_an_election_and_come_back_with_it(world):
    speed = 20.0
    twin = await world.up(pds=1, speed=speed, regions=30)
    url = twin.pd_urls[0]
    assert await leaders(world, url) == {1: 10, 2: 10, 3: 10}
    killed = time.monotonic()
    twin.kill("store-1")

    async def moved():
        now = await leaders(world, url)
        return now[1] == 0 and sum(now.values()) == 30

    assert (await leaders(world, url))[1] == 10
    await world.until(moved, what="the failover")
    assert 9.0 < (time.monotonic() - killed) * speed < 90.0
    first = (await store(world, url, 1))["store"]["start_timestamp"]
    twin.start("store-1")

    async def balanced():
        return min((await leaders(world, url)).values()) >= 9

    await world.until(balanced, what="balance")
    row = await store(world, url, 1)
    assert row["store"]["id"] == 1
    assert row["store"]["start_timestamp"] >= first
    assert row["store"]["status_address"] == f"127.0.0.1:{twin.spec.stores[0].status_port}"


async def test_a_store_that_is_back_within_a_second_leads_nothing_until_an_election(world):
    speed = 8.0
    twin = await world.up(pds=1, speed=speed, regions=12)
    url = twin.pd_urls[0]
    twin.kill("store-1")
    twin.start("store-1")
    begun = time.monotonic()

    async def leads():
        text = (await world.ask(f"{twin.url('store-1')}/metrics"))[2]
        return 'tikv_raftstore_region_count{type="leader"} 0' not in text

    async def answers():
        try:
            return (await world.ask(f"{twin.url('store-1')}/status"))[0] == 200
        except OSError:
            return False

    await world.until(answers, what="the status port")
    assert not await leads()
    await world.until(leads, what="leaders")
    assert (time.monotonic() - begun) * speed > 7.0
    assert (await store(world, url, 1))["store"]["state_name"] == "Up"


async def test_evicting_drains_a_store_and_keeps_it_empty_until_undone(world):
    twin = await world.up(pds=1, speed=20, regions=30)
    url = twin.pd_urls[0]
    asked = {"name": "evict-leader-scheduler", "store_id": 2}
    assert await post(world, url, "/schedulers", asked) == (200, "The scheduler is created.")

    async def empty():
        return (await leaders(world, url))[2] == 0

    await world.until(empty, what="the drain")
    records = await world.get(f"{url}{API}/operators/records")
    assert any(
        line.startswith("evict-leader-scheduler {evict leader: from store 2") for line in records
    )
    await post(world, url, "/schedulers/evict-leader-scheduler-2", None, "DELETE")

    async def back():
        return (await leaders(world, url))[2] >= 9

    await world.until(back, what="the return")


async def test_a_transferred_leader_moves_and_leaves_a_record(world):
    twin = await world.up(pds=1, speed=20, regions=6)
    url = twin.pd_urls[0]
    await post(world, url, "/schedulers/all", {"delay": 600})
    region = await world.get(f"{url}{API}/region/id/1000")
    target = next(p["store_id"] for p in region["peers"] if p != region["leader"])
    asked = {"name": "transfer-leader", "region_id": 1000, "to_store_id": target}
    assert await post(world, url, "/operators", asked) == (200, "The operator is created.")

    async def moved():
        found = await world.get(f"{url}{API}/region/id/1000")
        return found["leader"]["store_id"] == target

    await world.until(moved, what="the transfer")

    async def recorded():
        status, _, text = await world.ask(f"{url}{API}/operators/records")
        return status == 200 and "(finishAt:" in text and "admin-transfer-leader" in text

    await world.until(recorded, what="the record")


async def test_a_down_store_is_replaced_when_there_is_another(world):
    twin = await world.up(pds=1, speed=40, regions=12, stores=4)
    url = twin.pd_urls[0]
    await post(world, url, "/config", {"max-store-down-time": "60s"})
    twin.kill("store-2")

    async def replaced():
        status = (await store(world, url, 2))["status"]
        return status["region_count"] == 0 and status["leader_count"] == 0

    await world.until(replaced, what="the replacement")
    body = await world.get(f"{url}{API}/regions/check/miss-peer")
    assert body == {"count": 0, "regions": []}
    body = await world.get(f"{url}{API}/regions/store/3")
    assert all(len(region["peers"]) == 3 for region in body["regions"])


async def test_a_new_store_gets_regions_and_a_removed_one_ends_as_tombstone(world):
    twin = await world.up(pds=1, speed=40, regions=12)
    url = twin.pd_urls[0]
    assert (await post(world, url, "/store/1", None, "DELETE"))[0] == 400
    assert twin.add_store() == "store-4"
    twin.start("store-4")

    async def filled():
        status, _, text = await world.ask(f"{url}{API}/store/4")
        return status == 200 and json.loads(text)["status"]["region_count"] >= 7

    await world.until(filled, what="regions on store 4")
    done = (200, "The store is set as Offline.")
    assert await post(world, url, "/store/1", None, "DELETE") == done
    assert (await store(world, url, 1))["store"]["state_name"] == "Offline"
    progress = await world.get(f"{url}{API}/stores/progress?action=removing")
    assert progress["action"] == "removing"

    async def buried():
        body = await world.get(f"{url}{API}/stores?state=2")
        return region_states(body) == {1: "Tombstone"}

    await world.until(buried, what="the burial")
    assert set(region_states(await world.get(f"{url}{API}/stores"))) == {2, 3, 4}
    await post(world, url, "/stores/remove-tombstone", None, "DELETE")
    assert (await world.ask(f"{url}{API}/store/1"))[0] == 404


async def test_down_and_pending_peers_appear_ten_minutes_after_a_kill(world):
    speed = 400.0
    twin = await world.up(pds=1, speed=speed, regions=6)
    url = twin.pd_urls[0]
    assert (await world.get(f"{url}{API}/regions/check/down-peer"))["count"] == 0
    killed = time.monotonic()
    twin.kill("store-3")

    async def reported():
        return (await world.get(f"{url}{API}/regions/check/down-peer"))["regions"]

    found = await world.until(reported, what="down peers")
    assert (time.monotonic() - killed) * speed > 590
    down = found[0]["down_peers"][0]
    assert down["peer"]["store_id"] == 3
    assert down["down_seconds"] > 600
    assert found[0]["pending_peers"][0]["store_id"] == 3
    row = await store(world, url, 3)
    assert row["status"]["pending_peer_count"] >= 1


async def test_a_gracefully_stopped_store_moves_its_leaders_before_it_ends(world):
    twin = await world.up(pds=1, speed=10, regions=12)
    url = twin.pd_urls[0]
    twin.stop("store-1")

    async def ended():
        return twin.state("store-1") == "stopped"

    await world.until(ended, what="the end")

    async def gone():
        return (await leaders(world, url))[1] == 0

    await world.until(gone, limit_s=0.5, what="no leaders at the end")


async def test_a_very_slow_store_loses_its_leaders_until_it_recovers(world):
    twin = await world.up(pds=1, speed=20, regions=12)
    url = twin.pd_urls[0]
    await twin.switch("store-2", slow_score=100)

    async def empty():
        return (await leaders(world, url))[2] == 0

    await world.until(empty, what="the eviction")
    await twin.reset("store-2")

    async def back():
        return (await leaders(world, url))[2] >= 3

    await world.until(back, what="the return")
