"""A critical that Slack does not take for a minute goes to the fallback webhook, once, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.outside import Outside
from bot.pager import Pager, PagerSettings
from core.clock import ManualClock
from core.invariant import Severity
from core.tickets import store
from tests.flows.rig import Rig, rig

POST = "chat.postMessage"


@dataclass
class Hook:
    """A webhook on a free port that remembers what it got and answers as told."""

    got: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(await request.json())
        status = self.answers.pop(0) if self.answers else 202
        return web.json_response({"status": "success"}, status=status)


@asynccontextmanager
async def paging(folder: Path) -> AsyncIterator[tuple[Rig, Hook]]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/v2/enqueue", hook.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    hook.url = f"http://127.0.0.1:{port}/v2/enqueue"
    settings = PagerSettings(hook.url, "key-1")
    http = Outside(None).client
    try:
        async with rig(
            folder,
            clock=ManualClock(),
            fallback_after_s=60.0,
            pager=lambda slack, metrics: Pager(settings, http, metrics),
        ) as r:
            r.tasks.start("upkeep", r.delivery.upkeep())
            yield r, hook
            assert r.errors == []
    finally:
        await http.aclose()
        await runner.cleanup()


async def test_a_critical_that_slack_does_not_take_for_a_minute_is_paged_elsewhere(
    tmp_path: Path,
) -> None:
    async with paging(tmp_path) as (r, hook):
        r.ws.fault(POST, "error", error="is_archived", times=100)
        r.ws.fault("conversations.info", "error", error="channel_not_found", times=100)
        await r.breaks("store-1")
        await r.moved(50, 5)
        assert hook.got == []
        await r.moved(30, 5)
        (event,) = hook.got
        assert event["event_action"] == "trigger"
        assert event["routing_key"] == "key-1"
        assert event["dedup_key"] == "prod/store_down/store-1"
        assert event["payload"]["severity"] == "critical"
        assert "store-1 is down" in event["payload"]["summary"]
        await r.mends("store-1")
        await r.moved(10, 5)
        assert [e["event_action"] for e in hook.got] == ["trigger", "resolve"]
        assert hook.got[1]["dedup_key"] == event["dedup_key"]


async def test_a_delivered_critical_a_warning_and_a_held_one_page_nobody_elsewhere(
    tmp_path: Path,
) -> None:
    async with paging(tmp_path) as (r, hook):
        await r.breaks("store-1")
        await r.moved(10, 5)
        r.ws.fault(POST, "error", error="is_archived", times=100)
        r.ws.fault("conversations.info", "error", error="channel_not_found", times=100)
        await r.breaks("disk-1", name="low_disk_space", severity=Severity.WARNING)
        await r.breaks("store-2")
        await r.db.write(store.hold, 3, "slack:U1")
        await r.moved(120, 5)
        assert hook.got == []


async def test_a_webhook_that_fails_is_tried_again_and_one_that_refuses_is_not(
    tmp_path: Path,
) -> None:
    async with paging(tmp_path) as (r, hook):
        hook.answers = [500, 429, 202]
        r.ws.state.token_error = "account_inactive"
        await r.breaks("store-1")
        await r.moved(100, 5)
        assert len(hook.got) == 3
        hook.answers = [400]
        await r.breaks("store-2")
        await r.moved(200, 5)
        assert len(hook.got) == 4


async def test_every_critical_of_an_undelivered_storm_is_paged_ten_at_a_time(
    tmp_path: Path,
) -> None:
    async with paging(tmp_path) as (r, hook):
        r.ws.state.token_error = "account_inactive"
        await r.breaks(*(f"store-{n}" for n in range(15)))
        await r.moved(90, 5)
        assert len({e["dedup_key"] for e in hook.got}) == len(hook.got) == 15
