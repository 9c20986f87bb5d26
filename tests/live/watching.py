"""The monitor on a twin: real processes, real time, a real database, and what became of it all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core import lock, migrate
from core.clients.http import Http
from core.clock import Clock, SystemClock
from core.db import Database
from core.errors import Unavailable
from core.monitor import Watch
from core.schedule import every
from core.subject import Observation
from core.subjects.etcd.subject import EtcdSubject
from core.subjects.tikv.build import tikv
from core.subjects.tikv.settings import Guards, Periods, TikvSettings
from core.subjects.tikv.subject import TikvSubject
from core.tasks import OnError, Tasks
from core.tickets import store
from core.tickets.model import Ticket
from core.twin.cluster import Layout
from core.twin.plan import free_ports

SPEED = 10.0
LIMIT_S = 90.0  # generous: two busy cores may make everything several times slower
API = "/pd/api/v1"

Key = tuple[str, str]


def guards(speed: float) -> Guards:
    """The shipped waits as fast as the twin lives, but for those that are about our own probes.

    A new PD leader is heard of anew within a heartbeat; an election takes the twin 1.6 s, however
    fast it is.
    """
    usual = Guards()
    return Guards(
        leader_change_s=usual.leader_change_s / speed,
        heartbeat_s=usual.heartbeat_s / speed,
        persisted_s=usual.persisted_s / speed,
        all_silent_s=usual.all_silent_s / speed,
        word_s=usual.word_s / speed,
        announced_s=usual.announced_s / speed,
        announced_max_s=usual.announced_max_s / speed,
        leaders_s=usual.leaders_s / speed,
        restart_s=50 / speed,
    )


def holds(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Hold times as fast as the twin at SPEED, beyond its elections with room for a busy machine."""
    usual: dict[str, dict[str, Any]] = {
        "pd_no_leader": {"hold_s": 6.0},
        "observer_blind": {"hold_s": 6.0, "recover_s": 0.5},
        "pd_member_down": {"hold_s": 0.5},
        "region_health": {"hold_s": 6.0, "recover_s": 1.0},
        "leader_imbalance": {"hold_s": 30.0, "recover_s": 1.0},
        "low_disk_space": {"recover_s": 1.0},
    }
    return usual | changes


def fast(twin: Layout, **changes: Any) -> TikvSettings:
    """Settings for a twin at SPEED."""
    usual: dict[str, Any] = {
        "pd": twin.pd_urls,
        "periods": Periods(probe_s=0.25, pd_s=0.3, metrics_s=1.0, placement_s=2.0),
        "guards": guards(SPEED),
        "invariants": holds(),
    }
    return TikvSettings(**(usual | changes))


class Kept:
    """A subject whose newest observation is kept for the test to look at."""

    def __init__(self, inner: TikvSubject | EtcdSubject) -> None:
        self.inner = inner
        self.kind, self.name, self.invariants = inner.kind, inner.name, inner.invariants
        self.last: Any = None

    @property
    def interval_s(self) -> float:
        return self.inner.interval_s

    def recall(self, carry: Mapping[str, Any]) -> None:
        self.inner.recall(carry)

    async def observe(self) -> Observation:
        self.last = await self.inner.observe()
        return self.last

    async def nudged(self) -> None:
        await self.inner.nudged()

    async def close(self) -> None:
        await self.inner.close()


