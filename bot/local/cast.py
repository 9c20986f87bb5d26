"""What a workspace is made of: its team, people, channels, groups and the app's manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

BOT_SCOPES = (
    "app_mentions:read", "assistant:write", "channels:history", "channels:join", "channels:manage",
    "channels:read", "chat:write", "commands", "files:read", "files:write", "groups:history",
    "groups:read", "im:history", "im:read", "im:write", "pins:read", "pins:write",
    "reactions:read", "reactions:write", "team:read", "usergroups:read", "users:read",
    "users:read.email",
)  # fmt: skip
BOT_EVENTS = (
    "app_home_opened", "app_mention", "channel_archive", "channel_unarchive", "channel_left",
    "group_archive", "group_left", "group_unarchive",
    "member_joined_channel", "member_left_channel", "message.channels", "message.groups",
    "message.im", "reaction_added", "reaction_removed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UserSpec:
    """A person (or another app's bot) of the workspace."""

    name: str
    real_name: str
    color: str = "4bbe2e"
    tz: str = "Europe/Berlin"
    is_admin: bool = False
    is_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    deleted: bool = False
    foreign: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """A channel with the names of its members; `app` says whether the app is one of them."""

    name: str
    members: tuple[str, ...]
    topic: str = ""
    app: bool = False
    is_private: bool = False
    is_archived: bool = False
    shared: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """A user group, mentioned as <!subteam^ID>."""

    handle: str
    name: str
    members: tuple[str, ...]
    id: str = ""


PEOPLE = (
    UserSpec("ana", "Ana Moreno", color="9f69e7", is_admin=True, is_owner=True),
    UserSpec("ben", "Ben Okafor", color="4bbe2e", tz="America/New_York"),
    UserSpec("chloe", "Chloe Lind", color="e7392d", tz="Asia/Tokyo"),
    UserSpec("gus", "Gus (guest)", color="3c989f", is_restricted=True),
    UserSpec("dora", "Dora Former", color="674b1b", deleted=True),
    UserSpec("fritz", "Fritz (Partner Inc)", color="e96699", foreign=True),
    UserSpec("deploybot", "Deploy Bot", color="2b6836", is_bot=True),
)
CHANNELS = (
    ChannelSpec(
        "storage-alerts",
        ("ana", "ben", "chloe", "gus"),
        "Tickets of the storage clusters",
        app=True,
    ),
    ChannelSpec(
        "ops", ("ana", "ben", "chloe", "fritz", "deploybot"), "On-call", app=True, shared=True
    ),
    ChannelSpec("random", ("ana", "ben", "chloe", "gus"), "Everything else"),
)
GROUPS = (GroupSpec("storage-oncall", "Storage on-call", ("ana", "ben")),)


@dataclass(frozen=True, slots=True)
class Limits:
    """Slack's rate limits as calls a minute, and what a burst may be (slack.md 2.2)."""

    enabled: bool = True
    post_per_s: float = 1.0
    post_burst: int = 8
    posts_per_min: float = 300.0
    tiers: Mapping[str, float] = field(
        default_factory=lambda: {"1": 1, "2": 20, "3": 50, "4": 100, "special": 600}
    )
    methods: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a workspace can be told at birth.

    `manifest` is the app's manifest as a dict: commands, shortcuts, scopes and events come from
    it. `request_url` switches from Socket Mode to signed HTTP. `seed` makes ids repeatable.
    """

    team_name: str = "Local"
    domain: str = "local"
    app_name: str = "tocsin"
    people: tuple[UserSpec, ...] = PEOPLE
    channels: tuple[ChannelSpec, ...] = CHANNELS
    groups: tuple[GroupSpec, ...] = GROUPS
    manifest: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    request_url: str | None = None
    seed: int | None = None
    bot_token: str | None = None
    app_token: str | None = None
    signing_secret: str | None = None
    ack_timeout_s: float = 3.0
    max_sockets: int = 10
    edit_window_s: float | None = None
    stream_idle_s: float = 300.0
    max_body_bytes: int = 4_000_000
    max_file_bytes: int = 50_000_000
    calls_kept: int = 50_000
    deliveries_kept: int = 20_000


def _section(manifest: Mapping[str, Any], *path: str) -> Any:
    found: Any = manifest
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def scopes(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The bot scopes a manifest asks for; without a manifest, all that the workspace knows."""
    found = _section(manifest, "oauth_config", "scopes", "bot")
    return tuple(found) if found is not None else BOT_SCOPES


def events(manifest: Mapping[str, Any]) -> frozenset[str]:
    """The bot events a manifest subscribes to; without a manifest, all."""
    found = _section(manifest, "settings", "event_subscriptions", "bot_events")
    if not manifest:
        return frozenset(BOT_EVENTS)
    return frozenset(found or ())


def commands(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """Slash commands as the page wants them."""
    keys = ("command", "description", "usage_hint")
    found = _section(manifest, "features", "slash_commands") or ()
    return [{key: str(one.get(key, "")) for key in keys} for one in found]


def shortcuts(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """Global and message shortcuts, as in the manifest."""
    return [dict(one) for one in _section(manifest, "features", "shortcuts") or ()]
