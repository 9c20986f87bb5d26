"""PD's store routes: reading them, and every change with its refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.twin.pd import views
from core.twin.pd.cluster import OFFLINE, REMOVING, SERVING, TOMBSTONE, UP
from core.twin.pd.router import (
    BadInput,
    bad,
    body_of,
    good,
    object_of,
    route,
    uint,
)
from core.twin.wire import Request, Response

if TYPE_CHECKING:
    from core.twin.pd.member import Member

Params = dict[str, str]


def _find(member: Member, params: Params, coded: bool = True) -> dict[str, Any]:
    store_id = uint(params["id"])
    meta = member.cluster.stores.get(str(store_id))
    if meta is None:
        code = "[PD:core:ErrStoreNotFound]" if coded else ""
        raise BadInput(bad(404, f"{code}store {store_id} not found"))
    return meta


async def stores(member: Member, request: Request, params: Params) -> Response:
    wanted = {UP, OFFLINE}
    if "state" in request.query:
        try:
            wanted = {int(value) for value in request.query["state"]}
        except ValueError as error:
            text = request.query["state"][0]
            raise BadInput(bad(500, f'strconv.Atoi: parsing "{text}": invalid syntax')) from error
        if not wanted <= {UP, OFFLINE, TOMBSTONE}:
            return bad(500, f"unknown StoreState: {max(wanted)}")
    ids = [int(sid) for sid, meta in member.cluster.stores.items() if meta["state"] in wanted]
    return good(views.stores(member.cluster, ids))


async def check(member: Member, request: Request, params: Params) -> Response:
    known = {
        "up": "Up",
        "offline": "Offline",
        "tombstone": "Tombstone",
        "down": "Down",
        "disconnected": "Disconnected",
    }
    asked = [known.get(value.lower()) for value in request.query.get("state", [])]
    if None in asked:
        return bad(400, f"unknown state: {request.arg('state')}")
    wanted = set(asked) or {"Up", "Offline", "Down", "Disconnected"}
    ids = [int(sid) for sid in member.cluster.stores]
    ids = [store_id for store_id in ids if member.cluster.state_name(store_id) in wanted]
    return good(views.stores(member.cluster, ids))


async def one(member: Member, request: Request, params: Params) -> Response:
    meta = _find(member, params, coded=member.version.at_least(7))
    return good(views.store(member.cluster, meta["id"], member.cluster.counts()))


async def limits(member: Member, request: Request, params: Params) -> Response:
    tree = member.config.section("schedule")
    if tree.get("store-limit-version") == "v2":
        return bad(400, "store limit v2 is enabled")
    return good(tree["store-limit"])


async def set_all_limits(member: Member, request: Request, params: Params) -> Response:
    for meta in member.cluster.stores.values():
        _set_limit(meta, object_of(request))
    await member.commit()
    return good("Set store limit successfully.")


async def progress(member: Member, request: Request, params: Params) -> Response:
    action, sid = request.arg("action"), request.arg("id")
    if not action and not sid:
        return bad(400, "need query parameters")
    leaving = [m for m in member.cluster.stores.values() if m["state"] == OFFLINE]
    if sid:
        leaving = [meta for meta in leaving if str(meta["id"]) == sid]
        action = "removing"
    if action != "removing" or not leaving:
        what = f"store ID: {sid}" if sid else f"action: {action}"
        return bad(404, f"[PD:progress:ErrProgressNotFound]no progress found for the {what}")
    left = sum(len(member.cluster.held(meta["id"])) for meta in leaving)
    row: dict[str, Any] = {"action": action}
    if sid:
        row["store_id"] = int(sid)
    total = max(member.removing_from, left, 1)
    done = (total - left) / total
    row |= {"progress": round(done, 4) or 0, "current_speed": 0}
    row["left_seconds"] = 1.7976931348623157e308 if not done else left * 2
    return good(row)


async def remove(member: Member, request: Request, params: Params) -> Response:
    return await _offline(member, _find(member, params), "force" in request.query)


async def _offline(member: Member, meta: dict[str, Any], force: bool) -> Response:
    cluster, sid = member.cluster, meta["id"]
    if meta["state"] == TOMBSTONE:
        return bad(410, f"[PD:core:ErrStoreRemoved]store {sid} has been removed")
    if meta["state"] != OFFLINE:
        up = [m for m in cluster.stores.values() if m["state"] == UP and m["id"] != sid]
        need = int(cluster.config.get("replication.max-replicas"))
        if len(up) < need:
            return bad(
                400,
                f"[PD:core:ErrStoresNotEnough]can not remove store {sid} since the number "
                f"of up stores would be {len(up)} while need {need}",
            )
    member.removing_from = len(cluster.held(sid))
    meta.update({"state": OFFLINE, "node_state": REMOVING})
    meta["destroyed"] = meta["destroyed"] or force
    member.log.warn(
        "cluster.go:1650", "store has been offline", store_id=sid, physically_destroyed=force
    )
    await member.commit()
    return good("The store is set as Offline.")


async def set_state(member: Member, request: Request, params: Params) -> Response:
    meta, asked = _find(member, params), request.arg("state")
    if asked.lower() == "offline":
        answer = await _offline(member, meta, force=False)
        return good("The store's state is updated.") if answer.status == 200 else answer
    if asked.lower() != "up":
        return bad(400, f"invalid state {asked}")
    sid = meta["id"]
    if meta["state"] == TOMBSTONE:
        return bad(410, f"[PD:core:ErrStoreRemoved]store {sid} has been removed")
    if meta["destroyed"]:
        return bad(400, f"[PD:core:ErrStoreDestroyed]store {sid} has been physically destroyed")
    meta.update({"state": UP, "node_state": SERVING})
    await member.commit()
    return good("The store's state is updated.")


async def labels(member: Member, request: Request, params: Params) -> Response:
    meta, asked = _find(member, params), object_of(request)
    if "engine" in asked:
        return bad(400, "the key engine is reserved")
    kept = dict(() if "force" in request.query else meta["labels"])
    kept.update({str(k).lower(): str(v) for k, v in asked.items()})
    meta["labels"] = [[k, v] for k, v in kept.items()]
    await member.commit()
    return good("The store's label is updated.")


async def delete_label(member: Member, request: Request, params: Params) -> Response:
    meta, name = _find(member, params), body_of(request)
    meta["labels"] = [pair for pair in meta["labels"] if pair[0] != str(name).lower()]
    await member.commit()
    return good(f"The label {name} is deleted for store {meta['id']}.")


def _updated(member: Member, what: str) -> Response:
    noun = what if member.version.at_least(8) else "label"
    return good(f"The store's {noun} is updated.")


async def weight(member: Member, request: Request, params: Params) -> Response:
    meta, asked = _find(member, params), object_of(request)
    for name in ("leader", "region"):
        value = asked.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return bad(400, f"{name} weight unset" if value is None else "bad format")
        if value < 0:
            return bad(400, f"{name} weight must be greater than or equal to 0")
    meta.update({"leader_weight": float(asked["leader"]), "region_weight": float(asked["region"])})
    await member.commit()
    return _updated(member, "weight")


def _set_limit(meta: dict[str, Any], asked: dict[str, Any]) -> None:
    rate = asked.get("rate")
    if not isinstance(rate, int | float) or isinstance(rate, bool):
        raise BadInput(bad(400, "rate unset" if rate is None else "bad format rate"))
    if rate <= 0:
        raise BadInput(bad(400, "rate must be greater than 0"))
    kinds = [asked["type"]] if "type" in asked else ["add-peer", "remove-peer"]
    if not set(kinds) <= {"add-peer", "remove-peer"}:
        raise BadInput(bad(400, "unknown type"))
    meta["limit"].update(dict.fromkeys(kinds, rate))


async def limit(member: Member, request: Request, params: Params) -> Response:
    _set_limit(_find(member, params), object_of(request))
    await member.commit()
    return _updated(member, "limit")


async def purge(member: Member, request: Request, params: Params) -> Response:
    stores_now = member.cluster.stores
    dead = [sid for sid, meta in stores_now.items() if meta["state"] == TOMBSTONE]
    for sid in dead:
        del stores_now[sid]
        member.cluster.live.pop(int(sid), None)
        member.document["purged"].append(int(sid))
    await member.commit()
    return good("Remove tombstone successfully.")


async def all_labels(member: Member, request: Request, params: Params) -> Response:
    pairs = dict.fromkeys(
        (k, v) for meta in member.cluster.stores.values() for k, v in meta["labels"]
    )
    return good([{"key": k, "value": v} for k, v in pairs])


async def labelled(member: Member, request: Request, params: Params) -> Response:
    pair = [request.arg("name"), request.arg("value")]
    ids = [int(sid) for sid, m in member.cluster.stores.items() if pair in m["labels"]]
    return good(views.stores(member.cluster, ids))


async def trend(member: Member, request: Request, params: Params) -> Response:
    return good(views.trend(member.cluster))


ROUTES = (
    route("GET", "/stores", stores),
    route("GET", "/stores/check", check, since=(7, 5)),
    route("GET", "/stores/limit", limits),
    route("POST", "/stores/limit", set_all_limits),
    route("GET", "/stores/progress", progress),
    route("DELETE", "/stores/remove-tombstone", purge),
    route("GET", "/store/{id}", one),
    route("DELETE", "/store/{id}", remove),
    route("POST", "/store/{id}/state", set_state),
    route("POST", "/store/{id}/label", labels),
    route("DELETE", "/store/{id}/label", delete_label),
    route("POST", "/store/{id}/weight", weight),
    route("POST", "/store/{id}/limit", limit),
    route("GET", "/labels", all_labels),
    route("GET", "/labels/stores", labelled),
    route("GET", "/trend", trend, until=(26,)),
)
