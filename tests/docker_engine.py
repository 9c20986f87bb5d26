"""A Docker engine that is scripted: containers with a state, over a real Unix socket.

`lies` maps a part of a path to what is answered there: an HTTP status, with "done" or "not done";
200 with "not done" says yes and does nothing, 500 with "done" says no and does it.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.stub_http import RESET, Request, Response, StubServer, _Connection, as_json

STARTED = "2026-11-21T09:00:00.123456789Z"
LATER = "2026-11-21T10:00:00.5Z"
ID = "ab" * 32


def container(**wanted: Any) -> dict[str, Any]:
    """One that runs, on one network, as compose would have made it."""
    usual = {
        "Id": ID,
        "Name": "/p-kv1-1",
        "State": {"Status": "running", "StartedAt": STARTED, "Pid": 0, "Paused": False},
        "Config": {
            "Labels": {
                "com.docker.compose.project": "p",
                "com.docker.compose.service": "kv1",
                "tocsin.chaos": "allow",
            }
        },
        "HostConfig": {"NetworkMode": "front", "RestartPolicy": {"Name": "no"}},
        "NetworkSettings": {
            "Networks": {
                "front": {
                    "NetworkID": "n1",
                    "Aliases": ["kv1", ID[:12]],
                    "IPAddress": "10.0.0.3",
                    "IPAMConfig": None,
                }
            },
            "Ports": {},
        },
        "Mounts": [],
    }
    return {**usual, **wanted}


class FakeEngine:
    """Engine API 1.41, as much of it as experiments use."""

    def __init__(self, path: str, *containers: dict[str, Any]) -> None:
        self.path = path
        self.containers = {one["Id"]: one for one in containers or (container(),)}
        self.events: list[dict[str, Any]] = []
        self.lies: dict[str, tuple[int, str]] = {}
        self.asked: list[Request] = []
        self.stub = StubServer(self._handle)

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    @property
    def changes(self) -> list[str]:
        """What was asked for beside reading, without the version."""
        return [one.path.removeprefix("/v1.41") for one in self.asked if one.method == "POST"]

    async def __aenter__(self) -> FakeEngine:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(lambda: _Connection(self.stub), self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in list(self.stub.open):
            one.transport.abort()
        self.server.close()
        await self.server.wait_closed()

    def _handle(self, request: Request) -> Any:
        self.asked.append(request)
        lie = next((v for part, v in self.lies.items() if part in request.path), None)
        if lie is not None and lie[1] == "not done":
            return RESET if lie[0] == 0 else as_json({"message": "so it says"}, lie[0])
        answer = self._answer(request)
        if lie is None:
            return answer
        return RESET if lie[0] == 0 else as_json({"message": "so it says"}, lie[0])

    def _answer(self, request: Request) -> Any:
        parts = request.path.strip("/").split("/")
        parts = parts[1:] if parts[0].startswith("v1") else parts
        match parts:
            case ["version"]:
                return as_json({"ApiVersion": "1.41", "Version": "20.10.24"})
            case ["info"]:
                return as_json({"ID": "E1", "SystemTime": LATER})
            case ["events"]:
                return Response(
                    200, b"".join(json.dumps(one).encode() + b"\n" for one in self.events)
                )
            case ["containers", "json"]:
                return as_json([{"Id": ident} for ident in self.containers])
            case ["networks", ident]:
                return as_json({"Id": ident})
            case ["networks", ident, verb]:
                return self._network(ident, verb, request.json)
            case ["containers", ident, verb]:
                return self._container(ident, verb, request)
        return as_json({"message": f"page not found: {request.path}"}, 404)

    def _container(self, ident: str, verb: str, request: Request) -> Response:
        one = self.containers.get(ident)
        if one is None:
            return as_json({"message": f"No such container: {ident}"}, 404)
        status = one["State"]["Status"]
        if verb == "json":
            return as_json(one)
        if verb == "update":
            one["HostConfig"] |= {key: value for key, value in request.json.items() if value}
            return as_json({"Warnings": None})
        wanted = {"pause": "running", "unpause": "paused", "kill": "running", "start": "exited"}
        if verb in wanted and status != wanted[verb]:
            return as_json({"message": f"Container {ident} is {status}"}, 409)
        becomes = {"pause": "paused", "unpause": "running", "kill": "exited", "stop": "exited"}
        one["State"]["Status"] = becomes.get(verb, "running")
        if verb in ("start", "restart"):
            one["State"]["StartedAt"] = LATER
        return Response(204, b"")

    def _network(self, ident: str, verb: str, body: Any) -> Response:
        one = self.containers[body["Container"]]
        networks = one["NetworkSettings"]["Networks"]
        if verb == "disconnect":
            networks.pop("front", None)
        else:
            made = {"NetworkID": ident, "IPAddress": "10.0.0.3", **body["EndpointConfig"]}
            networks["front"] = made
        return Response(200, b"")
