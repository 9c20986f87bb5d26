"""The manifest is what the code answers to, and within the limits of Slack's schema."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from bot import ids
from bot.diagnosis import mentions
from bot.manifest import EVENTS, SCOPES, as_yaml, manifest

ROOT = Path(__file__).parents[2]


def test_the_file_is_what_the_code_says() -> None:
    assert (ROOT / "manifest.yml").read_text() == as_yaml(manifest())


def test_its_commands_are_those_that_the_bot_answers() -> None:
    named = [one["command"] for one in manifest()["features"]["slash_commands"]]
    assert named == list(ids.COMMANDS)


def test_it_keeps_to_the_limits_of_the_schema() -> None:
    made = manifest("https://tocsin.example.com/")
    shown = made["display_information"]
    assert len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert 175 <= len(shown["long_description"]) <= 4000
    assert 4 <= len(shown["background_color"]) <= 7
    assert len(made["features"]["bot_user"]["display_name"]) <= 80
    for command in made["features"]["slash_commands"]:
        assert command["command"].startswith("/")
        assert 2 <= len(command["command"]) <= 32
        assert len(command["description"]) <= 2000
        assert len(command["usage_hint"]) <= 1000
    assert len(made["settings"]["event_subscriptions"]["bot_events"]) <= 100
    known = {"_metadata", "display_information", "features", "oauth_config", "settings"}
    assert set(made) <= known


def test_in_http_mode_every_address_is_the_guards() -> None:
    made = manifest("https://tocsin.example.com/")
    at = "https://tocsin.example.com/slack/events"
    assert {one["url"] for one in made["features"]["slash_commands"]} == {at}
    assert made["settings"]["interactivity"]["request_url"] == at
    assert made["settings"]["event_subscriptions"]["request_url"] == at
    assert made["settings"]["socket_mode_enabled"] is False


def test_every_event_has_the_scope_that_it_needs() -> None:
    needs = {"channel": "channels:read", "group": "groups:read", "member": "channels:read"}
    for event in EVENTS:
        scope = needs.get(event.split("_")[0])
        assert scope is None or scope in SCOPES


def test_every_event_that_is_answered_is_subscribed_to_with_its_scope() -> None:
    assert mentions.EVENT in EVENTS
    assert "app_mentions:read" in SCOPES
    assert set(mentions.book("U1").events) <= set(EVENTS)


METHODS: dict[str, str] = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.postEphemeral": "chat:write",
    "conversations.history": "channels:history",
    "conversations.replies": "channels:history",
    "conversations.info": "channels:read",
    "conversations.list": "channels:read",
    "conversations.members": "channels:read",
    "users.info": "users:read",
    "users.list": "users:read",
    "usergroups.users.list": "usergroups:read",
}
"""Methods with the scope that each needs."""
NO_SCOPE = {"auth.test", "apps.connections.open", "views.open", "views.push", "views.publish"}


def _strings(path: Path) -> set[str]:
    tree: Any = ast.parse(path.read_text())
    return {
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


def test_every_method_that_the_bot_calls_by_name_has_its_scope() -> None:
    families = ("chat.", "conversations.", "users.", "usergroups.", "views.", "apps.", "auth.")
    for path in (ROOT / "bot").glob("*.py"):
        for text in _strings(path):
            if text.startswith(families) and " " not in text and text.count(".") <= 2:
                assert text in NO_SCOPE or METHODS[text] in SCOPES, (path.name, text)
