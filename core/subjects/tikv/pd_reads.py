"""What is asked of PD, a constant number of calls whatever the number of stores.

Each method is one source's read: it answers with a record of ours, or raises Unavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.clients import pd_model, pd_store
from core.clients.failures import PdNotBootstrapped
from core.clients.node import status_url
from core.clients.pd import EVICT, Pd, Ping
from core.clients.pd_region import Region
from core.clock import Clock
from core.errors import NotFound, Unavailable
from core.subjects.tikv.model import Identity, RegionCounts, Store, store_entity
from core.subjects.tikv.placement import Bodies, Peers, Placement, Rule, wanted

SLICE = 1000
"""So many stores are read before others may run: some 4 ms of work."""
_REGION_BYTES = 16 * 1024 * 1024
_STORES_READ = 4
_STATUS = "pd_regions_status"
_KINDS = ("down-peer", "pending-peer", "miss-peer", "offline-peer")


@dataclass(frozen=True, slots=True)
class StoreList:
    """PD's list of stores; `gone` holds ids that are missing from it and that PD says are gone.

    `raw` is the same in PD's own words, as evidence.
    """

    stores: tuple[Store, ...]
    gone: frozenset[int] = frozenset()
    bootstrapped: bool = True
    unreadable: int = 0
    notes: tuple[str, ...] = ()
    raw: tuple[pd_store.Store, ...] = ()


@dataclass(frozen=True, slots=True)
class Schedulers:
    """Which schedulers are loaded, and from which stores leaders are driven out."""

    names: frozenset[str]
    evicting: frozenset[int]


@dataclass(frozen=True, slots=True)
class Pings:
    """Each member's own answer, by name; `health` what PD says of those that did not answer us."""

    by_name: Mapping[str, Ping]
    health: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Configured:
    """What hardly ever changes."""

    placement: Placement
    tombstones: frozenset[int]
    locations: tuple[str, ...] = ()


class Identities:
    """Names and addresses of stores, made once and kept while PD says the same."""

    def __init__(self, scheme: str, overrides: Mapping[str, str]) -> None:
        self._scheme, self._overrides = scheme, overrides
        self._known: dict[int, tuple[pd_store.StoreMeta, Identity]] = {}
        self.version = 0

    def of(self, meta: pd_store.StoreMeta) -> Identity:
        """The identity of one store."""
        known = self._known.get(meta.id)
        if known is not None:
            old, identity = known
            if (
                old.address == meta.address
                and old.status_address == meta.status_address
                and old.labels == meta.labels
            ):
                return identity
        identity = self._make(meta)
        self._known[meta.id] = (meta, identity)
        self.version += 1
        return identity

    def _make(self, meta: pd_store.StoreMeta) -> Identity:
        labels = {one.key: one.value for one in meta.labels or ()}
        host = labels.get("host", "")
        return Identity(
            id=meta.id,
            entity=store_entity(meta.id),
            address=meta.address,
            title=f"Store {meta.id} ({host or meta.address or 'no address'})",
            host=host or meta.address.rpartition(":")[0] or meta.address,
            status_url=status_url(
                meta.address,
                meta.status_address,
                scheme=self._scheme,
                overrides=self._overrides,
            ),
            labels=labels,
            tiflash=labels.get("engine", "").startswith("tiflash"),
        )


