from __future__ import annotations

import pytest

from core.clients.failures import Garbled, Kind, SourceFailed
from core.clients.http import Http
from core.clients.node import NodeMetrics, status_url
from core.clock import ManualClock
from tests.stub_http import Response
from tests.world import World


@pytest.mark.parametrize(
    ("address", "status", "url"),
    [
        ("tikv-1:20160", "tikv-1:20180", "http://tikv-1:20180"),
        ("tikv-1:20160", "0.0.0.0:20180", "http://tikv-1:20180"),
        ("tikv-1:20160", "127.0.0.1:20180", "http://tikv-1:20180"),
        ("tikv-1:20160", "localhost:20180", "http://tikv-1:20180"),
        ("tikv-1:20160", "[::]:20180", "http://tikv-1:20180"),
        ("tikv-1:20160", "[::1]:20181", "http://tikv-1:20181"),
        ("tikv-1:20160", ":20180", "http://tikv-1:20180"),
        ("127.0.0.1:20160", "127.0.0.1:20180", "http://127.0.0.1:20180"),
        ("127.0.0.1:20160", "0.0.0.0:20180", "http://127.0.0.1:20180"),
        ("[fd00::1]:20160", "[::]:20180", "http://[fd00::1]:20180"),
        ("10.1.2.3:20160", "10.9.9.9:20180", "http://10.9.9.9:20180"),
        ("0.0.0.0:20160", "0.0.0.0:20180", "http://0.0.0.0:20180"),
        ("tikv-1:20160", "http://0.0.0.0:20180", "http://tikv-1:20180"),
        ("tikv-1:20160", "", None),
        ("tikv-1:20160", "tikv-1", None),
        ("tikv-1:20160", "tikv-1:http", None),
        ("tikv-1:20160", "tikv-1:999999", None),
        ("", "", None),
    ],
)
def test_where_a_status_port_really_is(address, status, url):
    assert status_url(address, status) == url


def test_a_published_port_is_given_by_address_or_by_host():
    by_address = {"tikv-1:20160": "127.0.0.1:30181"}
    assert status_url("tikv-1:20160", "0.0.0.0:20180", overrides=by_address) == (
        "http://127.0.0.1:30181"
    )
    by_host = {"tikv-1": "https://proxy/tikv-1"}
    assert status_url("tikv-1:20160", "", overrides=by_host) == "https://proxy:20180/tikv-1"
    assert status_url("tikv-2:20160", "tikv-2:20180", overrides=by_host) == "http://tikv-2:20180"


def test_https_is_asked_where_the_cluster_has_it():
    assert status_url("t:20160", "t:20180", scheme="https") == "https://t:20180"


@pytest.fixture
async def world():
    async with World(ManualClock(), prometheus=False) as one:
        yield one


@pytest.fixture
async def metrics(world):
    client = NodeMetrics(world.clock, Http(world.clock))
    yield client
    await client.close()


async def test_only_the_wanted_families_of_a_node_are_kept(metrics, world):
    found = await metrics.scrape(world.status_urls[1], ["tikv_raftstore_region_count"])
    assert set(found.samples) == {"tikv_raftstore_region_count"}
    assert found.sum_by("tikv_raftstore_region_count", "type") == {("leader",): 20, ("region",): 60}


async def test_a_node_that_answers_something_else_is_a_failure(metrics, world):
    url, server = world.status_urls[1], world.stores[1].server
    server.answer = Response(500, b"boom")
    with pytest.raises(SourceFailed, match="HTTP 500"):
        await metrics.scrape(url, ["up"])
    server.answer = Response(200, b"<html>", "text/html")
    with pytest.raises(SourceFailed) as caught:
        await metrics.scrape(url, ["up"])
    assert caught.value.kind is Kind.GARBLED
    await world.kill_store(1)
    with pytest.raises(SourceFailed) as caught:
        await metrics.scrape(url, ["up"])
    assert caught.value.kind is Kind.REFUSED
    assert not isinstance(caught.value, Garbled)
