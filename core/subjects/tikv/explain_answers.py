"""Everything that the sources of one cluster answered at one moment, asked for all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.clients import pd_model
from core.clients.docker_model import Container, ContainerEvent
from core.clients.logs import LogSource
from core.clients.metrics_text import Scrape
from core.clients.pd_region import HotStores
from core.clients.prom_model import Series
from core.diagnosis import pieces
from core.errors import NotFound
from core.subjects import shown
from core.subjects.attempts import Got, attempt
from core.subjects.tikv import explain_pd, explain_prom, explain_scrape
from core.subjects.tikv.explain_history import History
from core.subjects.tikv.explain_means import Means
from core.subjects.tikv.explain_pd import PdAnswers
from core.subjects.tikv.explain_prom import Grid
from core.subjects.tikv.explain_readings import Figure
from core.subjects.tikv.model import Identity, pd_entity
from core.subjects.tikv.pd_reads import counts

AGAIN_S = 0.6
SCRAPE_S = 1.2
"""How long a node's own /metrics may take: a paused node must not use up the whole time."""
FRESH_S, STALE_S = 0.5, 120.0
"""A scrape older or younger than this says nothing of the rate now."""
NO_CONTAINER = "no container, or more than one, is this node"
_FEW = 8
_REGIONS = "pd_regions_status"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to ask: the stores that the evidence is about, of how many, and PD's members.

    `mono` is the monotonic time of the moment that it is all about.
    """

    stores: Sequence[Identity]
    total: int
    members: Sequence[pd_model.Member]
    leader_url: str
    grid: Grid
    limit_s: float
    entity: str
    mono: float

    def lines(self, entity: str) -> int:
        """How many lines of a node's log to keep: many of the one that it is about, and of few."""
        near = entity == self.entity or len(self.stores) + len(self.members) <= _FEW
        return pieces.MAX_LINES if near else shown.FEW_LINES

    @property
    def addresses(self) -> dict[str, str]:
        """Each node's address by its entity."""
        found = {one.entity: one.address for one in self.stores}
        for one in self.members:
            url = (one.client_urls or ("",))[0]
            found[pd_entity(one.name)] = url.partition("://")[2].rstrip("/") or one.name
        return found


@dataclass(frozen=True, slots=True)
class Docked:
    """A container as it is, and what happened to it."""

    container: Got[Container]
    events: Got[tuple[ContainerEvent, ...]]


@dataclass(frozen=True, slots=True)
class Answers:
    """What came. Maps are by store id or by entity; empty where a site has no such source."""

    pd: PdAnswers
    probes: Mapping[int, Mapping[str, Any]]
    docked: Mapping[str, Docked]
    logs: Mapping[str, Got[dict[str, Any]]]
    series: Mapping[str, Got[tuple[Series, ...]]]
    age: Got[float | None]
    scrapes: Mapping[int, Got[dict[str, float]]] = field(default_factory=dict)
    regions: Got[dict[str, float]] = field(default_factory=lambda: Got(None))
    flows: Got[HotStores] = field(default_factory=lambda: Got(None))


async def ask_all(
    means: Means, history: History, figures: Mapping[str, Figure], asked: Asked, taken_at: float
) -> Answers:
    """Ask every source at once; takes `limit_s` and a little, whatever fails or hangs."""
    narrow = explain_prom.narrowed(asked.stores, asked.total)
    (pd, probes, docked, logs), (series, age), own = await asyncio.gather(
        asyncio.gather(
            explain_pd.read(means, asked.members, asked.limit_s),
            _probes(means, asked),
            _docked(means, asked, taken_at),
            _logs(means, asked, taken_at),
        ),
        asyncio.gather(
            explain_prom.read(means, figures, asked.grid, narrow, asked.limit_s),
            explain_prom.ages(means, asked.limit_s),
        ),
        _own(means, history, figures, asked, taken_at),
    )
    scrapes, regions, flows = own
    return Answers(pd, probes, docked, logs, series, age, scrapes, regions, flows)


async def _probes(means: Means, asked: Asked) -> dict[int, dict[str, Any]]:
    looks = await asyncio.gather(
        *(shown.probe(means.node_http, one.status_url) for one in asked.stores)
    )
    return dict(zip((one.id for one in asked.stores), looks, strict=True))


