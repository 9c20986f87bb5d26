"""Tickets by command and by button, over Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import blocks, ids
from tests.flows.stage import Stage, open_tickets, stage


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as one:
        yield one


async def test_a_list_is_answered_in_the_acknowledgement(s: Stage) -> None:
    await s.db.write(open_tickets, 2)
    answer = await s.command("list")
    assert answer["response_type"] == "ephemeral"
    assert "2" in answer["text"]


async def test_a_click_on_acknowledge_makes_the_person_the_owner(s: Stage) -> None:
    [number] = await s.db.write(open_tickets)
    value = ids.ticket_value(number, 1)
    ts = await s.card(
        await s.ticket(number), blocks.button(ids.TICKET_ACKNOWLEDGE, "Acknowledge", value)
    )
    await s.click(ts, ids.TICKET_ACKNOWLEDGE)
    ticket = await s.ticket(number)
    assert ticket.acknowledged_by == f"slack:{s.ws.user('ana').id}"
