"""On PostgreSQL a second bot stands by: it hears people, and takes over when the first ends."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pydantic import SecretStr

from bot.local.cast import Config as Cast
from bot.local.cast import Limits
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from bot.wiring import Running, run
from core.clock import SystemClock
from core.config import Config, FileConfig
from core.db import Database
from core.invariant import Severity
from core.rehearsal import open_test

CHANNEL = "storage-alerts"


def config(server: LocalServer, database: str) -> Config:
    file = FileConfig.model_validate(
        {
            "slack": {"base_url": server.api_url},
            "routes": [{"channel": CHANNEL}],
            "http": {"port": 0},
        }
    )
    return Config(
        file=file,
        path=None,
        database=database,
        bot_token=SecretStr(server.bot_token),
        app_token=SecretStr(server.app_token),
    )


async def take_over(settings: Config, holds: asyncio.Event, end: asyncio.Event) -> None:
    async with run(settings, SystemClock(), "second"):
        holds.set()
        await end.wait()


@pytest.mark.postgres
async def test_who_stands_by_answers_and_takes_over(postgres_server: Any) -> None:
    url = postgres_server.create()
    cast = Cast(manifest=manifest(), limits=Limits(enabled=False))
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(LocalServer(Workspace(cast)))
        ws = server.workspace
        first: AsyncExitStack = await stack.enter_async_context(AsyncExitStack())
        one: Running = await first.enter_async_context(
            run(config(server, url), SystemClock(), "first")
        )
        await ws.connected(2)
        holds, end = asyncio.Event(), asyncio.Event()
        second = asyncio.create_task(take_over(config(server, url), holds, end))
        await ws.connected(4)
        assert not holds.is_set()

        # Only the one that stands by is left to hear: it commits the click all the same.
        number = await one.core.db.write(open_test, "prod", Severity.CRITICAL)
        await ws.until(lambda: len(ws.posts(CHANNEL)) == 1)
        await one.hearing.end()
        card = ws.posts(CHANNEL)[0]
        clicked = ws.acts.click("ana", CHANNEL, card.ts, "ticket_acknowledge")
        await ws.settled(clicked)
        assert clicked.status == "acked", clicked.reason
        await ws.until(lambda: "Ana" in str(card.blocks) or "<@" in str(card.blocks))

        await first.aclose()
        async with asyncio.timeout(30):
            await holds.wait()
        assert await _owner(url, number)
        end.set()
        await second


async def _owner(url: str, number: int) -> str | None:
    from core.tickets import store

    db = Database.open(url, SystemClock(), lambda *_: None)
    try:
        return (await db.read(store.get, number)).acknowledged_by
    finally:
        await db.close()
