"""The Docker client against an engine that is scripted over a real Unix socket."""

from __future__ import annotations

import asyncio
import json
import struct

import pytest

from core.clients.docker import DockerClient
from core.clients.failures import Kind, SourceFailed
from core.clients.logs import ContainerLog
from core.clock import ManualClock, SystemClock
from core.errors import NotFound, Unavailable
from tests.stub_http import HANG, Response, StubServer, _Connection, as_json

INSPECT = {
    "Id": "abc123",
    "Name": "/p-tikv0-1",
    "RestartCount": 2,
    "State": {
        "Status": "exited",
        "ExitCode": 137,
        "OOMKilled": True,
        "Pid": 0,
        "StartedAt": "2026-11-21T09:00:00.5Z",
        "FinishedAt": "2026-11-21T09:33:16.113881826Z",
        "Health": {"Status": "unhealthy"},
    },
    "Config": {
        "Image": "pingcap/tikv:v8.5.7",
        "Tty": False,
        "Labels": {"com.docker.compose.project": "p", "com.docker.compose.service": "tikv0"},
    },
    "HostConfig": {"RestartPolicy": {"Name": "on-failure"}},
    "NetworkSettings": {
        "Networks": {"p_default": {"IPAddress": "172.18.0.4", "Aliases": ["tikv0", "abc123"]}},
        "Ports": {"20180/tcp": [{"HostIp": "0.0.0.0", "HostPort": "30180"}], "20160/tcp": None},
    },
}


class Engine:
    def __init__(self, path):
        self.path = path
        self.events: list[bytes] = []
        self.logs = b""
        self.stub = StubServer(self.handle)

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_unix_server(lambda: _Connection(self.stub), self.path)
        return self

    async def __aexit__(self, *_):
        for one in list(self.stub.open):
            one.transport.abort()
        self.server.close()
        await self.server.wait_closed()

    def handle(self, request):
        path = request.path
        if path.endswith("/version"):
            return as_json({"ApiVersion": "1.41", "Version": "20.10.24"})
        if path.endswith("/containers/json"):
            return as_json([{"Id": "abc123"}, {"Id": "gone"}])
        if path.endswith("/containers/abc123/json"):
            return as_json(INSPECT)
        if path.endswith("/logs"):
            frame = struct.pack(">BxxxL", 1, len(self.logs)) + self.logs
            kind = "application/vnd.docker.raw-stream"
            return Response(200, frame, kind)
        if path.endswith("/events"):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            chunks = [b"%x\r\n%b\r\n" % (len(one), one) for one in self.events]
            return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(chunks)
        return as_json({"message": "No such container: x"}, 404)


@pytest.fixture
async def engine(tmp_path):
    async with Engine(str(tmp_path / "d.sock")) as one:
        yield one


@pytest.fixture
async def docker(engine):
    client = DockerClient(SystemClock(), f"unix://{engine.path}")
    yield client
    await client.close()


async def test_a_container_is_read_whole(docker):
    assert await docker.ping() == "20.10.24"
    found = await docker.container("abc123")
    assert (found.name, found.status, found.exit_code) == ("p-tikv0-1", "exited", 137)
    assert found.oom_killed
    assert not found.running
    assert (found.project, found.service, found.restart_count) == ("p", "tikv0", 2)
    assert found.finished_at.microsecond == 113881
    assert found.ports == {"20180/tcp": (30180,)}
    assert found.networks["p_default"].ip == "172.18.0.4"


@pytest.mark.parametrize(
    ("host", "same"),
    [("tikv0", True), ("p-tikv0-1", True), ("172.18.0.4", True), ("tikv", False), ("", False)],
)
async def test_a_store_is_matched_by_a_whole_name_and_never_by_a_part_of_it(docker, host, same):
    assert (await docker.container("abc123")).goes_by(host) is same


async def test_a_container_that_went_meanwhile_is_left_out_of_the_list(docker):
    assert [one.id for one in await docker.containers(label="a=b")] == ["abc123"]


async def test_an_unknown_container_is_not_found(docker):
    with pytest.raises(NotFound, match="no container nope"):
        await docker.container("nope")


async def test_events_come_typed_and_the_end_of_the_stream_is_told(docker, engine):
    attributes = {"name": "p-tikv0-1", "exitCode": "137", "com.docker.compose.service": "tikv0"}
    die = {
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": "abc123", "Attributes": attributes},
        "time": 1795253596,
        "timeNano": 1795253596113881826,
    }
    health = {"Type": "container", "Action": "health_status: unhealthy", "Actor": {"ID": "abc123"}}
    other = {"Type": "image", "Action": "pull", "Actor": {}}
    cut = {
        "Type": "network",
        "Action": "disconnect",
        "Actor": {"ID": "n1", "Attributes": {"container": "abc123"}},
    }
    engine.events = [json.dumps(one).encode() for one in (die, other, health, cut)] + [b""]
    stream = docker.events()
    found = [await anext(stream) for _ in range(3)]
    with pytest.raises(SourceFailed, match="stream ended"):
        await anext(stream)
    assert [one.action for one in found] == ["die", "health_status: unhealthy", "disconnect"]
    assert (found[0].exit_code, found[0].id) == (137, "abc123")
    assert found[0].at == pytest.approx(1795253596.113881)
    assert found[2].id == "abc123"


async def test_leaving_the_stream_of_events_ends_it(docker, engine):
    engine.events = [json.dumps({"Type": "container", "Action": "start", "Actor": {}}).encode()]
    stream = docker.events()
    assert (await anext(stream)).action == "start"
    await stream.aclose()


async def test_the_tail_of_its_output_is_a_log_source(docker, engine):
    engine.logs = b"[2026/11/21 09:33:16.113 +00:00] [ERROR] [a.rs:1] [boom] [k=v]\nraw\n"
    found = await ContainerLog(docker, "abc123").tail(10)
    assert [one.message for one in found.lines] == ["boom", "raw"]
    asked = next(one for one in engine.stub.requests if one.path.endswith("/logs"))
    assert asked.query["tail"] == ["10"]
    assert asked.query["follow"] == ["0"]  # else it would wait for more until the limit
    raw, cut = await docker.logs_tail("abc123", 10, max_bytes=5)
    assert (raw, cut) == (b"\nraw\n", True)


async def test_an_engine_that_fails_or_hangs_is_unavailable(engine):
    clock = ManualClock()
    docker = DockerClient(clock, f"unix://{engine.path}")
    assert await docker.ping()
    engine.stub.answer = as_json({"message": "the daemon is tired"}, 500)
    with pytest.raises(SourceFailed, match="tired"):
        await docker.ping()
    engine.stub.answer = HANG
    asked = asyncio.ensure_future(docker.ping())
    while not clock.sleepers:
        await asyncio.sleep(0)
    await clock.advance(5.1)
    with pytest.raises(SourceFailed) as caught:
        await asked
    assert caught.value.kind is Kind.TIMEOUT
    for one in list(engine.stub.open):
        one.transport.abort()
    await docker.close()


async def test_without_a_socket_it_says_that_there_is_none(tmp_path):
    docker = DockerClient(SystemClock(), f"unix://{tmp_path}/none.sock")
    with pytest.raises(Unavailable, match="no such socket"):
        await docker.ping()
    await docker.close()
