"""What Slack's answers mean: what certainly happened, certainly did not, or may have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.channel_ids import ChannelIds
from bot.slack import (
    Ambiguous,
    AuthFailed,
    Kind,
    Limited,
    Ok,
    Outcome,
    Refused,
    Slack,
    SlackSettings,
    Unreached,
    retry_after_s,
    tls,
)
from core.clock import SystemClock
from core.errors import Invalid
from core.metrics import Metrics

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(answer: Answer, timeout_s: float = 2.0) -> AsyncIterator[Slack]:
    app = web.Application()
    app.router.add_route("*", "/api/{method}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    url = f"http://127.0.0.1:{port}/api/"
    slack = await Slack.open(
        SlackSettings("xoxb-1", url, timeout_s=timeout_s), SystemClock(), Metrics()
    )
    try:
        yield slack
    finally:
        await slack.close()
        await runner.cleanup()


async def outcome(
    status: int, text: str, kind: str = "application/json", **headers: str
) -> Outcome:
    async def answer(_: web.Request) -> web.Response:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return web.Response(status=status, text=text, content_type=kind, headers=named)

    async with answering(answer) as slack:
        return await slack.call("chat.postMessage", channel="C1", text="x")


def said(error: str) -> str:
    return f'{{"ok": false, "error": "{error}"}}'


async def test_ok_carries_what_slack_answered() -> None:
    assert await outcome(200, '{"ok": true, "ts": "1.2"}') == Ok({"ok": True, "ts": "1.2"})


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (500, said("internal_error"), "application/json"),
        (503, "", "text/plain"),
        (502, "<html>bad gateway</html>", "text/html"),
        (200, "<html>login</html>", "text/html"),
        (200, "ok", "text/plain"),
        (200, '{"ok": tr', "application/json"),
        (200, "", "application/json"),
        (200, "[]", "application/json"),
        (200, "[1]", "application/json"),
        (200, '"ok"', "application/json"),
        (200, "null", "application/json"),
        (200, '{"ok": "yes"}', "application/json"),
        (200, said("internal_error"), "application/json"),
        (200, said("fatal_error"), "application/json"),
    ],
)
async def test_whatever_does_not_say_what_happened_is_ambiguous(
    status: int, text: str, kind: str
) -> None:
    assert isinstance(await outcome(status, text, kind), Ambiguous)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("message_not_found", Kind.MESSAGE),
        ("edit_window_closed", Kind.MESSAGE),
        ("is_archived", Kind.CHANNEL),
        ("not_in_channel", Kind.CHANNEL),
        ("invalid_blocks", Kind.CONTENT),
        ("msg_too_long", Kind.CONTENT),
        ("something_new", Kind.OTHER),
    ],
)
async def test_a_refusal_says_what_it_is_about(error: str, kind: Kind) -> None:
    assert await outcome(200, said(error)) == Refused(error, kind)


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked", "account_inactive"])
async def test_a_refused_token_is_told_apart(error: str) -> None:
    assert await outcome(200, said(error)) == AuthFailed(error)


async def test_too_fast_says_for_how_long() -> None:
    assert await outcome(429, said("ratelimited"), Retry_After="7") == Limited(7.0)
    assert await outcome(200, said("ratelimited"), Retry_After="7") == Limited(7.0)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("3", 3.0), ("0", 0.0), ("-5", 0.0), ("soon", 5.0), ("", 5.0), (None, 5.0), ("nan", 5.0)],
)
def test_a_senseless_retry_after_is_a_few_seconds(header: str | None, seconds: float) -> None:
    assert retry_after_s(header) == seconds
    assert retry_after_s("1e9") == 3600.0


async def test_no_connection_at_all_is_certain_not_to_have_happened() -> None:
    settings = SlackSettings("xoxb-1", "http://127.0.0.1:9/api/")
    slack = await Slack.open(settings, SystemClock(), Metrics())
    assert isinstance(await slack.call("auth.test"), Unreached)
    await slack.close()


async def test_an_answer_that_does_not_come_in_time_is_ambiguous() -> None:
    released = asyncio.Event()

    async def answer(_: web.Request) -> web.Response:
        await released.wait()
        return web.json_response({"ok": True})

    async with answering(answer, timeout_s=0.2) as slack:
        found = await slack.call("chat.postMessage", channel="C1")
        released.set()
    assert isinstance(found, Ambiguous)


async def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"nothing\.pem"):
        tls(tmp_path / "nothing.pem")
    bad = tmp_path / "bad.pem"
    bad.write_text("not a certificate")
    with pytest.raises(Invalid, match=r"bad\.pem"):
        tls(bad)


async def test_channels_are_found_by_name_through_all_pages_and_asked_for_once() -> None:
    asked: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        cursor = request.query.get("cursor")
        asked.append(cursor)
        page = int(cursor or 0)
        channels = [{"id": f"C00000{page}{n}", "name": f"c{page}{n}"} for n in range(3)]
        following = str(page + 1) if page < 4 else ""
        return web.json_response(
            {"ok": True, "channels": channels, "response_metadata": {"next_cursor": following}}
        )

    async with answering(answer) as slack:
        ids = ChannelIds(slack)
        assert await ids.find("#c21") == "C0000021"
        assert asked == [None, "1", "2"]
        assert await ids.find("c01") == "C0000001"
        assert await ids.find("C0123ABC") == "C0123ABC"
        assert len(asked) == 3
        assert await ids.find("nowhere") == Refused("channel_not_found", Kind.CHANNEL)
        assert len(asked) == 8
