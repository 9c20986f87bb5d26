from __future__ import annotations

import math

import pytest

from core.clients.prom_model import Series
from core.invariant import HOLDS, Broken, Unknown
from core.subjects.tikv.figures import Names, used_ratio
from tests.core.subjects.tikv.conftest import Start
from tests.core.subjects.tikv.driving import Drive, subject
from tests.core.subjects.tikv.making import store
from tests.world import World

TYPES = ("kv_get", "kv_prewrite", "kv_commit")


@pytest.mark.parametrize(
    ("instance", "found"),
    [
        ("tikv-1:20180", 1),
        ("tikv-1:20160", 1),
        ("tikv-2", 2),
        ("tikv-2.peers.svc:20180", 2),
        ("tikv-9:20180", None),
        ("", None),
    ],
)
def test_an_instance_means_one_store_or_none(instance: str, found: int | None) -> None:
    assert Names([store(1).who, store(2).who]).store(instance) == found


def test_a_host_with_two_stores_names_neither() -> None:
    pair = [store(n, address=f"h:2016{n}", status_url=f"http://h:2018{n}").who for n in (1, 2)]
    names = Names(pair)
    assert names.store("h:20181") == 1
    assert names.store("h:9999") is None


@pytest.mark.parametrize(
    ("capacity", "available", "used"),
    [
        (100.0, 25.0, 0.75),
        (0.0, 0.0, None),
        (None, 5.0, None),
        (100.0, None, None),
        (100.0, 200.0, None),
        (100.0, -1.0, None),
        (math.nan, 5.0, None),
        (math.inf, 5.0, None),
    ],
)
def test_a_ratio_needs_two_figures_that_fit(
    capacity: float | None, available: float | None, used: float | None
) -> None:
    assert used_ratio(capacity, available) == used


def script(world: World, p99: object = 0.004, rate: object = 50.0, used: float = 0.1) -> None:
    def each(value: object) -> list[tuple[dict[str, str], object]]:
        return [
            ({"instance": url.removeprefix("http://"), "type": one}, value)
            for url in world.status_urls.values()
            for one in TYPES
        ]

    sizes = {"capacity": 100.0, "available": 100.0 * (1 - used)}
    said = world.prometheus
    said.answer(
        "tikv_store_size_bytes{type=~",
        [
            ({"instance": url.removeprefix("http://"), "type": kind}, value)
            for url in world.status_urls.values()
            for kind, value in sizes.items()
        ],
    )
    said.answer("sum by (instance, type) (rate(", each(rate))
    said.answer("histogram_quantile", each(p99))
    kinds = ("down-peer", "pending-peer", "miss-peer", "offline-peer")
    said.answer("pd_regions_status", [({"type": f"{one}-region-count"}, 0) for one in kinds])
    said.answer("time() - max(", lambda: [({}, said.lag_s)])


async def watching(start: Start) -> Drive:
    """A cluster with a Prometheus that knows everything."""
    drive: Drive = await start(settle_s=1, prometheus_server=True)
    script(drive.world)
    await drive.watched.close()
    drive.watched = subject(drive.world, drive.clock, prometheus=drive.world.prometheus.url)
    await drive.run(3)
    return drive


async def test_figures_of_prometheus_are_judged(start: Start) -> None:
    drive = await watching(start)
    assert [one for one in drive.verdicts() if one[2] is not HOLDS] == []
    script(drive.world, p99=0.5)
    await drive.run(16)
    assert {name for name, _ in drive.broken()} == {"high_latency"}
    script(drive.world, used=0.9)
    await drive.run(16)
    assert {name for name, _ in drive.broken()} == {"low_disk_space"}


async def test_a_constant_number_of_queries_is_asked(start: Start) -> None:
    drive = await watching(start)
    before = len(drive.world.prometheus.queries)
    await drive.run(15)
    assert len(drive.world.prometheus.queries) - before == 5


@pytest.mark.parametrize("value", ["NaN", "+Inf", ""])
async def test_a_figure_that_is_no_number_is_neither_good_nor_bad(start: Start, value: str) -> None:
    drive = await watching(start)
    script(drive.world, p99=value)
    await drive.run(16)
    assert isinstance(drive.verdict("high_latency", "store:1"), Unknown)
    assert drive.broken() == set()


async def test_an_empty_prometheus_is_told_and_resolves_nothing(start: Start) -> None:
    drive = await watching(start)
    drive.world.prometheus.forget()
    drive.world.prometheus.answer("time() - max(", [])
    await drive.run(40)
    assert ("observer_blind", "prometheus") in drive.broken()
    assert isinstance(drive.verdict("high_latency", "store:1"), Unknown)


@pytest.mark.parametrize("fault", ["frozen", "refuse", "hang", "html", "starting", "422", "401"])
async def test_a_prometheus_that_cannot_be_read_is_told(start: Start, fault: str) -> None:
    drive = await watching(start)
    said = drive.world.prometheus
    if fault == "frozen":
        said.frozen(400)
    elif fault == "refuse":
        await said.refuse()
    elif fault == "422":
        said.fail(422, "execution", "many-to-many")
    elif fault == "401":
        said.unauthorized()
    else:
        getattr(said, fault)()
    await drive.run(45)
    assert isinstance(drive.verdict("observer_blind", "prometheus"), Broken)
    assert isinstance(drive.verdict("high_latency", "store:1"), Unknown)
    # PD's own figures stand in for the disk.
    assert drive.verdict("low_disk_space", "store:1") is HOLDS


def test_a_series_without_points_is_no_number() -> None:
    assert math.isnan(Series({}, ()).value)