@dataclass
class Watcher:
    """`failed` are errors that the monitor did not expect; `started_at` is monotonic."""

    db: Database
    subject: Kept
    watch: Watch
    started_at: float
    failed: list[BaseException] = field(default_factory=list)
    ticks: int = 0
    twin: Layout = field(init=False)

    async def tickets(self) -> list[Ticket]:
        """Every ticket there ever was, oldest first."""
        found = await self.db.read(store.listing, store.Filter("all"))
        return sorted(found, key=lambda ticket: ticket.id)

    async def open(self) -> dict[Key, Ticket]:
        found = await self.db.read(store.listing, store.Filter())
        return {(one.invariant, one.entity): one for one in found}

    async def ever(self) -> set[Key]:
        """What has had a ticket so far."""
        return {(one.invariant, one.entity) for one in await self.tickets()}

    async def until(
        self, good: Callable[[dict[Key, Ticket]], bool], what: str, limit_s: float = LIMIT_S
    ) -> float:
        """Wait until the open tickets are as wanted; how many seconds that took."""
        began = time.monotonic()
        while not good(found := await self.open()):
            assert not self.failed, self.failed
            took = time.monotonic() - began
            assert took < limit_s, f"not within {limit_s:g} s: {what}; open: {sorted(found)}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def opens(self, invariant: str, entity: str, limit_s: float = LIMIT_S) -> Ticket:
        """The ticket, once it is there."""
        key = (invariant, entity)
        await self.until(lambda found: key in found, f"{key} opens", limit_s)
        return (await self.open())[key]

    async def holds(self, good: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> float:
        """Wait until that is so; how many seconds it took."""
        began = time.monotonic()
        while not good():
            assert not self.failed, self.failed
            assert time.monotonic() - began < limit_s, f"not within {limit_s:g} s: {what}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def quiet(self, limit_s: float = LIMIT_S) -> float:
        """Wait until everything is resolved and everything can be seen; how long that took."""
        began = time.monotonic()
        await self.until(lambda found: not found, "everything resolves", limit_s)
        while self.watch.last is None or self.watch.last.broken or self.watch.last.blind:
            last = self.watch.last
            assert time.monotonic() - began < limit_s, last
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def passes(self, seconds: float) -> None:
        """That much time of watching, by the monitor's own ticks."""
        end, ticks = time.monotonic() + seconds, self.ticks
        while time.monotonic() < end or self.ticks < ticks + 3:
            assert not self.failed, self.failed
            await asyncio.sleep(0.02)

    async def pd_leader(self, limit_s: float = LIMIT_S) -> str:
        """The member that PD names as its leader, once one does."""
        http, began = Http(SystemClock()), time.monotonic()
        try:
            while time.monotonic() - began < limit_s:
                for one in self.twin.spec.pds:
                    if self.twin.state(one.name) == "running":
                        found = await _leader(http, self.twin.spec.client_url(one))
                        if found and self.twin.state(found) == "running":
                            return found
                await asyncio.sleep(0.02)
        finally:
            await http.close()
        raise AssertionError(f"PD has no leader within {limit_s:g} s")

    async def post(self, path: str, body: Any = None, method: str = "POST") -> None:
        """A change, asked of PD."""
        http = Http(SystemClock())
        try:
            url = self.twin.url(await self.pd_leader()) + API + path
            sent = None if body is None else json.dumps(body).encode()
            reply = await http.request(method, url, body=sent)
            assert reply.status == 200, reply
        finally:
            await http.close()


async def _leader(http: Http, url: str) -> str:
    try:
        reply = await http.request("GET", f"{url}{API}/leader", total_s=0.5)
    except Exception:  # noqa: BLE001 - whatever it is, this member names no leader just now
        return ""
    return str(json.loads(reply.body)["name"]) if reply.status == 200 else ""


@asynccontextmanager
async def running(folder: Path, **wanted: Any) -> AsyncIterator[Layout]:
    """A twin, healthy; gone afterwards, and with this process at the latest."""
    twin = Layout(folder / "twin", tie_to=os.getpid(), **({"speed": SPEED, "regions": 24} | wanted))
    try:
        await twin.up()
        yield twin
    finally:
        await twin.down()


async def prepared(folder: Path, name: str = "prod") -> None:
    """A migrated database in the folder. Migrations of one process do not run side by side."""
    db = Database.open(str(folder / f"{name}.db"), SystemClock(), _raise, create=True)
    await migrate.migrate(db)
    await db.close()


def _raise(_name: str, error: BaseException) -> None:
    raise error


@asynccontextmanager
async def watching(
    folder: Path, twin: Layout, settings: TikvSettings, name: str = "prod"
) -> AsyncIterator[Watcher]:
    """The monitor on it, from the first look until everything was seen once."""
    async with monitored(
        folder, lambda clock, on_error: tikv(name, settings, clock, on_error), name
    ) as made:
        made.twin = twin
        yield made


@asynccontextmanager
async def monitored(
    folder: Path, make: Callable[[Clock, OnError], TikvSubject | EtcdSubject], name: str = "prod"
) -> AsyncIterator[Watcher]:
    """The monitor on whatever subject `make` makes, with a database in the folder."""
    clock, failed = SystemClock(), list[BaseException]()

    def on_error(_name: str, error: BaseException) -> None:
        failed.append(error)

    path = folder / f"{name}.db"
    if not path.exists():
        await prepared(folder, name)
    db = Database.open(str(path), clock, on_error)
    epoch = await lock.take_epoch(db, "test")
    subject = Kept(make(clock, on_error))
    watch = Watch(subject, db, clock, epoch)
    await watch.start()
    made = Watcher(db, subject, watch, time.monotonic(), failed)

    async def tick() -> None:
        # A database that is late on a busy machine fails a tick: the next one does what it left.
        with contextlib.suppress(Unavailable):
            await watch.tick()
        made.ticks += 1

    tasks = Tasks(on_error)
    work = every(clock, lambda: subject.interval_s, tick, failed.append, early=subject.nudged)
    tasks.start("watch", work)
    try:
        yield made
        assert failed == []
    finally:
        await tasks.cancel()
        await subject.close()
        await db.close()


PROMETHEUS = """
global: {{scrape_interval: {every}, scrape_timeout: {every}}}
scrape_configs:
  - job_name: tikv
    static_configs: [{{targets: [{stores}]}}]
  - job_name: pd
    static_configs: [{{targets: [{pds}]}}]
"""


@dataclass
class Prometheus:
    """A real one that scrapes a twin; it keeps its data over a restart."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                shutil.which("prometheus") or "prometheus",
                f"--config.file={self.folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=error",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    async def ready(self, limit_s: float = LIMIT_S) -> None:
        """Wait until it answers queries."""
        http, began = Http(SystemClock()), time.monotonic()
        try:
            while True:
                try:
                    if (await http.get(f"{self.url}/-/ready")).status == 200:
                        return
                except Exception:  # noqa: BLE001 - not listening yet
                    assert time.monotonic() - began < limit_s, "Prometheus does not start"
                await asyncio.sleep(0.05)
        finally:
            await http.close()

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@asynccontextmanager
async def prometheus(folder: Path, twin: Layout, every: str = "500ms") -> AsyncIterator[Prometheus]:
    """A Prometheus on every process of the twin."""
    folder.mkdir(exist_ok=True)
    hosts = [[url.partition("//")[2] for url in urls] for urls in _urls(twin)]
    stores, pds = (", ".join(f"'{one}'" for one in names) for names in hosts)
    text = PROMETHEUS.format(every=every, stores=stores, pds=pds)
    (folder / "prometheus.yml").write_text(text)
    made = Prometheus(folder, free_ports(1, "127.0.0.1")[0])
    made.start()
    try:
        await made.ready()
        yield made
    finally:
        made.kill()


def _urls(twin: Layout) -> tuple[list[str], tuple[str, ...]]:
    return [twin.url(one.name) for one in twin.spec.stores], twin.pd_urls
