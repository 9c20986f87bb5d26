"""Socket Mode through everything that a connection meets: no command stays unheard for long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from bot.slack import Slack, SlackSettings
from bot.socket import Sockets, SocketSettings
from core.clock import SystemClock
from core.metrics import Metrics
from core.tasks import Tasks

PING_S = 0.3


class Wired:
    """Two connections and an app that counts what it hears."""

    def __init__(self, ws: Workspace, sockets: Sockets) -> None:
        self.ws = ws
        self.sockets = sockets

    async def hears(self) -> None:
        """A command is answered; asked again if it fell into a gap, as a person would."""
        for _ in range(10):
            delivery = self.ws.acts.command("ana", "ops", "/tickets", "help")
            await self.ws.settled(delivery)
            if delivery.status == "acked":
                return
        raise AssertionError(delivery.reason)

    async def both_up(self) -> None:
        await self.ws.until(lambda: self.ws.sockets.connected == 2, 15)


@asynccontextmanager
async def _wired(ws: Workspace) -> AsyncIterator[Wired]:
    async with LocalServer(ws) as server:
        clock, metrics = SystemClock(), Metrics()
        slack = await Slack.open(
            SlackSettings(server.bot_token, server.api_url, timeout_s=2.0), clock, metrics
        )
        failed: list[BaseException] = []
        tasks = Tasks(lambda _, error: failed.append(error))

        async def authorize() -> AuthorizeResult:
            return AuthorizeResult(enterprise_id=None, team_id="T", bot_token=server.bot_token)

        bare = AsyncWebClient(base_url=server.api_url, session=slack.session)
        app = AsyncApp(client=bare, authorize=authorize, process_before_response=True)

        @app.command("/tickets")
        async def answer(ack: Any) -> None:
            await ack("heard")

        settings = SocketSettings(server.app_token, ping_s=PING_S)
        sockets = Sockets(
            app, slack.web, settings, clock, tasks, metrics, look_s=0.1, rebuild_s=3.0
        )
        await sockets.start()
        await ws.connected(2)
        try:
            yield Wired(ws, sockets)
        finally:
            await sockets.stop()
            await tasks.drain()
            await slack.close()
        assert not failed, failed


@pytest.fixture
async def wired() -> AsyncIterator[Wired]:
    async with _wired(Workspace(Config(manifest=manifest(), ack_timeout_s=1.0))) as one:
        yield one


async def test_both_connections_carry_commands(wired: Wired) -> None:
    for _ in range(10):
        await wired.hears()
    assert all(connection.sent > 1 for connection in wired.ws.sockets.connections)
    assert await wired.sockets.look() == 2


async def test_while_one_renews_itself_the_other_hears(wired: Wired) -> None:
    wired.ws.sockets.refresh(count=1)
    delivery = wired.ws.acts.command("ana", "ops", "/tickets", "help")
    await wired.ws.settled(delivery)
    assert delivery.status == "acked"
    await wired.both_up()


async def test_connections_that_are_cut_come_back(wired: Wired) -> None:
    wired.ws.sockets.abort()
    await wired.ws.until(lambda: wired.ws.sockets.connected == 0)
    await wired.both_up()
    await wired.hears()


async def test_a_half_open_connection_is_noticed_and_replaced(wired: Wired) -> None:
    numbers = {c.number for c in wired.ws.sockets.connections}
    wired.ws.sockets.hang()
    await wired.ws.until(
        lambda: sum(c.number not in numbers for c in wired.ws.sockets.connections) == 2, 15
    )
    await wired.hears()


async def test_a_refused_handshake_does_not_leave_it_deaf_for_ever(wired: Wired) -> None:
    """The SDK alone tries the used-up address for ever."""
    refused = wired.ws.sockets.handshakes_refused
    wired.ws.fault("socket", "refuse_handshake", times=2)
    wired.ws.sockets.abort()
    await wired.ws.until(lambda: wired.ws.sockets.handshakes_refused >= refused + 2, 15)
    await wired.both_up()
    await wired.hears()
    assert [line.rebuilds for line in wired.sockets.lines] == [0, 0]


async def test_what_stays_deaf_is_built_anew(wired: Wired) -> None:
    wired.ws.fault("apps.connections.open", "error", error="internal_error", times=1000)
    wired.ws.sockets.abort()
    await wired.ws.until(lambda: all(line.rebuilds for line in wired.sockets.lines), 15)
    assert wired.sockets.up == 0
    wired.ws.faults.clear()
    await wired.both_up()
    await wired.hears()
