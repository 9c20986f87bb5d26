"""The same on PostgreSQL: a card, a storm, a click, a symptom, and a process that ended midway."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from core.clock import ManualClock
from core.invariant import Severity
from core.tickets import store
from tests.flows.rig import CHANNEL, LIMITS_OFF, invariant, rig

pytestmark = pytest.mark.postgres


async def test_tickets_reach_slack_from_postgresql(tmp_path: Path, postgres_server: object) -> None:
    url = postgres_server.create()  # type: ignore[attr-defined]  # a PostgresServer
    async with rig(tmp_path, url=url, clock=ManualClock()) as r:
        await r.breaks("store-1")
        await r.moved(3)
        (card,) = r.posts()
        await r.db.write(store.acknowledge, 1, "slack:U1")
        await r.moved(2)
        assert "acknowledged" in r.posts()[0].text
        symptom = invariant("region_health", Severity.WARNING, explained_by=("store_down",))
        r.script.breaks(symptom, "cluster")
        await r.tick()
        await r.moved(8)
        assert len(r.ws.replies(CHANNEL, card.ts)) == 2
        await r.breaks(*(f"store-{n}" for n in range(2, 1500)))
        await r.moved(3)
        assert "1,498" in r.posts()[1].text
        assert r.errors == []


async def test_a_process_that_ended_while_sending_is_taken_up_by_the_next_on_postgresql(
    tmp_path: Path, postgres_server: object
) -> None:
    url = postgres_server.create()  # type: ignore[attr-defined]  # a PostgresServer
    async with LocalServer(Workspace(Config(limits=LIMITS_OFF))) as server:
        async with rig(tmp_path, url=url, server=server) as r:
            r.ws.fault("chat.postMessage", "hang_after")
            await r.breaks("store-1")
            await r.until(lambda: r.posts())
        async with rig(tmp_path, url=url, server=server) as r:
            await r.until(lambda: r.calls("conversations.history") == 1)
            await r.idle()
            assert len(r.posts()) == 1
            assert r.calls("chat.postMessage") == 1
