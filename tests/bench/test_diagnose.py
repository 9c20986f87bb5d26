"""From a ticket's card to its diagnosis in the thread, without a key: stores of a real twin, killed.

The whole bot runs in this process against the local workspace; the rules alone are timed over all
scenarios beside it.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path

import pytest

from bot.diagnosis.facts import diagnosis_ref
from bot.local.workspace import Workspace
from core.diagnosis import store
from core.diagnosis.evaluate import folders
from core.diagnosis.made import Made
from core.diagnosis.rules.decide import diagnose
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot
from core.twin.cluster import Layout
from tests.bench.figures import percentile, quietly, show
from tests.flows.whole_bot import card_of, ticket_of, whole_bot

STORES = 9
FAULTS = 8
APART_S = 3.5
ROOT = Path(__file__).parents[2] / "scenarios"
pytestmark = pytest.mark.bench


def _rules() -> list[float]:
    took = []
    for folder in folders(ROOT):
        frozen = snapshot(read(folder))
        began = time.perf_counter()
        diagnose(frozen)
        took.append(time.perf_counter() - began)
    return took


def _posted(workspace: Workspace, made: Made) -> float | None:
    for call in workspace.calls("chat.postMessage"):
        payload = (call.args.get("metadata") or {}).get("event_payload", {})
        if call.effect and payload.get("ref") == diagnosis_ref(made.id):
            return float(call.at)
    return None


async def _faults(folder: Path, twin: Layout, verb: str, first: int) -> list[tuple[float, float]]:
    """Per fault: seconds from ticket to diagnosis, and from card to its post."""
    found = []
    subject = {"name": "prod", "kind": "tikv", "pd": list(twin.pd_urls)}
    async with whole_bot(folder, subject, 3 * STORES) as (running, workspace):
        for number in range(first, first + FAULTS):
            name = f"store-{(number - 1) % STORES + 1}"
            await asyncio.sleep(random.uniform(0.0, 0.5))
            began = time.monotonic()
            await asyncio.to_thread(twin.do, name, verb)
            entity = f"store:{name.removeprefix('store-')}"
            ticket = await ticket_of(running, "store_down", entity)
            db = running.core.db
            while not (made := await db.read(store.of_ticket, ticket.id)):
                await asyncio.sleep(0.005)
            await workspace.until(lambda: _posted(workspace, made[0]), 30.0)
            card, post = card_of(workspace, ticket.id).at, _posted(workspace, made[0])
            assert post is not None
            found.append((made[0].made_at - ticket.opened_at, post - card))
            twin.start(name)
            await twin.healthy()
            await asyncio.sleep(max(APART_S - (time.monotonic() - began), 0.0))
    return found


@pytest.mark.timeout(600)
async def test_diagnose(tmp_path: Path) -> None:
    rows = [_row("rules alone, all scenarios", _rules(), "")]
    with quietly():
        twin = Layout(tmp_path / "twin", stores=STORES, tie_to=os.getpid())
        try:
            await twin.up()
            for first, verb in ((1, "kill"), (2, "pause")):
                folder = tmp_path / verb
                folder.mkdir()
                found = await _faults(folder, twin, verb, first)
                rows.append(_row(f"{verb}: ticket to diagnosis", [one for one, _ in found], ""))
                rows.append(
                    _row(
                        f"{verb}: card to diagnosis in the thread", [b for _, b in found], "<= 3 s"
                    )
                )
        finally:
            await twin.down()
    show(
        f"diagnosis by rules, {FAULTS} kills and {FAULTS} pauses of nine stores, seconds",
        ("what", "p50", "p95", "max", "aim (max)"),
        rows,
    )


def _row(what: str, times: list[float], aim: str) -> tuple[str, ...]:
    figures = (percentile(times, 0.5), percentile(times, 0.95), max(times))
    return (what, *(f"{one:.3f}" for one in figures), aim)
