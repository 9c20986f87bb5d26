"""PD's region routes: single regions, checks, tops, statistics and hot spots."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.twin.golang import number
from core.twin.pd import views
from core.twin.pd.cluster import Cluster, Flow
from core.twin.pd.router import TEXT, bad, good, raw, route, uint
from core.twin.seed import Region
from core.twin.wire import Request, Response

if TYPE_CHECKING:
    from core.twin.pd.member import Member

Params = dict[str, str]
TOP_LIMIT = 16


async def by_id(member: Member, request: Request, params: Params) -> Response:
    region_id = uint(params["id"])
    found = member.cluster.regions.get(region_id)
    if found is None and member.version.at_least(26):
        return bad(404, f"[PD:region:ErrRegionNotFound]region {region_id} not found")
    return raw(views.region(member.cluster, found))


async def by_key(member: Member, request: Request, params: Params) -> Response:
    key = params["key"].encode().hex().upper()
    found = next(
        (r for r in member.cluster.regions.values() if r.start <= key < (r.end or "Z")), None
    )
    return raw(views.region(member.cluster, found))


async def everything(member: Member, request: Request, params: Params) -> Response:
    return raw(views.regions(member.cluster, list(member.cluster.regions.values())))


async def count(member: Member, request: Request, params: Params) -> Response:
    return good({"count": len(member.cluster.regions), "regions": None})


async def of_store(member: Member, request: Request, params: Params) -> Response:
    return raw(views.regions(member.cluster, member.cluster.held(uint(params["id"]))))


def _offline(cluster: Cluster, region: Region) -> bool:
    return any(cluster.stores.get(str(s), {}).get("state") == 1 for s in region.peers)


CHECKS: dict[str, Callable[[Cluster, Region, Flow], bool]] = {
    "miss-peer": lambda c, r, f: len(r.peers) < int(c.config.get("replication.max-replicas")),
    "extra-peer": lambda c, r, f: len(r.peers) > int(c.config.get("replication.max-replicas")),
    "down-peer": lambda c, r, f: any(store in r.peers for store in f.down),
    "pending-peer": lambda c, r, f: any(store in r.peers for store in f.pending),
    "learner-peer": lambda c, r, f: False,
    "offline-peer": lambda c, r, f: _offline(c, r),
    "empty-region": lambda c, r, f: 0 < f.size_mib <= 1,
    "oversized-region": lambda c, r, f: f.size_mib > 144,
    "undersized-region": lambda c, r, f: 0 < f.size_mib < 1,
}


def failing(cluster: Cluster, name: str) -> list[Region]:
    """The regions that a check names."""
    test = CHECKS[name]
    return [
        region
        for region in cluster.regions.values()
        if test(cluster, region, cluster.flows.get(region.id, Flow()))
    ]


async def check(member: Member, request: Request, params: Params) -> Response:
    name = params["name"]
    if name in ("hist-size", "hist-keys"):
        return _histogram(member, request, name)
    if name not in CHECKS:
        return bad(400, f"unknown check {name}")
    return raw(views.regions(member.cluster, failing(member.cluster, name)))


def _histogram(member: Member, request: Request, name: str) -> Response:
    by_size = name == "hist-size"
    default = 10 if by_size else 10_000
    text = request.arg("bound", str(default))
    if not re.fullmatch(r"-?\d+", text):
        return bad(400, f'strconv.Atoi: parsing "{text}": invalid syntax')
    bound = max(int(text), 1 if by_size else 1000)
    bins: dict[int, int] = {}
    for flow in member.cluster.flows.values():
        slot = (flow.size_mib if by_size else flow.keys) // bound
        bins[slot] = bins.get(slot, 0) + 1
    rows = [
        {"start": slot * bound, "end": (slot + 1) * bound - 1, "count": n}
        for slot, n in sorted(bins.items())
    ]
    return good(rows)


ORDERS: dict[str, Callable[[Region, Flow], float]] = {
    "writeflow": lambda r, f: f.written_bytes,
    "readflow": lambda r, f: f.read_bytes,
    "writequery": lambda r, f: f.write_qps,
    "readquery": lambda r, f: f.read_qps,
    "confver": lambda r, f: r.conf_ver,
    "version": lambda r, f: r.version,
    "size": lambda r, f: f.size_mib,
    "keys": lambda r, f: f.keys,
    "cpu": lambda r, f: f.cpu,
}


def _top(name: str) -> Callable[[Member, Request, Params], Any]:
    async def top(member: Member, request: Request, params: Params) -> Response:
        text = request.arg("limit", str(TOP_LIMIT))
        if not text.lstrip("-").isdigit():
            return bad(400, f'strconv.Atoi: parsing "{text}": invalid syntax')
        flows = member.cluster.flows
        ranked = sorted(
            member.cluster.regions.values(),
            key=lambda region: -ORDERS[name](region, flows.get(region.id, Flow())),
        )
        return raw(views.regions(member.cluster, ranked[: max(min(int(text), 10240), 0)]))

    return top


async def holes(member: Member, request: Request, params: Params) -> Response:
    found, edge = [], ""
    for region in sorted(member.cluster.regions.values(), key=lambda r: r.start):
        if region.start > edge:
            found.append([edge, region.start])
        edge = region.end
    return good(found)


async def replicated(member: Member, request: Request, params: Params) -> Response:
    missing = failing(member.cluster, "miss-peer") or failing(member.cluster, "pending-peer")
    return good("INPROGRESS" if missing else "REPLICATED")


async def statistics(member: Member, request: Request, params: Params) -> Response:
    cluster = member.cluster
    total: dict[str, Any] = {"count": len(cluster.regions), "empty_count": 0, "storage_size": 0}
    if member.version.at_least(7):
        total["user_storage_size"] = 0
    if member.version.at_least(26):
        total["user_columnar_storage_size"] = 0
    total["storage_keys"] = 0
    names = ("leader_count", "peer_count", "leader_size", "leader_keys", "peer_size", "peer_keys")
    maps: dict[str, dict[str, int]] = {f"store_{name}": {} for name in names}
    for region in cluster.regions.values():
        flow = cluster.flows.get(region.id, Flow())
        total["storage_size"] += flow.size_mib
        total["storage_keys"] += flow.keys
        total["empty_count"] += 0 < flow.size_mib <= 1
        _add(maps, "leader", region.leader, flow)
        for store in region.peers:
            _add(maps, "peer", store, flow)
    return good(total | maps)


def _add(maps: dict[str, dict[str, int]], role: str, store: int, flow: Flow) -> None:
    for what, amount in (("count", 1), ("size", flow.size_mib), ("keys", flow.keys)):
        bucket = maps[f"store_{role}_{what}"]
        bucket[str(store)] = bucket.get(str(store), 0) + amount


RATES = (
    ("bytes-write-rate", "bytes_written"),
    ("bytes-read-rate", "bytes_read"),
    ("keys-write-rate", "keys_written"),
    ("keys-read-rate", "keys_read"),
    ("query-write-rate", "query_write"),
    ("query-read-rate", "query_read"),
    ("cpu-read-rate", "cpu_read"),
)


async def hot_stores(member: Member, request: Request, params: Params) -> Response:
    if not member.cluster.bootstrapped:
        return _panic(member)
    rates = RATES if member.version.at_least(8, 5) else RATES[:-1]
    body: dict[str, dict[str, float]] = {name: {} for name, _ in rates}
    for store_id, live in member.cluster.live.items():
        for name, stat in rates:
            if live.stats is not None:
                body[name][str(store_id)] = number(live.stats["rates"].get(stat, 0.0))
    return good(body)


def _panic(member: Member) -> Response:
    """Not bootstrapped: a nil pointer with its trace from 7.5 on, an empty object before."""
    if not member.version.panic:
        return good({})
    return Response(500, member.version.panic.encode(), TEXT)


def _hot(kind: str) -> Callable[[Member, Request, Params], Any]:
    async def hot(member: Member, request: Request, params: Params) -> Response:
        wanted = set(request.query.get("store_id", []))
        for text in wanted:
            uint(text)
        sides: dict[str, dict[str, Any]] = {"as_peer": {}, "as_leader": {}}
        for store_id, live in member.cluster.live.items():
            if live.stats is None or (wanted and str(store_id) not in wanted):
                continue
            rates = live.stats["rates"]
            for side in sides:
                carries = (side == "as_peer") == (kind == "write")
                sides[side][str(store_id)] = _hot_row(member, kind, rates if carries else {})
        return good(sides)

    return hot


def _hot_row(member: Member, kind: str, rates: dict[str, float]) -> dict[str, Any]:
    suffix = "written" if kind == "write" else "read"
    row: dict[str, Any] = {
        "store_bytes": number(rates.get(f"bytes_{suffix}", 0.0)),
        "store_keys": number(rates.get(f"keys_{suffix}", 0.0)),
        "store_query": number(rates.get(f"query_{kind}", 0.0)),
    }
    cpu = member.version.at_least(8, 5)
    if cpu:
        row["store_cpu"] = 0
    row |= {"total_flow_bytes": 0, "total_flow_keys": 0, "total_flow_query": 0}
    if cpu:
        row["total_flow_cpu"] = 0
    return row | {"regions_count": 0, "statistics": []}


ROUTES = (
    route("GET", "/region/id/{id}", by_id),
    route("GET", "/region/key/{key}", by_key),
    route("GET", "/regions", everything),
    route("GET", "/regions/count", count),
    route("GET", "/regions/store/{id}", of_store),
    route("GET", "/regions/check/{name}", check),
    *(
        route("GET", f"/regions/{name}", _top(name), since=(8,) if "query" in name else ())
        for name in ORDERS
    ),
    route("GET", "/regions/range-holes", holes),
    route("GET", "/regions/replicated", replicated),
    route("GET", "/stats/region", statistics),
    route("GET", "/hotspot/stores", hot_stores, booted=False),
    route("GET", "/hotspot/regions/write", _hot("write")),
    route("GET", "/hotspot/regions/read", _hot("read")),
)
