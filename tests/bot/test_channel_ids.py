"""Channels by name where Slack lists none: posted to by name, their ids learned and kept."""

from __future__ import annotations

from pathlib import Path

from bot.channel_ids import ChannelIds
from bot.slack import AuthFailed
from core import migrate
from core.clock import SystemClock
from core.db import Database
from tests.bot.test_slack import answering, web


async def test_without_a_list_a_name_will_do_to_post_and_its_id_outlives_a_restart(
    tmp_path: Path,
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.json_response({"ok": False, "error": "missing_scope"})

    failed: list[BaseException] = []
    path = str(tmp_path / "tocsin.db")
    db = Database.open(path, SystemClock(), lambda _, error: failed.append(error), create=True)
    await migrate.migrate(db)
    async with answering(refuse) as slack:
        ids = ChannelIds(slack, db)
        assert await ids.find("alerts") == AuthFailed("missing_scope")
        assert await ids.find("alerts", to_post=True) == "#alerts"
        assert await ids.find("C1") == "C1"
        await ids.learn("#alerts", "C0000009")
        assert await ids.find("alerts") == "C0000009"
        assert await ChannelIds(slack, db).find("#alerts") == "C0000009"
    await db.close()
    assert failed == []
