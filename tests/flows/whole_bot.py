"""The whole bot in this process, against the local workspace, on a subject that it has long watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.local import cast
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from bot.wiring import Running, run
from core.clock import SystemClock
from core.config import Config, FileConfig
from core.db import Database
from core.tickets import store
from core.tickets.model import Ticket
from tests.flows.rig import _prepared, _seen_long_ago

CHANNEL = "storage-alerts"


def _config(folder: Path, server: LocalServer, subject: Mapping[str, Any]) -> Config:
    file = FileConfig.model_validate(
        {
            "slack": {"base_url": server.api_url, "mode": "socket"},
            "routes": [{"channel": CHANNEL}],
            "http": {"port": 0},
            "subjects": [dict(subject)],
        }
    )
    return Config(
        file=file,
        path=None,
        database=str(folder / "state" / "t.db"),
        bot_token=SecretStr(server.bot_token),
        app_token=SecretStr(server.app_token),
    )


@asynccontextmanager
async def whole_bot(
    folder: Path, subject: Mapping[str, Any], least: int
) -> AsyncIterator[tuple[Running, Workspace]]:
    """The bot on a database of its own, in which the subject has been watched for long.

    It begins once nothing is broken and at least `least` verdicts hold.
    """
    await _prepared(folder / "state" / "t.db")
    clock = SystemClock()
    db = Database.open(str(folder / "state" / "t.db"), clock, lambda _, e: None)
    await db.write(_seen_long_ago, str(subject["name"]))
    await db.close()
    workspace = Workspace(cast.Config(manifest=manifest(), limits=cast.Limits()))
    async with (
        LocalServer(workspace) as server,
        run(_config(folder, server, subject), clock, "bench") as running,
    ):
        await workspace.connected()
        await calm(running, least)
        yield running, workspace


async def calm(running: Running, least: int) -> None:
    """Much is seen, and nothing is broken."""
    watch = running.core.engine.watches[0]
    async with asyncio.timeout(120):
        while watch.last is None or watch.last.broken or watch.last.holds < least:
            await asyncio.sleep(0.05)


async def ticket_of(running: Running, invariant: str, entity: str, limit_s: float = 30.0) -> Ticket:
    """The ticket, once there is one."""
    async with asyncio.timeout(limit_s):
        while True:
            for one in await running.core.db.read(store.listing, store.Filter("all")):
                if (one.invariant, one.entity) == (invariant, entity):
                    return one
            await asyncio.sleep(0.02)


def card_of(workspace: Workspace, ticket: int) -> Any:
    """The call that posted a ticket's card; None if there was none yet."""
    for call in workspace.calls("chat.postMessage"):
        payload = (call.args.get("metadata") or {}).get("event_payload", {})
        if call.effect and payload.get("ref") == f"ticket:{ticket}" and payload["kind"] == "card":
            return call
    return None
