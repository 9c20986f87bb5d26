"""Socket Mode: tickets, connections, acknowledgements, retries, and everything that breaks."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from bot.local.cast import Config, Limits
from bot.local.server import LocalServer
from bot.local.workspace import Workspace


async def test_hello_names_the_app_and_the_number_of_connections(server, ws, connect):
    async with connect(server) as app:
        assert app.hello["type"] == "hello"
        assert app.hello["num_connections"] == 1
        assert app.hello["connection_info"] == {"app_id": ws.state.app_id}
        assert app.hello["debug_info"]["approximate_connection_time"] == 18060


async def test_a_ticket_works_once(server, http, client):
    opened = await client.apps_connections_open(app_token=server.app_token)
    async with http.ws_connect(opened["url"]) as websocket:
        await websocket.receive_json(timeout=5)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(opened["url"])


async def test_an_unknown_ticket_is_refused(server, http):
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(f"{server.url}/socket/nonsense")


async def test_a_refused_handshake_uses_up_its_ticket(server, ws, http, client):
    """The state in which slack_sdk 3.47 stays stuck for ever (slack.md 1.3)."""
    ws.fault("socket", "refuse_handshake")
    opened = await client.apps_connections_open(app_token=server.app_token)
    for _ in range(2):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(opened["url"])
    assert ws.sockets.handshakes_refused == 2


async def test_the_eleventh_connection_is_told_too_many_websockets(server, ws, http, client):
    sockets = []
    for _ in range(10):
        url = (await client.apps_connections_open(app_token=server.app_token))["url"]
        sockets.append(await http.ws_connect(url))
        await sockets[-1].receive_json(timeout=5)
    url = (await client.apps_connections_open(app_token=server.app_token))["url"]
    late = await http.ws_connect(url)
    goodbye = await late.receive_json(timeout=5)
    assert (goodbye["type"], goodbye["reason"]) == ("disconnect", "too_many_websockets")
    assert (await late.receive()).type is aiohttp.WSMsgType.CLOSE
    assert ws.sockets.connected == 10
    for socket in (*sockets, late):
        await socket.close()


async def test_each_payload_goes_to_one_of_two_connections(server, ws, connect):
    async with connect(server) as one, connect(server) as two:
        for text in ("1", "2", "3", "4"):
            ws.acts.command("ben", "#ops", "/tickets", text)
        heard = [(await app.hear())["payload"]["text"] for app in (one, two, one, two)]
        assert sorted(heard) == ["1", "2", "3", "4"]
        assert await one.silent()
        assert await two.silent()


async def test_a_command_has_slacks_payload(server, ws, connect):
    async with connect(server) as app:
        ws.acts.command("ben", "#ops", "/tickets", "show  a&b <c>")
        envelope = await app.hear()
    assert envelope["type"] == "slash_commands"
    assert envelope["accepts_response_payload"] is True
    payload = envelope["payload"]
    assert payload["command"] == "/tickets"
    assert payload["text"] == "show  a&b <c>"
    assert payload["user_id"] == ws.user("ben").id
    assert payload["user_name"] == "ben"
    assert payload["channel_id"] == ws.channel("#ops").id
    assert payload["channel_name"] == "ops"
    assert payload["team_id"] == ws.state.team_id
    assert payload["team_domain"] == "local"
    assert payload["api_app_id"] == ws.state.app_id
    assert payload["is_enterprise_install"] == "false"
    assert payload["response_url"].startswith(server.url)
    assert payload["trigger_id"]
    assert "thread_ts" not in payload


async def test_an_ack_with_a_payload_answers_the_command_privately(server, ws, connect):
    async with connect(server) as app:
        delivery = ws.acts.command("ben", "#ops", "/tickets", "list")
        await app.ack(await app.hear(), {"text": "nothing is broken"})
        await ws.settled(delivery)
    assert delivery.status == "acked"
    assert [m.text for m in ws.whispers("#ops", "ben")] == ["nothing is broken"]
    assert ws.whispers("#ops", "ana") == []
    assert ws.posts("#ops") == []


async def test_an_ack_may_answer_in_the_channel(server, ws, connect):
    async with connect(server) as app:
        delivery = ws.acts.command("ben", "#ops", "/tickets")
        await app.ack(await app.hear(), {"text": "for all", "response_type": "in_channel"})
        await ws.settled(delivery)
    assert [m.text for m in ws.posts("#ops")] == ["for all"]


async def test_a_bad_answer_shows_the_user_a_warning(server, ws, connect):
    news = ws.state.news.subscribe()
    async with connect(server) as app:
        delivery = ws.acts.command("ben", "#ops", "/tickets")
        await app.ack(await app.hear(), {"blocks": [{"type": "nonsense"}]})
        await ws.until(lambda: delivery.status == "undelivered")
    told = [news.queue.get_nowait() for _ in range(news.queue.qsize())]
    assert any(t["type"] == "undelivered" and "invalid_blocks" in t["text"] for t in told)


async def test_a_command_without_an_ack_warns_the_user_after_three_seconds(
    still, still_server, connect, clock
):
    news = still.state.news.subscribe()
    async with connect(still_server) as app:
        delivery = still.acts.command("ben", "#ops", "/tickets")
        envelope = await app.hear()
        await clock.advance(2.9)
        assert delivery.status == "waiting"
        await clock.advance(0.2)
        assert delivery.status == "undelivered"
        await app.ack(envelope)
        await still.until(lambda: still.deliveries.late_acks == 1)
        assert delivery.status == "undelivered"
    told = [news.queue.get_nowait() for _ in range(news.queue.qsize())]
    warning = next(t for t in told if t["type"] == "undelivered")
    assert warning["what"] == "command"
    assert warning["user"] == still.user("ben").id


async def test_without_a_connection_a_command_fails_at_once(ws, server):
    delivery = ws.acts.command("ben", "#ops", "/tickets")
    await ws.settled(delivery)
    assert (delivery.status, delivery.reason) == ("undelivered", "connection_failed")


async def test_an_event_is_retried_at_once_then_after_one_and_five_minutes(
    still, still_server, connect, clock
):
    async with connect(still_server) as app:
        still.acts.message("ben", "#ops", "hello")
        first = await app.hear()
        assert (first["retry_attempt"], first["retry_reason"]) == (0, "")
        await clock.advance(3.1)
        second = await app.hear()
        await clock.advance(3.1)
        assert await app.silent()
        await clock.advance(60)
        third = await app.hear()
        await clock.advance(3.1 + 300)
        fourth = await app.hear()
        await clock.advance(1000)
        assert await app.silent()
    retries = [second, third, fourth]
    assert [r["retry_attempt"] for r in retries] == [1, 2, 3]
    assert {r["retry_reason"] for r in retries} == {"timeout"}
    assert len({r["envelope_id"] for r in (first, *retries)}) == 4
    assert len({r["payload"]["event_id"] for r in (first, *retries)}) == 1
    assert still.deliveries.all[0].status == "dropped"


async def test_an_acknowledged_event_is_not_repeated(still, still_server, connect, clock):
    async with connect(still_server) as app:
        still.acts.message("ben", "#ops", "hello")
        await app.ack(await app.hear())
        await still.until(lambda: still.deliveries.all[0].status == "acked")
        await clock.advance(400)
        assert await app.silent()


async def test_an_ack_counts_over_another_connection(server, ws, connect):
    async with connect(server) as one, connect(server) as two:
        delivery = ws.acts.command("ben", "#ops", "/tickets")
        asked = {asyncio.ensure_future(app.websocket.receive_json()): app for app in (one, two)}
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        heard = done.pop()
        other = two if asked[heard] is one else one
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await other.ack(heard.result())
        await ws.settled(delivery)
    assert delivery.status == "acked"


async def test_a_duplicate_has_a_new_envelope_and_the_same_payload(server, ws, connect):
    ws.fault("socket", "duplicate")
    async with connect(server) as app:
        delivery = ws.acts.message("ben", "#ops", "hello") and ws.deliveries.all[-1]
        one, two = await app.hear(), await app.hear()
        assert one["envelope_id"] != two["envelope_id"]
        assert one["payload"] == two["payload"]
        assert two["retry_attempt"] == 1
        await app.ack(one)
        await app.ack(two)
        await ws.until(lambda: delivery.acks == 2)
        assert delivery.status == "acked"


async def test_a_late_delivery_arrives_after_its_seconds(still, still_server, connect, clock):
    still.fault("socket", "late", seconds=30)
    async with connect(still_server) as app:
        delivery = still.acts.command("ben", "#ops", "/tickets")
        assert await app.silent()
        await clock.advance(30)
        await app.ack(await app.hear())
        await still.settled(delivery)
        assert delivery.status == "acked"


async def test_a_half_open_connection_swallows_everything(still, still_server, connect, clock):
    async with connect(still_server) as app:
        assert still.sockets.hang() == 1
        await app.websocket.ping()
        delivery = still.acts.command("ben", "#ops", "/tickets")
        assert await app.silent()
        await clock.advance(3.1)
        assert delivery.status == "undelivered"
        assert not app.websocket.closed


async def test_refresh_asks_to_reconnect_and_prefers_other_connections(server, ws, connect):
    async with connect(server) as old, connect(server) as new:
        assert ws.sockets.refresh(count=1) == 1
        goodbye = await old.hear()
        assert (goodbye["type"], goodbye["reason"]) == ("disconnect", "refresh_requested")
        ws.acts.command("ben", "#ops", "/tickets", "1")
        ws.acts.command("ben", "#ops", "/tickets", "2")
        assert [(await new.hear())["payload"]["text"] for _ in range(2)] == ["1", "2"]


async def test_the_last_connection_still_hears_while_it_is_asked_to_go(server, ws, connect):
    async with connect(server) as app:
        ws.sockets.refresh()
        await app.hear()
        delivery = ws.acts.command("ben", "#ops", "/tickets")
        await app.ack(await app.hear())
        assert (await ws.settled(delivery)).status == "acked"


async def test_a_cut_connection_leaves_the_count(server, ws, connect):
    async with connect(server) as app:
        await ws.connected()
        ws.sockets.abort()
        await ws.until(lambda: ws.sockets.connected == 0)
        assert (await app.websocket.receive()).type is not aiohttp.WSMsgType.TEXT


async def test_pings_are_answered(server, connect):
    async with connect(server) as app:
        await app.websocket.ping(b"sdk-ping-pong:1")
        # aiohttp answers pongs by itself; a living connection still hears a text after it.
        await app.websocket.send_str("not json")
        assert await app.silent()
        assert not app.websocket.closed


async def test_a_wrong_or_missing_app_token_gets_no_ticket(server, http):
    for header, error in (
        ({}, "not_authed"),
        ({"Authorization": "Bearer xapp-wrong"}, "invalid_auth"),
        ({"Authorization": f"Bearer {server.bot_token}"}, "not_allowed_token_type"),
    ):
        async with http.post(f"{server.api_url}apps.connections.open", headers=header) as answer:
            assert (await answer.json())["error"] == error


async def test_opening_connections_is_rate_limited_like_tier_three(http):
    limits = Limits(methods={"apps.connections.open": 2})
    async with LocalServer(Workspace(Config(seed=1, limits=limits))) as server:
        headers = {"Authorization": f"Bearer {server.app_token}"}
        statuses = []
        for _ in range(3):
            url = f"{server.api_url}apps.connections.open"
            async with http.post(url, headers=headers) as answer:
                statuses.append((answer.status, answer.headers.get("Retry-After")))
    assert statuses == [(200, None), (200, None), (429, "30")]


async def test_a_delivery_can_be_repeated_at_any_time(server, ws, connect):
    async with connect(server) as app:
        delivery = ws.acts.command("ben", "#ops", "/tickets")
        await app.ack(first := await app.hear())
        await ws.settled(delivery)
        assert ws.deliveries.repeat(delivery)
        again = await app.hear()
    assert again["envelope_id"] != first["envelope_id"]
    assert again["payload"]["trigger_id"] == first["payload"]["trigger_id"]
    assert again["retry_attempt"] == 1
