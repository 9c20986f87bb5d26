"""What one monitor tick costs, from 10 stores to 10,000: CPU time and requests.

The cluster runs in a process of its own. A tick here has everything due that PD and Prometheus are
asked (in the product every 2 s and every 15 s) and judges every invariant; probes are costed on
their own, over kept connections. The floor is the same requests made at once and their bodies
decoded into typed records, in this process, in turn with the ticks. As in the program itself, what
is there after the start is none of the garbage collector's business.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest

from core import migrate
from core.clients.pd_store import Store
from core.clients.prom_model import FIGURES
from core.clock import SystemClock
from core.db import Database
from core.monitor import Watch
from core.subjects.sight import Look
from core.subjects.tikv.build import tikv
from core.subjects.tikv.figures import PrometheusFigures
from core.subjects.tikv.settings import Periods, TikvSettings
from core.subjects.tikv.subject import TikvSubject
from core.wiring import raise_file_limit
from tests.bench.far_cluster import Far, far_cluster
from tests.bench.figures import median, quietly, show
from tests.flows.rig import _raise_epoch, _seen_long_ago

WARM_AT_MOST = 40
SIZES = ((10, 30), (100, 30), (1_000, 15), (10_000, 7))
API = "/pd/api/v1"
pytestmark = pytest.mark.bench


class Stores(msgspec.Struct):
    count: int
    stores: tuple[Store, ...]


def failed(name: str, error: BaseException) -> None:
    raise AssertionError(f"{name} failed") from error


class Floor:
    """The same requests as a tick makes, their bodies decoded, and nothing more."""

    def __init__(self, far: Far, queries: tuple[str, ...], session: aiohttp.ClientSession) -> None:
        self._session = session
        first = far.pd[0]
        self._plain = [f"{first}{API}/schedulers", f"{first}{API}/members"]
        self._pings = [f"{one}{API}/ping" for one in far.pd]
        self._stores = f"{first}{API}/stores"
        base = f"{far.prometheus}/api/v1/query"
        self._queries = [f"{base}?{urlencode({'query': one})}" for one in queries]
        self._of_stores = msgspec.json.Decoder(Stores)

    async def once(self) -> None:
        await asyncio.gather(
            self._fetched(self._stores, self._of_stores.decode),
            *(self._fetched(url, msgspec.json.decode) for url in self._plain),
            *(self._fetched(url, len) for url in self._pings),
            *(self._fetched(url, FIGURES.decode) for url in self._queries),
        )

    async def _fetched(self, url: str, decode: Callable[[bytes], object]) -> None:
        async with self._session.get(url) as answer:
            decode(await answer.read())


async def _timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """CPU and wall milliseconds of one run, all threads of this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    await work()
    return (time.process_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000


async def _watch(far: Far, folder: Path, clock: SystemClock) -> tuple[Watch, Database]:
    """A watch over the cluster, warm: everything has been read once and holds."""
    db = Database.open(str(folder / "t.db"), clock, failed, create=True)
    await migrate.migrate(db)
    epoch = await db.write(_raise_epoch)
    await db.write(_seen_long_ago, "prod")
    settings = TikvSettings(
        pd=far.pd,
        prometheus=far.prometheus,
        status_addresses=far.overrides,
        periods=Periods(probe_s=3600.0, pd_s=0.05, metrics_s=0.05, placement_s=3600.0),
        wait_s=4.0,
    )
    subject = tikv("prod", settings, clock, failed)
    watch = Watch(subject, db, clock, epoch)
    await watch.start()
    report = None
    for _ in range(WARM_AT_MOST):
        with suppress(TimeoutError):
            report = await watch.tick()
        await asyncio.sleep(0.06)
        if report and report.holds and not report.broken and not report.unknown:
            return watch, db
        # On a busy machine the first rounds do not get all their connections in time.
        subject._reads.probe.hurry()
    raise AssertionError(f"the scripted cluster never seemed well: {report}")


async def _probes(watched: TikvSubject, repeats: int) -> float | None:
    """CPU of a round that found every connection open; None where the machine is too busy for one.

    A round that is late connects thousands anew at the next, which costs ten times as much.
    """
    found = []
    probing = watched._parts.probing
    urls = {one.who.id: one.who.status_url for one in watched._state.stores}
    kept = False
    for _ in range(WARM_AT_MOST):
        cpu, _wall = await _timed(lambda: probing.round(urls))
        found += [cpu] if kept else []
        kept = all(one.look is Look.OK for one in probing.sights.values())
        if len(found) == repeats:
            break
    return median(found) if found else None


async def _calls(far: Far, floor: Floor, watch: Watch) -> float:
    """Requests that one tick makes. The cluster has its bodies ready: where PD takes longer than a
    second to answer, another member is asked meanwhile, which would be one more."""
    found = []
    for _ in range(3):
        await floor.once()
        await asyncio.sleep(0.06)
        before = await far.calls()
        await watch.tick()
        found.append(await far.calls() - before)
    return median(found)


async def _measure(stores: int, repeats: int, folder: Path) -> list[str]:
    clock = SystemClock()
    queries = tuple(PrometheusFigures(None, ("kv_get", "kv_prewrite", "kv_commit"), "", 15.0,
                                      clock).queries.values())  # fmt: skip
    async with far_cluster(stores) as far, aiohttp.ClientSession() as session:
        watch, db = await _watch(far, folder, clock)
        floor = Floor(far, queries, session)
        for _ in range(3):
            await floor.once()
        floors, ticks, walls = [], [], []
        for _ in range(repeats):
            floors.append((await _timed(floor.once))[0])
            await asyncio.sleep(0.06)
            cpu, wall = await _timed(watch.tick)
            ticks.append(cpu)
            walls.append(wall)
        report = watch.last
        assert report is not None
        assert report.holds >= stores * 5, report
        assert not report.broken, report
        calls = await _calls(far, floor, watch)
        assert isinstance(watch.subject, TikvSubject)
        probes = await _probes(watch.subject, max(repeats // 3, 3))
        many = len(watch.subject.invariants)
        await watch.subject.close()
        await db.close()
    ours, bare = median(ticks), median(floors)
    return [
        f"{stores:,}", f"{many}", f"{calls:.0f}", f"{ours:.1f}", f"{bare:.1f}",
        f"{ours / bare:.1f}", f"{median(walls):.0f}", "-" if probes is None else f"{probes:.1f}",
    ]  # fmt: skip


@pytest.mark.timeout(600)
async def test_tick(tmp_path: Path) -> None:
    raise_file_limit()
    gc.collect()
    gc.freeze()
    with quietly():
        rows = []
        for stores, repeats in SIZES:
            folder = tmp_path / str(stores)
            folder.mkdir()
            rows.append(await _measure(stores, repeats, folder))
    show(
        "one monitor tick, everything of PD and Prometheus due (medians; aim: ratio <= 2)",
        ("stores", "invariants", "HTTP calls", "CPU ms", "floor CPU ms", "ratio", "wall ms",
         "probes CPU ms"),
        rows,
    )  # fmt: skip
