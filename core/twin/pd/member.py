"""One PD member: takes requests, answers or forwards them, and leads when elected."""

from __future__ import annotations

import asyncio
import json
import signal
import traceback
from pathlib import Path
from typing import Any

from core.twin.clock import Pace, mono, sleep, wall_ns
from core.twin.log import Log
from core.twin.pd import (
    api_config,
    api_members,
    api_operators,
    api_regions,
    api_schedule,
    api_stores,
    metrics,
)
from core.twin.pd.cluster import Cluster
from core.twin.pd.config import Config
from core.twin.pd.election import Election
from core.twin.pd.operators import Operators
from core.twin.pd.push import Pusher
from core.twin.pd.router import (
    NOT_BOOTSTRAPPED,
    TEXT,
    BadInput,
    Route,
    bad,
    not_found,
    plain,
)
from core.twin.pd.schedule import STEP_S, Scheduler
from core.twin.spec import PdSpec, Spec
from core.twin.versions import parse
from core.twin.wire import Client, Request, Response, WireError

ROUTES: tuple[Route, ...] = (
    *api_members.ROUTES,
    *api_config.ROUTES,
    *api_stores.ROUTES,
    *api_regions.ROUTES,
    *api_schedule.ROUTES,
    *api_operators.ROUTES,
)
LEADER_WAIT_S = 3.0  # a follower waits so long for a leader before it answers 503
FORWARD_LIMIT_S = 600.0


