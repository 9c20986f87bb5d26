"""Channels that come and go: create, join, leave, archive; each change is told."""

from __future__ import annotations

from bot.local.events import Events
from bot.local.model import Channel
from bot.local.state import State


class Places:
    """Everything that changes a channel itself."""

    def __init__(self, state: State, events: Events) -> None:
        self._state = state
        self._events = events

    def _told(self, channel: Channel) -> None:
        self._state.news.tell("channel", lambda: {"channel": channel.brief()})

    def create(self, name: str, creator: str, private: bool = False) -> Channel:
        channel = Channel(
            id=self._state.ids.make("C"),
            name=name,
            created=int(self._state.now_s()),
            creator=creator,
            is_private=private,
            members=[creator],
        )
        self._state.channels[channel.id] = channel
        self._told(channel)
        return channel

    def join(self, channel: Channel, user: str, inviter: str = "") -> None:
        if user in channel.members:
            return
        channel.members.append(user)
        self._told(channel)
        self._events.membership(channel, user, joined=True, inviter=inviter)

    def leave(self, channel: Channel, user: str) -> None:
        if user not in channel.members:
            return
        channel.members.remove(user)
        self._told(channel)
        self._events.membership(channel, user, joined=False)

    def archive(self, channel: Channel, user: str, archived: bool) -> None:
        if channel.is_archived == archived:
            return
        channel.is_archived = archived
        self._told(channel)
        self._events.archived(channel, user)

    def topic(self, channel: Channel, topic: str) -> None:
        channel.topic = topic
        self._told(channel)
