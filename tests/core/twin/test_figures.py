"""A store's and PD's metrics under load and faults, and the switches that make the faults."""

from __future__ import annotations

import asyncio
import os
import re
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.twin.cluster import Layout


def parse(text):
    """Samples by series."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


async def scrape(world, twin, name):
    return parse((await world.ask(f"{twin.url(name)}/metrics"))[2])


def total(samples, start):
    return sum(value for name, value in samples.items() if name.startswith(start))


async def rate(world, twin, name, start, seconds=0.4):
    """Increase a second of all series that start so."""
    before, begun = total(await scrape(world, twin, name), start), time.monotonic()

    async def passed():
        return time.monotonic() - begun > seconds

    await world.until(passed)
    after = total(await scrape(world, twin, name), start)
    return (after - before) / (time.monotonic() - begun)


LEADERS = 'tikv_raftstore_region_count{type="leader"}'
REQUESTS = "tikv_grpc_msg_duration_seconds_count"


async def rates(world, twin):
    """Requests a second of each store, measured at once."""
    return await asyncio.gather(
        *(rate(world, twin, store.name, REQUESTS) for store in twin.spec.stores)
    )


async def p99(world, twin, name, kind, seconds=0.4):
    """The 0.99 quantile's bucket of one request type over some time, in seconds."""
    start = "tikv_grpc_msg_duration_seconds_bucket"
    before = await scrape(world, twin, name)
    begun = time.monotonic()

    async def passed():
        return time.monotonic() - begun > seconds

    await world.until(passed)
    after = await scrape(world, twin, name)
    rows = []
    for series, value in after.items():
        if series.startswith(start) and f'type="{kind}"' in series:
            bound = re.search(r'le="([^"]+)"', series)[1]
            rows.append((float(bound.replace("+Inf", "inf")), value - before.get(series, 0.0)))
    rows.sort()
    need = rows[-1][1] * 0.99
    return next(bound for bound, count in rows if count >= need)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One cluster for all tests of this file: none of them may leave a trace."""
    folder = tmp_path_factory.mktemp("figures") / "twin"
    made = Layout(folder, pds=2, speed=20, regions=30, load_qps=30000, tie_to=os.getpid())
    asyncio.run(made.up())
    yield made
    asyncio.run(made.down())


@pytest.fixture
async def twin(world, running):
    """The cluster with every fault off, every store running and leaders spread."""
    for name in running.names:
        running.start(name)
    await running.healthy()
    await running.set_load(30000)
    for store in running.spec.stores:
        await running.reset(store.name)

    async def spread():
        found = [(await scrape(world, running, s.name))[LEADERS] for s in running.spec.stores]
        return min(found) >= 8 and sum(found) == 30

    await world.until(spread, what="leaders on all stores")
    return running


async def test_the_load_is_served_by_the_leaders_and_follows_its_switch(world, twin):
    before = await rates(world, twin)
    assert sum(before) == pytest.approx(30000, rel=0.15)
    await twin.set_load(3000)
    after = await rates(world, twin)
    assert sum(after) == pytest.approx(3000, rel=0.25)


async def test_counters_never_go_back_and_buckets_are_cumulative(world, twin):
    one = await scrape(world, twin, "store-1")
    two = await scrape(world, twin, "store-1")
    for series, value in one.items():
        if re.match(r"\w+_(total|count|bucket|sum)\b", series):
            assert two[series] >= value, series
    last = {}
    for series, value in two.items():
        if "_bucket" in series:
            group = re.sub(r',?le="[^"]+"', "", series)
            assert value >= last.get(group, 0.0), series
            last[group] = value
    assert last


async def test_an_exposition_parser_takes_all_of_it_with_one_type_a_family(world, twin):
    for name in twin.names:
        text = (await world.ask(f"{twin.url(name)}/metrics"))[2]
        families = list(text_string_to_metric_families(text))
        assert len(families) == len({family.name for family in families})
        series = [(s.name, tuple(sorted(s.labels.items()))) for f in families for s in f.samples]
        assert len(series) == len(set(series)), name


async def test_added_latency_moves_the_p99_of_that_type_alone(world, twin):
    assert await p99(world, twin, "store-1", "kv_prewrite") < 0.1
    await twin.switch("store-1", latency_ms={"kv_prewrite": 500})
    assert await p99(world, twin, "store-1", "kv_prewrite") > 0.4
    assert await p99(world, twin, "store-1", "kv_get") < 0.1
    await twin.reset("store-1")
    assert await p99(world, twin, "store-1", "kv_prewrite") < 0.1


async def test_survivors_report_a_dead_store_at_once_and_take_over_its_load(world, twin):
    series = 'tikv_server_report_failure_msg_total{store_id="3",type="unreachable"}'
    before = (await scrape(world, twin, "store-1"))[series]
    killed = time.monotonic()
    twin.kill("store-3")

    async def reported():
        return (await scrape(world, twin, "store-1"))[series] > before

    await world.until(reported, what="the report")
    assert (time.monotonic() - killed) * 20 < 15
    refused = 'tikv_storage_engine_async_request_total{status="err_not_leader",type="snapshot"}'

    async def lagging():
        return (await scrape(world, twin, "store-1")).get(refused, 0) > 0

    await world.until(lagging, what="not-leader errors")

    async def taken_over():
        found = [await rate(world, twin, f"store-{n}", REQUESTS, 0.3) for n in (1, 2)]
        return sum(found) > 25000

    await world.until(taken_over, what="the load on the survivors")
    samples = await scrape(world, twin, "store-1")
    assert (
        samples['tikv_raftstore_log_lag_bucket{le="64"}'] < samples["tikv_raftstore_log_lag_count"]
    )


async def test_disk_slow_score_stall_busy_and_cpu_answer_to_their_switches(world, twin):
    calm = await rate(world, twin, "store-2", "process_cpu_seconds_total")
    await twin.switch(
        "store-2", disk_fill_pct=83, slow_score=90, is_busy=True, write_stall=True, cpu_cores=3
    )
    found = await scrape(world, twin, "store-2")
    capacity = found['tikv_store_size_bytes{type="capacity"}']
    assert found['tikv_store_size_bytes{type="available"}'] / capacity == pytest.approx(0.17)
    assert found['tikv_raftstore_slow_score{type="store"}'] == 90
    assert found['tikv_engine_write_stall{db="kv",type="write_stall_max"}'] > 0
    assert await rate(world, twin, "store-2", "process_cpu_seconds_total") > calm + 1.5
    assert await rate(world, twin, "store-2", "tikv_scheduler_too_busy_total") > 0

    async def pd_knows():
        row = await world.get(f"{twin.pd_urls[0]}/pd/api/v1/store/2")
        status = row["status"]
        return (
            status.get("is_busy") and status["slow_score"] == 90 and status["available"] == "17GiB"
        )

    await world.until(pd_knows, what="PD's view")


async def test_a_hung_status_port_accepts_and_never_answers_while_pd_sees_the_store_up(world, twin):
    await twin.switch("store-1", hang_status=True)
    with pytest.raises(TimeoutError):
        await world.ask(f"{twin.url('store-1')}/status", timeout_s=0.3)
    row = await world.get(f"{twin.pd_urls[0]}/pd/api/v1/store/1")
    assert row["store"]["state_name"] == "Up"
    await twin.reset("store-1")
    assert (await world.ask(f"{twin.url('store-1')}/status"))[::2] == (200, "")


async def test_a_store_cut_from_pd_alone_reads_disconnected_and_keeps_serving(world, twin):
    await twin.switch("store-1", drop_heartbeats=True)

    async def disconnected():
        row = await world.get(f"{twin.pd_urls[0]}/pd/api/v1/store/1")
        return row["store"]["state_name"] == "Disconnected"

    await world.until(disconnected, what="Disconnected")
    assert (await world.ask(f"{twin.url('store-1')}/status"))[0] == 200
    assert await rate(world, twin, "store-1", REQUESTS) > 5000
    await twin.reset("store-1")

    async def up():
        row = await world.get(f"{twin.pd_urls[0]}/pd/api/v1/store/1")
        return row["store"]["state_name"] == "Up"

    await world.until(up, what="Up")


async def test_a_store_cut_from_its_peers_loses_its_leaders_but_stays_up(world, twin):
    await twin.switch("store-1", cut_peers=True)

    async def moved():
        found = [(await scrape(world, twin, f"store-{n}"))[LEADERS] for n in (1, 2, 3)]
        return found[0] == 0 and sum(found) == 30

    await world.until(moved, what="the step-down and the elections")
    row = await world.get(f"{twin.pd_urls[0]}/pd/api/v1/store/1")
    assert row["store"]["state_name"] == "Up"


async def test_paused_grpc_stops_serving_and_resumes(world, twin):
    url = twin.url("store-1")
    assert (await world.ask(f"{url}/pause_grpc", "PUT"))[0] == 200
    assert await rate(world, twin, "store-1", REQUESTS, 0.3) < 10
    assert (await world.ask(f"{url}/resume_grpc", "PUT"))[0] == 200

    async def serves():
        return await rate(world, twin, "store-1", REQUESTS, 0.2) > 1000

    await world.until(serves, what="serving again")


async def test_pd_counts_stores_by_state_on_its_leader_alone(world, twin):
    kind = 'type="store_disconnected_count"'

    async def leading():
        found = []
        for pd in twin.spec.pds:
            samples = await scrape(world, twin, pd.name)
            if samples["etcd_server_is_leader"] == 1:
                found.append(samples)
            else:
                assert not total(samples, "pd_cluster_status")
        return found[0]

    def disconnected(samples):
        return sum(v for n, v in samples.items() if n.startswith("pd_cluster_status") and kind in n)

    assert disconnected(await leading()) == 0
    twin.kill("store-2")

    async def counted():
        return disconnected(await leading()) == 1

    await world.until(counted, what="the gauge")


async def test_what_tikv_does_not_serve_is_not_found(world, twin):
    for path in ("/", "/nonsense", "/twin/nothing", "/ready"):
        assert (await world.ask(f"{twin.url('store-1')}{path}"))[0] == 404
    assert (await world.get(f"{twin.url('store-1')}/config"))["server"]["status-addr"]
    assert (await world.ask(f"{twin.url('store-1')}/engine_type"))[2] == "raft-kv"
