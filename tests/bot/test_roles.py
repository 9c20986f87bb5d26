"""Who may do what, from what Slack says of them, and what happens when Slack says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.person import Denied
from bot.roles import FRESH_S, LOOK_UP_S, REFRESH_S, Role, Roles, RoleSettings, Standing, guard
from core.clock import ManualClock
from core.errors import Refused

TEAM = "T1"


class Slack:
    """What Slack would answer; counts what it is asked."""

    def __init__(self, **users: dict[str, Any]) -> None:
        self.users = {name: {"id": name, "team_id": TEAM} | user for name, user in users.items()}
        self.groups: dict[str, list[str]] = {}
        self.members: list[str] = []
        self.asked: list[str] = []
        self.down = False
        self.hangs = False
        self.denied: dict[str, str] = {}

    async def ask(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(method)
        if self.hangs:
            await asyncio.Event().wait()
        if self.down:
            raise ConnectionError
        if code := self.denied.get(str(params.get("usergroup") or params.get("user"))):
            raise Denied(method, code)
        match method:
            case "users.info":
                return {"user": self.users[params["user"]]}
            case "usergroups.users.list":
                return {"users": self.groups[params["usergroup"]]}
            case "conversations.members":
                return {"members": self.members}
            case _:
                return {"members": list(self.users.values())}


def make(
    slack: Slack, settings: RoleSettings | None = None, channels: tuple[str, ...] = ()
) -> tuple[Roles, ManualClock]:
    clock = ManualClock()
    return Roles(slack.ask, clock, settings or RoleSettings(), TEAM, channels), clock


async def test_without_roles_members_are_responders_and_nobody_is_an_admin() -> None:
    roles, _ = make(Slack(U1={}))
    assert await roles.standing("U1", TEAM) == Standing(Role.RESPONDER)


@pytest.mark.parametrize(
    "user",
    [
        {"deleted": True},
        {"is_bot": True},
        {"is_restricted": True},
        {"is_ultra_restricted": True},
        {"is_stranger": True},
        {"team_id": "T2"},
    ],
)
async def test_guests_bots_the_deactivated_and_other_teams_may_nothing(
    user: dict[str, Any],
) -> None:
    roles, _ = make(Slack(U1=user), RoleSettings(True, admin=("U1",)))
    standing = await roles.standing("U1", TEAM)
    assert standing.role == Role.NOBODY
    with pytest.raises(Refused, match=r"\.$"):
        guard(standing, Role.VIEWER)


async def test_a_member_of_another_workspace_of_the_same_organisation_is_one_of_us() -> None:
    roles, _ = make(Slack(U1={"team_id": "T2", "enterprise_user": {"teams": ["T2", TEAM]}}))
    assert (await roles.standing("U1", "T2")).role == Role.RESPONDER


async def test_roles_come_from_users_and_groups_and_the_highest_counts() -> None:
    slack = Slack(U1={}, U2={}, U3={}, U4={})
    slack.groups["S1"] = ["U1", "U2"]
    roles, _ = make(slack, RoleSettings(True, responder=("S1",), admin=("U1",)))
    found = [(await roles.standing(u, TEAM)).role for u in ("U1", "U2", "U3")]
    assert found == [Role.ADMIN, Role.RESPONDER, Role.VIEWER]


async def test_where_viewers_are_named_nobody_else_may_look() -> None:
    roles, _ = make(Slack(U1={}, U2={}), RoleSettings(True, viewer=("U1",)))
    assert (await roles.standing("U1", TEAM)).role == Role.VIEWER
    assert (await roles.standing("U2", TEAM)).role == Role.NOBODY


async def test_what_is_known_is_not_asked_again_within_a_minute() -> None:
    slack = Slack(U1={})
    roles, clock = make(slack)
    await roles.standing("U1", TEAM)
    await clock.advance(FRESH_S - 1)
    await roles.standing("U1", TEAM)
    assert slack.asked == ["users.info"]
    await clock.advance(2)
    await roles.standing("U1", TEAM)
    assert slack.asked == ["users.info"] * 2


async def test_a_refresh_keeps_everybody_fresh_so_that_no_click_waits() -> None:
    slack = Slack(U1={}, U2={}, U3={})
    slack.members, slack.groups["S1"] = ["U1"], ["U2"]
    roles, _ = make(slack, RoleSettings(True, responder=("S1", "U3")), ("C1",))
    await roles.refresh()
    before = len(slack.asked)
    for user in ("U1", "U2", "U3"):
        await roles.standing(user, TEAM)
    assert len(slack.asked) == before


async def test_many_people_are_read_as_a_list() -> None:
    slack = Slack(**{f"U{n}": {} for n in range(200)})
    slack.members = list(slack.users)
    roles, _ = make(slack, None, ("C1",))
    await roles.refresh()
    assert slack.asked == ["conversations.members", "users.list"]
    await roles.standing("U7", TEAM)
    assert len(slack.asked) == 2


async def test_one_that_slack_does_not_know_keeps_nobody_else_from_being_read() -> None:
    slack = Slack(U1={})
    slack.members = ["U0", "U1"]
    roles, _ = make(slack, None, ("C1",))
    with pytest.raises(KeyError):
        await roles.refresh()
    slack.down = True
    assert (await roles.standing("U1", TEAM)).role == Role.RESPONDER


async def test_members_that_could_not_be_read_are_read_at_the_next_refresh() -> None:
    slack = Slack(U1={})
    slack.members, slack.down = ["U1"], True
    roles, _ = make(slack, None, ("C1",))
    with pytest.raises(ConnectionError):
        await roles.refresh()
    slack.down = False
    await roles.refresh()
    before = len(slack.asked)
    await roles.standing("U1", TEAM)
    assert len(slack.asked) == before


async def test_when_slack_fails_looking_is_allowed_and_changing_is_not() -> None:
    slack = Slack(U1={})
    slack.down = True
    roles, _ = make(slack)
    standing = await roles.standing("U1", TEAM)
    guard(standing, Role.VIEWER)
    with pytest.raises(Refused, match="did not say in time"):
        guard(standing, Role.RESPONDER)


async def test_when_slack_fails_somebody_of_another_team_may_not_even_look() -> None:
    slack = Slack(U1={})
    slack.down = True
    roles, _ = make(slack)
    assert (await roles.standing("U1", "T2")).role == Role.NOBODY


async def test_the_unknown_wait_for_a_second_at_most() -> None:
    slack = Slack(U1={})
    slack.hangs = True
    roles, clock = make(slack)
    waiting = asyncio.ensure_future(roles.standing("U1", TEAM))
    while not clock.sleepers:
        await asyncio.sleep(0)
    await clock.advance(LOOK_UP_S + 0.01)
    assert (await waiting).role == Role.VIEWER


async def test_a_group_that_cannot_be_read_makes_its_members_unsure() -> None:
    roles, _ = make(Slack(U1={}), RoleSettings(True, responder=("S1",)))
    with pytest.raises(Refused, match="did not say in time"):
        guard(await roles.standing("U1", TEAM), Role.RESPONDER)


def test_a_refusal_names_the_role_that_is_missing() -> None:
    with pytest.raises(Refused, match=r"needs the role admin; you have the role responder"):
        guard(Standing(Role.RESPONDER), Role.ADMIN)


async def test_whoever_acts_from_another_workspace_is_refused_whatever_their_account_says() -> None:
    roles, _ = make(Slack(U1={}, U2={"enterprise_user": {"teams": [TEAM, "T2"]}}))
    assert (await roles.standing("U1", "T9")).role is Role.NOBODY
    assert (await roles.standing("U1", TEAM)).role is Role.RESPONDER
    assert (await roles.standing("U2", "T2")).role is Role.RESPONDER
    assert (await roles.standing("U2", "T3")).role is Role.NOBODY


async def test_where_a_group_cannot_be_read_a_role_by_name_still_holds() -> None:
    slack = Slack(U1={}, U2={}, U3={"is_restricted": True})
    roles, _ = make(slack, RoleSettings(True, responder=("U1", "S404", "U3"), admin=("S404",)))
    guard(await roles.standing("U1", TEAM), Role.RESPONDER)
    unsure = await roles.standing("U2", TEAM)
    assert unsure.role is Role.VIEWER
    assert "nothing was changed" in unsure.why
    assert (await roles.standing("U3", TEAM)).role is Role.NOBODY


async def test_a_group_that_slack_does_not_know_is_named_with_what_slack_said() -> None:
    slack = Slack(U1={})
    slack.denied["S404"] = "no_such_subteam"
    roles, _ = make(slack, RoleSettings(True, responder=("S404",)))
    standing = await roles.standing("U1", TEAM)
    guard(standing, Role.VIEWER)
    with pytest.raises(Refused) as refused:
        guard(standing, Role.RESPONDER)
    assert refused.value.text == (
        "The user group S404 of [roles] cannot be read (no_such_subteam). Tell whoever runs Tocsin."
    )


async def test_an_unknown_group_takes_away_only_what_it_could_have_given() -> None:
    slack = Slack(U1={}, U2={}, U3={}, U4={})
    slack.groups["S1"] = ["U2"]
    slack.denied["S404"] = "no_such_subteam"
    settings = RoleSettings(True, viewer=("U3", "U4"), responder=("S404", "S1"), admin=("U1",))
    roles, _ = make(slack, settings)
    assert await roles.standing("U1", TEAM) == Standing(Role.ADMIN)
    assert await roles.standing("U2", TEAM) == Standing(Role.RESPONDER)
    with pytest.raises(Refused, match="needs the role admin; you have the role responder"):
        guard(await roles.standing("U2", TEAM), Role.ADMIN)
    looker = await roles.standing("U3", TEAM)
    assert (looker.role, "S404" in looker.why) == (Role.VIEWER, True)


async def test_whoever_may_be_an_admin_by_an_unknown_group_still_is_a_responder() -> None:
    slack = Slack(U1={})
    slack.denied["S404"] = "missing_scope"
    roles, _ = make(slack, RoleSettings(True, responder=("U1",), admin=("S404",)))
    standing = await roles.standing("U1", TEAM)
    guard(standing, Role.RESPONDER)
    with pytest.raises(Refused, match=r"S404 of \[roles\] cannot be read \(missing_scope\)"):
        guard(standing, Role.ADMIN)


async def test_what_slack_refused_is_asked_again_later_and_told_in_the_log_once() -> None:
    slack = Slack(U1={})
    slack.denied |= {"S404": "no_such_subteam", "U404": "user_not_found"}
    roles, clock = make(slack, RoleSettings(True, responder=("S404", "U404", "U1")))
    with capture_logs() as told:
        for _ in range(5):
            await roles.refresh()
            await clock.advance(REFRESH_S)
    assert [(one["id"], one["code"]) for one in told] == [
        ("S404", "no_such_subteam"),
        ("U404", "user_not_found"),
    ]
    before = len(slack.asked)
    await roles.standing("U1", TEAM)
    assert len(slack.asked) == before
    del slack.denied["S404"]
    slack.groups["S404"], slack.users["U2"] = ["U2"], {"id": "U2", "team_id": TEAM}
    await roles.refresh()
    assert (await roles.standing("U2", TEAM)).role is Role.RESPONDER


async def test_somebody_whom_slack_does_not_know_is_told_so() -> None:
    slack = Slack()
    slack.denied["U1"] = "user_not_found"
    roles, _ = make(slack)
    with pytest.raises(Refused, match=r"\(user_not_found\), so nothing was changed"):
        guard(await roles.standing("U1", TEAM), Role.RESPONDER)
