"""A real Bolt app against the workspace, over Socket Mode and over signed HTTP."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

CARD_BUTTON = {
    "type": "button",
    "action_id": "ack",
    "value": "ticket-1",
    "text": {"type": "plain_text", "text": "Acknowledge"},
}


def bolt(server, http):
    """An app with a command, a button, a modal and a mention, as Tocsin has them."""
    client = AsyncWebClient(token=server.bot_token, base_url=server.api_url, session=http)
    app = AsyncApp(client=client, signing_secret=server.signing_secret)
    seen: list = []

    @app.command("/tickets")
    async def tickets(ack, body, client):
        await ack(text=f"you asked: {body['text']}")
        seen.append(("command", body["text"]))
        blocks = [{"type": "actions", "block_id": "row", "elements": [CARD_BUTTON]}]
        await client.chat_postMessage(channel=body["channel_id"], text="card", blocks=blocks)

    @app.action("ack")
    async def pressed(ack, body, client, respond):
        await ack()
        seen.append(("action", body["actions"][0]["value"]))
        await respond(text="noted", response_type="ephemeral", replace_original=False)
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    @app.view("hold")
    async def held(ack, body, client):
        reason = body["view"]["state"]["values"]["why"]["reason"]["value"]
        if reason == "bad":
            await ack(response_action="errors", errors={"why": "say more"})
            return
        await ack()
        seen.append(("view", reason))

    @app.event("app_mention")
    async def mentioned(event, say):
        seen.append(("mention", event["text"]))
        await say(text="yes?", thread_ts=event["ts"])

    @app.event("message")
    async def heard(event):
        seen.append(("message", event.get("text")))

    return app, seen


MODAL = {
    "type": "modal",
    "callback_id": "hold",
    "title": {"type": "plain_text", "text": "Hold"},
    "submit": {"type": "plain_text", "text": "Hold"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "reason"},
        }
    ],
}


@pytest.fixture(params=["socket", "http"])
async def app(request, server, ws, http):
    """The same app by both ways of delivery."""
    made, seen = bolt(server, http)
    if request.param == "socket":
        handler = AsyncSocketModeHandler(made, server.app_token, ping_interval=3)
        await handler.connect_async()
        await ws.connected()
        yield seen
        await handler.close_async()
    else:
        runner = web.AppRunner(made.web_app(path="/slack/events"))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        ws.state.request_url = f"http://127.0.0.1:{port}/slack/events"
        yield seen
        await runner.cleanup()


async def test_a_command_is_answered_privately_and_posts_a_card(app, ws):
    delivery = await ws.settled(ws.acts.command("ben", "#ops", "/tickets", "list"))
    assert delivery.status == "acked"
    assert [m.text for m in ws.whispers("#ops", "ben")] == ["you asked: list"]
    await ws.until(lambda: [m.text for m in ws.posts("#ops")] == ["card"])


async def test_a_click_opens_a_modal_whose_errors_come_back(app, ws):
    await ws.settled(ws.acts.command("ben", "#ops", "/tickets"))
    [card] = await ws.until(lambda: ws.posts("#ops"))
    assert (await ws.settled(ws.acts.click("ben", "#ops", card.ts, "ack"))).status == "acked"
    view = await ws.until(lambda: ws.view("ben"))
    assert ("action", "ticket-1") in app
    await ws.until(lambda: [m.text for m in ws.whispers("#ops", "ben")][-1:] == ["noted"])
    await ws.settled(ws.acts.submit("ben", view["id"], {"reason": "bad"}))
    assert ws.view_errors(view["id"]) == {"why": "say more"}
    await ws.settled(ws.acts.submit("ben", view["id"], {"reason": "disk swap"}))
    assert ws.view("ben") is None
    await ws.until(lambda: ("view", "disk swap") in app)


async def test_a_mention_is_delivered_as_mention_and_as_message(app, ws):
    said = ws.acts.message("ben", "#ops", "@tocsin what now")
    await ws.until(lambda: [m.text for m in ws.replies("#ops", said.ts)] == ["yes?"])
    await ws.until(lambda: {kind for kind, _ in app} == {"mention", "message"})
    kinds = [d.payload["event"]["type"] for d in ws.deliveries.all if d.kind == "events_api"]
    assert sorted(kinds[:2]) == ["app_mention", "message"]


async def test_the_apps_own_message_is_echoed_and_dropped_by_bolt(app, ws):
    await ws.settled(ws.acts.command("ben", "#ops", "/tickets"))
    echo = await ws.until(
        lambda: next((d for d in ws.deliveries.all if d.kind == "events_api"), None)
    )
    await ws.settled(echo)
    assert echo.payload["event"]["bot_id"] == ws.state.bot_id
    assert echo.status == "acked"
    assert ("message", "card") not in app


async def test_an_unknown_action_shows_a_warning(app, ws, client, make):
    blocks = make.blocks(make.button("nobody_listens"))
    made = await client.chat_postMessage(channel="#ops", text="x", blocks=blocks)
    delivery = ws.acts.click("ben", "#ops", made["ts"], "nobody_listens")
    # Over HTTP the 404 says so at once; over a socket only the clock does.
    if ws.state.request_url:
        await ws.settled(delivery)
        assert (delivery.status, delivery.reason) == ("undelivered", "http_error")
    else:
        await ws.until(lambda: delivery.status == "undelivered", timeout_s=5)
        assert delivery.reason == "timeout"


async def test_a_duplicate_event_runs_the_listener_twice(app, ws):
    """Bolt does not deduplicate (slack.md 1.4): that is the app's own work."""
    ws.fault("http" if ws.state.request_url else "socket", "duplicate")
    ws.acts.message("ben", "#ops", "once")
    await ws.until(lambda: app.count(("message", "once")) == 2)


