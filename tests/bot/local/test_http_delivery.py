"""Signed HTTP delivery: signatures, forms, retries, and the checks of a request URL."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier


class Receiver:
    """An app's request URL that answers as it is told."""

    def __init__(self):
        self.requests = []
        self.answer = lambda: web.Response()

    async def handle(self, request):
        body = await request.read()
        self.requests.append((dict(request.headers), body, request.content_type))
        answer = self.answer()
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
async def receiver(still, still_server):
    got = Receiver()
    app = web.Application()
    app.router.add_post("/slack/events", got.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    still.state.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield got
    await runner.cleanup()


class At:
    """slack_sdk's verifier on the workspace's clock."""

    def __init__(self, still):
        self._still = still

    def now(self):
        return self._still.state.now_s()


async def test_every_request_is_signed(still, receiver):
    still.acts.message("ben", "#ops", "grüße")
    await still.until(lambda: receiver.requests)
    headers, body, kind = receiver.requests[0]
    verifier = SignatureVerifier(still.state.signing_secret, At(still))
    assert verifier.is_valid_request(body, headers)
    assert not verifier.is_valid_request(body + b" ", headers)
    assert kind == "application/json"
    assert json.loads(body)["event"]["text"] == "grüße"


async def test_a_command_is_a_form_whose_answer_is_shown(still, receiver):
    receiver.answer = lambda: web.json_response({"text": "ok then"})
    delivery = await still.settled(still.acts.command("ben", "#ops", "/tickets", "a=b&c"))
    _, body, kind = receiver.requests[0]
    assert kind == "application/x-www-form-urlencoded"
    assert parse_qs(body.decode())["text"] == ["a=b&c"]
    assert delivery.status == "acked"
    assert [m.text for m in still.whispers("#ops", "ben")] == ["ok then"]


async def test_a_plain_text_answer_is_shown_too(still, receiver):
    receiver.answer = lambda: web.Response(text="plain")
    await still.settled(still.acts.command("ben", "#ops", "/tickets"))
    assert [m.text for m in still.whispers("#ops", "ben")] == ["plain"]


async def test_an_interaction_is_json_in_a_form(still, receiver, make):
    view = still.views.open(still.user("ben").id, make.modal("why"))
    await still.settled(still.acts.submit("ben", view["id"], {"why": {"value": "x"}}))
    payload = json.loads(parse_qs(receiver.requests[0][1].decode())["payload"][0])
    assert payload["type"] == "view_submission"
    assert payload["view"]["state"]["values"]["why"]["value"]["value"] == "x"


async def test_a_failed_event_is_retried_with_its_number_and_reason(still, receiver, clock):
    receiver.answer = lambda: web.Response(status=500)
    still.acts.message("ben", "#ops", "hello")
    for count, wait in ((2, 0), (3, 60), (4, 300)):
        await clock.advance(wait)
        await still.until(lambda n=count: len(receiver.requests) == n)
    told = [
        (h.get("X-Slack-Retry-Num"), h.get("X-Slack-Retry-Reason")) for h, _, _ in receiver.requests
    ]
    assert told == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    await still.until(lambda: still.deliveries.all[0].status == "dropped")


async def test_no_retry_is_honoured(still, receiver):
    receiver.answer = lambda: web.Response(status=503, headers={"X-Slack-No-Retry": "1"})
    still.acts.message("ben", "#ops", "hello")
    await still.until(lambda: still.deliveries.all[0].status == "dropped")
    assert len(receiver.requests) == 1


async def test_an_answer_after_three_seconds_is_too_late(still, receiver, clock):
    gate = asyncio.Event()

    async def slow():
        await gate.wait()
        return web.json_response({"text": "too late"})

    receiver.answer = slow
    delivery = still.acts.command("ben", "#ops", "/tickets")
    await clock.advance(3.1)
    await still.settled(delivery)
    assert (delivery.status, delivery.reason) == ("undelivered", "timeout")
    gate.set()
    await still.until(lambda: still.deliveries.late_acks == 1)
    assert still.whispers("#ops", "ben") == []


async def test_nobody_listening_is_a_connection_failure(still, still_server):
    still.state.request_url = "http://127.0.0.1:9/slack/events"
    delivery = await still.settled(still.acts.command("ben", "#ops", "/tickets"))
    assert (delivery.status, delivery.reason) == ("undelivered", "connection_failed")


async def test_a_request_url_must_return_the_challenge(still, receiver):
    assert await still.http.verify_url() is False
    receiver.answer = lambda: web.Response(text=json.loads(receiver.requests[-1][1])["challenge"])
    assert await still.http.verify_url() is True


async def test_the_certificate_check_is_a_form(still, receiver):
    assert await still.http.ssl_check() == 200
    assert parse_qs(receiver.requests[0][1].decode())["ssl_check"] == ["1"]
