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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.local.workspace import Workspace
from bot.wiring import Running
from core.tickets import store
from core.twin.cluster import Layout
from tests.bench.figures import percentile, quietly, show
from tests.flows.whole_bot import card_of, ticket_of, whole_bot

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


def _subject(twin: Layout) -> dict[str, Any]:
    return {"name": "prod", "kind": "tikv", "pd": list(twin.pd_urls)}


async def _fault(running: Running, workspace: Workspace, twin: Layout, number: int, verb: str,
                 found: Found) -> None:  # fmt: skip
    """Harm one store, wait for its card, and start it again; its ticket may still be open."""
    await asyncio.sleep(random.uniform(0.0, 0.5))
    wall, mono = time.time(), time.monotonic()
    await asyncio.to_thread(twin.do, f"store-{number}", verb)
    ticket = await ticket_of(running, "store_down", f"store:{number}")
    await workspace.until(lambda: card_of(workspace, ticket.id), 30.0)
    found.ticket.append(ticket.opened_at - wall)
    found.card.append(card_of(workspace, ticket.id).at - mono)
    twin.start(f"store-{number}")
    await twin.healthy()
    await asyncio.sleep(max(APART_S - (time.monotonic() - mono), 0.0))


async def _round(folder: Path, twin: Layout, verb: str, stores: list[int], found: Found) -> None:
    folder.mkdir()
    async with whole_bot(folder, _subject(twin), 3 * STORES) as (running, workspace):
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
