"""Bodies of a real PD: what it said when its leader had just changed, and when a store hung."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clients.http import Http
from core.clients.pd import Pd
from core.clock import ManualClock
from core.subjects.tikv.pd_reads import Identities, PdReads, StoreList
from core.subjects.tikv.settings import Guards
from core.subjects.tikv.trust import Trust
from tests.stub_http import StubServer, recorded

DATA = Path(__file__).parents[3] / "data" / "pd"
VERSIONS = ("v6.5.12", "v7.5.7", "v8.5.7", "v26.3.4")


async def listed(path: Path) -> StoreList:
    clock = ManualClock()
    async with StubServer(lambda request: recorded(path.read_bytes())) as server:
        http = Http(clock)
        reads = PdReads(Pd([server.url], clock, http), Identities("http", {}), clock)
        found = await reads.stores()
        await http.close()
    return found


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_healthy_cluster_of_each_version_is_read_whole(version: str) -> None:
    path = DATA / version / "02-healthy" / "stores.http"
    stores = (await listed(path)).stores
    assert len(stores) == 3
    for one in stores:
        assert one.state == "Up"
        assert one.leaders == 20
        assert one.disk_used == pytest.approx(0.05)
        assert one.who.status_url is not None
        assert one.heartbeat_at is not None


async def test_a_new_leader_calls_every_store_silent_and_is_not_believed() -> None:
    path = DATA / "v8.5.7" / "13-pd-leader-paused" / "stores-200.http"
    stores = (await listed(path)).stores
    assert {one.state for one in stores} == {"Disconnected"}
    # Sizes are not known again either: a disk of 0 bytes is no full disk.
    assert {one.disk_used for one in stores} == {None}
    trust = Trust(Guards())
    trust.note_leader("pd-2", 100.0)
    trust.note_stores(stores, 100.0, 1_795_253_830.0)
    assert all(trust.doubts(one, 101.0) for one in stores)
