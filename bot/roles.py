"""Who may do what: a person's role by Slack user or user group, asked off the path of a click.

What Slack says of people is kept for a minute and refreshed in the background for everybody who was
seen, is named in the configuration, or is a member of a routed channel. Somebody unseen gets one
look-up of a second at most; when that fails, looking is allowed and changing is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from core.clock import Clock, within
from core.errors import Refused

FRESH_S = 60.0
"""How long what Slack said of a person is believed."""
REFRESH_S = 25.0
"""How often the background asks: twice within FRESH_S, so that one failure ages nobody out."""
LOOK_UP_S = 1.0
"""The longest that somebody unseen waits; Slack allows three seconds for the whole answer."""
SEEN_MAX = 2000
"""People remembered; those seen longest ago are forgotten first."""
ONE_BY_ONE = 30
"""Up to so many people are asked about singly (users.info: 100 a minute), more by the list."""
PAGES_MAX = 10
MEMBERS_EVERY_S = 600.0
"""How often the members of routed channels are read again."""

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Call a Web API method with parameters; its answer, or an error of any kind raised."""


class Role(IntEnum):
    """What somebody may do; each includes the ones below."""

    NOBODY = 0
    VIEWER = 1
    RESPONDER = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class RoleSettings:
    """Slack user ids (U..., W...) and user group ids (S...) by role.

    `given` False (no [roles] in the configuration): members are responders and nobody is an admin.
    With roles given, a member who is not named may look, unless viewers are named too.
    """

    given: bool = False
    viewer: tuple[str, ...] = ()
    responder: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """Everybody and every group that is named."""
        return (*self.viewer, *self.responder, *self.admin)


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody may do right now, and, where that is less than expected, why."""

    role: Role
    why: str = ""


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
    """Slack's user object, judged: guests, bots, the deactivated and other teams are barred."""
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


def guard(standing: Standing, needs: Role) -> None:
    """Refused, in words for the person, unless the standing suffices."""
    if standing.role >= needs:
        return
    if standing.why:
        raise Refused(standing.why)
    wanted = {Role.VIEWER: "viewer", Role.RESPONDER: "responder"}.get(needs, "admin")
    yours = {Role.NOBODY: "no role", Role.VIEWER: "the role viewer"}.get(
        standing.role, "the role responder"
    )
    raise Refused(
        f"That needs the role {wanted}; you have {yours}. Whoever runs Tocsin grants roles in its "
        "configuration, under [roles]."
    )


FOREIGN = "Tocsin serves members of its own workspace only, not of a connected one."
UNSURE = (
    "Slack did not say in time who you are, so nothing was changed. Try again in a few seconds."
)


