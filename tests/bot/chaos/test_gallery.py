"""Every message about experiments in the local workspace, which judges by a check of its own."""

from __future__ import annotations

import pytest

from bot.chaos.views import modal
from tests.bot.chaos import made
from tests.bot.gallery import SHOTS, post, served, shoot
from tests.bot.samples import HOSTILE, HUGE

SHOWN = ("card watch", "card succeeded", "card aborted", "report succeeded", "status", "catalogue")


async def test_the_local_workspace_takes_every_message_and_its_plain_form() -> None:
    async with served() as (ws, _, client):
        for message in made.messages().values():
            ts = await post(client, message)
            flat = message.fallback().payload()
            await client.chat_update(channel="C0ALERTS", ts=ts, **flat, parse="none")
        sent = str([m.text for m in ws.state.channels["C0ALERTS"].messages.values()])
    assert "<!channel>" not in sent


@pytest.mark.parametrize(
    "text", ["usual", HOSTILE, HUGE, ""], ids=["usual", "hostile", "huge", "empty"]
)
async def test_the_local_workspace_takes_every_dialogue(text: str) -> None:
    odd = dict.fromkeys(
        ("target", "words", "radius", "undo_words", "margin", "about", "where"), text
    )
    async with served() as (_, _, client):
        for view in (
            modal.loading(text, text),
            modal.confirm(made.preview(**odd), "w"),
            modal.confirm(made.preview(refused=text or "no", **odd), "w"),
        ):
            assert (await client.api_call("blocks.validate", json={"view": view}))["ok"]


@pytest.mark.chromium
async def test_the_messages_can_be_looked_at() -> None:
    every = made.messages()
    names = {f"message-chaos-{name.replace(' ', '-')}": every[name] for name in SHOWN}
    first = dict(list(names.items())[:1])
    await shoot(names, SHOTS)
    await shoot({f"{name}-dark": one for name, one in first.items()}, SHOTS, scheme="dark")
    assert all((SHOTS / f"{name}.png").stat().st_size > 5_000 for name in names)
