"""The library's own promises: seeds, waiting, names, the cast, limits, and an honest end."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import pytest

import bot.local
from bot.local.cast import BOT_EVENTS, ChannelSpec, Config, Limits, UserSpec
from bot.local.server import LocalServer
from bot.local.state import UnknownName
from bot.local.workspace import Workspace
from core.clock import ManualClock as ProductClock


def test_the_same_seed_makes_the_same_ids_and_no_seed_does_not():
    def names(config):
        ws = Workspace(config)
        return [*ws.state.users, *ws.state.channels, ws.state.bot_token, ws.state.secret]

    assert names(Config(seed=3)) == names(Config(seed=3))
    assert names(Config(seed=3)) != names(Config(seed=4))
    assert set(names(Config())).isdisjoint(names(Config()))


def test_the_default_cast_has_people_of_every_standing(ws):
    assert ws.user("ana").is_admin
    assert ws.user("ana").is_owner
    assert not ws.user("chloe").is_admin
    assert ws.user("gus").is_restricted
    assert ws.user("dora").deleted
    assert ws.user("fritz").team_id != ws.state.team_id
    assert ws.user("deploybot").is_bot
    app = ws.state.bot_user_id
    homes = {c.name: app in c.members for c in ws.state.channels.values()}
    assert homes == {"storage-alerts": True, "ops": True, "random": False}


def test_another_cast_can_be_given():
    config = Config(
        people=(UserSpec("zoe", "Zoe"),), channels=(ChannelSpec("x", ("zoe",)),), groups=()
    )
    ws = Workspace(config)
    assert ws.channel("#x").members == [ws.user("zoe").id]


def test_unknown_names_say_so(ws):
    with pytest.raises(UnknownName, match="no user 'nobody'"):
        ws.user("nobody")
    with pytest.raises(UnknownName, match="no channel '#nowhere'"):
        ws.channel("#nowhere")


def test_a_manifest_decides_scopes_events_and_commands():
    manifest = {
        "oauth_config": {"scopes": {"bot": ["chat:write"]}},
        "settings": {"event_subscriptions": {"bot_events": ["app_mention"]}},
        "features": {"slash_commands": [{"command": "/tickets", "description": "d"}]},
    }
    state = Workspace(Config(manifest=manifest)).state
    assert state.scopes == {"chat:write"}
    assert state.events == {"app_mention"}
    assert state.commands == [{"command": "/tickets", "description": "d", "usage_hint": ""}]
    assert Workspace().state.events == frozenset(BOT_EVENTS)


async def test_until_returns_what_it_waited_for_and_gives_up(ws):
    async def later():
        ws.acts.message("ben", "#ops", "hello")

    waiting = asyncio.ensure_future(ws.until(lambda: [m.text for m in ws.posts("#ops")]))
    await later()
    assert await waiting == ["hello"]
    with pytest.raises(TimeoutError):
        await ws.until(lambda: False, timeout_s=0.02)


async def test_the_products_own_manual_clock_fits(http):
    clock = ProductClock()
    ws = Workspace(Config(limits=Limits(enabled=False)), clock)
    async with LocalServer(ws):
        delivery = ws.acts.command("ben", "#ops", "/tickets")
        ws.deliveries.socket = None
        await clock.advance(5)
        assert (await ws.settled(delivery)).status == "undelivered"


async def test_limits_can_be_changed_on_the_way(client, ws):
    ws.limit(Limits(post_burst=1))
    await client.chat_postMessage(channel="#ops", text="x")
    data = ws.calls("chat.postMessage")
    ws.limit(Limits(enabled=False))
    for _ in range(5):
        await client.chat_postMessage(channel="#ops", text="x")
    assert all(call.ok for call in data + ws.calls())


async def test_a_hanging_call_does_not_keep_the_server_from_closing(http):
    ws = Workspace(Config(seed=1))
    async with LocalServer(ws) as server:
        ws.fault("auth.test", "hang")
        data = {"token": server.bot_token}
        call = asyncio.ensure_future(http.post(f"{server.api_url}auth.test", data=data))
        await ws.until(lambda: ws.calls("auth.test"))
    await asyncio.gather(call, return_exceptions=True)
    assert call.exception() is not None


async def test_nothing_failed_in_the_background(server, ws, client):
    ws.state.request_url = "http://127.0.0.1:9/"
    ws.acts.message("ben", "#ops", "x")
    await client.chat_postMessage(channel="#ops", text="x")
    assert ws.state.tasks.failures == []


def test_it_imports_nothing_of_ours():
    """bot.local is Slack: it must not share a mistake with the bot."""
    root = Path(bot.local.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                ours = name.split(".")[0] in ("bot", "core")
                assert not ours or name == "bot.local" or name.startswith("bot.local."), (
                    path,
                    name,
                )


async def test_a_taken_port_is_an_os_error_and_leaves_nothing_open(server):
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="address"):
        async with LocalServer(Workspace(), port=port):
            pass


async def test_the_same_workspace_can_be_served_again(http):
    ws = Workspace(Config(limits=Limits(enabled=False)))
    for text in ("before", "after"):
        async with LocalServer(ws) as server:
            data = {"channel": "#ops", "text": text, "token": server.bot_token}
            async with http.post(f"{server.api_url}chat.postMessage", data=data) as answer:
                assert (await answer.json())["ok"]
    assert [m.text for m in ws.posts("#ops")] == ["before", "after"]


async def test_closing_does_not_wait_for_a_half_open_peer(http, connect):
    ws = Workspace(Config())
    started = asyncio.get_running_loop().time()
    async with LocalServer(ws) as server, connect(server):
        ws.sockets.hang()
        await ws.close()
    assert asyncio.get_running_loop().time() - started < 5
