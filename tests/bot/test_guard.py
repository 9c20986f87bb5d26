"""What is let through to the app in HTTP mode, and with which answer the rest is turned away."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from bot.guard import MAX_BODY, PATH, Guard
from core.clock import ManualClock
from core.metrics import Metrics

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
FORM = "application/x-www-form-urlencoded"


class Answer:
    """What Bolt answers with."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.body = "taken"
        self.headers: dict[str, list[str]] = {}

    def first_headers_without_set_cookie(self) -> dict[str, str]:
        return {}

    def cookies(self) -> list[Any]:
        return []


class App:
    """Stands where Bolt does, and counts what reaches it."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.status = 200

    async def async_dispatch(self, request: Any) -> Answer:
        self.bodies.append(request.body)
        return Answer(self.status)


class Caller:
    """Calls the guard over HTTP."""

    def __init__(self, app: App, clock: ManualClock, url: str) -> None:
        self.app = app
        self.clock = clock
        self._url = url
        self._session = aiohttp.ClientSession()

    async def close(self) -> None:
        await self._session.close()

    def signed(self, body: bytes, at: str | None = None) -> dict[str, str]:
        stamp = str(int(self.clock.now().timestamp())) if at is None else at
        mac = hmac.new(SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
        return {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={mac.hexdigest()}",
            "Content-Type": FORM,
        }

    async def post(self, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str]:
        sent = self.signed(body) if headers is None else headers
        async with self._session.post(self._url, data=body, headers=sent) as answer:
            return answer.status, answer.headers.get("X-Slack-No-Retry", "")


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    app, clock = App(), ManualClock()
    guard = Guard(app, SECRET, clock, Metrics())  # type: ignore[arg-type]  # only dispatch is used
    served = web.Application()
    served.add_routes(guard.routes())
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = Caller(app, clock, f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}")
    yield made
    await made.close()
    await runner.cleanup()


COMMAND = urlencode({"command": "/tickets", "text": "list", "trigger_id": "1"}).encode()


async def test_a_signed_command_is_let_through(caller: Caller) -> None:
    assert await caller.post(COMMAND) == (200, "")
    assert len(caller.app.bodies) == 1


async def test_the_same_request_again_is_turned_away(caller: Caller) -> None:
    headers = caller.signed(COMMAND)
    await caller.post(COMMAND, headers)
    assert await caller.post(COMMAND, headers) == (401, "1")
    await caller.clock.advance(250)
    assert await caller.post(COMMAND, headers) == (401, "1")
    assert len(caller.app.bodies) == 1


async def test_what_failed_here_may_be_repeated_at_once(caller: Caller) -> None:
    headers = caller.signed(COMMAND)
    caller.app.status = 500
    assert (await caller.post(COMMAND, headers))[0] == 500
    caller.app.status = 200
    assert (await caller.post(COMMAND, headers))[0] == 200


async def test_old_and_future_requests_are_turned_away(caller: Caller) -> None:
    now = int(caller.clock.now().timestamp())
    for skew, status in ((-301, 401), (301, 401), (-299, 200), (299, 200)):
        assert (await caller.post(COMMAND, caller.signed(COMMAND, str(now + skew))))[0] == status


@pytest.mark.parametrize(
    ("timestamp", "signature"),
    [
        ("", ""),
        ("soon", "v0=" + "0" * 64),
        ("9" * 5000, "v0=" + "0" * 64),
        ("-1", "v0=" + "0" * 64),
        ("1.5", "v0=" + "0" * 64),
        ("NOW", "v0=" + "0" * 63),
        ("NOW", "v0=" + "G" * 64),
        ("NOW", "v1=" + "0" * 64),
        ("NOW", "v0=\u00e9" + "0" * 63),
        ("NOW", "v0=" + "0" * 64),
        ("\u0661\u0662", "v0=" + "0" * 64),
    ],
)
async def test_forged_and_malformed_headers_are_401_and_never_500(
    caller: Caller, timestamp: str, signature: str
) -> None:
    stamp = timestamp.replace("NOW", str(int(caller.clock.now().timestamp())))
    headers = {"Content-Type": FORM}
    if timestamp:
        headers |= {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
    assert await caller.post(COMMAND, headers) == (401, "1")
    assert caller.app.bodies == []


async def test_a_body_that_was_tampered_with_is_turned_away(caller: Caller) -> None:
    assert await caller.post(COMMAND + b"&x=1", caller.signed(COMMAND)) == (401, "1")


async def test_an_unsigned_ssl_check_is_turned_away_and_a_signed_one_answered(
    caller: Caller,
) -> None:
    body = b"ssl_check=1&token=x"
    assert (await caller.post(body, {"Content-Type": FORM}))[0] == 401
    assert (await caller.post(body))[0] == 200
    assert caller.app.bodies == []


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"payload=%7B", FORM, 400),
        (b"hello=1", FORM, 400),
        (b"", FORM, 400),
        (COMMAND, "text/plain", 415),
        (json.dumps({"type": "app_rate_limited"}).encode(), "application/json", 200),
    ],
)
async def test_what_cannot_be_read_is_said_so(
    caller: Caller, body: bytes, kind: str, status: int
) -> None:
    headers = caller.signed(body) | {"Content-Type": kind}
    assert (await caller.post(body, headers))[0] == status
    assert caller.app.bodies == []


async def test_a_huge_body_is_not_read(caller: Caller) -> None:
    body = b"x" * (MAX_BODY + 1)
    assert await caller.post(body) == (413, "1")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    headers = caller.signed(b"x")
    async with caller._session.post(caller._url, data=chunks(), headers=headers) as answer:
        assert answer.status == 413


async def test_a_guard_without_a_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="signing secret"):
        Guard(App(), "", ManualClock(), Metrics())  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"type": 5},
        {"type": "block_actions"},
        {"type": "block_actions", "actions": []},
        {"type": "block_actions", "actions": [7]},
        {"type": "block_actions", "actions": [{}], "user": "U1"},
        {"type": "block_actions", "actions": [{}], "user": {"id": 7}},
        {"type": "block_actions", "actions": [{"selected_option": "x"}]},
        {"type": "view_submission", "view": "V1"},
        {"type": "view_submission", "view": {"state": {"values": []}}},
        {"type": "event_callback", "event": {"type": ["x"]}},
        {"type": "event_callback", "event": {"type": "x"}, "authorizations": [1]},
    ],
)
async def test_a_misshapen_payload_is_a_400_and_not_a_failure_of_ours(
    caller: Caller, payload: dict[str, Any]
) -> None:
    assert await caller.post(urlencode({"payload": json.dumps(payload)}).encode()) == (400, "1")
    assert caller.app.bodies == []


async def test_a_payload_of_a_kind_yet_unknown_is_let_through(caller: Caller) -> None:
    new = {"type": "hologram", "user": None, "view": {"state": None}, "actions": [{"x": 1}]}
    assert (await caller.post(urlencode({"payload": json.dumps(new)}).encode()))[0] == 200
