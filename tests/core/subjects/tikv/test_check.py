"""Asking every source once, and pacing them while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.findings import Finding
from core.subject import Checkable, Paced
from core.subjects.access import LogPlace
from tests.core.subjects.tikv.driving import Drive, subject
from tests.world import World

Start = Callable[..., Any]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World(ManualClock(), stores=3) as made:
        yield made


async def asked(world: World, **changes: Any) -> dict[str, Finding]:
    """Every answer by what was asked."""
    watched = subject(world, world.clock, **changes)
    assert isinstance(watched, Checkable)
    try:
        return {one.what: one for one in await watched.check()}
    finally:
        await watched.close()


def bad(found: dict[str, Finding]) -> set[str]:
    assert all(one.fix for one in found.values() if not one.ok), "a failure without a fix"
    return {what for what, one in found.items() if not one.ok}


def scraped(world: World, age_s: float = 3.0) -> None:
    """Prometheus has a series of every store for every query, the newest so old."""
    series = [
        ({"instance": s.status_url.removeprefix("http://")}, 1.0) for s in world.stores.values()
    ]
    for part in ("rate(", "histogram_quantile", "tikv_store_size_bytes", "pd_regions_status"):
        world.prometheus.answer(part, series)
    world.prometheus.answer("timestamp(", [({}, age_s)])


async def test_a_healthy_cluster_is_told_part_by_part(world: World) -> None:
    found = await asked(world)
    assert bad(found) == set()
    assert [one.part for one in found.values()] == ["prod"] * len(found)
    assert found["status ports"].found == "all 3 answer"
    assert found["nodes' /metrics"].found == "all 3 answer"
    assert "of 3 members" in found["PD leader"].found
    assert {f"PD {url}" for url in world.pd.urls} < set(found)


async def test_a_pd_that_is_down_is_named_while_the_others_answer(world: World) -> None:
    await world.pd.refuse(1)
    found = await asked(world)
    assert bad(found) == {f"PD {world.pd.urls[1]}"}


async def test_without_any_pd_there_is_no_leader_and_no_store(world: World) -> None:
    await world.pd.refuse()
    found = await asked(world)
    assert {"PD leader", "stores"} < bad(found)
    assert "status ports" not in found


async def test_a_cluster_that_no_store_joined_is_not_well(world: World) -> None:
    world.pd.not_bootstrapped()
    assert "stores" in bad(await asked(world))


async def test_a_store_that_does_not_answer_is_named_with_its_address(world: World) -> None:
    await world.kill_store(2)
    found = await asked(world)
    assert found["status ports"].found == "2 of 3 answer"
    named = [one for what, one in found.items() if what.startswith("Store 2 (")]
    assert any(world.stores[2].status_url in one.found for one in named)


async def test_only_twenty_of_many_failures_are_told_one_by_one() -> None:
    async with World(ManualClock(), stores=60) as many:
        for number in range(1, 41):
            await many.kill_store(number)
        found = await asked(many)
    assert found["status ports"].found == "20 of 60 answer"
    assert len([w for w in found if w.startswith("Store ") and not w.endswith("/metrics")]) == 20


async def test_a_prometheus_with_every_series_is_well(world: World) -> None:
    scraped(world)
    found = await asked(world, prometheus=world.prometheus.url)
    assert bad(found) == set()
    assert "series for high_latency (p99)" in found
    assert found["stores in Prometheus"].found == "all 3 answer"
    assert "nodes' /metrics" not in found


async def test_an_empty_prometheus_names_each_series_that_is_missing(world: World) -> None:
    world.prometheus.answer("timestamp(", [])
    failed = bad(await asked(world, prometheus=world.prometheus.url))
    assert f"Prometheus {world.prometheus.url}" in failed
    assert {"series for low_disk_space (disk)", "series for region_health (regions)"} < failed


async def test_a_prometheus_that_stopped_scraping_is_not_believed(world: World) -> None:
    scraped(world, age_s=600.0)
    found = await asked(world, prometheus=world.prometheus.url)
    assert "10 min old" in found[f"Prometheus {world.prometheus.url}"].found


async def test_a_store_that_prometheus_does_not_know_is_named(world: World) -> None:
    scraped(world)
    known = world.stores[1].status_url.removeprefix("http://")
    strange = [({"instance": known}, 1.0), ({"instance": "elsewhere:1"}, 1.0)]
    world.prometheus.answer("capacity|available", strange)
    found = await asked(world, prometheus=world.prometheus.url)
    assert found["stores in Prometheus"].found == "1 of 3 answer"
    assert any("elsewhere:1" in one.fix for one in found.values())


@pytest.mark.parametrize("fault", ["html", "starting", "unauthorized", "redirect"])
async def test_what_is_no_prometheus_is_said(world: World, fault: str) -> None:
    getattr(world.prometheus, fault)()
    assert "Prometheus" in bad(await asked(world, prometheus=world.prometheus.url))


async def test_a_log_that_cannot_be_read_is_named(world: World, tmp_path: Path) -> None:
    good = tmp_path / "tikv.log"
    good.write_text("[2026/01/01 00:00:00.000 +00:00] [INFO] [lib.rs:1] [hello]\n")
    logs = {"a:1": LogPlace(path=str(good)), "b:1": LogPlace(path=str(tmp_path / "none.log"))}
    found = await asked(world, logs=logs)
    assert bad(found) == {"logs", "log of b:1"}


async def test_an_engine_that_is_not_there_is_said(world: World, tmp_path: Path) -> None:
    assert "Docker engine" in bad(await asked(world, docker=f"unix://{tmp_path}/no.sock"))


async def test_pacing_changes_how_often_pd_is_asked_and_not_the_probes(start: Start) -> None:
    drive: Drive = await start()
    assert isinstance(drive.watched, Paced)
    drive.watched.pace(30.0)
    before = drive.world.pd.requests
    probes = sum(len(s.server.requests) for s in drive.world.stores.values())
    await drive.run(29)
    slow = drive.world.pd.requests - before
    assert sum(len(s.server.requests) for s in drive.world.stores.values()) - probes > 100
    assert drive.watched.interval_s == 0.5
    drive.watched.pace(2.0)
    before = drive.world.pd.requests
    await drive.run(29)
    assert drive.world.pd.requests - before > 5 * slow
    assert drive.ever() == set()


async def test_without_a_prometheus_nodes_are_not_scraped_more_often_than_configured(
    start: Start,
) -> None:
    drive: Drive = await start()
    drive.watched.pace(1.0)
    scrapes = [r for s in drive.world.stores.values() for r in s.server.requests]
    before = sum(r.path == "/metrics" for r in scrapes)
    await drive.run(31)
    scrapes = [r for s in drive.world.stores.values() for r in s.server.requests]
    assert sum(r.path == "/metrics" for r in scrapes) - before <= 3 * 3
