"""The Web API's front door: request shapes, tokens, scopes, rate limits, faults, the log."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.cast import Config, Limits
from bot.local.server import LocalServer
from bot.local.workspace import Workspace


async def called(http, server, method, headers=None, **how):
    headers = {"Authorization": f"Bearer {server.bot_token}"} | (headers or {})
    async with http.post(server.api_url + method, headers=headers, **how) as answer:
        return await answer.json()


async def test_json_form_query_and_multipart_all_arrive(http, server, ws):
    args = {"channel": "#ops", "text": "x"}
    multipart = aiohttp.FormData(args, default_to_multipart=True)
    for how in ({"json": args}, {"data": args}, {"params": args}, {"data": multipart}):
        assert (await called(http, server, "chat.postMessage", **how))["ok"], how
    assert len(ws.posts("#ops")) == 4


async def test_form_bodies_carry_blocks_as_json_in_a_string(http, server, ws, make):
    """As the Node SDK sends them (slack.md 3.4)."""
    data = {"channel": "#ops", "text": "x", "blocks": json.dumps(make.blocks())}
    assert (await called(http, server, "chat.postMessage", data=data))["ok"]
    assert ws.posts("#ops")[0].blocks[0]["type"] == "section"


async def test_a_get_with_a_query_works(http, server, ws):
    headers = {"Authorization": f"Bearer {server.bot_token}"}
    params = {"channel": ws.channel("#ops").id}
    url = f"{server.api_url}conversations.history"
    async with http.get(url, headers=headers, params=params) as answer:
        assert (await answer.json())["messages"] == []


@pytest.mark.parametrize(("token", "error"), [("", "not_authed"), ("xoxb-wrong", "invalid_auth")])
async def test_a_missing_or_wrong_token_is_refused(http, server, token, error):
    async with http.post(f"{server.api_url}auth.test", data={"token": token}) as answer:
        assert (await answer.json())["error"] == error


async def test_an_app_token_is_of_the_wrong_type_for_methods(http, server):
    headers = {"Authorization": f"Bearer {server.app_token}"}
    answer = await called(http, server, "auth.test", headers)
    assert answer["error"] == "not_allowed_token_type"


async def test_a_revoked_token_says_so(http, server, ws):
    ws.state.token_error = "token_revoked"
    assert (await called(http, server, "auth.test"))["error"] == "token_revoked"


async def test_an_unknown_method_is_named(http, server):
    answer = await called(http, server, "chat.shout")
    assert (answer["error"], answer["req_method"]) == ("unknown_method", "chat.shout")


async def test_a_missing_scope_names_what_is_needed_and_provided(http):
    manifest = {"oauth_config": {"scopes": {"bot": ["chat:write", "commands"]}}}
    async with LocalServer(Workspace(Config(manifest=manifest))) as server:
        answer = await called(http, server, "users.list")
    assert answer == {
        "ok": False,
        "error": "missing_scope",
        "needed": "users:read",
        "provided": "chat:write,commands",
    }


async def test_a_missing_argument_is_named(http, server):
    answer = await called(http, server, "chat.update", data={"text": "x"})
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == ["[ERROR] missing required field: channel"]


async def test_a_body_that_is_not_json_is_refused(http, server):
    headers = {"Content-Type": "application/json"}
    for body in ("{", "[1]", '"x"'):
        answer = await called(http, server, "chat.postMessage", headers, data=body)
        assert answer["error"] == "invalid_json"


async def test_an_oversized_body_is_refused(http):
    async with LocalServer(Workspace(Config(max_body_bytes=1000))) as server:
        data = {"channel": "#ops", "text": "x" * 2000, "token": server.bot_token}
        async with http.post(f"{server.api_url}chat.postMessage", data=data) as answer:
            assert answer.status == 413


async def test_the_scopes_are_told_in_a_header(http, server, ws):
    headers = {"Authorization": f"Bearer {server.bot_token}"}
    async with http.post(f"{server.api_url}auth.test", headers=headers) as answer:
        assert set(answer.headers["X-OAuth-Scopes"].split(",")) == ws.state.scopes


# --- rate limits --------------------------------------------------------------------------------
async def test_posts_are_limited_to_one_a_second_after_a_short_burst(http, clock):
    ws = Workspace(Config(limits=Limits(post_burst=3)), clock)
    async with LocalServer(ws) as server:
        post = {"data": {"channel": ws.channel("#ops").id, "text": "x"}}
        answers = [await called(http, server, "chat.postMessage", **post) for _ in range(4)]
        assert [a["ok"] for a in answers] == [True, True, True, False]
        assert answers[-1]["error"] == "ratelimited"
        elsewhere = {"data": {"channel": ws.channel("#storage-alerts").id, "text": "x"}}
        assert (await called(http, server, "chat.postMessage", **elsewhere))["ok"]
        await clock.advance(1)
        assert (await called(http, server, "chat.postMessage", **post))["ok"]
        assert not (await called(http, server, "chat.postMessage", **post))["ok"]
    assert len(ws.posts("#ops")) == 4


async def test_edits_are_tier_three_for_the_whole_workspace(http, clock):
    ws = Workspace(Config(), clock)
    async with LocalServer(ws) as server:
        ops = ws.channel("#ops").id
        data = {"channel": ops, "text": "x", "ts": "1.1"}
        errors = [
            (await called(http, server, "chat.update", data=data))["error"] for _ in range(51)
        ]
    assert errors[:50] == ["message_not_found"] * 50
    assert errors[50] == "ratelimited"


async def test_slack_sdks_own_handler_waits_out_a_429(server, ws, http):
    ws.fault("chat.postMessage", "429", retry_after=1)
    client = AsyncWebClient(
        token=server.bot_token,
        base_url=server.api_url,
        session=http,
        retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=1)],
    )
    assert (await client.chat_postMessage(channel="#ops", text="x"))["ok"]
    assert [c.status for c in ws.calls("chat.postMessage")] == [429, 200]


# --- faults -------------------------------------------------------------------------------------
async def test_a_429_carries_retry_after_and_has_no_effect(client, ws):
    ws.fault("chat.postMessage", "429", retry_after=30)
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="#ops", text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "30"
    assert ws.posts("#ops") == []


@pytest.mark.parametrize(("fault", "status"), [("500", 500), ("502", 502), ("503", 503)])
async def test_server_errors_have_no_effect(http, server, ws, fault, status):
    ws.fault("*", fault, times=2)
    for _ in range(2):
        data = {"channel": "#ops", "text": "x", "token": server.bot_token}
        async with http.post(f"{server.api_url}chat.postMessage", data=data) as answer:
            assert answer.status == status
    assert ws.posts("#ops") == []
    assert ws.faults.armed == []


@pytest.mark.parametrize("fault", ["html", "empty", "truncated"])
async def test_a_200_that_is_no_answer(http, server, ws, fault):
    ws.fault("chat.postMessage", fault)
    data = {"channel": "#ops", "text": "x", "token": server.bot_token}
    async with http.post(f"{server.api_url}chat.postMessage", data=data) as answer:
        raw = await answer.text()
        assert answer.status == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(raw)


@pytest.mark.parametrize(("fault", "posted"), [("reset_before", 0), ("reset_after", 1)])
async def test_a_reset_before_or_after_the_effect(server, ws, http, fault, posted):
    ws.fault("chat.postMessage", fault)
    data = {"channel": "#ops", "text": "x", "token": server.bot_token}
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.post(f"{server.api_url}chat.postMessage", data=data)
    [call] = ws.calls("chat.postMessage")
    assert (call.fault, call.effect, call.ok) == (fault, bool(posted), False)
    assert len(ws.posts("#ops")) == posted


@pytest.mark.parametrize(("fault", "posted"), [("hang", 0), ("hang_after", 1)])
async def test_a_hanging_call_is_never_answered(server, ws, http, fault, posted):
    ws.fault("chat.postMessage", fault)
    data = {"channel": "#ops", "text": "x", "token": server.bot_token}
    request = asyncio.ensure_future(http.post(f"{server.api_url}chat.postMessage", data=data))
    await ws.until(lambda: ws.calls("chat.postMessage") and ws.calls()[0].fault)
    assert len(ws.posts("#ops")) == posted
    assert not request.done()
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)


async def test_a_slow_call_waits_on_the_clock(still_server, still, still_client, clock):
    still.fault("chat.postMessage", "slow", seconds=30)
    request = asyncio.ensure_future(still_client.chat_postMessage(channel="#ops", text="x"))
    await still.until(lambda: still.calls("chat.postMessage") and still.calls()[0].fault)
    assert still.posts("#ops") == []
    await clock.advance(30)
    assert (await request)["ok"]


async def test_a_late_effect_lands_after_its_answer_was_lost(still_server, still, http, clock):
    still.fault("chat.postMessage", "late", seconds=2)
    data = {"channel": "#ops", "text": "x", "token": still_server.bot_token}
    with pytest.raises(aiohttp.ClientConnectionError):
        await http.post(f"{still_server.api_url}chat.postMessage", data=data)
    assert still.posts("#ops") == []
    await clock.advance(2)
    assert [m.text for m in still.posts("#ops")] == ["x"]
    assert still.calls("chat.postMessage")[0].effect


async def test_a_fault_may_be_for_one_channel_and_one_method(client, ws):
    ws.fault("chat.postMessage", "error", error="is_archived", channel="#ops")
    await client.auth_test()
    await client.chat_postMessage(channel=ws.channel("#storage-alerts").id, text="x")
    with pytest.raises(SlackApiError, match="is_archived"):
        await client.chat_postMessage(channel=ws.channel("#ops").id, text="x")


def test_an_impossible_fault_is_refused(ws):
    with pytest.raises(ValueError, match="has no fault"):
        ws.fault("socket", "429")
    with pytest.raises(ValueError, match="times"):
        ws.fault("*", "500", times=0)


async def test_the_log_keeps_calls_with_times_and_without_tokens(client, ws):
    await client.chat_postMessage(channel=ws.channel("#ops").id, text="x")
    with pytest.raises(SlackApiError):
        await client.chat_update(channel=ws.channel("#ops").id, ts="1.1", text="x")
    post, edit = ws.calls()
    assert (post.method, post.ok, post.effect, post.channel) == (
        "chat.postMessage",
        True,
        True,
        ws.channel("#ops").id,
    )
    assert post.answer["ts"] == ws.posts("#ops")[0].ts
    assert (edit.error, edit.effect) == ("message_not_found", False)
    assert post.at <= edit.at
    assert "xoxb" not in repr((post, edit))


# --- hostile input ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "body",
    [
        b'{"channel": "#ops", "text": ' + b"[" * 100_000,
        b'{"channel": "#ops", "text": "x", "blocks": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"channel": "#ops", "text": "\\ud800 half"}',
        b'{"channel": "#ops", "text": "\\u0000 nul"}',
        b'{"channel": "#ops", "text": NaN}',
        b'{"channel": "#ops", "text": {"a": 1}}',
        b'{"channel": ["#ops"], "text": "x"}',
        b'{"channel": "#ops", "text": "x", "metadata": "\\ud800"}',
        b'{"channel": "#ops", "text": "x", "thread_ts": {}}',
        b'{"channel": "#ops", "text": "x", "blocks": [{"type": "image", "slack_file": 1}]}',
        b"\xff\xfe{}",
        b"",
    ],
)
async def test_no_body_is_worth_a_500(http, server, ws, client, body):
    headers = {"Authorization": f"Bearer {server.bot_token}", "Content-Type": "application/json"}
    url = f"{server.api_url}chat.postMessage"
    async with http.post(url, headers=headers, data=body) as answer:
        assert answer.status == 200
        json.loads(await answer.text())
    await client.conversations_history(channel=ws.channel("#ops").id, include_all_metadata=True)


@pytest.mark.parametrize("limit", ["many", "1e400", "-5", "99999999999999999999999"])
async def test_odd_numbers_are_refused_or_clamped(http, server, ws, limit):
    params = {"channel": ws.channel("#ops").id, "limit": limit, "token": server.bot_token}
    async with http.get(f"{server.api_url}conversations.history", params=params) as answer:
        assert (await answer.json()).get("error") in (None, "invalid_arguments")
