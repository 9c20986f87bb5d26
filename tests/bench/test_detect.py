"""From a fault to its ticket and to its card: 30 stores killed, 30 paused, at random moments.

The whole bot runs in this process against the local workspace and a real twin of nine stores; each
fault starts at a random phase of the bot's own pace. Stores take turns and recover in between; the
database is begun anew after each round, since a store that fails again within ten minutes reopens
its old ticket instead of posting a new card. Tickets about anything that was not harmed are counted
as false.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
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
from core.twin.cluster import Layout
from tests.bench.figures import percentile, quietly, show
from tests.flows.rig import _prepared, _seen_long_ago

CHANNEL = "storage-alerts"
STORES = 9
FAULTS = 30
EACH = 8  # faults in one database: with more cards in a minute they become one storm message
FOLLOWS = ("quorum_margin",)  # true while a store is away: fewer replicas than wanted are left
APART_S = 3.5  # failures that begin within 3 s of each other count as one event
pytestmark = pytest.mark.bench


@dataclass
class Found:
    """Seconds from each fault to its ticket and to its card; tickets about what was not harmed."""

    ticket: list[float] = field(default_factory=list)
    card: list[float] = field(default_factory=list)
    false: list[str] = field(default_factory=list)


def _config(folder: Path, server: LocalServer, twin: Layout) -> Config:
    file = FileConfig.model_validate(
        {
            "slack": {"base_url": server.api_url, "mode": "socket"},
            "routes": [{"channel": CHANNEL}],
            "http": {"port": 0},
            "subjects": [{"name": "prod", "kind": "tikv", "pd": list(twin.pd_urls)}],
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
async def _bot(folder: Path, twin: Layout) -> AsyncIterator[tuple[Running, Workspace]]:
    """The whole bot on a database of its own, in which the twin has been watched for long."""
    await _prepared(folder / "state" / "t.db")
    clock = SystemClock()
    db = Database.open(str(folder / "state" / "t.db"), clock, lambda _, e: None)
    await db.write(_seen_long_ago, "prod")
    await db.close()
    workspace = Workspace(cast.Config(manifest=manifest(), limits=cast.Limits()))
    async with (
        LocalServer(workspace) as server,
        run(_config(folder, server, twin), clock, "bench") as running,
    ):
        await workspace.connected()
        await _calm(running)
        yield running, workspace


async def _calm(running: Running) -> None:
    """Much is seen, and nothing is broken."""
    watch = running.core.engine.watches[0]
    async with asyncio.timeout(120):
        while watch.last is None or watch.last.broken or watch.last.holds < 3 * STORES:
            await asyncio.sleep(0.05)


async def _down(running: Running, number: int) -> Ticket | None:
    for one in await running.core.db.read(store.listing, store.Filter("all")):
        if one.invariant == "store_down" and one.entity == f"store:{number}":
            return one
    return None


def _card(workspace: Workspace, ticket: int) -> Any:
    for call in workspace.calls("chat.postMessage"):
        payload = (call.args.get("metadata") or {}).get("event_payload", {})
        if call.effect and payload.get("ref") == f"ticket:{ticket}" and payload["kind"] == "card":
            return call
    return None


async def _fault(running: Running, workspace: Workspace, twin: Layout, number: int, verb: str,
                 found: Found) -> None:  # fmt: skip
    """Harm one store, wait for its card, and start it again; its ticket may still be open."""
    await asyncio.sleep(random.uniform(0.0, 0.5))
    wall, mono = time.time(), time.monotonic()
    await asyncio.to_thread(twin.do, f"store-{number}", verb)
    ticket = None
    async with asyncio.timeout(30):
        while ticket is None:
            await asyncio.sleep(0.02)
            ticket = await _down(running, number)
    await workspace.until(lambda: _card(workspace, ticket.id), 30.0)
    found.ticket.append(ticket.opened_at - wall)
    found.card.append(_card(workspace, ticket.id).at - mono)
    twin.start(f"store-{number}")
    await twin.healthy()
    await asyncio.sleep(max(APART_S - (time.monotonic() - mono), 0.0))


async def _round(folder: Path, twin: Layout, verb: str, stores: list[int], found: Found) -> None:
    folder.mkdir()
    async with _bot(folder, twin) as (running, workspace):
        for number in stores:
            await _fault(running, workspace, twin, number, verb, found)
        harmed = {f"store:{number}" for number in stores}
        for one in await running.core.db.read(store.listing, store.Filter("all")):
            if one.entity not in harmed and one.invariant not in FOLLOWS:
                found.false.append(f"{one.invariant} {one.entity}")


@pytest.mark.timeout(900)
async def test_detect(tmp_path: Path) -> None:
    rows = []
    with quietly():
        twin = Layout(tmp_path / "twin", stores=STORES, tie_to=os.getpid())
        try:
            await twin.up()
            for verb, aim in (("kill", 1.0), ("pause", 2.2)):
                found, turn = Found(), 0
                while len(found.card) < FAULTS:
                    many = min(EACH, FAULTS - len(found.card))
                    stores = [(turn * EACH + n) % STORES + 1 for n in range(many)]
                    await _round(tmp_path / f"{verb}-{turn}", twin, verb, stores, found)
                    turn += 1
                for what, times in (("ticket", found.ticket), ("card", found.card)):
                    rows.append(_row(f"{verb} to {what}", times, aim if what == "card" else None))
                print(f"\n  tickets about what was not harmed ({verb}): {found.false or 'none'}")
        finally:
            await twin.down()
    show(
        f"fault to ticket and card, {FAULTS} kills and {FAULTS} pauses of real processes, seconds",
        ("fault", "p50", "p95", "max", "aim (p95)"),
        rows,
    )


def _row(what: str, times: list[float], aim: float | None) -> tuple[str, ...]:
    return (
        what,
        f"{percentile(times, 0.5):.2f}",
        f"{percentile(times, 0.95):.2f}",
        f"{max(times):.2f}",
        f"<= {aim} s" if aim is not None else "",
    )
