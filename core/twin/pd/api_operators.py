"""PD's operator routes: listing, creating and cancelling them, with every refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.twin.pd.operators import Operator, lead, move
from core.twin.pd.router import BadInput, bad, good, object_of, route, uint
from core.twin.seed import Region
from core.twin.wire import Request, Response

if TYPE_CHECKING:
    from core.twin.pd.member import Member

Params = dict[str, str]


def _no_operator(member: Member) -> Response:
    coded = member.version.coded if not member.version.at_least(7) else None
    text = "operator not found"
    return bad(500, text if coded else f"[PD:operator:ErrOperatorNotFound]{text}")


async def operators(member: Member, request: Request, params: Params) -> Response:
    found = list(member.operators.running.values())
    asked = request.query.get("kind")
    if asked:
        found = [o for o in found if set(asked) & set(o.kinds)]
    if "object" in request.query and member.version.at_least(8):
        return good([operator.to_json() for operator in found])
    return good([operator.text(member.version) for operator in found])


async def operator(member: Member, request: Request, params: Params) -> Response:
    found = member.operators.running.get(uint(params["id"]))
    if found is None:
        return _no_operator(member)
    return good(f"status: {found.status}, operator: {found.text(member.version)}")


async def cancel(member: Member, request: Request, params: Params) -> Response:
    found = member.operators.running.get(uint(params["id"]))
    if found is None:
        return _no_operator(member)
    member.operators.end(found, "cancel")
    return good("The pending operator is canceled.")


async def cancel_all(member: Member, request: Request, params: Params) -> Response:
    for found in tuple(member.operators.running.values()):
        member.operators.end(found, "cancel")
    return good("All pending operators are canceled.")


async def records(member: Member, request: Request, params: Params) -> Response:
    text = request.arg("from", "0")
    if not text.isdigit():
        return bad(400, f'strconv.ParseInt: parsing "{text}": invalid syntax')
    lines = [line for _, unix, line in member.operators.records if unix >= int(text)]
    return good(lines) if lines else _no_operator(member)


def _number(asked: dict[str, Any], name: str, missing: str) -> int:
    value = asked.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadInput(bad(400, missing))
    return int(value)


def _region(member: Member, asked: dict[str, Any]) -> Region:
    region_id = _number(asked, "region_id", "missing region id")
    found = member.cluster.regions.get(region_id)
    if found is None:
        text = f"region {region_id} not found"
        coded = f"[PD:region:ErrRegionNotFound]{text}" if member.version.at_least(7) else text
        raise BadInput(bad(500, coded))
    return found


def _transfer_leader(member: Member, asked: dict[str, Any]) -> Operator:
    to = _number(asked, "to_store_id", "missing store id to transfer leader to")
    region = _region(member, asked)
    if to not in region.peers:
        raise BadInput(bad(500, f"region has no voter in store {to}"))
    if to == region.leader:
        raise BadInput(bad(500, "no operator step is built"))
    return lead("admin-transfer-leader", region, to, member.pace, _size(member, region), True)


def _size(member: Member, region: Region) -> int:
    flow = member.cluster.flows.get(region.id)
    return flow.size_mib if flow else 0


def _change(
    member: Member, asked: dict[str, Any], desc: str, new: int | None, old: int | None
) -> Operator:
    region = _region(member, asked)
    if new is not None and str(new) not in member.cluster.stores:
        raise BadInput(bad(500, f"[PD:core:ErrStoreNotFound]store {new} not found"))
    if new in region.peers:
        raise BadInput(bad(500, f"region already has peer in store {new}"))
    if old is not None and old not in region.peers:
        raise BadInput(bad(500, f"region has no peer in store {old}"))
    peers = {store: peer for store, peer in region.peers.items() if store != old}
    if new is not None:
        peers[new] = member.cluster.next_id()
    size = _size(member, region)
    return move(desc, region, peers, member.pace, size, ("admin", "region"))


def _transfer_peer(member: Member, asked: dict[str, Any]) -> Operator:
    old = _number(asked, "from_store_id", "invalid store id to transfer peer from")
    new = _number(asked, "to_store_id", "invalid store id to transfer peer to")
    return _change(member, asked, "admin-move-peer", new, old)


def _add_peer(member: Member, asked: dict[str, Any]) -> Operator:
    new = _number(asked, "store_id", "invalid store id")
    return _change(member, asked, "admin-add-peer", new, None)


def _remove_peer(member: Member, asked: dict[str, Any]) -> Operator:
    old = _number(asked, "store_id", "invalid store id")
    return _change(member, asked, "admin-remove-peer", None, old)


def _transfer_region(member: Member, asked: dict[str, Any]) -> Operator:
    region, wanted = _region(member, asked), asked.get("to_store_ids")
    if not isinstance(wanted, list) or not wanted or len(set(map(str, wanted))) < len(wanted):
        raise BadInput(bad(400, "invalid store ids to transfer region to"))
    for store in wanted:
        if str(store) not in member.cluster.stores:
            raise BadInput(bad(500, f"[PD:core:ErrStoreNotFound]store {store} not found"))
    peers = {s: region.peers.get(s) or member.cluster.next_id() for s in map(int, wanted)}
    size = _size(member, region)
    return move("admin-move-region", region, peers, member.pace, size, ("admin", "region"))


def _scatter(member: Member, asked: dict[str, Any]) -> Operator:
    region = _region(member, asked)
    leaders, _ = member.cluster.counts()
    others = [s for s in region.peers if s != region.leader and member.cluster.alive(s)]
    if not others:
        raise BadInput(bad(500, "no operator step is built"))
    to = min(others, key=lambda store: leaders.get(store, 0))
    return lead("scatter-region", region, to, member.pace, _size(member, region), True)


CREATE = {
    "transfer-region": _transfer_region,
    "scatter-region": _scatter,
    "transfer-leader": _transfer_leader,
    "transfer-peer": _transfer_peer,
    "add-peer": _add_peer,
    "remove-peer": _remove_peer,
}


UNDONE = ("add-learner", "merge-region", "split-region", "scatter-regions")


async def create(member: Member, request: Request, params: Params) -> Response:
    asked = object_of(request)
    name = asked.get("name")
    if not isinstance(name, str):
        return bad(400, "missing operator name")
    if name in UNDONE:
        return bad(500, f"the twin does not carry out {name}")
    if name not in CREATE:
        return bad(400, "unknown operator")
    made = CREATE[name](member, asked)
    old = member.operators.running.get(made.region.id)
    if old is not None:
        member.operators.end(old, "replace")
    member.operators.add(made)
    return good("The operator is created.")


ROUTES = (
    route("GET", "/operators", operators),
    route("POST", "/operators", create),
    route("DELETE", "/operators", cancel_all, since=(8,)),
    route("GET", "/operators/records", records),
    route("GET", "/operators/{id}", operator),
    route("DELETE", "/operators/{id}", cancel),
)
