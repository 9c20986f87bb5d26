"""Tokens that do not work are told apart, each with what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from bot.slack import Slack, SlackSettings
from bot.start import check_app_token, introduce
from core.clock import SystemClock
from core.errors import Refused, Unavailable
from core.metrics import Metrics


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(Workspace(Config(manifest=manifest()))) as one:
        yield one


async def asked(server: LocalServer, token: str, url: str = "") -> Slack:
    settings = SlackSettings(token=token, base_url=url or server.api_url, timeout_s=2.0)
    return await Slack.open(settings, SystemClock(), Metrics())


async def test_a_good_token_says_who_we_are(server: LocalServer) -> None:
    slack = await asked(server, server.bot_token)
    identity = await introduce(slack)
    assert identity.team_id == server.workspace.state.team_id
    assert identity.bot_user_id == server.workspace.state.bot_user_id
    assert identity.missing == ()
    await check_app_token(slack, server.app_token)
    await slack.close()


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("", "is not set"),
        ("xoxb-wrong", "is not one of Slack's tokens"),
        ("xapp-1-A-2-c", "wrong kind: it starts with xapp-"),
        ("xoxp-1", "wrong kind: it starts with xoxp-"),
    ],
)
async def test_a_bad_bot_token_is_refused_with_where_to_find_a_good_one(
    server: LocalServer, token: str, words: str
) -> None:
    slack = await asked(server, token)
    with pytest.raises(Refused, match=words) as refused:
        await introduce(slack)
    assert "SLACK_BOT_TOKEN" in refused.value.text
    assert "OAuth & Permissions" in refused.value.text
    await slack.close()


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "is not set"), ("xoxb-1", "wrong kind"), ("xapp-wrong", "is not one of Slack's tokens")],
)
async def test_a_bad_app_token_is_refused(server: LocalServer, token: str, words: str) -> None:
    slack = await asked(server, server.bot_token)
    with pytest.raises(Refused, match=words) as refused:
        await check_app_token(slack, token)
    assert "SLACK_APP_TOKEN" in refused.value.text
    await slack.close()


@pytest.mark.parametrize(
    "arm",
    [
        lambda s: s.workspace.fault("auth.test", "500"),
        lambda s: s.workspace.fault("auth.test", "429", retry_after=3),
        lambda s: s.workspace.fault("auth.test", "reset_before"),
    ],
)
async def test_trouble_on_the_way_is_not_blamed_on_the_token(
    server: LocalServer, arm: Callable[[LocalServer], object]
) -> None:
    arm(server)
    slack = await asked(server, server.bot_token)
    with pytest.raises(Unavailable):
        await introduce(slack)
    await slack.close()


async def test_a_server_that_is_not_slack_is_named(server: LocalServer) -> None:
    slack = await asked(server, server.bot_token, "http://127.0.0.1:9/api/")
    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9/api/ cannot be reached"):
        await introduce(slack)
    await slack.close()


async def test_scopes_that_are_missing_are_named(server: LocalServer) -> None:
    server.workspace.state.scopes.discard("usergroups:read")
    slack = await asked(server, server.bot_token)
    assert (await introduce(slack)).missing == ("usergroups:read",)
    await slack.close()
