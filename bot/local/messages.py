"""Messages: posting, threading, editing, deleting, reacting, pinning; each change is told."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any

from bot.local.events import Events
from bot.local.model import Channel, Message
from bot.local.state import State

Json = dict[str, Any]
EPHEMERALS_KEPT = 500


@dataclass(frozen=True, slots=True)
class Page:
    """A slice of a conversation, and whether older (or, in a thread, newer) ones remain."""

    messages: list[Message]
    has_more: bool


class Messages:
    """Everything that changes or reads what was said."""

    def __init__(self, state: State, events: Events) -> None:
        self._state = state
        self._events = events

    def post(self, channel: Channel, message: Message) -> Message:
        """Give a message its ts and place, and tell everybody."""
        message.channel = channel.id
        message.ts = self._state.next_ts(channel)
        message.created = self._state.now_s()
        root = self._root(channel, message.root)
        message.root = root.ts if root is not None else ""
        channel.add(message)
        self._state.news.tell(
            "message", lambda: {"channel": channel.id, "message": message.as_json()}
        )
        if root is not None:
            self._joined_thread(channel, root, message)
        self._events.posted(channel, message)
        return message

    @staticmethod
    def _root(channel: Channel, ts: str) -> Message | None:
        """The thread that an answer to `ts` joins; none when that message is gone (as Slack)."""
        found = channel.messages.get(ts) if ts else None
        if found is not None and found.is_reply:
            return channel.messages.get(found.root)
        return found

    def _joined_thread(self, channel: Channel, root: Message, reply: Message) -> None:
        root.root = root.ts
        root.replies.append(reply.ts)
        author = reply.user or reply.bot_id
        if author not in root.repliers:
            root.repliers.append(author)
        self._edited(channel, root)

    def _edited(self, channel: Channel, message: Message) -> None:
        self._state.news.tell(
            "message_changed", lambda: {"channel": channel.id, "message": message.as_json()}
        )

    def whisper(self, channel: Channel, message: Message, user: str) -> Message:
        """A message that one user sees and nobody can read back."""
        message.channel = channel.id
        message.ts = self._state.next_ts(channel)
        message.created = self._state.now_s()
        message.ephemeral_for = user
        channel.ephemerals[message.ts] = message
        while len(channel.ephemerals) > EPHEMERALS_KEPT:
            channel.ephemerals.pop(next(iter(channel.ephemerals)))
        self._tell_ephemeral(channel, message)
        return message

    def _tell_ephemeral(self, channel: Channel, message: Message) -> None:
        def build() -> Json:
            item = {
                "channel": channel.id,
                "user": message.ephemeral_for,
                "message": message.as_json(),
            }
            return item | ({"thread_ts": message.root} if message.root else {})

        self._state.news.tell("ephemeral", build)

    def rewrite(self, channel: Channel, message: Message, change: Json) -> Message:
        """Set fields of a message, ephemeral or not, and tell everybody."""
        before = message.as_json()
        for key, value in change.items():
            setattr(message, key, value)
        if message.ephemeral_for:
            self._tell_ephemeral(channel, message)
            return message
        self._edited(channel, message)
        self._events.changed(channel, message, before)
        return message

    def forget_ephemeral(self, channel: Channel, message: Message) -> None:
        channel.ephemerals.pop(message.ts, None)
        self._state.news.tell(
            "ephemeral_deleted",
            lambda: {"user": message.ephemeral_for, "channel": channel.id, "ts": message.ts},
        )

    def delete(self, channel: Channel, message: Message) -> None:
        """Remove a message; a root with answers leaves a tombstone, as in Slack."""
        before = message.as_json()
        if message.replies:
            message.subtype, message.text = "tombstone", "This message was deleted."
            message.blocks, message.attachments, message.metadata = [], [], None
            message.user, message.bot_id, message.app_id = "USLACKBOT", "", ""
            message.extra = {"hidden": True}
            self._edited(channel, message)
        else:
            channel.remove(message)
            self._state.news.tell(
                "message_deleted", lambda: {"channel": channel.id, "ts": message.ts}
            )
        if message.is_reply and (root := channel.messages.get(message.root)) is not None:
            self._left_thread(channel, root, message)
        self._events.deleted(channel, message.ts, before)

    def _left_thread(self, channel: Channel, root: Message, reply: Message) -> None:
        root.replies.remove(reply.ts)
        left = [m for ts in root.replies if (m := channel.messages.get(ts)) is not None]
        root.repliers = list(dict.fromkeys(m.user or m.bot_id for m in left))
        if not root.replies:
            root.root = ""
        self._edited(channel, root)

    def react(self, channel: Channel, message: Message, user: str, name: str, on: bool) -> bool:
        """Add or take back a reaction; False when that changes nothing."""
        users = message.reactions.get(name, [])
        if (user in users) == on:
            return False
        if on:
            message.reactions.setdefault(name, []).append(user)
        else:
            users.remove(user)
            if not users:
                del message.reactions[name]
        self._edited(channel, message)
        self._events.reaction(channel, message, user, name, on)
        return True

    @staticmethod
    def history(channel: Channel, oldest: str, latest: str, inclusive: bool, limit: int) -> Page:
        """Top-level messages between two timestamps, newest first."""
        line = channel.timeline
        end = bisect_right(line, latest) if latest else len(line)
        if latest and not inclusive and end and line[end - 1] == latest:
            end -= 1
        start = bisect_right(line, oldest) if oldest else 0
        if oldest and inclusive and start and line[start - 1] == oldest:
            start -= 1
        picked = line[max(start, end - limit) : end]
        messages = [channel.messages[ts] for ts in reversed(picked)]
        return Page(messages, has_more=end - limit > start)

    @staticmethod
    def thread(
        channel: Channel, root: Message, after: str, before: str, inclusive: bool = False
    ) -> list[Message]:
        """The root and its answers, oldest first, between two timestamps."""
        start = bisect_left(root.replies, after) if inclusive else bisect_right(root.replies, after)
        end = bisect_right(root.replies, before) if inclusive else bisect_left(root.replies, before)
        picked = root.replies[start : end if before else None]
        answers = [channel.messages[ts] for ts in picked if ts in channel.messages]
        return [root, *answers]
