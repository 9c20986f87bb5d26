"""Asking Slack about everybody whom the configuration names: in [roles], and for pages to call."""

from __future__ import annotations

import re

from bot import given
from bot.person import person
from bot.slack import AuthFailed, Ok, Outcome, Refused, Slack
from bot.text import plural
from core.config import Config
from core.errors import TocsinError
from core.findings import Finding

PART = "slack"
_ID = re.compile(r"[UWS][A-Z0-9]+")
_UNKNOWN = frozenset(("no_such_subteam", "subteam_not_found", "user_not_found", "user_not_visible"))


async def check_named(slack: Slack, config: Config) -> list[Finding]:
    """One row for each user and user group: is it there, and is it anybody?"""
    found = []
    for one, places in _named(config).items():
        if one.startswith("S"):
            found.append(await _group(slack, one, places))
        else:
            found.append(await _user(slack, one, places))
    return found


def _named(config: Config) -> dict[str, list[str]]:
    """Every id with the keys that name it. What is no id has been told without asking Slack."""
    named: dict[str, list[str]] = {}
    try:
        roles, routes = given.roles(config), given.routes(config)
    except TocsinError:
        return {}
    for role in ("viewer", "responder", "admin"):
        for one in getattr(roles, role):
            named.setdefault(one, []).append(f"roles.{role}")
    for number, route in enumerate(routes.routes, 1):
        for one in _ID.findall(route.mention):
            named.setdefault(one, []).append(f"routes[{number}].mention")
    return named


def _what(kind: str, one: str, places: list[str]) -> str:
    return f"{kind} {one} of {', '.join(places)}"


async def _group(slack: Slack, one: str, places: list[str]) -> Finding:
    what = _what("user group", one, places)
    outcome = await slack.ask("usergroups.users.list", usergroup=one)
    if not isinstance(outcome, Ok):
        where = "the user group's menu in Slack has Copy group ID"
        return _not_told(what, outcome, where)
    members = outcome.data.get("users") or ()
    calls = any(place.startswith("routes") for place in places)
    if not members and calls:
        fix = "add people to the user group"
        return Finding(PART, what, False, "has no members: it calls nobody", fix)
    return Finding(PART, what, True, f"has {plural(len(members), 'member')}")


async def _user(slack: Slack, one: str, places: list[str]) -> Finding:
    what = _what("user", one, places)
    outcome = await slack.ask("users.info", user=one)
    if not isinstance(outcome, Ok):
        return _not_told(what, outcome, "the person's profile in Slack has Copy member ID")
    user = outcome.data.get("user") or {}
    found = person(user, str(user.get("team_id", "")), 0.0)
    if found.barred:
        return Finding(PART, what, False, found.barred, "name somebody else")
    return Finding(PART, what, True, f"is {found.name}")


def _not_told(what: str, outcome: Outcome, where: str) -> Finding:
    code = outcome.code if isinstance(outcome, Refused | AuthFailed) else ""
    if code in _UNKNOWN:
        found, fix = f"Slack does not know it ({code})", f"{where}: put the right id there"
    elif code:
        found = f"Slack refused to tell ({code})"
        fix = "update the app from manifest.yml and install it again"
    else:
        found, fix = f"Slack did not answer: {outcome}", "try again in a minute"
    return Finding(PART, what, False, found, fix)
