"""Before anything runs: do the tokens work, and who are we? Refusals say what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError

from bot.manifest import SCOPES
from bot.slack import AuthFailed, Limited, Outcome, Slack, understood
from bot.slack import Refused as RefusedBySlack
from core.errors import Refused, Unavailable


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the bot is, as auth.test said. `missing` are the scopes that the token lacks, as far as
    Slack told."""

    team_id: str
    team: str
    url: str
    bot_id: str
    bot_user_id: str
    enterprise_id: str | None = None
    missing: tuple[str, ...] = ()


class TokenRefused(Refused):
    """Slack does not take that token."""


_WORDS = {
    "invalid_auth": "is not one of Slack's tokens for this app, or was revoked",
    "not_authed": "is missing",
    "token_revoked": "was revoked: install the app again and take the new one",
    "token_expired": "has expired: make a new one",
    "account_inactive": "belongs to an app or a user that was removed",
    "not_allowed_token_type": "is of the wrong kind",
    "missing_scope": "lacks a scope",
}
_BOT = (
    "The bot token (SLACK_BOT_TOKEN) {}. It starts with xoxb- and stands under OAuth & Permissions "
    "on the app's page at api.slack.com/apps."
)
_APP = (
    "The app-level token (SLACK_APP_TOKEN) {}. It starts with xapp-, needs the scope "
    "connections:write, and stands under Basic Information on the app's page at api.slack.com/apps; "
    "Socket Mode must be switched on there too."
)


async def introduce(slack: Slack) -> Identity:
    """Ask Slack who we are. TokenRefused for a token that does not work, Unavailable without Slack."""
    token = slack.settings.token
    if not token:
        raise TokenRefused(_BOT.format("is not set"))
    if token.startswith(("xapp-", "xoxp-")):
        raise TokenRefused(_BOT.format(f"is of the wrong kind: it starts with {token[:5]}"))
    said, headers = await _ask(slack, "auth.test", _BOT)
    granted = headers.get("x-oauth-scopes") or headers.get("X-OAuth-Scopes")
    return Identity(
        team_id=str(said["team_id"]),
        team=str(said.get("team") or ""),
        url=str(said.get("url") or ""),
        bot_id=str(said.get("bot_id") or ""),
        bot_user_id=str(said.get("user_id") or ""),
        enterprise_id=said.get("enterprise_id"),
        missing=_missing(granted),
    )


def _missing(granted: str | None) -> tuple[str, ...]:
    if not granted:
        return ()
    have = {one.strip() for one in granted.split(",")}
    return tuple(scope for scope in SCOPES if scope not in have)


async def check_app_token(slack: Slack, app_token: str) -> None:
    """TokenRefused for an app-level token with which no socket can be opened."""
    if not app_token:
        raise TokenRefused(_APP.format("is not set"))
    if not app_token.startswith("xapp-"):
        raise TokenRefused(_APP.format("is of the wrong kind"))
    await _ask(slack, "apps.connections.open", _APP, token=app_token)


async def _ask(
    slack: Slack, method: str, words: str, token: str | None = None
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        answer = await slack.web.api_call(method, headers=headers)
    except SlackApiError as error:
        raise _why(slack, understood(error), words) from None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise _out_of_reach(slack, repr(error)) from None
    data: Any = answer.data
    if not isinstance(data, dict):
        raise _out_of_reach(slack, "it answered with something that is not Slack's")
    if method == "auth.test" and not data.get("team_id"):
        raise _out_of_reach(slack, "it did not say which workspace this is (auth.test, team_id)")
    return data, answer.headers


def _why(slack: Slack, outcome: Outcome, words: str) -> TokenRefused | Unavailable:
    if isinstance(outcome, AuthFailed | RefusedBySlack):
        said = _WORDS.get(outcome.code, f"was refused by Slack ({outcome.code})")
        return TokenRefused(words.format(said))
    if isinstance(outcome, Limited):
        return Unavailable(f"Slack asks to wait for {outcome.retry_after_s:.0f} s; try again then.")
    return _out_of_reach(slack, str(outcome))


def _out_of_reach(slack: Slack, why: str) -> Unavailable:
    return Unavailable(
        f"Slack at {slack.settings.base_url} cannot be reached: {why[:200]}. Check the network, a "
        "proxy (slack.proxy), and slack.base_url."
    )
