"""The workspace's memory: team, people, channels, files, tokens, and how to find them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from bot.local import cast
from bot.local.clock import Clock, SystemClock, Timers
from bot.local.ids import Ids, ts_of
from bot.local.model import Channel, Group, Message, User
from bot.local.news import News
from bot.local.tasks import Tasks

if TYPE_CHECKING:
    from bot.local.files import StoredFile


class UnknownName(LookupError):
    """A user, channel or message that the caller named is not in the workspace."""


class State:
    """All that the parts of the workspace share."""

    def __init__(self, config: cast.Config, clock: Clock | None) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.ids = Ids(config.seed)
        self.timers = Timers(self.clock)
        self.tasks = Tasks()
        self.news = News()
        self.base_url = "http://127.0.0.1"
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, Group] = {}
        self.files: dict[str, StoredFile] = {}
        self.calls: deque[Any] = deque(maxlen=config.calls_kept)
        self.request_url = config.request_url
        self._name_app(config)
        self.install(dict(config.manifest))
        self._people(config)
        self._places(config)

    def _name_app(self, config: cast.Config) -> None:
        ids = self.ids
        self.team_id = ids.make("T")
        self.foreign_team_id = ids.make("T")
        self.app_id = ids.make("A")
        self.bot_id = ids.make("B")
        self.bot_user_id = ids.make("U")
        numbers = f"{ids.digits(12)}-{ids.digits(13)}"
        self.bot_token = config.bot_token or f"xoxb-{numbers}-{ids.secret()}"
        self.app_token = (
            config.app_token or f"xapp-1-{self.app_id}-{ids.digits(13)}-{ids.secret(64)}"
        )
        self.signing_secret = config.signing_secret or ids.secret(32).lower()
        self.verification_token = ids.secret()
        self.secret = ids.secret(40)
        self.token_error = ""

    def install(self, manifest: dict[str, Any]) -> None:
        """Take the app's manifest: scopes, events, commands, shortcuts."""
        self.manifest = manifest
        self.scopes = set(cast.scopes(manifest))
        self.events = cast.events(manifest)
        self.commands = cast.commands(manifest)
        self.shortcuts = cast.shortcuts(manifest)

    def _people(self, config: cast.Config) -> None:
        for one in config.people:
            user = User(
                id=one.id or self.ids.make("U"),
                name=one.name,
                real_name=one.real_name,
                team_id=self.foreign_team_id if one.foreign else self.team_id,
                color=one.color,
                tz=one.tz,
                is_admin=one.is_admin,
                is_owner=one.is_owner,
                is_restricted=one.is_restricted or one.is_ultra_restricted,
                is_ultra_restricted=one.is_ultra_restricted,
                is_bot=one.is_bot,
                deleted=one.deleted,
                foreign=one.foreign,
                bot_id=self.ids.make("B") if one.is_bot else "",
                app_id=self.ids.make("A") if one.is_bot else "",
            )
            self.users[user.id] = user
        self.users[self.bot_user_id] = User(
            id=self.bot_user_id,
            name=config.app_name.lower(),
            real_name=config.app_name.capitalize(),
            team_id=self.team_id,
            color="d97706",
            tz="UTC",
            is_bot=True,
            bot_id=self.bot_id,
            app_id=self.app_id,
        )
        self._by_name = {user.name: user for user in self.users.values()}

    def _places(self, config: cast.Config) -> None:
        created = int(self.now_s())
        for one in config.channels:
            channel = Channel(
                id=one.id or self.ids.make("C"),
                name=one.name,
                created=created,
                topic=one.topic,
                is_private=one.is_private,
                is_archived=one.is_archived,
                shared=one.shared,
                members=[self.user(name).id for name in one.members],
            )
            channel.creator = channel.members[0] if channel.members else self.bot_user_id
            if one.app:
                channel.members.append(self.bot_user_id)
            self.channels[channel.id] = channel
        for each in config.groups:
            members = [self.user(name).id for name in each.members]
            group_id = each.id or self.ids.make("S")
            self.groups[group_id] = Group(
                group_id, each.handle, each.name, members, self.team_id, created
            )

    def now_s(self) -> float:
        """Wall time in seconds since the epoch."""
        return self.clock.now().timestamp()

    def next_ts(self, channel: Channel) -> str:
        """A timestamp later than every other one of this channel."""
        micros = max(int(self.now_s() * 1_000_000), channel.last_micros + 1)
        channel.last_micros = micros
        return ts_of(micros)

    def user(self, who: str) -> User:
        """A user by id, `@name` or `name`. Raises UnknownName."""
        found = self.users.get(who) or self._by_name.get(who.removeprefix("@"))
        if found is None:
            raise UnknownName(f"no user {who!r} in this workspace")
        return found

    def find_channel(self, where: str) -> Channel | None:
        """A channel by id, `#name` or `name`."""
        if (found := self.channels.get(where)) is not None:
            return found
        name = where.removeprefix("#")
        return next((c for c in self.channels.values() if c.name == name and not c.is_im), None)

    def channel(self, where: str) -> Channel:
        """As find_channel; also `@name` for the direct message with a user. Raises UnknownName."""
        if where.startswith("@") or where in self.users:
            return self.im(self.user(where))
        if (found := self.find_channel(where)) is None:
            raise UnknownName(f"no channel {where!r} in this workspace")
        return found

    def message(self, where: str, ts: str) -> Message:
        """A message that is there now. Raises UnknownName."""
        if (found := self.channel(where).messages.get(ts)) is None:
            raise UnknownName(f"no message {ts!r} in {where!r}")
        return found

    def im(self, user: User) -> Channel:
        """The direct message between the app and a user, opened on first use."""
        for channel in self.channels.values():
            if channel.is_im and channel.user == user.id:
                return channel
        channel = Channel(
            id=self.ids.make("D"),
            name="",
            created=int(self.now_s()),
            is_im=True,
            user=user.id,
            members=[user.id, self.bot_user_id],
        )
        self.channels[channel.id] = channel
        self.news.tell("channel", lambda: {"channel": channel.brief()})
        return channel

    def team(self) -> dict[str, Any]:
        return {"id": self.team_id, "name": self.config.team_name, "domain": self.config.domain}
