"""The whole bot with an etcd cluster in containers: the engine is gone when the experiment ends.

It says so in a ticket of its own, goes on trying, and heals as soon as the engine is back. What goes
away is a proxy before the engine, which other tests share.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from core.chaos.order import order
from core.chaos.order import rules as chaos_rules
from core.chaos.story import of
from core.runs import harm
from core.runs import store as runs
from core.runs.model import Outcome, State
from core.tickets import store
from tests.flows.whole_bot import card_of, ticket_of, whole_bot
from tests.live.containers import SOCKET, inspect, proxy
from tests.live.etcd_cluster import Cluster, etcd_image, running

pytestmark = [pytest.mark.docker, pytest.mark.etcd, pytest.mark.timeout(240)]


def subject(cluster: Cluster, engine: str) -> dict[str, Any]:
    return {
        "name": "conf",
        "kind": "etcd",
        "endpoints": list(cluster.urls),
        "docker": f"unix://{SOCKET}",  # evidence is not what goes away
        "chaos": {
            "enabled": True,
            "drivers": ["docker"],
            "docker": engine,
            "project": cluster.site.project,
        },
        "invariants": {"fsync_slow": {"fsync_ms": 1e6, "commit_ms": 1e6}},
    }


async def test_an_engine_that_is_gone_when_it_should_heal_is_a_ticket_and_then_it_heals(
    tmp_path: Path,
) -> None:
    with etcd_image() as image, proxy(tmp_path) as engine:
        async with (
            running(image) as cluster,
            whole_bot(tmp_path, subject(cluster, engine.address), 3) as (bot, workspace),
        ):
            db, core = bot.core.db, bot.core
            asked = {"name": "lose-etcd-member", "by": "U1", "duration_s": 1.0}
            victim = "etcd-2"
            made = await db.write(
                lambda tx: order(tx, chaos_rules(core.config.file), target=victim, **asked)
            )
            down = await ticket_of(bot, "member_down", f"member:{victim}")
            engine.stop()
            name = cluster.container(victim)
            assert inspect(name)["State"]["Status"] == "exited"

            sick = await ticket_of(bot, "fault_not_healed", "fault:1", 60)
            assert sick.severity == "critical"
            assert name in sick.title
            assert "no Docker engine answers at" in sick.summary
            await workspace.until(lambda: card_of(workspace, sick.id), 30.0)
            assert inspect(name)["State"]["Status"] == "exited"
            assert len(await db.read(harm.unhealed)) == 1

            engine.start()
            began = time.monotonic()
            async with asyncio.timeout(60):
                while await db.read(harm.unhealed):
                    await asyncio.sleep(0.05)
            assert inspect(name)["State"]["Status"] == "running"
            print(f"  healed {time.monotonic() - began:.1f} s after the engine was back")
            async with asyncio.timeout(90):
                while (run := await db.read(runs.get, made.id)).state is not State.REPORTED:
                    await asyncio.sleep(0.05)
                while (await db.read(store.get, sick.id)).resolved_at is None:
                    await asyncio.sleep(0.05)
            assert run.outcome is Outcome.SUCCEEDED, of(run).why
            assert of(run).right, of(run).diagnosed_as
            assert (await db.read(store.get, down.id)).resolved_at is not None
