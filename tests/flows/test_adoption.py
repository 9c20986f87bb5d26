"""What was already broken when first seen: accepted as known, or shown as cards, by button."""

from __future__ import annotations

from pathlib import Path

from bot import ids
from core import schema
from core.db import Tx
from tests.flows.stage import Stage, seen, stage


def _just_seen(tx: Tx) -> None:
    tx.upsert(
        schema.subjects,
        {
            "name": "prod",
            "kind": "tikv",
            "first_seen_at": tx.now,
            "last_tick_at": tx.now,
            "removed_at": None,
            "carry": "{}",
        },
        ["name"],
    )


async def adopted(s: Stage) -> str:
    await s.db.write(_just_seen)
    await s.breaks("tikv-1", "tikv-2", "tikv-3")
    [message] = s.rig.posts()
    return message.ts


async def test_accepting_holds_all_until_they_are_healthy(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        ts = await adopted(s)
        await s.click(ts, ids.ADOPTION_ACCEPT)
        tickets = await s.rig.tickets()
        assert [(t.held_by, t.held_until_healthy) for t in tickets] == [(s.actor(), True)] * 3
        await s.ws.until(lambda: s.ws.user("ana").id in seen(s.rig.posts()[0]))
        assert s.whispers() == []


async def test_its_cards_are_shown_by_command_too(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await adopted(s)
        assert "3 cards of prod come now." in await s.command("cards")
        await s.ws.until(lambda: len(s.rig.posts()) == 4)
        assert "Nothing of before watching began is left" in await s.command("accept PROD")
        assert not any(t.held for t in await s.rig.tickets())


async def test_it_is_accepted_by_command_too(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        await adopted(s)
        assert "of these: prod." in await s.command("accept nosuch")
        assert "takes one subject at most" in await s.command("accept prod conf")
        assert "Guests cannot" in await s.command("accept prod", "gus")
        assert not any(t.held for t in await s.rig.tickets())
        assert "Accepted as known: 3 tickets of prod" in await s.command("accept Prod")
        tickets = await s.rig.tickets()
        assert [(t.held_by, t.held_until_healthy) for t in tickets] == [(s.actor(), True)] * 3
        await s.ws.until(lambda: s.ws.user("ana").id in seen(s.rig.posts()[0]))
        assert "left to accept" in await s.command("accept")


async def test_showing_cards_posts_one_for_each(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        ts = await adopted(s)
        await s.click(ts, ids.ADOPTION_SHOW)
        await s.ws.until(lambda: len(s.rig.posts()) == 4)


async def test_a_viewer_may_not_accept(tmp_path: Path) -> None:
    async with stage(tmp_path) as s:
        ts = await adopted(s)
        await s.click(ts, ids.ADOPTION_ACCEPT, "gus")
        assert "Guests cannot" in await s.whispered("gus")
        assert not any(t.held for t in await s.rig.tickets())
