"""The Slack app's manifest: what `manifest.yml` says, and the same for HTTP mode.

`manifest.yml` is this for Socket Mode; a test holds the two equal, so that commands, scopes and
events are written once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bot import ids
from bot.guard import PATH

SCOPES: Mapping[str, str] = {
    "chat:write": "cards, threads, edits, private answers",
    "app_mentions:read": "questions to the app, in the thread of a ticket",
    "commands": "/tickets, /monitor and /chaos",
    "channels:read": "is a routed channel there, is the app in it, who is a member",
    "groups:read": "the same for private channels",
    "files:write": "the picture of an experiment's timeline",
    "channels:history": "find a message after a crash instead of posting it twice",
    "groups:history": "the same for private channels",
    "users:read": "guests, bots and deactivated accounts are refused",
    "usergroups:read": "roles by user group",
}
"""Bot scopes, each with what it is for."""

EVENTS = (
    "app_home_opened",
    "app_mention",
    "channel_archive",
    "channel_left",
    "channel_unarchive",
    "group_archive",
    "group_left",
    "group_unarchive",
    "member_joined_channel",
)
"""Bot events; most only say that a channel can or cannot be written to any more."""

_COMMANDS = (
    (
        ids.TICKETS,
        "List, show, acknowledge, hold and resolve tickets",
        "list | show 42 | ack 42 | hold 42 2h reason | unhold 42 | resolve 42 | diagnose 42 | why 42 | recheck 42 | help",
    ),
    (
        ids.MONITOR,
        "See how watching goes, pause and resume notification",
        "status | pause 30m reason | resume | interval 10s | help",
    ),
    (
        ids.CHAOS,
        "Break something on purpose, watch it being found, have it healed",
        "list | run kill-store --for 30s | status | abort | schedule | unschedule | help",
    ),
)
_LONG = (
    "Tocsin watches distributed storage clusters, TiKV first. It opens one ticket for each thing "
    "that is broken, says in the thread what is happening, and lets people acknowledge, hold and "
    "resolve it with buttons and slash commands. It closes a ticket by itself only on evidence of "
    "health, and it says so when it cannot see."
)


def manifest(host: str | None = None) -> dict[str, Any]:
    """The manifest. `host` (https://tocsin.example.com) makes it one for HTTP mode."""
    url = None if host is None else host.rstrip("/") + PATH
    at = {} if url is None else {"request_url": url}
    commands = [
        {
            "command": name,
            **({} if url is None else {"url": url}),
            "description": description,
            "usage_hint": hint,
            "should_escape": False,
        }
        for name, description, hint in _COMMANDS
    ]
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {
            "name": "Tocsin",
            "description": "An on-call teammate for storage clusters",
            "long_description": _LONG,
            "background_color": "#7a1f1f",
        },
        "features": {
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": False,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "tocsin", "always_online": True},
            "slash_commands": commands,
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**at, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **at},
            "org_deploy_enabled": False,
            "socket_mode_enabled": url is None,
            "token_rotation_enabled": False,
        },
    }


HEAD = """\
# The Slack app of Tocsin, for Socket Mode: create it at https://api.slack.com/apps with
# "From a manifest". `tocsin manifest --http https://your.host` prints the one for HTTP mode.
"""


def as_yaml(value: Mapping[str, Any]) -> str:
    """The manifest as YAML, each scope with what it is for."""
    return HEAD + "\n".join(_lines(value, 0)) + "\n"


def _lines(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            yield f"{pad}{key}:"
            yield from _lines(inner, depth + 1)
        elif isinstance(inner, list):
            yield f"{pad}{key}:"
            for item in inner:
                yield from _item(item, depth + 1)
        else:
            yield f"{pad}{key}: {_scalar(inner)}"


def _item(item: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if not isinstance(item, Mapping):
        why = SCOPES.get(item, "")
        yield f"{pad}- {_scalar(item)}" + (f"  # {why}" if why else "")
        return
    for n, line in enumerate(_lines(item, 0)):
        yield f"{pad}{'- ' if n == 0 else '  '}{line}"


def _scalar(value: Any) -> str:
    # A JSON scalar is a YAML scalar; quotes keep colons, hashes and bars from meaning anything.
    return json.dumps(value, ensure_ascii=False)
