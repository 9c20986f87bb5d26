"""The same death of an etcd member as three watchers see it, each until it has told of it.

Ours (the whole bot at its default pace, until its card is at Slack), Prometheus with Alertmanager as
fast as they can be made, and the two with the values that TiUP ships (see alerting.py), until their
webhook has it. All run at once and watch the same three real members in containers; a member's
process is killed with SIGKILL at a random phase. The shipped pair begins anew for each of its kills,
since within a group's interval it would tell nothing of the next one. test_chaos_bench.py has the
same watchers beside whole experiments; here nothing but the telling is measured.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.local.workspace import Workspace
from bot.wiring import Running
from tests.bench.alerting import STOCK, TUNED, Alerting, alerting
from tests.bench.figures import percentile, quietly, show
from tests.flows.whole_bot import calm, card_of, ticket_of, whole_bot
from tests.live.containers import inspect
from tests.live.etcd_cluster import CLIENT, Cluster, etcd_image, leader, running

pytestmark = [
    pytest.mark.bench,
    pytest.mark.docker,
    pytest.mark.etcd,
    pytest.mark.prometheus,
    pytest.mark.alertmanager,
]
# Kills that the fast pair sees as well, and those that the shipped pair is waited for.
SHORT = 15
LONG = 3
SEEN = 15  # verdicts that hold on a healthy cluster of three
SCRAPED_S = 20.0  # the shipped pair needs a first good scrape of every member before it is fair


@dataclass
class Found:
    """Seconds from SIGKILL to each message."""

    ticket: list[float] = field(default_factory=list)
    card: list[float] = field(default_factory=list)
    tuned: list[float] = field(default_factory=list)
    stock: list[float] = field(default_factory=list)


async def _kill(
    bot: tuple[Running, Workspace],
    cluster: Cluster,
    name: str,
    pairs: dict[str, Alerting],
    found: Found,
) -> None:
    """One member dies; everybody is waited for; it is started again."""
    running_bot, workspace = bot
    instance = f"{cluster.members[name]}:{CLIENT}"
    pid = inspect(cluster.container(name))["State"]["Pid"]
    await asyncio.sleep(random.uniform(0.0, 1.0))
    wall, mono = time.time(), time.monotonic()
    os.kill(pid, signal.SIGKILL)
    ticket = await ticket_of(running_bot, "member_down", f"member:{name}")
    await workspace.until(lambda: card_of(workspace, ticket.id), 30.0)
    async with asyncio.timeout(300):
        while any(one.after(wall, instance) is None for one in pairs.values()):
            await asyncio.sleep(0.05)
    found.ticket.append(ticket.opened_at - wall)
    found.card.append(card_of(workspace, ticket.id).at - mono)
    for key, one in pairs.items():
        getattr(found, key).append(one.after(wall, instance))
    await asyncio.to_thread(cluster.start, name)
    await leader(cluster)
    await calm(running_bot, SEEN)


def _subject(cluster: Cluster) -> dict[str, Any]:
    return {
        "name": "conf",
        "kind": "etcd",
        "endpoints": list(cluster.urls),
        # What a loaded test machine's disk does is not measured here.
        "invariants": {"fsync_slow": {"fsync_ms": 1e6, "commit_ms": 1e6}},
    }


async def _round(
    folder: Path, cluster: Cluster, names: list[str], pairs: dict[str, Alerting], found: Found
) -> None:
    """Each member once in a database: one that fails again soon reopens its ticket, without a card."""
    async with whole_bot(folder, _subject(cluster), SEEN) as bot:
        for name in names:
            await _kill(bot, cluster, name, pairs, found)


async def _rounds(folder: Path, cluster: Cluster, found: Found) -> None:
    names = list(cluster.members)
    targets = [f"{one}:{CLIENT}" for one in cluster.members.values()]
    with ExitStack() as fast:
        tuned = fast.enter_context(alerting(folder / "tuned", TUNED, targets))
        for turn in range(SHORT // len(names)):
            await _round(folder / f"short-{turn}", cluster, names, {"tuned": tuned}, found)
        for turn in range(LONG):
            with alerting(folder / f"stock-{turn}", STOCK, targets) as stock:
                await asyncio.sleep(SCRAPED_S)
                pairs = {"tuned": tuned, "stock": stock}
                victim = [names[turn % len(names)]]
                await _round(folder / f"long-{turn}", cluster, victim, pairs, found)


@pytest.mark.timeout(1500)
async def test_alerting(tmp_path: Path) -> None:
    found = Found()
    with quietly(), etcd_image() as image_name:
        async with running(image_name) as cluster:
            await _rounds(tmp_path, cluster, found)
    show(
        "an etcd member is killed: seconds until it is told, all watching the same kills",
        ("who", "kills", "p50", "p95", "max"),
        [
            _row("ours, to the ticket", found.ticket),
            _row("ours, to the card at Slack", found.card),
            _row("Prometheus + Alertmanager, tuned", found.tuned),
            _row("Prometheus + Alertmanager, as shipped", found.stock),
        ],
    )


def _row(who: str, times: list[float]) -> tuple[str, ...]:
    return (
        who,
        str(len(times)),
        f"{percentile(times, 0.5):.2f}",
        f"{percentile(times, 0.95):.2f}",
        f"{max(times):.2f}",
    )
