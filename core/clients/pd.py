"""The placement driver over HTTP: several endpoints, one view, typed reads.

Any member answers most routes by asking the leader, so one good endpoint is enough; the client
stays with the one that answered last and moves on when it refuses, hangs, talks nonsense or has
no leader to ask. A definite answer (a store that is not there, a cluster never bootstrapped) is
the same everywhere and ends the search.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from core.clients import metrics_text, pd_operators, pd_paths
from core.clients.failures import Kind, PdRefused, SourceFailed
from core.clients.http import MIB, Http, Reply, base_url
from core.clients.metrics_text import Scrape
from core.clients.pd_decode import decode, regions, stores
from core.clients.pd_model import (
    Cluster,
    Evicting,
    MemberHealth,
    Members,
    PdStatus,
    Replicate,
    Rule,
    Schedule,
)
from core.clients.pd_region import (
    HotStores,
    Operator,
    Region,
    Regions,
)
from core.clients.pd_store import Store, Stores
from core.clients.pd_transport import PdTransport
from core.clock import Clock
from core.errors import Invalid, NotFound

T = TypeVar("T")
API = "/pd/api/v1"
EVICT = "evict-leader-scheduler"


@dataclass(frozen=True, slots=True)
class Ping:
    """What one member itself answered: OK, or how it failed; `latency_s` how long that took."""

    url: str
    kind: Kind
    latency_s: float
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether this member's process answers (which says nothing of a leader or quorum)."""
        return self.kind is Kind.OK


