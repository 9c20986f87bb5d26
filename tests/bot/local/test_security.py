"""No other site may drive the workspace: Host, Origin, secret, JSON, and the page's headers."""

from __future__ import annotations

import aiohttp
import pytest


@pytest.fixture
def secret(server):
    return {"X-Local-Secret": server.secret}


async def status(http, method, url, **how):
    async with http.request(method, url, **how) as answer:
        return answer.status


@pytest.mark.parametrize(
    "path", ["/", "/local/state", "/local/live", "/api/auth.test", "/static/x.js"]
)
async def test_a_name_that_was_rebound_to_us_is_refused(http, server, secret, path):
    headers = secret | {"Host": f"evil.example:{server.url.rpartition(':')[2]}"}
    assert await status(http, "GET", server.url + path, headers=headers) == 403


async def test_our_own_names_pass(http, server, secret):
    port = server.url.rpartition(":")[2]
    for name in ("127.0.0.1", "localhost", "[::1]"):
        headers = secret | {"Host": f"{name}:{port}"}
        assert await status(http, "GET", f"{server.url}/local/state", headers=headers) == 200


async def test_another_port_on_this_machine_is_another_site(http, server, secret):
    headers = secret | {"Host": "127.0.0.1:1"}
    assert await status(http, "GET", f"{server.url}/local/state", headers=headers) == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"]
)
@pytest.mark.parametrize("path", ["/local/act/message", "/api/chat.postMessage", "/response/x"])
async def test_another_sites_origin_is_refused(http, server, secret, origin, path):
    headers = secret | {"Origin": origin}
    assert await status(http, "POST", server.url + path, headers=headers, json={}) == 403


async def test_our_own_origin_passes(http, server, secret):
    headers = secret | {"Origin": server.url}
    assert await status(http, "GET", f"{server.url}/local/state", headers=headers) == 200


@pytest.mark.parametrize("given", [{}, {"X-Local-Secret": ""}, {"X-Local-Secret": "guess"}])
async def test_the_control_api_needs_the_secret_of_this_start(http, server, given):
    for path in ("/local/state", "/local/log", "/local/faults", "/local/act/message"):
        assert await status(http, "GET", server.url + path, headers=given) == 403
    assert (
        await status(http, "POST", f"{server.url}/local/act/message", headers=given, json={}) == 403
    )


async def test_a_form_cannot_act(http, server, secret, ws):
    for data, kind in (
        ('{"user":"ben","channel":"#ops","text":"x"}', "text/plain"),
        ("user=ben&channel=%23ops&text=x", "application/x-www-form-urlencoded"),
    ):
        headers = secret | {"Content-Type": kind}
        url = f"{server.url}/local/act/message"
        assert await status(http, "POST", url, headers=headers, data=data) == 415
    assert ws.posts("#ops") == []


async def test_the_live_socket_refuses_another_origin(http, server):
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(f"{server.url}/local/live", headers={"Origin": "http://evil.example"})
    assert caught.value.status == 403


@pytest.mark.parametrize("said", ['{"secret": "guess"}', "{}", "not json", "[1]", '{"secret": 1}'])
async def test_the_live_socket_closes_on_a_wrong_secret(http, server, ws, said):
    async with http.ws_connect(f"{server.url}/local/live") as websocket:
        await websocket.send_str(said)
        assert (await websocket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert websocket.close_code == 4403
    assert not ws.state.news.watched


async def test_pages_carry_a_strict_policy(http, server, secret):
    for path in ("/", "/local/state", "/static/nothing.js"):
        async with http.get(server.url + path, headers=secret) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "unsafe" not in policy


async def test_only_the_loopback_is_bound(server):
    assert server.url.startswith("http://127.0.0.1:")
    assert [a[0] for a in server._runner.addresses] == ["127.0.0.1"]
