"""Every message and dialogue in the local workspace, which judges them by a check of its own, and
in a browser, where they can be looked at (`tests/screenshots/message-*.png`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.blocks import Message
from bot.local.workspace import Workspace
from bot.tickets.views.modal import hold_modal
from tests.bot import samples
from tests.bot.gallery import SHOTS, post, served, shoot

Place = tuple[Workspace, AsyncWebClient]


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with served() as (ws, _, client):
        yield ws, client


HARD = {"hostile": samples.HOSTILE, "huge": samples.HUGE, "empty": ""}


@pytest.mark.parametrize("kind", ["usual", *HARD])
async def test_the_local_workspace_takes_every_message_and_its_plain_form(
    place: Place, kind: str
) -> None:
    made = samples.everything() if kind == "usual" else samples.hostile(HARD[kind])
    _, client = place
    for message in made.values():
        ts = await post(client, message)
        flat = message.fallback().payload()
        await client.chat_update(channel="C0ALERTS", ts=ts, **flat, parse="none")


async def test_hostile_text_calls_nobody_in_the_workspace(place: Place) -> None:
    """What the workspace took a mention for: none of it comes from data."""
    ws, client = place
    for message in samples.hostile(samples.HOSTILE).values():
        await post(client, message)
    sent = str([m.text for m in ws.state.channels["C0ALERTS"].messages.values()])
    assert "<!channel>" not in sent
    assert "<@U0ANA>" not in sent


async def test_the_hold_dialogue_opens(place: Place) -> None:
    _, client = place
    assert (await client.api_call("blocks.validate", json={"view": hold_modal(samples.ticket())}))[
        "ok"
    ]


@pytest.mark.chromium
async def test_the_messages_can_be_looked_at() -> None:
    chosen: dict[str, Message] = {
        f"message-{name}": message
        for name, message in samples.everything().items()
        if name in ("card-new", "card-symptoms", "card-held", "card-resolved", "storm", "details")
    }
    await asyncio.wait_for(shoot(chosen, SHOTS), 60)
    assert all((SHOTS / f"{name}.png").stat().st_size > 5_000 for name in chosen)