class Pd:
    """Reads of one cluster's PD.

    Every read raises a PdFailed (PdNoLeader, PdNotBootstrapped, PdUnreachable, PdHangs, PdGarbled,
    PdRefused) whose text names the endpoints and what was seen.
    """

    def __init__(self, endpoints: Sequence[str], clock: Clock, http: Http) -> None:
        """`endpoints` are host:port or URLs; Invalid if one is not, or if there is none."""
        urls = tuple(dict.fromkeys(base_url(one, default_port=2379) for one in endpoints if one))
        if not urls:
            raise Invalid("No PD endpoint is given: name at least one host:port.")
        self.endpoints = urls
        self._clock = clock
        self._http = http
        self.transport = PdTransport(urls, clock, http)

    async def stores(self, *, tombstones: bool = False) -> Stores:
        """Every store that is not gone; with `tombstones` those too."""
        query = "?state=0&state=1&state=2" if tombstones else ""
        return await self.transport.understood(
            f"{API}/stores{query}", lambda reply: stores(reply, self._clock)
        )

    async def store(self, store_id: int) -> Store:
        """One store; NotFound if PD never heard of it."""
        try:
            return await self._typed(f"{API}/store/{store_id}", Store)
        except PdRefused as error:
            if error.status == 404:
                raise NotFound(f"PD knows no store {store_id}.") from None
            raise

    async def members(self) -> Members:
        """The PD members, their leader and etcd's leader."""
        return await self._typed(f"{API}/members", Members)

    async def health(self) -> tuple[MemberHealth, ...]:
        """What one member thinks of each; takes 3 s when a member is paused."""
        return await self._many(f"{API}/health", MemberHealth)

    async def ping_all(self, urls: Iterable[str] = ()) -> tuple[Ping, ...]:
        """Each member in its own right, all at once; `urls` default to the endpoints."""
        return tuple(await asyncio.gather(*(self.ping(url) for url in urls or self.endpoints)))

    async def ping(self, url: str, *, total_s: float = 1.0) -> Ping:
        """Whether one member's own process answers /ping."""
        began = self._clock.monotonic()
        try:
            reply = await self._http.request(
                "GET", f"{url}{API}/ping", total_s=total_s, max_bytes=MIB
            )
        except SourceFailed as error:
            return Ping(url, error.kind, self._clock.monotonic() - began, error.detail)
        kind = Kind.OK if reply.status == 200 else Kind.HTTP_ERROR
        return Ping(url, kind, reply.elapsed_s, "" if kind is Kind.OK else f"HTTP {reply.status}")

    async def status(self, url: str) -> PdStatus:
        """One member's build and start time; asked of that member alone (SourceFailed)."""
        reply = await self._http.get(f"{url}{API}/status")
        if reply.status != 200:
            raise SourceFailed(url, Kind.HTTP_ERROR, "/status", status=reply.status)
        return decode(reply, PdStatus)

    async def version(self) -> str:
        """The version of the member that leads, as it prints it ("v8.5.7")."""
        return (await self._typed(f"{API}/version", dict[str, str])).get("version", "")

    async def cluster(self) -> Cluster:
        """The cluster's id and replica count."""
        return await self._typed(f"{API}/cluster", Cluster)

    async def replicate(self) -> Replicate:
        """How many replicas, and which labels set them apart."""
        return await self._typed(f"{API}/config/replicate", Replicate)

    async def schedule(self) -> Schedule:
        """Scheduling limits, and after how long a silent store is Down."""
        return await self._typed(f"{API}/config/schedule", Schedule)

    async def rules(self) -> tuple[Rule, ...]:
        """Placement rules; none where they are switched off (412) or null."""
        try:
            return await self._many(f"{API}/config/rules", Rule)
        except PdRefused as error:
            if error.status == 412:
                return ()
            raise

    async def schedulers(self) -> tuple[str, ...]:
        """Names of the schedulers that are loaded."""
        return await self._many(f"{API}/schedulers", str)

    async def evicting(self) -> tuple[int, ...]:
        """Ids of the stores whose leaders are being driven out; none without such a scheduler."""
        try:
            found = await self._typed(f"{API}/scheduler-config/{EVICT}/list", Evicting)
        except PdRefused as error:
            if error.status == 404:
                return ()
            raise
        return tuple(sorted(int(one) for one in found.store_id_ranges or {} if one.isdigit()))

    async def operators(self) -> tuple[Operator, ...]:
        """What PD is doing to regions just now."""
        found = await self._many(f"{API}/operators", str)
        return tuple(pd_operators.read(one) for one in found)

    async def region(self, region_id: int) -> Region | None:
        """One region; None if PD knows none (404, or on <= 8.5 a region of zeros)."""
        try:
            found = await self._typed(f"{API}/region/id/{region_id}", Region)
        except PdRefused as error:
            if error.status == 404:
                return None
            raise
        return found if found.id else None

    async def regions_of_store(self, store_id: int, *, max_bytes: int = 64 * MIB) -> Regions:
        """All regions with a peer on a store: heavy, never polled (450 B a region)."""
        return await self._regions(f"{API}/regions/store/{store_id}", max_bytes)

    async def hot_stores(self) -> HotStores:
        """Flows of each store."""
        return await self._typed(f"{API}/hotspot/stores", HotStores)

    async def metrics(self, url: str, wanted: Collection[str]) -> Scrape:
        """Wanted families of one member's own /metrics (SourceFailed)."""
        reply = await self._http.get(f"{url}/metrics")
        if reply.status != 200:
            raise SourceFailed(url, Kind.HTTP_ERROR, "/metrics", status=reply.status)
        return metrics_text.parse(reply.body, wanted, self._clock.monotonic())

    async def get(self, path: str, *, max_bytes: int = 1 * MIB) -> Reply:
        """Any allowed read, raw, as evidence; Invalid for a path that is not on the list."""
        if not pd_paths.allowed(path):
            raise Invalid(f"{path!r} is not among PD's read paths.")
        return await self.transport.read(API + path, max_bytes=max_bytes)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def _typed(self, path: str, kind: type[T]) -> T:
        async def understand(reply: Reply) -> T:
            return decode(reply, kind)

        return await self.transport.understood(path, understand)

    async def _many(self, path: str, item: type[T]) -> tuple[T, ...]:
        """A list; null is Go's empty one."""
        found: Any = await self._typed(path, cast("Any", tuple[item, ...] | None))  # type: ignore[valid-type]  # known at run time only
        return found or ()

    async def _regions(self, path: str, max_bytes: int) -> Regions:
        return await self.transport.understood(
            path, lambda reply: regions(reply, self._clock), max_bytes=max_bytes
        )
