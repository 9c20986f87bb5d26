"""Asking Slack whether the tokens, the scopes and the channels are as the bot needs them."""

from __future__ import annotations

from bot import given
from bot.channel_ids import ChannelIds
from bot.check_named import check_named
from bot.manifest import SCOPES
from bot.slack import Ok, Outcome, Slack
from bot.start import check_app_token, introduce
from core.clock import Clock
from core.config import Config
from core.errors import TocsinError
from core.findings import Finding
from core.metrics import Metrics

PART = "slack"


async def check_slack(config: Config, clock: Clock) -> list[Finding]:
    """Every question, answered; the later ones only when the first could be asked."""
    try:
        slack = await Slack.open(given.slack(config), clock, Metrics())
    except TocsinError:
        return []  # what is wrong there is told without asking Slack
    try:
        found = await _tokens(slack, config)
        if found[0].ok:
            found += await _channels(slack, config)
            found += await check_named(slack, config)
        return found
    finally:
        await slack.close()


def _said(outcome: Outcome) -> str:
    return str(getattr(outcome, "code", None) or getattr(outcome, "why", None) or outcome)


async def _tokens(slack: Slack, config: Config) -> list[Finding]:
    found = []
    try:
        identity = await introduce(slack)
    except TocsinError as error:
        return [Finding(PART, "bot token", False, error.text, "set SLACK_BOT_TOKEN")]
    found.append(Finding(PART, "bot token", True, f"installed in {identity.team}"))
    for scope in identity.missing:
        fix = "update the app from manifest.yml and install it again"
        found.append(Finding(PART, f"scope {scope}", False, f"missing: {SCOPES[scope]}", fix))
    if not identity.missing:
        found.append(Finding(PART, "scopes", True, "none missing, as far as Slack told"))
    if config.file.slack.mode == "socket":
        try:
            await check_app_token(slack, given.app_token(config))
            found.append(Finding(PART, "app token", True, "Socket Mode can be opened"))
        except TocsinError as error:
            found.append(Finding(PART, "app token", False, error.text, "set SLACK_APP_TOKEN"))
    return found


async def _channels(slack: Slack, config: Config) -> list[Finding]:
    try:
        routes = given.routes(config)
    except TocsinError:
        return []
    ids = ChannelIds(slack)
    return [await _channel(slack, ids, channel) for channel in routes.channels()]


async def _channel(slack: Slack, ids: ChannelIds, channel: str) -> Finding:
    what = f"channel {channel}"
    found = await ids.find(channel)
    if not isinstance(found, str):
        return Finding(PART, what, False, _said(found), "check the name, or give the channel's id")
    outcome = await slack.ask("conversations.info", channel=found)
    if not isinstance(outcome, Ok):
        return Finding(PART, what, False, _said(outcome), "invite the bot: /invite @tocsin")
    info = outcome.data.get("channel") or {}
    if info.get("is_archived"):
        return Finding(PART, what, False, "is archived", "route to another channel")
    if not info.get("is_member"):
        return Finding(PART, what, False, "the bot is not in it", "invite it: /invite @tocsin")
    return Finding(PART, what, True, "the bot is in it")
