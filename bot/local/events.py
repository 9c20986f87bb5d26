"""The Events API: what happens in the workspace, told to the app as Slack tells it."""

from __future__ import annotations

from typing import Any

from bot.local.delivery import Deliveries, Delivery
from bot.local.model import Channel, Message, User
from bot.local.state import State
from bot.local.text import mentioned

Json = dict[str, Any]
SUBSCRIPTION = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}


class Events:
    """Wraps events and sends those that the app subscribed to and may see."""

    def __init__(self, state: State, deliveries: Deliveries) -> None:
        self._state = state
        self._deliveries = deliveries

    def emit(self, name: str, event: Json, channel: str = "") -> Delivery | None:
        """Send an event when the manifest subscribes to `name`."""
        state = self._state
        if name not in state.events:
            return None
        place = state.channels.get(channel)
        authorization = {
            "enterprise_id": None,
            "team_id": state.team_id,
            "user_id": state.bot_user_id,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        payload = {
            "token": state.verification_token,
            "team_id": state.team_id,
            "context_team_id": state.team_id,
            "context_enterprise_id": None,
            "api_app_id": state.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": state.ids.make("Ev"),
            "event_time": int(state.now_s()),
            "authorizations": [authorization],
            "is_ext_shared_channel": bool(place and place.shared),
            "event_context": f"4-{state.ids.make('E', 20)}",
        }
        delivery = Delivery("events_api", payload, what=f"event {event['type']}", channel=channel)
        return self._deliveries.send(delivery)

    def _hears(self, channel: Channel) -> bool:
        return self._state.bot_user_id in channel.members

    def posted(self, channel: Channel, message: Message) -> None:
        """A new message: `message`, and `app_mention` beside it when the app is named."""
        if not self._hears(channel):
            return
        event = message.as_json()
        about = {"channel": channel.id, "event_ts": message.ts, "team": self._state.team_id}
        self.emit(
            SUBSCRIPTION[channel.kind], event | about | {"channel_type": channel.kind}, channel.id
        )
        me = self._state.bot_user_id
        if me in mentioned(message.text) and message.user != me and not channel.is_im:
            keys = ("user", "text", "ts", "thread_ts", "blocks", "bot_id")
            kept = {key: event[key] for key in keys if key in event}
            self.emit("app_mention", {"type": "app_mention", **kept, **about}, channel.id)

    def changed(self, channel: Channel, message: Message, before: Json) -> None:
        self._hidden(channel, "message_changed", message=message.as_json(), previous_message=before)

    def deleted(self, channel: Channel, ts: str, before: Json) -> None:
        self._hidden(channel, "message_deleted", deleted_ts=ts, previous_message=before)

    def _hidden(self, channel: Channel, subtype: str, **what: Any) -> None:
        name = SUBSCRIPTION[channel.kind]
        if not self._hears(channel) or name not in self._state.events:
            return
        ts = self._state.next_ts(channel)
        event = {
            "type": "message",
            "subtype": subtype,
            "hidden": True,
            "channel": channel.id,
            "channel_type": channel.kind,
            "ts": ts,
            "event_ts": ts,
            **what,
        }
        self.emit(name, event, channel.id)

    def membership(self, channel: Channel, user: str, joined: bool, inviter: str = "") -> None:
        kind = "member_joined_channel" if joined else "member_left_channel"
        event = {
            "type": kind,
            "user": user,
            "channel": channel.id,
            "channel_type": "G" if channel.is_private else "C",
            "team": self._state.team_id,
            "event_ts": self._state.next_ts(channel),
        }
        event |= {"inviter": inviter} if inviter else {}
        if user == self._state.bot_user_id and not joined:
            left = f"{_family(channel)}_left"
            event = {"type": left, "channel": channel.id, "event_ts": event["event_ts"]}
            self.emit(left, event, channel.id)
        elif self._hears(channel):
            self.emit(kind, event, channel.id)

    def archived(self, channel: Channel, user: str) -> None:
        kind = f"{_family(channel)}_{'archive' if channel.is_archived else 'unarchive'}"
        event = {"type": kind, "channel": channel.id, "user": user}
        if self._hears(channel):
            self.emit(kind, event | {"event_ts": self._state.next_ts(channel)}, channel.id)

    def reaction(self, channel: Channel, message: Message, user: str, name: str, on: bool) -> None:
        if not self._hears(channel):
            return
        kind = "reaction_added" if on else "reaction_removed"
        event = {
            "type": kind,
            "user": user,
            "reaction": name,
            "item": {"type": "message", "channel": channel.id, "ts": message.ts},
            "item_user": message.user,
            "event_ts": self._state.next_ts(channel),
        }
        self.emit(kind, event, channel.id)

    def home_opened(self, user: User, view: Json | None, tab: str = "home") -> Delivery | None:
        channel = self._state.im(user)
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": channel.id,
            "tab": tab,
            "event_ts": self._state.next_ts(channel),
        }
        event |= {"view": view} if view else {}
        return self.emit("app_home_opened", event, channel.id)


def _family(channel: Channel) -> str:
    """What Slack calls the events of a channel itself: private ones keep their old name."""
    return "group" if channel.is_private else "channel"
