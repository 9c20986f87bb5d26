"""TiKV's status server: probes, metrics, configuration, and the twin's switches."""

from __future__ import annotations

import json
import re
from typing import Any

from core.twin.clock import sleep
from core.twin.store.node import Node, answer
from core.twin.store.switches import Switches
from core.twin.wire import Request, Response


class StatusPort:
    """Answers on the status port of one store."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def serve(self, request: Request) -> Response | None:
        """TiKV's status server, and the twin's switches below /twin/."""
        if request.path.startswith("/twin/"):
            return self._twin(request)
        while self._node.switches.hang_status:
            if request.gone():
                return None
            await sleep(0.1)
        method = "GET" if request.method == "HEAD" else request.method
        return self._status(method, request)

    def _status(self, method: str, request: Request) -> Response:
        path = request.path
        if method == "GET" and path == "/status":
            return Response(200)
        if method == "GET" and path == "/metrics":
            return self._node.metrics.response()
        if method == "GET" and path == "/config":
            return answer(self._config())
        if method == "GET" and path == "/engine_type":
            return Response(200, b"raft-kv", "text/plain")
        if method == "GET" and path == "/ready" and self._node.version.at_least(26):
            return self._ready(request)
        if method == "PUT" and path in ("/pause_grpc", "/resume_grpc"):
            return self._grpc(path == "/pause_grpc")
        found = re.fullmatch(r"/region/(\d+)", path)
        if method == "GET" and found:
            return self._region(int(found[1]))
        return Response(404, b"path not found", "text/plain")

    def _grpc(self, pause: bool) -> Response:
        self._node.switches = self._node.switches.changed({"pause_grpc": pause})
        word = "pause" if pause else "resume"
        self._node.log.info("mod.rs:560", f"{word} grpc service")
        return Response(200, f"Successfully {word} grpc service".encode(), "text/plain")

    def _ready(self, request: Request) -> Response:
        caught_up = not self._node.raft.orphans()
        body = b""
        if "verbose" in request.query:
            body = json.dumps({"is_busy": self._node.switches.is_busy, "ready": caught_up}).encode()
        return Response(200 if caught_up else 500, body, "application/json")

    def _region(self, region_id: int) -> Response:
        region = self._node.raft.regions.get(region_id)
        if region is None:
            return Response(404, b"", "text/plain")
        return answer(
            {
                "id": region.id,
                "role": "Leader" if region.leader == self._node.me.id else "Follower",
                "term": region.term,
                "peers": list(region.peers),
            }
        )

    def _config(self) -> dict[str, Any]:
        host = self._node.spec.host
        return {
            "log": {"level": "info", "format": "text"},
            "server": {
                "addr": f"{host}:{self._node.me.port}",
                "advertise-addr": f"{host}:{self._node.me.port}",
                "status-addr": f"{host}:{self._node.me.status_port}",
                "labels": dict(self._node.me.labels),
                "graceful-shutdown-timeout": "20s",
            },
            "storage": {"reserve-space": "5GiB", "block-cache": {"capacity": "1GiB"}},
            "raftstore": {
                "capacity": "100GiB",
                "pd-heartbeat-tick-interval": "1m",
                "pd-store-heartbeat-tick-interval": "10s",
                "raft-base-tick-interval": "1s",
                "raft-election-timeout-ticks": 10,
                "max-peer-down-duration": "10m",
            },
            "pd": {"endpoints": [self._node.spec.client_url(pd) for pd in self._node.spec.pds]},
        }

    def _twin(self, request: Request) -> Response:
        if request.path != "/twin/switch":
            return Response(404)
        if request.method == "GET":
            return answer(self._node.switches.to_json())
        if request.method not in ("PUT", "DELETE") or "x-twin" not in request.headers:
            return Response(403, b"changes need PUT or DELETE with an X-Twin header", "text/plain")
        try:
            fresh = Switches(qps=self._node.switches.qps, mix=self._node.switches.mix)
            if request.method == "PUT":
                fresh = self._node.switches.changed(json.loads(request.body))
        except (ValueError, AttributeError) as error:
            return Response(400, str(error).encode(), "text/plain")
        if fresh.drop_heartbeats != self._node.switches.drop_heartbeats:
            self._node.beat_now()
        self._node.metrics.tick()  # what was served until now was served as it was
        self._node.switches = fresh
        return answer(fresh.to_json())
