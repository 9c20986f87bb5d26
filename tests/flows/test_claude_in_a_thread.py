"""From a scripted Claude over HTTP into the thread: what a planted order becomes in Slack, if it is obeyed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot import ids
from bot.local.model import Message
from core.db import Tx
from core.diagnosis import store
from core.diagnosis.claude.task import Result
from core.diagnosis.encode import text as encoded
from core.diagnosis.made import New
from core.diagnosis.model import Reason
from tests.claude_server import ClaudeServer, Turn, answer, says
from tests.core.diagnosis.claude.desk_rig import Rig as Desk
from tests.core.diagnosis.claude.test_injection import ORDER, obedient, planted
from tests.flows.rig import CHANNEL
from tests.flows.stage import Stage, read, seen, stage

FORBIDDEN = ("curl", "| sh", "run_command", "rm -rf")


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as one:
        yield one


def pieces(thing: Any) -> Iterator[dict[str, Any]]:
    """Every element of blocks, however deep."""
    if isinstance(thing, dict):
        yield thing
    for one in (
        thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ()
    ):
        yield from pieces(one)


def harmless(blocks: Any) -> bool:
    """No element mentions whom the order names or links to where it wants, and no markup can."""
    for one in pieces(blocks):
        assert one.get("type") not in ("usergroup", "broadcast", "channel"), one
        assert "U0ADMIN" not in str(one.get("user_id", "")), one
        assert "evil" not in str(one.get("url", "")), one
        if one.get("type") == "mrkdwn":
            # Times of ours are markup too: <!date^...>.
            for mark in ("<!c", "<!h", "<!e", "<@U0", "evil.example"):
                assert mark not in one["text"], one
    return True


async def posted(s: Stage, result: Result) -> Message:
    """The diagnosis in the thread of a store that is down."""
    [number] = await s.breaks("tikv-4")
    made = result.diagnosis
    assert made is not None

    def keep(tx: Tx) -> None:
        frozen = store.save_snapshot(tx, number, result.snapshot)
        store.save_diagnosis(tx, New(number, frozen, made, Reason.OPENED, result.seconds))

    await s.db.write(keep)
    place = s.ws.channel(CHANNEL)
    await s.ws.until(lambda: [ts for ts in s.card(0).replies if ts in place.messages])
    await s.rig.idle()
    return place.messages[s.card(0).replies[-1]]


@pytest.mark.parametrize("where", ["log", "label", "name"])
async def test_an_order_that_is_obeyed_mentions_nobody_links_nowhere_and_commands_nothing(
    s: Stage, where: str
) -> None:
    about = planted(where)
    async with ClaudeServer(obedient(about)) as claude:
        result = await Desk(claude).ask(about)
    message = await posted(s, result)

    assert harmless(message.blocks)
    assert not any(one in message.text + seen(message) for one in (*FORBIDDEN, "<!c", "<@", "http"))
    await s.click(message.ts, ids.DIAGNOSIS_REASONING)
    view = await s.ws.until(lambda: s.ws.view("ana"))
    for tab in ("rivals", "times", "commands"):
        assert harmless(view["blocks"])
        # What the evidence holds may be shown as what it is: text. Nothing of Claude's is a command.
        if tab != "times":
            assert "curl" not in read(view["blocks"])
        await s.settled(s.ws.acts.view_click("ana", view["id"], ids.tab_id(tab)))
        await s.rig.idle()
        view = s.ws.view("ana")
    assert "docker start tikv-4" in read(view["blocks"])
    assert not any(one in read(view["blocks"]) for one in FORBIDDEN)
    [card] = s.rig.posts()
    assert harmless(card.blocks)


async def test_what_is_kept_of_such_an_answer_holds_none_of_it(s: Stage) -> None:
    about = planted("log")
    async with ClaudeServer(obedient(about)) as claude:
        result = await Desk(claude).ask(about)
    assert result.diagnosis is not None
    kept = encoded(result.diagnosis)

    assert not any(one in kept for one in (*FORBIDDEN, "<!", "<@", "http", "evil"))
    assert ORDER.split("<")[0] in json.dumps([one.content for one in result.snapshot.pieces])


async def test_its_answer_reads_as_a_diagnosis_like_any_other(s: Stage) -> None:
    about = planted("label")
    said = json.loads(_first(obedient(about)))
    main = {**said["claims"][0], "words": "It ended by SIGKILL (exit code 137)."}
    fields = {"certainty": "confirmed", "primary": "Store 4 was killed from outside."}
    async with ClaudeServer(
        says(json.dumps(answer("process_killed", "store:4", main, **fields)))
    ) as claude:
        result = await Desk(claude).ask(about)
    message = await posted(s, result)

    for words in (
        "Confirmed",
        "Store 4 was killed from outside.",
        "It ended by SIGKILL",
        "claude-sonnet-5-5",
    ):
        assert words in seen(message)


def _first(turn: object) -> str:
    assert isinstance(turn, Turn)
    return str(turn.blocks[0]["text"])
