"""Who may do what: a person's role by Slack user or user group, asked off the path of a click.

What Slack says of people is kept for a minute and refreshed in the background for everybody who was
seen, is named in the configuration, or is a member of a routed channel. Somebody unseen gets one
look-up of a second at most; when that fails, looking is allowed and changing is not. An id that
Slack refuses to tell about takes away only what it could have given, and is named with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import structlog

from bot.person import FOREIGN, Denied, Person, person
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
"""Call a Web API method with parameters; its answer, or an error of any kind raised: Denied where
Slack answered no."""

_log = structlog.get_logger()


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


TELL = "Tell whoever runs Tocsin."
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
        self._denied: dict[str, tuple[str, float]] = {}
        self._members_at: float | None = None
        self._group_ids = tuple(dict.fromkeys(n for n in settings.named if n.startswith("S")))

    async def standing(self, user_id: str, team_id: str) -> Standing:
        """What `user_id` may do now; asks Slack only if it must, and for LOOK_UP_S at most."""
        self._see(user_id)
        if not self._known(user_id):
            try:
                await within(self._clock, LOOK_UP_S, self._look_up(user_id))
            except Exception as error:  # noqa: BLE001 - whatever kept Slack from saying, it was not said
                if not self._read(user_id):
                    return self._unsure(team_id, error)
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
            self._denied.pop(oldest, None)

    def _fresh(self, at: float) -> bool:
        return self._clock.monotonic() - at <= FRESH_S

    def _read(self, user_id: str) -> bool:
        found = self._people.get(user_id)
        return found is not None and self._fresh(found.at)

    def _members(self, group_id: str) -> frozenset[str] | None:
        """Who is in the group; None where that is not known (any more)."""
        found = self._groups.get(group_id)
        return found[0] if found is not None and self._fresh(found[1]) else None

    def _refusal(self, some_id: str) -> str:
        """What Slack answered instead of telling about this id; "" where it did not refuse."""
        code, at = self._denied.get(some_id, ("", 0.0))
        return code if code and self._fresh(at) else ""

    def _settled(self, group_id: str) -> bool:
        return self._members(group_id) is not None or bool(self._refusal(group_id))

    def _known(self, user_id: str) -> bool:
        return self._read(user_id) and all(self._settled(g) for g in self._group_ids)

    def _unsure(self, team_id: str, error: Exception) -> Standing:
        settings = self._settings
        own = team_id in ("", self._team_id)
        may_look = own and not (settings.given and settings.viewer)
        why = UNSURE
        if isinstance(error, Denied):
            why = f"Slack does not tell who you are ({error.code}), so nothing was changed. {TELL}"
        return Standing(Role.VIEWER if may_look else Role.NOBODY, why)

    def _standing(self, user_id: str, team_id: str) -> Standing:
        found = self._people[user_id]
        if found.barred:
            return Standing(Role.NOBODY, found.barred)
        if team_id not in ("", self._team_id) and not {team_id, self._team_id} <= found.teams:
            # Whoever acts from another workspace, whatever is said of their account.
            return Standing(Role.NOBODY, FOREIGN)
        settings = self._settings
        if not settings.given:
            return Standing(Role.RESPONDER)
        unread = list[str]()
        for role, names in (
            (Role.ADMIN, settings.admin),
            (Role.RESPONDER, settings.responder),
            (Role.VIEWER, settings.viewer),
        ):
            if user_id in names or any(user_id in (self._members(n) or ()) for n in names):
                return Standing(role, self._missing(unread))
            unread += [n for n in names if n.startswith("S") and self._members(n) is None]
        return Standing(Role.NOBODY if settings.viewer else Role.VIEWER, self._missing(unread))

    def _missing(self, unread: list[str]) -> str:
        """Why somebody may do less than they perhaps should: these groups could give them more."""
        for group_id in unread:
            if code := self._refusal(group_id):
                return f"The user group {group_id} of [roles] cannot be read ({code}). {TELL}"
        return UNSURE if unread else ""

    async def _look_up(self, user_id: str) -> None:
        stale = [g for g in self._group_ids if not self._settled(g)]
        # Each is read to its end: what one of them fails to say must not hide what another does.
        read = [self._read_person(user_id), *(self._read_group(g) for g in stale)]
        for failed in await asyncio.gather(*read, return_exceptions=True):
            if isinstance(failed, BaseException):
                raise failed

    async def _read_person(self, user_id: str) -> None:
        answer = await self._told(user_id, "users.info", user=user_id)
        self._people[user_id] = person(answer["user"], self._team_id, self._clock.monotonic())

    async def _read_again(self, user_id: str) -> None:
        with suppress(Denied):  # remembered, and told in the log once
            await self._read_person(user_id)

    async def _read_group(self, group_id: str) -> None:
        with suppress(Denied):  # remembered: whom that concerns is told why
            answer = await self._told(group_id, "usergroups.users.list", usergroup=group_id)
            members = frozenset(str(u) for u in answer.get("users") or ())
            self._groups[group_id] = (members, self._clock.monotonic())

    async def _told(self, about: str, method: str, **params: str) -> Mapping[str, Any]:
        """Slack's answer about an id. A refusal is remembered, and told in the log once."""
        try:
            answer = await self._ask(method, params)
        except Denied as error:
            code, known = error.code, self._denied.get(about, ("", 0.0))[0]
            self._denied[about] = (code, self._clock.monotonic())
            if code != known:
                what = "an id of [roles]" if about in self._settings.named else "somebody"
                _log.warning(f"Slack does not tell of {what}", action="roles", id=about, code=code)
            raise
        self._denied.pop(about, None)
        return answer

    async def refresh(self) -> None:
        """Ask again about everybody who may click soon; run it every REFRESH_S.

        What fails for one does not keep the others from being read; the first error is raised at
        the end. That Slack refuses to tell about an id is no failure of the refresh.
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
                await self._try(errors, self._read_again(user_id))
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