class Roles:
    """The cache. `channels` are those that are routed to; `team_id` is our own."""

    def __init__(
        self, ask: Ask, clock: Clock, settings: RoleSettings, team_id: str, channels: Iterable[str]
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._settings = settings
        self._team_id = team_id
        self._channels = tuple(dict.fromkeys(channels))
        self._people: dict[str, Person] = {}
        self._wanted: dict[str, None] = {}
        self._groups: dict[str, tuple[frozenset[str], float]] = {}
        self._members_at: float | None = None
        self._group_ids = tuple(dict.fromkeys(n for n in settings.named if n.startswith("S")))

    async def standing(self, user_id: str, team_id: str) -> Standing:
        """What `user_id` may do now; asks Slack only if it must, and for LOOK_UP_S at most."""
        self._see(user_id)
        if not self._known(user_id):
            try:
                await within(self._clock, LOOK_UP_S, self._look_up(user_id))
            except Exception:  # noqa: BLE001 - whatever kept Slack from saying, it was not said
                return self._half_known(user_id, team_id)
        return self._standing(user_id, team_id)

    def name(self, user_id: str) -> str | None:
        """The person's name as Slack shows it, if it is known."""
        found = self._people.get(user_id)
        return None if found is None else found.name

    def _see(self, user_id: str) -> None:
        self._wanted.pop(user_id, None)
        self._wanted[user_id] = None
        while len(self._wanted) > SEEN_MAX:
            oldest = next(iter(self._wanted))
            del self._wanted[oldest]
            self._people.pop(oldest, None)

    def _fresh(self, at: float) -> bool:
        return self._clock.monotonic() - at <= FRESH_S

    def _known(self, user_id: str) -> bool:
        found = self._people.get(user_id)
        if found is None or not self._fresh(found.at):
            return False
        return all(g in self._groups and self._fresh(self._groups[g][1]) for g in self._group_ids)

    def _half_known(self, user_id: str, team_id: str) -> Standing:
        """A user group could not be read: what somebody is by their own name still holds."""
        found = self._people.get(user_id)
        if found is not None and self._fresh(found.at):
            standing = self._standing(user_id, team_id, groups=False)
            if found.barred or standing.role > Role.VIEWER:
                return standing
        return self._unsure(team_id)

    def _unsure(self, team_id: str) -> Standing:
        settings = self._settings
        own = team_id in ("", self._team_id)
        may_look = own and not (settings.given and settings.viewer)
        return Standing(Role.VIEWER if may_look else Role.NOBODY, UNSURE)

    def _standing(self, user_id: str, team_id: str, *, groups: bool = True) -> Standing:
        found = self._people[user_id]
        if found.barred:
            return Standing(Role.NOBODY, found.barred)
        if team_id not in ("", self._team_id) and not {team_id, self._team_id} <= found.teams:
            # Whoever acts from another workspace, whatever is said of their account.
            return Standing(Role.NOBODY, FOREIGN)
        settings = self._settings
        if not settings.given:
            return Standing(Role.RESPONDER)
        for role, names in (
            (Role.ADMIN, settings.admin),
            (Role.RESPONDER, settings.responder),
            (Role.VIEWER, settings.viewer),
        ):
            if user_id in names or (groups and self._in_a_group(user_id, names)):
                return Standing(role)
        return Standing(Role.NOBODY if settings.viewer else Role.VIEWER)

    def _in_a_group(self, user_id: str, names: tuple[str, ...]) -> bool:
        return any(user_id in self._groups[n][0] for n in names if n in self._groups)

    async def _look_up(self, user_id: str) -> None:
        stale = [
            g
            for g in self._group_ids
            if g not in self._groups or not self._fresh(self._groups[g][1])
        ]
        # Each is read to its end: what one of them fails to say must not hide what another does.
        read = [self._read_person(user_id), *(self._read_group(g) for g in stale)]
        for failed in await asyncio.gather(*read, return_exceptions=True):
            if isinstance(failed, BaseException):
                raise failed

    async def _read_person(self, user_id: str) -> None:
        answer = await self._ask("users.info", {"user": user_id})
        self._people[user_id] = person(answer["user"], self._team_id, self._clock.monotonic())

    async def _read_group(self, group_id: str) -> None:
        answer = await self._ask("usergroups.users.list", {"usergroup": group_id})
        members = frozenset(str(u) for u in answer.get("users") or ())
        self._groups[group_id] = (members, self._clock.monotonic())

    async def refresh(self) -> None:
        """Ask again about everybody who may click soon; run it every REFRESH_S.

        What fails for one does not keep the others from being read; the first error is raised at
        the end.
        """
        errors: list[Exception] = []
        for group_id in self._group_ids:
            await self._try(errors, self._read_group(group_id))
        await self._read_members(errors)
        people = [n for n in self._settings.named if not n.startswith("S")]
        people.extend(u for members, _ in self._groups.values() for u in members)
        for one in people:
            self._wanted.setdefault(one, None)
        if len(self._wanted) <= ONE_BY_ONE:
            for user_id in tuple(self._wanted):
                await self._try(errors, self._read_person(user_id))
        else:
            await self._try(errors, self._read_everybody())
        if errors:
            raise errors[0]

    async def _try(self, errors: list[Exception], reading: Awaitable[None]) -> None:
        try:
            await reading
        except Exception as error:  # noqa: BLE001 - told at the end; the others are still read
            errors.append(error)

    async def _read_members(self, errors: list[Exception]) -> None:
        now = self._clock.monotonic()
        if self._members_at is not None and now - self._members_at < MEMBERS_EVERY_S:
            return
        before = len(errors)
        for channel in self._channels:
            await self._try(errors, self._read_channel(channel))
        if len(errors) == before:
            self._members_at = now

    async def _read_channel(self, channel: str) -> None:
        answer = await self._ask("conversations.members", {"channel": channel, "limit": 1000})
        for user_id in answer.get("members") or ():
            if len(self._wanted) < SEEN_MAX:
                self._wanted.setdefault(str(user_id), None)

    async def _read_everybody(self) -> None:
        cursor = ""
        for _ in range(PAGES_MAX):
            answer = await self._ask("users.list", {"limit": 1000, "cursor": cursor})
            now = self._clock.monotonic()
            for user in answer.get("members") or ():
                if user.get("id") in self._wanted:
                    self._people[user["id"]] = person(user, self._team_id, now)
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return