class PdReads:
    """The reads of one cluster's PD."""

    def __init__(self, pd: Pd, identities: Identities, clock: Clock) -> None:
        self._pd = pd
        self._clock = clock
        self._identities = identities
        self._last: dict[int, tuple[pd_store.Store, Store]] = {}

    async def stores(self) -> StoreList:
        """All stores but tombstones."""
        try:
            answer = await self._pd.stores()
        except PdNotBootstrapped:
            return StoreList((), bootstrapped=False)
        made: dict[int, tuple[pd_store.Store, Store]] = {}
        for start in range(0, len(answer.stores), SLICE):
            if start:
                await self._clock.sleep(0)
            for said in answer.stores[start : start + SLICE]:
                if not said.removed:
                    made[said.id] = self._understood(said)
        self._last = made
        return StoreList(
            tuple([one for _, one in made.values()]),
            unreadable=len(answer.unreadable),
            notes=answer.notes,
            raw=answer.stores,
        )

    def _understood(self, said: pd_store.Store) -> tuple[pd_store.Store, Store]:
        """PD's words on a store, and the record: the same again from one heartbeat to the next, which
        is four readings of five."""
        last = self._last.get(said.id)
        return last if last is not None and last[0] == said else (said, self._made(said))

    def _made(self, one: pd_store.Store) -> Store:
        meta, status = one.store, one.status
        return Store(
            who=self._identities.of(meta),
            state=meta.state_name,
            leaving=one.leaving,
            heartbeat_at=one.heartbeat_at,
            started_at=one.started_at,
            leaders=status.leader_count,
            leader_weight=status.leader_weight,
            regions=status.region_count,
            capacity=one.capacity_bytes,
            disk_used=one.disk_used_ratio,
            slow_score=status.slow_score,
            busy=status.is_busy,
            evicting=status.pause_leader_transfer_in,
        )

    async def gone(self, store_id: int) -> bool:
        """Whether PD calls this store a tombstone, or has never heard of it."""
        try:
            return (await self._pd.store(store_id)).removed
        except NotFound:
            return True

    async def those_gone(self, ids: Iterable[int]) -> frozenset[int]:
        """Which of these PD says are gone; while it does not answer, none that are not known."""
        found: set[int] = set()
        for key in ids:
            try:
                if await self.gone(key):
                    found.add(key)
            except Unavailable:
                break
        return frozenset(found)

    async def schedulers(self) -> Schedulers:
        """Loaded schedulers; the evicted stores are asked for only where such a one is loaded."""
        names = frozenset(await self._pd.schedulers())
        evicts = any(one.startswith(EVICT) for one in names)
        ids = await self._pd.evicting() if evicts else ()
        return Schedulers(names, frozenset(ids))

    async def members(self) -> pd_model.Members:
        """Who is in PD's quorum, and who leads."""
        return await self._pd.members()

    async def pings(self, members: Sequence[pd_model.Member]) -> Pings:
        """Ask each member itself, and PD about those that did not answer."""
        urls = {one.name: (one.client_urls or ("",))[0] for one in members}
        if not urls:
            urls = {url: url for url in self._pd.endpoints}
        names = [name for name, url in urls.items() if url]
        found = await self._pd.ping_all([urls[name].rstrip("/") for name in names]) if names else ()
        by_name = dict(zip(names, found, strict=True))
        health: dict[str, bool] = {}
        if members and any(not one.ok for one in found) and any(one.ok for one in found):
            try:
                health = {one.name: one.health for one in await self._pd.health()}
            except Unavailable:
                health = {}
        return Pings(by_name, health)

    async def configured(self) -> Configured:
        """Replica count, placement rules, and who is a tombstone."""
        replicate, tombs = await asyncio.gather(
            self._pd.replicate(), self._pd.stores(tombstones=True)
        )
        rules = await self._pd.rules() if replicate.placement_rules else ()
        placement = wanted(
            replicate.max_replicas,
            [Rule(one.start_key, one.end_key, one.role, one.count) for one in rules],
        )
        gone = frozenset(one.id for one in tombs.stores if one.removed)
        return Configured(placement, gone, replicate.locations)

    async def bodies(self, missing: frozenset[int]) -> Bodies:
        """The regions that have a peer on a missing store: a few stores, a few MB of each."""
        chosen = sorted(missing)[:_STORES_READ]
        by_id: dict[int, Peers] = {}
        complete = len(chosen) == len(missing)
        for key in chosen:
            try:
                answer = await self._pd.regions_of_store(key, max_bytes=_REGION_BYTES)
            except Unavailable:
                complete = False
                continue
            complete = complete and answer.count <= len(answer.regions)
            by_id.update((one.id, _peers(one)) for one in answer.regions)
        return Bodies(missing, tuple(by_id.values()), complete)

    async def region_counts(self, leader_url: str, stores: Sequence[Store]) -> RegionCounts:
        """PD's own counts of regions in trouble, from its leader's /metrics."""
        scrape = await self._pd.metrics(leader_url, (_STATUS,))
        by_type = {key[0]: value for key, value in scrape.sum_by(_STATUS, "type").items()}
        return counts(by_type, stores)


def counts(by_type: Mapping[str, float], stores: Sequence[Store]) -> RegionCounts:
    """Counts from `pd_regions_status`; Unavailable where PD does not export them (yet)."""
    found: list[int] = []
    for kind in _KINDS:
        value = by_type.get(f"{kind}-region-count")
        if value is None or not 0 <= value < 2**53:
            raise Unavailable(f"PD exports no count of regions with a {kind}")
        found.append(int(value))
    down, pending, miss, offline = found
    whole = sum(one.leaders for one in stores)
    leaving = any(one.leaving for one in stores)
    return RegionCounts(down, pending, miss, offline, whole, leaving)


def _peers(region: Region) -> Peers:
    return tuple((one.store_id, 1 if not one.votes else one.role) for one in region.peers or ())
