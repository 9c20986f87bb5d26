"""PD's member routes: who there is, who leads, who is well, and moving the lead."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from core.twin.pd.router import TEXT, bad, good, object_of, route, uint
from core.twin.spec import PdSpec
from core.twin.wire import Request, Response, WireError

if TYPE_CHECKING:
    from core.twin.pd.member import Member

Params = dict[str, str]
PROBE_S = 3.0  # /health asks each member's /ping in turn, 3 s each


def _brief(member: Member, pd: PdSpec) -> dict[str, Any]:
    return {
        "name": pd.name,
        "member_id": pd.member_id,
        "peer_urls": [member.spec.peer_url(pd)],
        "client_urls": [member.spec.client_url(pd)],
    }


def _full(member: Member, pd: PdSpec) -> dict[str, Any]:
    row = _brief(member, pd)
    priority = member.document["members"].get(pd.name, {}).get("leader-priority")
    if priority:
        row["leader_priority"] = priority
    return row | {
        "deploy_path": "/opt/pd/bin",
        "binary_version": member.version.name,
        "git_hash": member.version.git_hash,
    }


def _sorted(member: Member) -> list[PdSpec]:
    return sorted(member.election.members, key=lambda pd: pd.member_id)


async def ping(member: Member, request: Request, params: Params) -> Response:
    return Response(200)


async def status(member: Member, request: Request, params: Params) -> Response:
    body: dict[str, Any] = {
        "build_ts": "None",
        "version": member.version.name,
        "git_hash": member.version.git_hash,
        "start_timestamp": member.started_at,
    }
    if member.version.at_least(26):
        body["kernel_type"] = "Classic"
    return good(body)


async def version(member: Member, request: Request, params: Params) -> Response:
    return good({"version": member.version.name, "build_time": "", "hash": "", "branch": ""})


async def health(member: Member, request: Request, params: Params) -> Response:
    rows = [
        {
            "name": pd.name,
            "member_id": pd.member_id,
            "client_urls": [member.spec.client_url(pd)],
            "health": await probe(member, pd),
        }
        for pd in _sorted(member)
    ]
    return good(rows)


async def probe(member: Member, pd: PdSpec) -> bool:
    """Does the member answer /ping within 3 s; ourselves we need not ask."""
    if pd.name == member.me.name:
        return True
    # The hop header keeps an old version's member from forwarding the probe to the leader.
    url = f"{member.spec.client_url(pd)}/pd/api/v1/ping"
    try:
        limit = member.pace.span(PROBE_S, 0.3)
        answer = await member.client.call(
            "GET", url, headers={"X-Twin-Probe": "1"}, timeout_s=limit
        )
    except (WireError, TimeoutError):
        return False
    return answer.status == 200


async def members(member: Member, request: Request, params: Params) -> Response:
    leader = _full(member, member.me)
    return good(
        {
            "header": {"cluster_id": member.spec.cluster_id},
            "members": [_full(member, pd) for pd in _sorted(member)],
            "leader": leader,
            "etcd_leader": leader,
        }
    )


async def leader(member: Member, request: Request, params: Params) -> Response:
    return good(_brief(member, member.me))


async def hand_over(member: Member) -> bool:
    """Give the lead to any other member that is well."""
    others = [pd for pd in member.election.members if pd.name != member.me.name]
    for pd in random.sample(others, len(others)):
        if await probe(member, pd) and await member.election.hand_over(pd.name):
            return True
    return False


async def resign(member: Member, request: Request, params: Params) -> Response:
    if await hand_over(member):
        return good("The resign command is submitted.")
    return bad(500, "no valid pd to transfer leadership")


async def transfer(member: Member, request: Request, params: Params) -> Response:
    names = [pd.name for pd in member.election.members]
    if params["name"] not in names:
        return bad(500, f"not found, pd: {params['name']}")
    if params["name"] != member.me.name and not await member.election.hand_over(params["name"]):
        return bad(500, "transfer leader failed")
    return good("The transfer command is submitted.")


async def set_member(member: Member, request: Request, params: Params) -> Response:
    name = params["name"]
    if name not in [pd.name for pd in member.election.members]:
        return bad(404, f"not found, pd: {name}")
    asked = object_of(request)
    if "leader-priority" not in asked:
        return bad(400, "unknown property")
    try:
        priority = int(asked["leader-priority"])
    except (TypeError, ValueError):
        return bad(400, "bad format leader priority")
    member.document["members"].setdefault(name, {})["leader-priority"] = priority
    await member.commit()
    return good("The leader priority is updated.")


async def delete_by_name(member: Member, request: Request, params: Params) -> Response:
    return await _delete(
        member, [p for p in member.election.members if p.name == params["name"]], params["name"]
    )


async def delete_by_id(member: Member, request: Request, params: Params) -> Response:
    member_id = uint(params["id"])
    found = [p for p in member.election.members if p.member_id == member_id]
    return await _delete(member, found, str(member_id))


async def _delete(member: Member, found: list[PdSpec], asked: str) -> Response:
    if not found:
        return bad(404, f"not found, pd: {asked}")
    if len(member.election.members) == 1:
        return bad(500, "etcdserver: re-configuration failed due to not enough started members")
    name = found[0].name
    if name == member.me.name:
        await hand_over(member)
        return bad(500, "the leader was asked to leave and has resigned first; ask again")
    await member.election.announce_removal(name)
    return good(f"removed, pd: {name}")


async def ready(member: Member, request: Request, params: Params) -> Response:
    return Response(200)


async def livez(member: Member, request: Request, params: Params) -> Response:
    return Response(200, b"ok\n", TEXT)


async def readyz(member: Member, request: Request, params: Params) -> Response:
    checks = (
        "etcd-data-corruption",
        "etcd-linearizable-read",
        "etcd-non-learner",
        "etcd-serializable-read",
        "leader-promotion",
    )
    known = member.election.is_leader() or member.election.redirect_to() is not None
    bad_ones = () if known else ("etcd-linearizable-read", "leader-promotion")
    rows = [
        f"[{'-' if c in bad_ones else '+'}]{c} {'failed' if c in bad_ones else 'ok'}"
        for c in checks
    ]
    rows = rows if "verbose" in request.query or bad_ones else []
    end = "ok" if known else "readyz check failed"
    return Response(200 if known else 503, ("\n".join([*rows, end]) + "\n").encode(), TEXT)


async def keyspaces(member: Member, request: Request, params: Params) -> Response:
    created = member.document["bootstrapped_ns"] // 10**9
    row = {"id": 0, "name": "DEFAULT", "state": "ENABLED", "created_at": created}
    row["state_changed_at"] = created
    body = json.dumps({"keyspaces": [row], "next_page_token": ""}, indent=4)
    return Response(200, body.encode(), "application/json; charset=utf-8")  # gin, not the renderer


ROUTES = (
    route("GET", "/ping", ping, local=True, booted=False),
    route("GET", "/status", status, local=True, booted=False),
    route("GET", "/version", version, local=True, booted=False),
    route("GET", "/health", health, local=True, booted=False),
    route("GET", "/members", members, booted=False),
    route("POST", "/members/name/{name}", set_member, booted=False),
    route("DELETE", "/members/name/{name}", delete_by_name, booted=False),
    route("DELETE", "/members/id/{id}", delete_by_id, booted=False),
    route("GET", "/leader", leader, booted=False),
    route("POST", "/leader/resign", resign, booted=False),
    route("POST", "/leader/transfer/{name}", transfer, booted=False),
    route("GET", "/pd/api/v2/ready", ready, local=True, booted=False, since=(8, 5)),
    route("GET", "/pd/api/v2/livez", livez, local=True, booted=False, since=(26,)),
    route("GET", "/pd/api/v2/readyz", readyz, local=True, booted=False, since=(26,)),
    route("GET", "/pd/api/v2/keyspaces", keyspaces, since=(7,)),
)
