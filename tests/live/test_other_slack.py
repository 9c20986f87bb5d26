"""The program as people run it, on a Slack that is not ours and a cluster of real processes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.twin.cluster import Layout
from tests.live.other_slack import (
    ANA,
    GROUP,
    GUEST,
    LEAD,
    OPS,
    STRANGER,
    OtherSlack,
)
from tests.live.serving import (
    LIMIT_S,
    Bot,
    bot_on,
    card,
    hears,
    nothing,
    serving,
    slack_and_twin,
    until,
    whole,
)


def calls_all(thing: Any) -> bool:
    """Whether "<!channel>" stands anywhere where Slack reads markup."""
    if isinstance(thing, list):
        return any(calls_all(one) for one in thing)
    if not isinstance(thing, dict):
        return False
    read = thing.get("type") in ("mrkdwn", "message")
    if read and "<!channel>" in str(thing.get("text", "")):
        return True
    return any(calls_all(one) for one in thing.values())


@pytest.mark.timeout(240)
async def test_the_main_story_on_a_slack_that_is_not_ours(tmp_path: Path) -> None:
    async with slack_and_twin(tmp_path) as (slack, twin):
        bot = bot_on(tmp_path / "bot", slack, twin.pd_urls)
        async with serving(bot):
            await until(lambda: len(slack.sockets) == 2, "two sockets")
            await bot.watching()
            await _people(slack, twin)
            await _outages(slack, bot)
            await _faults(slack, twin, bot)


async def _people(slack: OtherSlack, twin: Layout) -> None:
    twin.kill("store-2")
    found = await until(lambda: card(slack.alerts), "a card")
    ts = found["ts"]
    said = await slack.deliver("interactive", slack.click(found, "ticket_acknowledge"))
    assert said == {}
    await until(lambda: "ticket_acknowledge" not in whole(found), "the edit of the same message")
    assert found["ts"] == ts
    assert "ana" in whole(found)
    for text in ("list", "list acknowledged", "show 1", "help"):
        assert (await hears(slack, "/tickets", text))["text"], text
    for name, text in (("/tickets", "explode"), ("/monitor", "<!channel> now"), ("/nothing", "")):
        assert (await hears(slack, name, text))["response_type"] == "ephemeral"
    await slack.deliver("interactive", slack.click(found, "ticket_hold"))
    view = await until(lambda: slack.views[-1:], "a modal")
    values = {
        "hold_for_block": {
            "hold_for": {"type": "static_select", "selected_option": {"value": "2h"}}
        },
        "hold_healthy_block": {
            "hold_healthy": {
                "type": "checkboxes",
                "selected_options": [{"value": "hold_healthy"}],
            }
        },
        "hold_reason_block": {
            "hold_reason": {"type": "plain_text_input", "value": "<!channel> disk swap `x`"}
        },
    }
    assert await slack.deliver("interactive", slack.submission(view[0], values)) == {}
    await until(lambda: "ticket_unhold" in whole(found), "held")
    replies = await until(
        lambda: [m for m in slack.alerts.messages if m.get("thread_ts") == ts], "a thread reply"
    )
    assert all(
        "<!channel>" not in whole({**m, "metadata": 0}) or "plain" in whole(m) for m in replies
    )
    for who in (GUEST, STRANGER):
        before = len(slack.whispers)
        await slack.deliver("interactive", slack.click(found, "ticket_unhold", who))
        await until(lambda b=before: len(slack.whispers) > b, "a refusal")
        assert "ticket_unhold" in whole(found)
    twin.start("store-2")
    await until(lambda: "esolved" in found["text"] or "healthy again" in found["text"], "resolved")


async def _outages(slack: OtherSlack, bot: Bot) -> None:
    await slack.stop()
    await bot.healthy(503)
    await slack.start()
    assert (await hears(slack, "/tickets", "list"))["text"]
    await slack.refresh()
    assert (await hears(slack, "/tickets", "list"))["text"]
    await bot.healthy()


async def _faults(slack: OtherSlack, twin: Layout, bot: Bot) -> None:
    slack.limit["chat.postMessage"] = [1.0, 1.0]
    before = slack.count("chat.postMessage")
    twin.kill("store-3")
    found = await until(lambda: card(slack.alerts, "store-3"), "a card after two 429")
    times = [at for name, at in slack.calls if name == "chat.postMessage"][before:]
    assert times[1] - times[0] > 0.95, times
    assert times[2] - times[1] > 0.95, times
    # Deleted by a person, then touched: anchored anew, once.
    slack.alerts.messages.remove(found)
    await slack.deliver("interactive", slack.click(found, "ticket_acknowledge"))
    again = await until(lambda: card(slack.alerts, "store-3"), "the card anew")
    assert again["ts"] != found["ts"]
    slack.auth_broken = True
    await slack.deliver("interactive", slack.click(again, "ticket_resolve"))
    await slack.deliver("interactive", slack.click(again, "ticket_hold"))
    body = await bot.healthy(503)
    assert "invalid_auth" in json.dumps(body)
    calls = len(slack.calls)
    for _ in range(20):
        await slack.deliver("slash_commands", slack.command("/tickets", "unhold 1"))
        await slack.deliver("slash_commands", slack.command("/tickets", "hold 1 again"))
    assert slack.sent_since(calls) == [], slack.calls[calls:]
    slack.auth_broken = False


@pytest.mark.timeout(240)
async def test_killed_around_a_card_it_posts_it_once_where_slack_tells_next_to_nothing(
    tmp_path: Path,
) -> None:
    async with slack_and_twin(tmp_path) as (slack, twin):
        slack.shows_metadata = False
        for method in ("conversations.list", "conversations.members", "usergroups.users.list"):
            slack.refuse[method] = "unknown_method"
        bot = bot_on(tmp_path / "bot", slack, twin.pd_urls, channel="#prod-storage")
        async with serving(bot):
            await bot.watching()
            twin.kill("store-2")
            found = await until(lambda: card(slack.alerts), "a card in a channel known by name")
            await hears(slack, "/tickets", "hold 1 until the disk is there")
            await until(lambda: "ticket_unhold" in whole(found), "its edit, which wants an id")
            await _killed_right_after_a_post(slack, twin, bot)
            await _killed_right_before_one(slack, twin, bot)
            slack.alerts.archived = True
            twin.start("store-3")
            await until(lambda: slack.channels[OPS].with_words("is_archived"), "told elsewhere")


async def _killed_right_after_a_post(slack: OtherSlack, twin: Layout, bot: Bot) -> None:
    assert bot.process is not None

    async def die() -> None:
        slack.after_post = None
        await bot.kill()

    await hears(slack, "/tickets", "unhold 1")
    slack.after_post = die
    twin.start("store-2")
    await asyncio.wait_for(bot.process.wait(), LIMIT_S)
    await bot.start()
    await until(lambda: "healthy again" in whole(slack.alerts.roots[-1]), "resolved")
    await until(bot.told, "nothing left to tell or to look up")
    keys = [m["metadata"]["event_payload"]["key"] for m in slack.alerts.messages]
    assert len(set(keys)) == len(keys), slack.alerts.messages


async def _killed_right_before_one(slack: OtherSlack, twin: Layout, bot: Bot) -> None:
    await bot.healthy()
    slack.hang.add("chat.postMessage")
    before = slack.count("chat.postMessage")
    twin.kill("store-3")
    await until(lambda: slack.count("chat.postMessage") > before, "a post on its way")
    await bot.kill()
    slack.hang.clear()
    await bot.start()
    await until(lambda: card(slack.alerts, "store-3"), "the card, after a kill before it")


@asynccontextmanager
async def on_http(folder: Path, **wanted: str) -> AsyncIterator[tuple[OtherSlack, Bot, str]]:
    """HTTP mode, and nothing to watch that answers."""
    slack = await OtherSlack().start()
    try:
        bot = bot_on(folder, slack, (nothing(),), mode="http", **wanted)
        async with serving(bot):
            yield slack, bot, f"http://127.0.0.1:{bot.port}/slack/events"
    finally:
        await slack.stop()


async def asked(slack: OtherSlack, url: str, text: str, who: str = ANA, **changes: Any) -> str:
    """A command by HTTP, and the words that answer it."""
    body = {**slack.command("/tickets", text, who), **changes}
    status, answer = await slack.post(url, body)
    assert status == 200, (status, answer)
    return str(json.loads(answer)["text"])


async def test_what_comes_by_http_is_answered_or_turned_away_and_never_a_500(
    tmp_path: Path,
) -> None:
    roles = f'[roles]\nresponder = ["{GROUP}"]'
    async with on_http(tmp_path / "bot", extra=roles) as (slack, bot, url):
        assert "/tickets" in await asked(slack, url, "help")
        good = slack.command("/tickets", "help")
        assert (await slack.post(url, good, secret="f" * 32))[0] == 401
        assert (await slack.post(url, good, at=str(int(time.time()) - 400)))[0] == 401
        assert (await slack.post(url, good, at="soon"))[0] == 401
        assert (await slack.post(url, good, X_Slack_Signature="v0=\u00e4"))[0] == 401
        body = b"command=%2Ftickets&text=help&user_id=U1&team_id=T1&trigger_id=1.2.3"
        at = str(int(time.time()))
        assert (await slack.post(url, body, at=at))[0] == 200
        assert (await slack.post(url, body, at=at))[0] == 401
        assert (await slack.post(url, b"x" * 10_000_000))[0] == 413
        for wrong in MALFORMED:
            form = wrong if isinstance(wrong, bytes) else json.dumps(wrong).encode()
            kind = "application/x-www-form-urlencoded" if b"=" in form else "application/json"
            status, answer = await slack.post(url, form, Content_Type=kind)
            assert status in (200, 400, 404), (wrong, status, answer, bot.log()[-2000:])
        assert "/tickets" in await asked(slack, url, "help")
        assert "Traceback" not in bot.log()
        await _roles(slack, url)


async def _roles(slack: OtherSlack, url: str) -> None:
    assert "999" in await asked(slack, url, "ack 999", LEAD)
    assert "viewer" in await asked(slack, url, "ack 999", ANA)
    assert "Guests" in await asked(slack, url, "ack 999", GUEST)
    assert "workspace" in await asked(slack, url, "ack 999", LEAD, team_id="T0ELSEWHERE")
    slack.refuse["users.info"] = "unknown_method"
    assert "nothing was changed" in await asked(slack, url, "ack 999", STRANGER)
    assert "/tickets list" in await asked(slack, url, "help", STRANGER)
    slack.hang.add("users.info")
    assert "nothing was changed" in await asked(slack, url, "ack 999", "U0HANGING1")


MALFORMED: list[Any] = [
    b"payload=",
    b"payload=%5B%5D",
    b"payload=%7B%7D",
    b"payload=null",
    b"payload=%7B%22type%22%3A%22block_actions%22%7D",
    b"payload=%7B%22type%22%3A%22block_actions%22%2C%22actions%22%3A%5B%5D%7D",
    b"payload=%7B%22type%22%3A%22block_actions%22%2C%22actions%22%3A%5B7%5D%7D",
    b"payload=%7B%22type%22%3A%22block_actions%22%2C%22actions%22%3A%7B%7D%7D",
    b"payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%22x%22%2C%22actions%22%3A%5B%7B%22action_id%22%3A%22ticket_hold%22%2C%22type%22%3A%22button%22%7D%5D%7D",
    b"payload=%7B%22type%22%3A%22view_submission%22%7D",
    b"payload=%7B%22type%22%3A%22view_submission%22%2C%22view%22%3A%22v%22%7D",
    b"payload=%7B%22type%22%3A%22view_submission%22%2C%22view%22%3A%7B%22callback_id%22%3A%22hold_view%22%2C%22state%22%3A%7B%22values%22%3A%5B%5D%7D%7D%7D",
    b"payload=%7B%22type%22%3A%22surprise%22%7D",
    b"command=",
    b"command=%2Ftickets",
    b"command=%2Ftickets&text=%00%FF&user_id=&team_id=",
    b"command=%2Ftickets&command=%2Fmonitor&text=a&text=b",
    b"nothing=1",
    b"",
    {"type": "event_callback"},
    {"type": "event_callback", "event": "x"},
    {"type": "event_callback", "event": {"type": ["app_home_opened"]}},
    {"type": "event_callback", "team_id": 7, "event": {"type": "app_home_opened", "user": {}}},
    {"type": "url_verification", "challenge": "abc"},
    {"type": "url_verification"},
    {"type": 5},
    {},
    [1, 2],
    "text",
]
