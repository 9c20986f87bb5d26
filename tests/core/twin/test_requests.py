"""Broken, hostile and unusual requests to a twin: refused in PD's words, and nothing is changed."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from core.twin.cluster import Layout

API = "/pd/api/v1"


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """One cluster for all tests of this file: none of them changes anything."""
    folder = tmp_path_factory.mktemp("requests") / "twin"
    made = Layout(folder, pds=1, speed=20, regions=6, tie_to=os.getpid())
    asyncio.run(made.up())
    yield made
    asyncio.run(made.down())


async def say(twin, payload, port=None):
    """Raw bytes to the client port; what came back before the end of the connection."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port or twin.spec.pds[0].client_port
    )
    writer.write(payload)
    writer.write_eof()
    data = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return data


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"GET /pd/api/v1/ping HTTP/1.1\r\nbroken header\r\n\r\n",
        b"GET /pd/api/v1/ping HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET /pd/api/v1/ping HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /pd/api/v1/config HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000,
        b"POST /twin/heartbeat HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /twin/heartbeat HTTP/1.1\r\nContent-Length: 1\r\n\r\n{",
    ],
)
async def test_a_malformed_request_ends_its_connection_alone(world, twin, payload):
    answer = await say(twin, payload)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert (await world.ask(f"{twin.pd_urls[0]}{API}/ping"))[0] == 200


async def test_chunked_bodies_head_and_old_http_are_understood(twin):
    body = b'{"leader-schedule-limit": 4}'
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = b"POST /pd/api/v1/config HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b"The config is updated." in await say(twin, head + chunked)
    answer = await say(twin, b"HEAD /pd/api/v1/version HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n")
    answer = await say(twin, b"GET /pd/api/v1/ping HTTP/1.0\r\n\r\n")
    assert b"Connection: close" in answer


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/config", {"max-store-down-time": "soon"}, 400, "invalid duration"),
        ("POST", "/config", {"leader-schedule-limit": -1}, 400, "cannot unmarshal"),
        ("POST", "/config", {"leader-schedule-limit": True}, 400, "cannot unmarshal"),
        ("POST", "/config", {"schedule.nothing": 1}, 400, "not found"),
        ("POST", "/config", [], 400, "cannot unmarshal array"),
        ("POST", "/operators", {"name": "transfer-leader"}, 400, "missing store id"),
        ("POST", "/operators", {"name": "merge-region"}, 500, "does not carry out"),
        ("POST", "/schedulers", {"name": "evict-leader-scheduler"}, 400, "missing store id"),
        ("POST", "/schedulers", {"name": "evict-leader-scheduler", "store_id": 9}, 500, "store 9"),
        ("POST", "/schedulers", {"name": "nothing"}, 400, "unknown scheduler"),
        ("POST", "/schedulers/balance-leader-scheduler", {"delay": 1e300}, 400, "invalid pause"),
        ("POST", "/schedulers/balance-leader-scheduler", {}, 400, "missing pause time"),
        ("POST", "/checker/nothing", {"delay": 1}, 500, "checker not found"),
        ("POST", "/store/1/weight", {"leader": -1, "region": 1}, 400, "greater than or equal"),
        ("POST", "/store/1/limit", {"rate": 0}, 400, "greater than 0"),
        ("POST", "/store/1/label", {"engine": "tiflash"}, 400, "reserved"),
        ("POST", "/store/1/state?state=Sideways", None, 400, "invalid state"),
        ("GET", "/stores?state=7", None, 500, "unknown StoreState"),
        ("GET", "/stores/check?state=Sideways", None, 400, "unknown state"),
        ("GET", "/regions/writeflow?limit=many", None, 400, "invalid syntax"),
        ("GET", "/region/id/99999999999999999999999", None, 400, "invalid syntax"),
        ("POST", "/leader/transfer/nobody", None, 500, "not found, pd: nobody"),
        ("PATCH", "/stores", None, 405, ""),
        ("GET", "/twin", None, 404, "404 page not found"),
    ],
)
async def test_a_wrong_request_is_refused_in_words(world, twin, method, path, body, status, words):
    data = json.dumps(body) if body is not None else None
    got, _, text = await world.ask(f"{twin.pd_urls[0]}{API}{path}", method, data=data)
    assert (got, words in text) == (status, True), text


@pytest.mark.parametrize("text", ["NaN", "[" * 100_000, "", "{", "nul", '{"a":1}x', "\x00"])
async def test_a_body_that_is_no_json_changes_nothing(world, twin, text):
    url = f"{twin.pd_urls[0]}{API}"
    before = await world.get(f"{url}/config")
    status, _, _ = await world.ask(f"{url}/config", "POST", data=text.encode())
    assert status in (400, 500)
    assert await world.get(f"{url}/config") == before
