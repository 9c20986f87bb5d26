"""From the configuration to the settings of each part of the bot."""

from __future__ import annotations

import re

from pydantic import SecretStr

from bot import links
from bot.pager import PagerSettings
from bot.roles import RoleSettings
from bot.routes import Route, Routes, mention
from bot.slack import SlackSettings
from core.config import Config
from core.errors import Invalid
from core.invariant import Severity

_ID = re.compile(r"[UWS][A-Z0-9]{1,30}")


def routes(config: Config) -> Routes:
    """Where tickets go. Invalid without any route."""
    made = tuple(
        Route(
            channel=r.channel,
            mention=mention(r.mention),
            subjects=r.subjects,
            severities=tuple(Severity(s) for s in r.severities),
        )
        for r in config.file.routes
    )
    if not made:
        raise Invalid(
            "Nothing says where tickets go: add [[routes]] with a channel to the configuration."
        )
    everything = next((r for r in made if not r.subjects and not r.severities), made[0])
    fallback = config.file.slack.fallback_channel or everything.channel
    return Routes(made, everything.channel, fallback)


def roles(config: Config) -> RoleSettings:
    """Who may do what. Invalid for anything that is no id: a name would match nobody, unnoticed."""
    named = config.file.roles
    if named is None:
        return RoleSettings()
    for role in ("viewer", "responder", "admin"):
        for one in getattr(named, role):
            if not _ID.fullmatch(one):
                raise Invalid(
                    f"roles.{role}: {one!r} is not the id of a Slack user (U...) or of a user group "
                    "(S...): in Slack, open the profile and choose Copy member ID."
                )
    return RoleSettings(True, named.viewer, named.responder, named.admin)


def slack(config: Config) -> SlackSettings:
    """How to reach Slack. Invalid without a bot token."""
    s = config.file.slack
    return SlackSettings(
        token=token(config.bot_token, "bot token", "SLACK_BOT_TOKEN", "xoxb-"),
        base_url=s.base_url if s.base_url.endswith("/") else s.base_url + "/",
        proxy=s.proxy,
        ca_file=s.ca_file,
        timeout_s=s.timeout,
    )


def token(given: SecretStr | None, what: str, variable: str, begins: str) -> str:
    """A token's plain text. Invalid, with where to find one, when it is missing or of another kind."""
    plain = given.get_secret_value().strip() if given is not None else ""
    if not plain:
        raise Invalid(f"The {what} is missing: set {variable} (it begins with {begins}).")
    if not plain.startswith(begins):
        raise Invalid(f"{variable} is not a {what}: that begins with {begins}.")
    return plain


def app_token(config: Config) -> str:
    """The app-level token for Socket Mode. Invalid without one."""
    return token(config.app_token, "app-level token", "SLACK_APP_TOKEN", "xapp-")


def signing_secret(config: Config) -> str:
    """The signing secret for HTTP mode. Invalid without one."""
    plain = config.signing_secret.get_secret_value().strip() if config.signing_secret else ""
    if not plain:
        raise Invalid("The signing secret is missing: set SLACK_SIGNING_SECRET.")
    return plain


def pager(config: Config) -> PagerSettings | None:
    """The fallback webhook, where a routing key is given."""
    if config.pagerduty_key is None:
        return None
    f = config.file.fallback
    return PagerSettings(f.url, config.pagerduty_key.get_secret_value())


def app_token_if_needed(config: Config) -> str:
    """The app-level token in Socket Mode, "" in HTTP mode."""
    return app_token(config) if config.file.slack.mode == "socket" else ""


def check(config: Config) -> None:
    """Invalid for whatever of the above cannot be right."""
    routes(config)
    slack(config)
    roles(config)
    links.of(config.file.links)
    if config.file.slack.mode == "socket":
        app_token(config)
    else:
        signing_secret(config)