class Member:
    """The whole of one PD process except its sockets."""

    def __init__(self, spec: Spec, me: PdSpec, folder: Path, log: Log) -> None:
        self.spec, self.me, self.log = spec, me, log
        self.version = parse(spec.version)
        self.pace = Pace(spec.speed)
        self.started_at = wall_ns() // 10**9
        self.election = Election(spec, me, self.pace, log, folder)
        self.config = Config(spec, self.version, self.election.document)
        self.cluster = Cluster(
            spec, self.version, self.pace, self.election.document, self.config, log
        )
        self.operators = Operators(self.pace, self.version)
        self.scheduler = Scheduler(spec, self.cluster, self.operators, self.pace, log)
        self.pusher = Pusher(spec, self.cluster, self.operators, self.pace)
        self.client = Client(spec.client_ssl)
        self.removing_from = 0
        self.metrics = metrics.Metrics(self)
        self.election.on_lead = self._lead

    @property
    def document(self) -> dict[str, Any]:
        """What PD keeps in etcd; `commit` after a change."""
        return self.election.document.value

    async def commit(self) -> None:
        """Bring changes to a majority of the members."""
        self.cluster.flush()
        await self.election.commit()

    def _lead(self) -> None:
        self.cluster.load()
        self.scheduler.load()

    # Loops ------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Elect, schedule and push until cancelled; returns when this member was removed."""
        loops = [asyncio.create_task(self.election.run()), asyncio.create_task(self._work())]
        try:
            while self.me in self.election.members:
                await sleep(0.2)
                for loop in loops:
                    if loop.done():
                        loop.result()
        finally:
            for loop in loops:
                loop.cancel()
        self.log.warn("server.go:520", "this member has been removed from the cluster")

    async def _work(self) -> None:
        step = self.pace.span(STEP_S, 0.1)
        due = 0.0
        while True:
            if self.election.is_leader():
                if mono() >= due:
                    due = mono() + step
                    await self._round()
                await self.pusher.push()
            self.metrics.tick()
            await sleep(min(step, 0.2))

    async def _round(self) -> None:
        dirty = self.scheduler.round()
        if self.cluster.flush() or dirty:
            await self.election.commit()
        await self._prefer()

    async def farewell(self, number: int) -> None:
        """SIGTERM: a leader hands over first, so that nobody waits for its lease to run out."""
        self.log.info("main.go:240", "Got signal to exit", signal=number)
        if number == signal.SIGTERM and self.election.is_leader():
            await api_members.hand_over(self)

    async def _prefer(self) -> None:
        """Hand the lead to a member of higher leader-priority, as etcd's leader is moved."""
        ranks = {n: row.get("leader-priority", 0) for n, row in self.document["members"].items()}
        mine = ranks.get(self.me.name, 0)
        better = [pd for pd in self.election.members if ranks.get(pd.name, 0) > mine]
        if better and await api_members.probe(self, better[0]):
            await self.election.hand_over(better[0].name)

    # Requests ---------------------------------------------------------------------------------
    async def serve(self, request: Request) -> Response | None:
        """Answer one request on the client port; None hangs up."""
        if request.path.startswith("/twin/"):
            return await self._twin(request)
        while not self.election.started.is_set():  # starting: accepts, never answers
            if request.gone():
                return None
            await sleep(0.05)
        if request.path == "/metrics":
            return self.metrics.response()
        return await self._api(request)

    async def _api(self, request: Request) -> Response | None:
        if not request.path.startswith("/pd/"):
            return not_found()
        route, params = self._match(request)
        forwards = route is None or not (route.local and self._answers_locally(request))
        if forwards and not self.election.is_leader():
            return await self._forward(request)
        if route is None:
            return self._unknown(request)
        if route.booted and not self.cluster.bootstrapped:
            return bad(500, NOT_BOOTSTRAPPED)
        try:
            return await route.handler(self, request, params)
        except BadInput as refused:
            return refused.response
        except Exception:  # noqa: BLE001 (Go recovers a handler's panic just so: 500 and a trace)
            trace = traceback.format_exc()
            self.log.warn("recovery.go:168", "panic in handler", path=request.path, trace=trace)
            return Response(500, f"PANIC: {trace}".encode(), TEXT)

    def _answers_locally(self, request: Request) -> bool:
        return self.version.local_probes or "x-twin-probe" in request.headers

    def _match(self, request: Request) -> tuple[Route | None, dict[str, str]]:
        method = "GET" if request.method == "HEAD" else request.method
        for route in ROUTES:
            if route.method == method and route.since <= self.version.number < route.until:
                found = route.pattern.match(request.path)
                if found:
                    return route, found.groupdict()
        return None, {}

    def _unknown(self, request: Request) -> Response:
        if request.path.startswith("/pd/api/v2"):
            return Response(404, b"404 page not found", "text/plain")
        known = any(
            route.pattern.match(request.path) and route.since <= self.version.number < route.until
            for route in ROUTES
        )
        return Response(405) if known else not_found()

    async def _forward(self, request: Request) -> Response | None:
        if "pd-redirector" in request.headers:
            text = "redirect to not leader"
            return plain(500, self.version.coded("PD:apiutil:ErrRedirectToNotLeader", text))
        target = await self._wait_for_leader(request)
        if self.election.is_leader():
            return await self._api(request)
        if target is None:
            old = "no leader"
            if self.version.local_probes:
                old = "[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader"
            return plain(503, old)
        return await self._relay(request, target)

    async def _wait_for_leader(self, request: Request) -> PdSpec | None:
        # Up to 7.5 a follower without a leader answers 503 at once (recorded).
        until = mono() + (self.pace.span(LEADER_WAIT_S) if self.version.local_probes else 0.0)
        while True:
            target = self.election.redirect_to()
            if target is not None or self.election.is_leader() or mono() > until:
                return target
            if request.gone():
                return None
            await sleep(min(0.1, self.pace.span(0.1)))

    async def _relay(self, request: Request, target: PdSpec) -> Response | None:
        keep = ("content-type", "x-caller-id", "component")
        headers = {name: value for name, value in request.headers.items() if name in keep}
        headers["PD-Redirector"] = self.me.name
        url = f"{self.spec.client_url(target)}{request.target}"
        call = asyncio.create_task(
            self.client.call(request.method, url, request.body, headers, FORWARD_LIMIT_S)
        )
        try:
            while not call.done():
                await asyncio.wait({call}, timeout=0.5)
                if request.gone():
                    return None
            answer = call.result()
        except (WireError, TimeoutError):
            return plain(500, self.version.coded("PD:apiutil:ErrRedirect", "redirect failed"))
        finally:
            call.cancel()
        kept = {"tidb-error-code", "x-content-type-options"}
        extra = {k.title(): v for k, v in answer.headers.items() if k in kept}
        return Response(answer.status, answer.body, answer.content_type, extra)

    # The twin's own routes --------------------------------------------------------------------
    async def _twin(self, request: Request) -> Response:
        verb = request.path.removeprefix("/twin/")
        if verb == "processes":
            return _json(
                {
                    "name": self.me.name,
                    "leader": self.election.is_leader(),
                    "known_leader": self.election.leader,
                    "term": self.election.term,
                }
            )
        if request.method != "POST" or verb != "heartbeat":
            return not_found()
        if not self.election.is_leader():
            return _json({"leader": self.election.leader}, 421)
        return await self._heartbeat(json.loads(request.body))

    async def _heartbeat(self, body: dict[str, Any]) -> Response:
        """A store's beat, its regions' reports, or both; tells the store what it must know."""
        accepted, persist = True, False
        if body.get("stats") is not None:
            accepted, persist = self.cluster.store_heartbeat(body["meta"], body["stats"])
        for row in body["regions"] if accepted else ():
            if self.cluster.region_heartbeat(row):
                self._note_move(row)
            region = self.cluster.regions.get(row["region"][0])
            if region is not None:
                self.operators.seen(region)
        if persist:
            await self.commit()
        return _json({"ok": accepted, "term": self.election.term})

    def _note_move(self, row: dict[str, Any]) -> None:
        region_id, leader = row["region"][0], row["region"][6]
        self.log.info("region.go:740", "leader changed", region_id=region_id, to=leader)


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode(), "application/json")