async def test_two_handlers_share_the_work_and_survive_a_refresh(server, ws, http):
    made, seen = bolt(server, http)
    handlers = [AsyncSocketModeHandler(made, server.app_token) for _ in range(2)]
    for handler in handlers:
        await handler.connect_async()
    await ws.connected(2)
    before = {c.number for c in ws.sockets.connections}
    ws.sockets.refresh()
    await ws.until(
        lambda: (
            ws.sockets.connected == 2 and not before & {c.number for c in ws.sockets.connections}
        )
    )
    for n in range(10):
        ws.acts.message("ben", "#ops", str(n))
    await ws.until(lambda: len(seen) == 10)
    for handler in handlers:
        await handler.close_async()


async def test_a_cut_socket_comes_back_by_itself(server, ws, http):
    made, _ = bolt(server, http)
    handler = AsyncSocketModeHandler(made, server.app_token, ping_interval=0.2)
    await handler.connect_async()
    await ws.connected()
    [first] = [c.number for c in ws.sockets.connections]
    ws.sockets.abort()
    await ws.until(lambda: any(c.number > first for c in ws.sockets.connections))
    await ws.settled(ws.acts.command("ben", "#ops", "/tickets", "again"))
    assert [m.text for m in ws.whispers("#ops", "ben")] == ["you asked: again"]
    await handler.close_async()


async def test_slack_sdk_stays_stuck_after_a_refused_handshake_until_its_ticket_is_dropped(
    server, ws, http
):
    """The fault that our watchdog exists for (slack.md 1.3), and its cure."""
    logging.getLogger("slack_bolt.AsyncApp").setLevel(logging.CRITICAL)
    made, _ = bolt(server, http)
    handler = AsyncSocketModeHandler(made, server.app_token, ping_interval=0.05)
    ws.fault("socket", "refuse_handshake")
    connecting = asyncio.ensure_future(handler.connect_async())
    await ws.until(lambda: ws.sockets.handshakes_refused >= 4)
    assert len(ws.calls("apps.connections.open")) == 1
    handler.client.wss_uri = None
    await ws.connected()
    await connecting
    await handler.close_async()
    gc.collect()
