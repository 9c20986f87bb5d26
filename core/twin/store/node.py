"""One store: raft, heartbeats to PD, the status port and the switches, in one process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.twin.clock import Pace, mono, sleep, wall_ns
from core.twin.log import Log
from core.twin.spec import FILE, Spec, StoreSpec, load
from core.twin.store import figures
from core.twin.store.metrics import Metrics
from core.twin.store.raft import Raft
from core.twin.store.switches import Switches
from core.twin.versions import parse
from core.twin.wire import Client, Request, Response, WireError

HEARTBEAT_S = 10.0  # pd-store-heartbeat-tick-interval
REGIONS_S = 60.0  # pd-heartbeat-tick-interval
GRACE_S = 20.0  # graceful-shutdown-timeout
SLOW_LOG_S = 10.0


class Node:
    """The whole of one store process except its sockets."""

    def __init__(self, spec: Spec, me: StoreSpec, folder: Path, log: Log) -> None:
        self._folder, self.me, self.log = folder, me, log
        self._spec = spec
        self.version = parse(spec.version)
        self.pace = Pace(spec.speed)
        self.started_at = wall_ns() // 10**9
        self.switches = Switches(qps=spec.qps)
        home = folder / me.name
        home.mkdir(mode=0o700, exist_ok=True)
        self.raft = Raft(lambda: self._spec, me, self.pace, log, home)
        self.raft.cut = lambda: self.switches.cut_peers or self.switches.pause_grpc
        self.model = figures.Model(spec, self.raft)
        self.metrics = Metrics(self)
        self.stopping = False
        self._client = Client(spec.client_ssl)
        self._pd = spec.pds[0].name if spec.pds else ""
        self._pd_term = -1
        self._pd_down = False
        self._next_beat = 0.0
        self._next_regions = 0.0

    @property
    def spec(self) -> Spec:
        return self._spec

    # Loops ------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Run until cancelled."""
        self.log.info("server.rs:330", "TiKV is ready to serve")
        async with asyncio.TaskGroup() as group:
            for loop in (self.raft.run(), self._report(), self._tick(), self._watch_layout()):
                group.create_task(loop)

    async def _tick(self) -> None:
        spoke = 0.0
        while True:
            self.metrics.tick()
            if self.switches.slow_score >= 80 and mono() - spoke > self.pace.span(SLOW_LOG_S):
                spoke = mono()
                self.log.warn(
                    "store.rs:905",
                    "[store 1] disk io slow",
                    slow_score=round(self.switches.slow_score),
                )
            await sleep(0.5)

    async def _watch_layout(self) -> None:
        """Stores that join later, and the load, are read from the layout when it changes."""
        path = self._folder / FILE
        stamp = path.stat().st_mtime_ns
        while True:
            await sleep(1.0)
            try:
                fresh = path.stat().st_mtime_ns
                if fresh != stamp:
                    stamp, self._spec = fresh, load(self._folder)
            except (OSError, ValueError):
                continue  # the folder is going away, or a write is half done

    async def _report(self) -> None:
        while True:
            now = mono()
            if now >= self._next_beat:
                self._next_beat = now + self.pace.span(HEARTBEAT_S, 0.1)
                await self._heartbeat()
            elif self.raft.moved:
                await self._send_regions()
            await sleep(min(0.1, self.pace.span(0.5, 0.02)))

    async def _heartbeat(self) -> None:
        everything = mono() >= self._next_regions
        regions = self._rows([r.id for r in self.raft.led()]) if everything else []
        stats = figures.stats(self.raft, self.model, self.switches, self.stopping)
        if not await self._tell_pd({"meta": self._meta(), "stats": stats, "regions": regions}):
            if self._pd_term < 0:  # not yet joined: ask again soon
                self._next_beat = mono() + self.pace.span(1.0, 0.05)
            return
        if everything:
            self._next_regions = mono() + self.pace.span(REGIONS_S)
            self.raft.moved.clear()

    async def _send_regions(self) -> None:
        moved = set(self.raft.moved)
        if await self._tell_pd({"stats": None, "regions": self._rows(list(moved))}):
            self.raft.moved -= moved
        else:
            await sleep(self.pace.span(1.0, 0.1))

    def _rows(self, ids: list[int]) -> list[dict[str, Any]]:
        led = {region.id: region for region in self.raft.led()}
        return [
            figures.report(self.raft, led[region_id], self.model, self.switches)
            for region_id in ids
            if region_id in led
        ]

    def _meta(self) -> dict[str, Any]:
        host = self._spec.host
        return {
            "id": self.me.id,
            "address": f"{host}:{self.me.port}",
            "status_address": f"{host}:{self.me.status_port}",
            "labels": [list(pair) for pair in self.me.labels],
            "version": self.version.store_version,
            "git_hash": "0" * 40,
            "start_timestamp": self.started_at,
            "deploy_path": "/opt/tikv/bin",
        }

    async def _tell_pd(self, body: dict[str, Any]) -> bool:
        """Send to PD's leader, asking the members in turn who that is."""
        if self.switches.drop_heartbeats:
            return False
        payload = json.dumps(body).encode()
        names = [self._pd, *(pd.name for pd in self._spec.pds if pd.name != self._pd)]
        for name in names:
            told = await self._tell(name, payload)
            if told is not None and told.status == 421:
                hint = json.loads(told.body)["leader"]
                told = await self._tell(hint, payload) if hint else None
                name = hint or name
            if told is not None and told.status == 200:
                self._welcome(name, json.loads(told.body))
                return True
        if not self._pd_down:
            self._pd_down = True
            self.log.error(
                "util.rs:460",
                "request failed, retry",
                err_code="KV:Pd:Grpc",
                err="Grpc(RpcFailure(RpcStatus { code: 14-UNAVAILABLE }))",
            )
        return False

    async def _tell(self, name: str, payload: bytes) -> Response | None:
        pd = next((pd for pd in self._spec.pds if pd.name == name), None)
        if pd is None:
            return None
        url = f"{self._spec.client_url(pd)}/twin/heartbeat"
        try:
            return await self._client.call("POST", url, payload, timeout_s=self.pace.span(2.0, 0.4))
        except (WireError, TimeoutError):
            return None

    def _welcome(self, name: str, answer: dict[str, Any]) -> None:
        if self._pd_down:
            self.log.info("util.rs:310", "connected to PD member", endpoints=name)
        self._pd, self._pd_down = name, False
        if answer["term"] != self._pd_term:
            self._pd_term = answer["term"]
            self._next_regions = 0.0  # a new leader knows no sizes: report all with the next beat
        if not answer["ok"]:
            self.log.error("pd.rs:1100", "store heartbeat failed", err="store is tombstone")

    def beat_now(self) -> None:
        """Do not wait for the next heartbeat's time."""
        self._next_beat = 0.0

    async def drain(self) -> None:
        """SIGTERM: tell PD that we are stopping and wait until our leaders have moved."""
        self.stopping = True
        if not self.version.at_least(8, 5):
            return
        until = mono() + self.pace.span(GRACE_S)
        await self._heartbeat()
        while self.raft.led() and mono() < until and not self._pd_down:
            await sleep(0.05)
        self.log.info("server.rs:1490", "evict leader done", left=len(self.raft.led()))

    # The address port (raft and PD's orders) --------------------------------------------------
    async def serve_raft(self, request: Request) -> Response | None:
        """Private routes that other stores and PD use; a cut store hangs up."""
        verb = request.path.removeprefix("/twin/")
        if request.method != "POST" or not request.path.startswith("/twin/"):
            return Response(404)
        body = json.loads(request.body)
        if verb == "operator":
            taken = not self.switches.drop_heartbeats and self.raft.order(body["action"])
            return answer({"ok": taken})
        if self.raft.cut():
            return None
        if verb == "transfer":
            return answer(await self.raft.on_transfer(body))
        routes: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "raft": self.raft.on_beat,
            "vote": self.raft.on_vote,
        }
        return answer(routes[verb](body)) if verb in routes else Response(404)


def answer(value: Any) -> Response:
    return Response(200, json.dumps(value).encode(), "application/json")
