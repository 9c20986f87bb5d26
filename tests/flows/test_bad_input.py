"""Hostile and huge data on its whole way: a subject's verdict, a stored ticket, a message in Slack.

What else comes in badly has its test beside the part that reads it (clients, guard, roles, lock).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.invariant import Broken, Severity
from tests.flows.rig import Rig, invariant, rig

HOSTILE = "<!channel> <@U1> <https://evil.example|ok> `x` *b* :fire:\n\u202e\x1b[31m"


def mrkdwn(thing: Any) -> Iterator[str]:
    """Every text in a message that Slack would read as markup."""
    if isinstance(thing, dict):
        if thing.get("type") == "mrkdwn":
            yield thing["text"]
        for value in thing.values():
            yield from mrkdwn(value)
    elif isinstance(thing, list | tuple):
        for value in thing:
            yield from mrkdwn(value)


async def found(r: Rig, broken: Broken, entity: str = "store:1") -> None:
    """A tick that finds it."""
    one = invariant("store_down", Severity.WARNING)
    r.script.breaks(one, entity)
    r.script.broken[one.name][entity] = broken
    await r.tick()


async def test_markup_in_labels_arrives_as_plain_text(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        await found(
            r, Broken(f"{HOSTILE} is down", HOSTILE, facts={HOSTILE: HOSTILE}), f"e{HOSTILE}"
        )
        [card] = await r.posted(1)
        for text in (card.text, *mrkdwn(card.blocks)):
            assert "<!channel>" not in text
            assert "<@U1>" not in text
            assert "<https://evil" not in text
        assert "\x1b" not in str(card.blocks)
        assert "\u202e" not in card.text + str(card.blocks)
        assert "is down" in card.text


async def test_a_finding_of_thirteen_thousand_characters_and_sixty_facts_arrives(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as r:
        facts = {f"fact {n}": "y" * 300 for n in range(60)}
        await found(r, Broken("t" * 13_000, "s" * 13_000, facts=facts))
        [card] = await r.posted(1)
        await r.idle()
        assert len(card.blocks) <= 50
        assert len(card.text) <= 4_000
        assert not r.errors
        [ticket] = await r.tickets()
        assert ticket.open
