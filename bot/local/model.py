"""The things of a workspace: users, channels, messages, files. Pure data with Slack's shapes."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
REPLY_USERS = 5  # Slack names at most this many repliers on a root message


@dataclass(slots=True)
class User:
    """A member of the workspace, of a partner's, or a bot."""

    id: str
    name: str
    real_name: str
    team_id: str
    color: str
    tz: str
    is_admin: bool = False
    is_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    deleted: bool = False
    foreign: bool = False
    bot_id: str = ""
    app_id: str = ""

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    def brief(self) -> Json:
        """What the page needs to know."""
        keys = ("id", "name", "real_name", "color", "is_bot", "is_admin", "is_restricted")
        return {key: getattr(self, key) for key in keys} | {
            "deleted": self.deleted,
            "tz": self.tz,
            "team_id": self.team_id,
        }

    def as_json(self, with_email: bool) -> Json:
        """Slack's user object; a deactivated user has no standing flags."""
        profile: Json = {
            "real_name": self.real_name,
            "display_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name_normalized": self.real_name,
            "team": self.team_id,
            "avatar_hash": "g" + self.id[-11:].lower(),
        }
        if with_email and not self.is_bot:
            profile["email"] = self.email
        if self.is_bot:
            profile |= {"bot_id": self.bot_id, "api_app_id": self.app_id}
        body: Json = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "deleted": self.deleted,
            "profile": profile,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 1_700_000_000,
        }
        if self.foreign:
            body |= {"is_stranger": True}
        if not self.deleted:
            body |= self._standing()
        return body

    def _standing(self) -> Json:
        return {
            "color": self.color,
            "real_name": self.real_name,
            "tz": self.tz,
            "tz_label": self.tz,
            "tz_offset": 0,
            "is_admin": self.is_admin,
            "is_owner": self.is_owner,
            "is_primary_owner": self.is_owner,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_email_confirmed": not self.is_bot,
        }


@dataclass(slots=True)
class Message:
    """One message. `root` is the ts of the thread that it answers in."""

    channel: str
    ts: str
    text: str
    user: str = ""
    bot_id: str = ""
    app_id: str = ""
    subtype: str = ""
    root: str = ""
    broadcast: bool = False
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    replies: list[str] = field(default_factory=list)
    repliers: list[str] = field(default_factory=list)
    edited: Json | None = None
    pinned: bool = False
    stream: str = ""
    extra: Json = field(default_factory=dict)
    flags: Json = field(default_factory=dict)
    ephemeral_for: str = ""
    created: float = 0.0

    @property
    def is_reply(self) -> bool:
        return bool(self.root) and self.root != self.ts

    def as_json(self, metadata: bool = False) -> Json:
        """Slack's message object; metadata only for a reader that asked for it."""
        body: Json = {"type": "message", "ts": self.ts, "text": self.text}
        for key, value in (
            ("subtype", self.subtype),
            ("user", self.user),
            ("bot_id", self.bot_id),
            ("app_id", self.app_id),
            ("blocks", self.blocks),
            ("attachments", self.attachments),
            ("files", self.files),
            ("edited", self.edited),
        ):
            if value:
                body[key] = value
        body |= self.extra
        if self.root:
            body["thread_ts"] = self.root
        if self.replies:
            body |= self._thread()
        if self.reactions:
            body["reactions"] = [
                {"name": name, "users": list(users), "count": len(users)}
                for name, users in self.reactions.items()
            ]
        if metadata and self.metadata is not None:
            body["metadata"] = self.metadata
        if self.ephemeral_for:
            body |= {"is_ephemeral": True, "ephemeral": True}
        return body

    def _thread(self) -> Json:
        return {
            "thread_ts": self.ts,
            "reply_count": len(self.replies),
            "reply_users": self.repliers[:REPLY_USERS],
            "reply_users_count": len(self.repliers),
            "latest_reply": self.replies[-1],
            "is_locked": False,
            "subscribed": False,
        }


@dataclass(slots=True)
class Channel:
    """A channel or direct message with everything said in it, in the order of ts."""

    id: str
    name: str
    created: int
    creator: str = ""
    topic: str = ""
    purpose: str = ""
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    shared: bool = False
    user: str = ""
    members: list[str] = field(default_factory=list)
    messages: dict[str, Message] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)
    ephemerals: dict[str, Message] = field(default_factory=dict)
    pins: list[str] = field(default_factory=list)
    last_micros: int = 0

    @property
    def latest(self) -> str | None:
        return self.timeline[-1] if self.timeline else None

    @property
    def kind(self) -> str:
        """Slack's channel_type in message events."""
        if self.is_im:
            return "im"
        return "group" if self.is_private else "channel"

    def add(self, message: Message) -> None:
        self.messages[message.ts] = message
        if not message.is_reply or message.broadcast:
            insort(self.timeline, message.ts)

    def remove(self, message: Message) -> None:
        self.messages.pop(message.ts, None)
        at = bisect_left(self.timeline, message.ts)
        if at < len(self.timeline) and self.timeline[at] == message.ts:
            del self.timeline[at]

    def brief(self) -> Json:
        """What the page needs to know."""
        return {
            "id": self.id,
            "name": self.name,
            "topic": self.topic,
            "is_im": self.is_im,
            "user": self.user,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "members": list(self.members),
            "latest": self.latest,
        }

    def as_json(self, team_id: str, me: str) -> Json:
        """Slack's conversation object."""
        base: Json = {
            "id": self.id,
            "created": self.created,
            "updated": self.created * 1000,
            "is_im": self.is_im,
            "is_mpim": False,
            "is_private": self.is_private or self.is_im,
            "is_archived": self.is_archived,
            "is_org_shared": False,
            "context_team_id": team_id,
        }
        if self.is_im:
            return base | {"user": self.user, "is_user_deleted": False, "priority": 0}
        about = {"value": self.topic, "creator": self.creator, "last_set": self.created}
        return base | {
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_general": self.name == "general",
            "is_shared": self.shared,
            "is_ext_shared": self.shared,
            "is_member": me in self.members,
            "creator": self.creator,
            "unlinked": 0,
            "topic": about,
            "purpose": about | {"value": self.purpose},
            "previous_names": [],
            "shared_team_ids": [team_id],
        }


@dataclass(slots=True)
class Group:
    """A user group."""

    id: str
    handle: str
    name: str
    members: list[str]
    team_id: str
    created: int

    def as_json(self, with_users: bool) -> Json:
        body: Json = {
            "id": self.id,
            "team_id": self.team_id,
            "is_usergroup": True,
            "name": self.name,
            "handle": self.handle,
            "date_create": self.created,
            "date_update": self.created,
            "date_delete": 0,
            "user_count": len(self.members),
            "prefs": {"channels": [], "groups": []},
        }
        return body | ({"users": list(self.members)} if with_users else {})
