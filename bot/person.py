"""What Slack says of somebody, judged: guests, bots, the deactivated and other teams are barred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import Unavailable

FOREIGN = "Tocsin serves members of its own workspace only, not of a connected one."


class Denied(Unavailable):
    """Slack refused to tell; `code` is its error."""

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"Slack refused {method} ({code}).")
        self.code = code


@dataclass(frozen=True, slots=True)
class Person:
    """What Slack says of somebody. `barred` says why they may do nothing ("" if they may), `teams`
    which other workspaces of our organisation they belong to."""

    id: str
    name: str
    barred: str
    at: float
    teams: frozenset[str] = frozenset()


def person(user: Mapping[str, Any], team_id: str, at: float) -> Person:
    """Slack's user object, judged, for the workspace `team_id`; `at` is when it was read (s)."""
    teams = frozenset(str(t) for t in (user.get("enterprise_user") or {}).get("teams") or ())
    return Person(str(user.get("id", "")), _name(user), _barred(user, team_id), at, teams)


def _name(user: Mapping[str, Any]) -> str:
    profile = user.get("profile") or {}
    shown = profile.get("display_name") or user.get("real_name") or user.get("name")
    return str(shown or user.get("id", ""))


def _barred(user: Mapping[str, Any], team_id: str) -> str:
    if user.get("deleted"):
        return "This account is deactivated."
    if user.get("is_bot") or user.get("id") == "USLACKBOT" or user.get("is_workflow_bot"):
        return "Bots and workflows cannot use Tocsin; ask a person to do it."
    teams = (user.get("enterprise_user") or {}).get("teams") or ()
    if user.get("is_stranger") or (
        user.get("team_id", team_id) != team_id and team_id not in teams
    ):
        return FOREIGN
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "Guests cannot use Tocsin; ask a full member of this workspace."
    return ""
