"""Meeting Slack at the start: are the tokens right, and who are we there?

Wrong tokens end the program with a sentence that says which and where to find the right one. A
Slack that cannot be reached does not: whoever watches at 3 am must go on watching. Who we are is
then what Slack said the last time, and the connection is tried until it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec
import structlog

from bot.app import Identity
from bot.slack import AuthFailed, Limited, Ok, Refused, Slack, SlackSettings
from bot.socket import why_app_token, why_bot_token
from core import settings
from core.wiring import Core

log = structlog.get_logger()
KEY = "slack.identity"
RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Meeting:
    """What is shown to Slack; no app token in HTTP mode."""

    slack: SlackSettings
    app_token: str


async def meet(meeting: Meeting, slack: Slack, core: Core) -> Identity:
    """Who we are. Refused, in words, for a token that Slack does not take."""
    identity = await _introduced(slack, core)
    if meeting.app_token:
        await _check_app_token(slack, meeting.app_token)
    return identity


async def _introduced(slack: Slack, core: Core) -> Identity:
    while True:
        outcome = await slack.call("auth.test")
        if isinstance(outcome, Ok):
            identity = _identity(outcome.data)
            text = msgspec.json.encode(asdict(identity)).decode()
            await core.db.write_as(core.epoch, settings.put, KEY, text)
            return identity
        if isinstance(outcome, AuthFailed | Refused):
            raise why_bot_token(outcome.code)
        known = await core.db.read(settings.get, KEY)
        log.warning("Slack cannot be reached", action="meet", why=str(outcome))
        if known is not None:
            return msgspec.json.decode(known, type=Identity)
        pause_s = outcome.retry_after_s if isinstance(outcome, Limited) else RETRY_S
        await core.clock.sleep(pause_s)


def _identity(said: Mapping[str, Any]) -> Identity:
    return Identity(
        team_id=str(said["team_id"]),
        team=str(said.get("team") or ""),
        url=str(said.get("url") or ""),
        bot_id=str(said.get("bot_id") or ""),
        bot_user_id=str(said.get("user_id") or ""),
        enterprise_id=said.get("enterprise_id"),
    )


async def _check_app_token(slack: Slack, token: str) -> None:
    asking = await Slack.open(replace(slack.settings, token=token), slack.clock, slack.metrics)
    try:
        outcome = await asking.call("apps.connections.open")
    finally:
        await asking.close()
    if isinstance(outcome, AuthFailed | Refused):
        raise why_app_token(outcome.code)
