"""PD's configuration and cluster routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.twin.golang import rfc3339
from core.twin.pd.router import JSON, bad, good, object_of, route
from core.twin.spec import PdSpec
from core.twin.wire import Request, Response, WireError

if TYPE_CHECKING:
    from core.twin.pd.member import Member

Params = dict[str, str]
MAX_UINT = 9223372036854775807


async def config(member: Member, request: Request, params: Params) -> Response:
    """Since 8.5 each member answers it by asking the leader itself (recorded errors)."""
    if member.election.is_leader() or not member.version.local_probes:
        return good(member.config.whole(member.me))
    target = member.election.redirect_to()
    if target is None:
        return bad(500, "[PD:server:ErrLeaderNil]leader is nil ")
    return await _fetch(member, target)


async def _fetch(member: Member, target: PdSpec) -> Response:
    url = f"{member.spec.client_url(target)}/pd/api/v1/config"
    try:
        answer = await member.client.call("GET", url, timeout_s=60.0)
    except (WireError, TimeoutError):
        where = f"{member.spec.host}:{target.client_port}"
        return bad(500, f'Get "{url}": dial tcp {where}: connect: connection refused')
    return Response(answer.status, answer.body, JSON)


async def change(member: Member, request: Request, params: Params) -> Response:
    asked = object_of(request)
    names = {key: member.config.find(key) for key in asked}
    for key, dotted in names.items():
        if dotted is None:
            return bad(400, f"config item {key} not found")
    return await _apply(member, {str(names[key]): value for key, value in asked.items()})


async def _apply(member: Member, changes: dict[str, Any]) -> Response:
    before = dict(member.document["config"])
    try:
        for dotted, value in changes.items():
            member.config.change(dotted, value)
    except (ValueError, TypeError) as error:
        member.document["config"] = before
        return bad(400, str(error))
    for dotted, value in changes.items():
        member.log.info("config.go:560", "config is updated", item=dotted, new=value)
    await member.commit()
    return good("The config is updated.")


def _section(name: str) -> Callable[[Member, Request, Params], Any]:
    async def read(member: Member, request: Request, params: Params) -> Response:
        if name == "schedule":
            return good(member.config.schedule_route())
        return good(member.config.section(name))

    return read


def _change_section(name: str) -> Callable[[Member, Request, Params], Any]:
    async def write(member: Member, request: Request, params: Params) -> Response:
        asked = object_of(request)
        for key in asked:
            if member.config.find(f"{name}.{key}") is None:
                return bad(400, f"config item {key} not found")
        return await _apply(member, {f"{name}.{key}": value for key, value in asked.items()})

    return write


async def cluster_version(member: Member, request: Request, params: Params) -> Response:
    return good(member.config.cluster_version())


def _default_rule(member: Member) -> dict[str, Any]:
    return {
        "group_id": "pd",
        "id": "default",
        "start_key": "",
        "end_key": "",
        "role": "voter",
        "is_witness": False,
        "count": int(member.config.get("replication.max-replicas")),
    }


async def rules(member: Member, request: Request, params: Params) -> Response:
    return good([_default_rule(member)])


async def rule_groups(member: Member, request: Request, params: Params) -> Response:
    return good([{"id": "pd"}])


async def placement(member: Member, request: Request, params: Params) -> Response:
    group = {"group_id": "pd", "group_index": 0, "group_override": False}
    return good([group | {"rules": [_default_rule(member)]}])


async def region_labels(member: Member, request: Request, params: Params) -> Response:
    return good([])


async def cluster(member: Member, request: Request, params: Params) -> Response:
    count = int(member.config.get("replication.max-replicas"))
    return good({"id": member.spec.cluster_id, "max_peer_count": count})


async def cluster_status(member: Member, request: Request, params: Params) -> Response:
    booted = member.document["bootstrapped_ns"]
    when = rfc3339(booted) if booted else "0001-01-01T00:00:00Z"
    return good(
        {
            "raft_bootstrap_time": when,
            "is_initialized": bool(booted),
            "replication_status": "",
        }
    )


async def replication_mode(member: Member, request: Request, params: Params) -> Response:
    dr = {"label_key": "", "state": "", "acid_consistent": False}
    return good({"mode": "majority", "dr-auto-sync": dr})


async def gc_safepoint(member: Member, request: Request, params: Params) -> Response:
    points: list[dict[str, Any]] = []
    if member.version.at_least(26):
        points.append({"service_id": "gc_worker", "expired_at": MAX_UINT, "safe_point": 0})
    return good({"service_gc_safe_points": points, "gc_safe_point": 0})


async def min_resolved(member: Member, request: Request, params: Params) -> Response:
    body: dict[str, Any] = {"is_real_time": True, "min_resolved_ts": 0, "persist_interval": "1s"}
    if member.version.at_least(7):
        body["stores_min_resolved_ts"] = None
    return good(body)


async def unsafe_show(member: Member, request: Request, params: Params) -> Response:
    return good([{"info": "No on-going recovery."}])


ROUTES = (
    route("GET", "/config", config, local=True, booted=False),
    route("POST", "/config", change, booted=False),
    route("GET", "/config/schedule", _section("schedule"), booted=False),
    route("POST", "/config/schedule", _change_section("schedule"), booted=False),
    route("GET", "/config/replicate", _section("replication"), booted=False),
    route("POST", "/config/replicate", _change_section("replication"), booted=False),
    route("GET", "/config/pd-server", _section("pd-server"), booted=False),
    route("GET", "/config/replication-mode", _section("replication-mode"), booted=False),
    route("GET", "/config/cluster-version", cluster_version, booted=False),
    route("GET", "/config/rules", rules),
    route("GET", "/config/rule_groups", rule_groups),
    route("GET", "/config/placement-rule", placement),
    route("GET", "/config/region-label/rules", region_labels),
    route("GET", "/cluster", cluster, booted=False),
    route("GET", "/cluster/status", cluster_status, booted=False),
    route("GET", "/replication_mode/status", replication_mode),
    route("GET", "/gc/safepoint", gc_safepoint),
    route("GET", "/min-resolved-ts", min_resolved),
    route("GET", "/admin/unsafe/remove-failed-stores/show", unsafe_show),
)
