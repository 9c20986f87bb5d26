"""A scripted TiKV cluster over real HTTP: PD members, status ports, a Prometheus.

Its time is the clock that it is given (a ManualClock in most tests), so heartbeats age when the
clock moves. It does what it is told and nothing by itself: the twin in core/twin is the one with a
life of its own.

    async with World(clock, stores=3) as world:
        pd = Pd(world.pd.urls, clock, Http(clock))
        await world.kill_store(2)
        await clock.advance(21)     # now PD calls store 2 Disconnected
"""

from __future__ import annotations

import asyncio
from typing import Any

from tests.stub_http import HANG, Request, Response, StubServer
from tests.world_pd import FakePd
from tests.world_prometheus import FakePrometheus
from tests.world_store import FakeStore

OWN_PORTS = 50  # up to so many stores each has a status port of its own; more share one


class World:
    """`stores` stores (ids 1...), `pds` PD members, one Prometheus, 3 replicas of each region."""

    def __init__(
        self,
        clock: Any,
        *,
        stores: int = 3,
        pds: int = 3,
        regions: int = 60,
        prometheus: bool = True,
    ) -> None:
        self.clock = clock
        self.stores: dict[int, FakeStore] = {}
        self._shared = StubServer(self._shared_status)
        self._shared.keep_requests = False
        self.pd = FakePd(self, pds, regions)
        self.prometheus = FakePrometheus(self)
        self._with_prometheus = prometheus
        self._wanted = stores
        self.changes = 0

    async def __aenter__(self) -> World:
        await self._shared.start()
        await self.n_stores(self._wanted)
        await self.pd.start()
        if self._with_prometheus:
            await self.prometheus.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.pd.stop()
        await self.prometheus.server.stop()
        await self._shared.stop()
        for store in self.stores.values():
            await store.server.stop()

    @property
    def now(self) -> float:
        """Seconds since the epoch, by the world's clock."""
        return self.clock.now().timestamp()

    @property
    def overrides(self) -> dict[str, str]:
        """Address -> status URL, for stores that share a port (give it to the node client)."""
        return {one.address: one.status_url for one in self.stores.values() if one.shared}

    @property
    def status_urls(self) -> dict[int, str]:
        """Store id -> base URL of its status port."""
        return {number: one.status_url for number, one in self.stores.items()}

    def touched(self) -> None:
        """Something about the stores changed: bodies that were built are void."""
        self.changes += 1

    async def n_stores(self, many: int) -> None:
        """Have exactly stores 1 to `many`, fresh and healthy."""
        for store in self.stores.values():
            await store.server.stop()
        self.stores = {}
        for number in range(1, many + 1):
            await self.add_store(number, shared=many > OWN_PORTS)

    async def add_store(
        self, number: int, *, shared: bool = False, labels: dict[str, str] | None = None
    ) -> FakeStore:
        """One more store, up and serving."""
        store = FakeStore(self, number, shared=shared)
        if labels is not None:
            store.labels = labels
        if not shared:
            await store.server.start()
        else:
            store.server.port = self._shared.port
        self.stores[number] = store
        self.touched()
        return store

    async def kill_store(self, number: int) -> None:
        """SIGKILL: its port refuses, its heartbeats stop."""
        store = self.stores[number]
        store.die()
        if not store.shared:
            await store.server.stop()
        self.touched()

    async def pause_store(self, number: int) -> None:
        """SIGSTOP: its port takes connections and never answers, its heartbeats stop."""
        store = self.stores[number]
        store.die()
        store.paused = True
        store.server.answer = HANG
        self.touched()

    async def revive(self, number: int) -> None:
        """Start it again (a new process if it was killed), or let it go on if it was paused."""
        store = self.stores[number]
        store.live(restarted=not store.paused)
        store.paused, store.server.answer = False, None
        if not store.shared:
            await store.server.start()
        self.touched()

    async def restart_store(self, number: int) -> None:
        """Stop and start so fast that no heartbeat is missed."""
        await self.kill_store(number)
        await self.revive(number)

    async def cut_off(self, number: int) -> None:
        """Only we cannot reach its status port; its heartbeats go on."""
        self.stores[number].unreachable = True
        if not self.stores[number].shared:
            await self.stores[number].server.stop()

    async def rejoin(self, number: int) -> None:
        """The end of `cut_off`."""
        self.stores[number].unreachable = False
        if not self.stores[number].shared:
            await self.stores[number].server.start()

    def offline(self, number: int) -> None:
        """An operator asked it to leave."""
        self.stores[number].state = 1
        self.touched()

    def tombstone(self, number: int) -> None:
        """It left: hidden from /stores unless state=2 is asked for."""
        self.stores[number].state = 2
        self.touched()

    def forget(self, number: int) -> None:
        """It vanished from PD altogether."""
        del self.stores[number]
        self.touched()

    def _shared_status(self, request: Request) -> Any:
        parts = request.path.split("/")
        number = int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else 0
        store = self.stores.get(number)
        if store is None:
            return Response(404, b"", "")
        if store.paused:
            return HANG
        if not store.alive or store.unreachable:
            return Response(502, b"", "")
        return store.respond("/" + "/".join(parts[3:]))


async def until(condition: Any, limit_s: float = 5.0) -> None:
    """Wait, on real time, until a condition holds: for things that happen over sockets."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.002)