async def _docked(means: Means, asked: Asked, taken_at: float) -> dict[str, Docked]:
    containers = means.containers
    if containers is None:
        return {}
    known = {entity: containers.of(address) for entity, address in asked.addresses.items()}
    listed: Got[None] = Got(None)
    if any(one is None for one in known.values()):
        listed = await attempt(means.clock, asked.limit_s / 2, containers.look())
        known = {entity: containers.of(address) for entity, address in asked.addresses.items()}
    since = min(asked.grid.start, taken_at)
    limit_s = asked.limit_s / 2
    happened, states = await asyncio.gather(
        attempt(means.clock, limit_s, containers.happened(since, taken_at)),
        asyncio.gather(*(_container(means, one, listed.failed, limit_s) for one in known.values())),
    )
    return {
        entity: Docked(state, _events(happened, found))
        for (entity, found), state in zip(known.items(), states, strict=True)
    }


async def _container(
    means: Means, known: Container | None, failed: str, limit_s: float
) -> Got[Container]:
    containers = means.containers
    if known is None or containers is None:
        return Got(None, failed or NO_CONTAINER)
    return await attempt(means.clock, limit_s, containers.inspect(known.id))


def _events(
    happened: Got[tuple[ContainerEvent, ...]], found: Container | None
) -> Got[tuple[ContainerEvent, ...]]:
    if happened.value is None:
        return Got(None, happened.failed)
    if found is None:
        return Got(None, NO_CONTAINER)
    return Got(tuple(one for one in happened.value if one.id == found.id))


def log_source(logs: Mapping[str, LogSource], address: str, name: str = "") -> LogSource | None:
    """The log of a node: by its address, its host, or (PD) its name."""
    host = address.rpartition(":")[0] or address
    return logs.get(address) or logs.get(host) or (logs.get(name) if name else None)


async def _logs(means: Means, asked: Asked, taken_at: float) -> dict[str, Got[dict[str, Any]]]:
    sources = {
        entity: source
        for entity, address in asked.addresses.items()
        if (source := log_source(means.logs, address, entity.partition(":")[2])) is not None
    }
    tails = await asyncio.gather(
        *(
            attempt(
                means.clock,
                asked.limit_s,
                shown.log_of(source, taken_at, asked.lines(entity)),
            )
            for entity, source in sources.items()
        )
    )
    return dict(zip(sources, tails, strict=True))


Own = tuple[dict[int, Got[dict[str, float]]], Got[dict[str, float]], Got[HotStores]]


async def _own(
    means: Means,
    history: History,
    figures: Mapping[str, Figure],
    asked: Asked,
    taken_at: float,
) -> Own:
    """What nodes and PD export themselves, where there is no Prometheus."""
    if means.prometheus is not None:
        return {}, Got(None), Got(None)
    limit_s = min(SCRAPE_S, asked.limit_s)
    regions, flows, scrapes = await asyncio.gather(
        attempt(means.clock, asked.limit_s, _region_counts(means, asked)),
        attempt(means.clock, asked.limit_s, means.pd.hot_stores()),
        asyncio.gather(
            *(
                attempt(means.clock, limit_s, _scraped(means, history, figures, one, taken_at))
                for one in asked.stores
            )
        ),
    )
    return (
        dict(zip((one.id for one in asked.stores), scrapes, strict=True)),
        regions,
        flows,
    )


async def _scraped(
    means: Means,
    history: History,
    figures: Mapping[str, Figure],
    store: Identity,
    taken_at: float,
) -> dict[str, float]:
    if store.status_url is None:
        raise NotFound("Its status address means nothing outside its own machine.")
    wanted = explain_scrape.families(figures)
    now = await means.nodes.scrape(store.status_url, wanted)
    before = history.newest_scrape(store.id)
    if before is None or not FRESH_S < now.at - before.at < STALE_S:
        # Rates take two scrapes: of a few nodes the second one is read at once.
        again = await attempt(means.clock, AGAIN_S, _again(means, store.status_url, wanted))
        before, now = (now, again.value) if again.value is not None else (None, now)
    found = explain_scrape.of_scrapes(figures, before, now, taken_at)
    reports = explain_scrape.unreachable(before, now)
    if before is not None:
        history.reports[store.id] = reports
    return found


async def _again(means: Means, url: str, wanted: Sequence[str]) -> Scrape:
    await means.clock.sleep(AGAIN_S / 2)
    return await means.nodes.scrape(url, wanted)


async def _region_counts(means: Means, asked: Asked) -> dict[str, float]:
    if not asked.leader_url:
        raise NotFound("PD names no leader whose metrics could be read.")
    scrape = await means.pd.metrics(asked.leader_url, (_REGIONS,))
    found = counts({key[0]: value for key, value in scrape.sum_by(_REGIONS, "type").items()}, ())
    return {
        "down_peer_regions": float(found.down),
        "miss_peer_regions": float(found.miss),
        "pending_peer_regions": float(found.pending),
    }
