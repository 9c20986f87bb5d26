"""The same on PostgreSQL: a diagnosis, a vote, a question, a second look."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import ids
from tests.flows.stage import seen, stage
from tests.flows.test_diagnosis import replied, thread, told
from tests.flows.test_diagnosis_mentions import says

pytestmark = pytest.mark.postgres


async def test_a_ticket_is_diagnosed_and_asked_about_on_postgresql(
    tmp_path: Path, postgres_server: object
) -> None:
    url = postgres_server.create()  # type: ignore[attr-defined]  # a PostgresServer
    async with stage(tmp_path, url=url) as s:
        number, message, who = await told(s)
        await s.shows("● Confirmed: The process of store 4")
        await s.click(message.ts, ids.DIAGNOSIS_USEFUL)
        await s.ws.until(lambda: "Useful · 1" in seen(thread(s)[0]))
        await says(s, "@tocsin why?", thread_ts=s.card().ts)
        assert await who.looks() == 1
        assert "asked:" in seen(await replied(s, 3))
        await s.command(f"diagnose {number}")
        assert await who.looks() == 1
        assert "nothing changed" in seen(await replied(s, 4))
        assert "Diagnoses" in await s.command(f"show {number}")
