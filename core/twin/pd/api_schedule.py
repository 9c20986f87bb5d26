"""PD's scheduling routes: schedulers and checkers, with their refusals."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from core.twin.clock import mono, wall_ns
from core.twin.golang import rfc3339
from core.twin.pd.router import (
    BadInput,
    bad,
    good,
    not_found,
    object_of,
    route,
)
from core.twin.pd.schedule import CHECKERS
from core.twin.wire import Request, Response

if TYPE_CHECKING:
    from core.twin.pd.member import Member

Params = dict[str, str]
MAX_DELAY_S = 10 * 366 * 86400
NO_SCHEDULER = "[PD:scheduler:ErrSchedulerNotFound]scheduler not found"


# Schedulers -----------------------------------------------------------------------------------
async def schedulers(member: Member, request: Request, params: Params) -> Response:
    scheduler, status = member.scheduler, request.arg("status")
    names = scheduler.names()
    if status == "paused":
        names = [name for name in names if scheduler.is_paused(name)]
        if "timestamp" in request.query:
            return good([_pause_row(member, name) for name in names])
    elif status == "disabled":
        names = []
    return good(names)


def _pause_row(member: Member, name: str) -> dict[str, str]:
    since, until = (ns // 10**9 * 10**9 for ns in member.scheduler.paused[name])
    return {"name": name, "paused_at": rfc3339(since), "resume_at": rfc3339(until)}


async def add_scheduler(member: Member, request: Request, params: Params) -> Response:
    asked = object_of(request)
    name = asked.get("name")
    if not isinstance(name, str):
        return bad(400, "missing scheduler name")
    if name in ("evict-leader-scheduler", "grant-leader-scheduler"):
        return await _add_store_scheduler(member, name.split("-")[0], asked)
    listed = member.scheduler.names()
    if name not in DEFAULTS:
        return bad(400, "unknown scheduler")
    if name in listed:
        return bad(500, "[PD:scheduler:ErrSchedulerExisted]scheduler existed")
    member.document["schedulers"] = [n for n in listed if n in DEFAULTS] + [name]
    await member.commit()
    return good("The scheduler is created.")


DEFAULTS = (
    "balance-leader-scheduler",
    "balance-region-scheduler",
    "balance-hot-region-scheduler",
    "evict-slow-store-scheduler",
    "evict-stopping-store-scheduler",
    "shuffle-leader-scheduler",
    "shuffle-region-scheduler",
    "label-scheduler",
    "split-bucket-scheduler",
)


async def _add_store_scheduler(member: Member, kind: str, asked: dict[str, Any]) -> Response:
    store_id = asked.get("store_id")
    if not isinstance(store_id, int | float) or isinstance(store_id, bool):
        return bad(400, "missing store id")
    sid = str(int(store_id))
    if sid not in member.cluster.stores:
        return bad(500, f"[PD:core:ErrStoreNotFound]store {sid} not found")
    kept = member.document[kind]
    if sid in kept:
        return good("The scheduler has been applied to the store.")
    kept[sid] = [{"end-key": "", "start-key": ""}]
    member.log.info(
        "handler.go:460", "create scheduler", name=f"{kind}-leader-scheduler", store=sid
    )
    await member.commit()
    return good("The scheduler is created.")


async def delete_scheduler(member: Member, request: Request, params: Params) -> Response:
    name = params["name"]
    found = re.fullmatch(r"(evict|grant)-leader-scheduler(?:-(\d+))?", name)
    if found and member.document[found[1]]:
        kept = member.document[found[1]]
        if found[2] is not None and found[2] not in kept:
            return good(None, 404)
        kept.clear() if found[2] is None else kept.pop(found[2])
    elif name in member.scheduler.names() and found is None:
        member.document["schedulers"] = [
            n for n in member.scheduler.names() if n != name and n in DEFAULTS
        ]
    else:
        return good(None, 404)
    member.scheduler.paused.pop(name, None)
    await member.commit()
    return good(None)


def _delay(member: Member, request: Request) -> float:
    delay = object_of(request).get("delay")
    if not isinstance(delay, int | float) or isinstance(delay, bool):
        raise BadInput(bad(400, "missing pause time"))
    if not 0 <= delay <= MAX_DELAY_S:
        raise BadInput(bad(400, "invalid pause time"))
    return member.pace.span(float(delay))


async def pause_scheduler(member: Member, request: Request, params: Params) -> Response:
    delay, name = _delay(member, request), params["name"]
    names = member.scheduler.names()
    targets = names if name == "all" else [name]
    if name != "all" and name not in names:
        return bad(500, NO_SCHEDULER)
    now = wall_ns()
    for target in targets:
        if delay > 0:
            member.scheduler.paused[target] = (now, now + round(delay * 1e9))
        else:
            member.scheduler.paused.pop(target, None)
    return good("Pause or resume the scheduler successfully.")


async def diagnostic(member: Member, request: Request, params: Params) -> Response:
    name = params["name"]
    if not member.version.at_least(7):
        return bad(500, "[PD:diagnostic:ErrDiagnosticDisabled]diagnostic is disabled")
    if name not in member.scheduler.names():
        return bad(500, NO_SCHEDULER)
    status = "paused" if member.scheduler.is_paused(name) else "normal"
    now = wall_ns() // 10**9
    return good({"name": name, "status": status, "summary": "", "timestamp": now})


async def scheduler_config(member: Member, request: Request, params: Params) -> Response:
    found = re.fullmatch(r"(evict|grant)-leader-scheduler", params["name"])
    if found is None or not member.document[found[1]]:
        return not_found()
    body: dict[str, Any] = {"store-id-ranges": member.document[found[1]]}
    if member.version.at_least(8):
        body["batch"] = 3
    return good(body)


# Checkers -------------------------------------------------------------------------------------
async def checker(member: Member, request: Request, params: Params) -> Response:
    if params["name"] not in CHECKERS:
        return bad(500, "[PD:checker:ErrCheckerNotFound]checker not found")
    return good({"paused": member.scheduler.checker_paused(params["name"])})


async def pause_checker(member: Member, request: Request, params: Params) -> Response:
    delay = _delay(member, request)
    if params["name"] not in CHECKERS:
        return bad(500, "[PD:checker:ErrCheckerNotFound]checker not found")
    member.scheduler.checkers_paused[params["name"]] = mono() + delay
    return good(f"{'Pause' if delay > 0 else 'Resume'} the checker successfully.")


ROUTES = (
    route("GET", "/schedulers", schedulers),
    route("POST", "/schedulers", add_scheduler),
    route("GET", "/schedulers/diagnostic/{name}", diagnostic),
    route("POST", "/schedulers/{name}", pause_scheduler),
    route("DELETE", "/schedulers/{name}", delete_scheduler),
    route("GET", "/scheduler-config/{name}/list", scheduler_config),
    route("GET", "/checker/{name}", checker),
    route("POST", "/checker/{name}", pause_checker),
)
