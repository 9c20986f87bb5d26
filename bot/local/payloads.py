"""The payloads of commands, clicks, submissions and shortcuts, as Slack shapes them (slack.md 2.5)."""

from __future__ import annotations

from typing import Any

from bot.local.model import Channel, Message, User
from bot.local.responses import ResponseUrls
from bot.local.state import State
from bot.local.triggers import Triggers

Json = dict[str, Any]


class Payloads:
    """Builds payloads; gives out trigger ids and response addresses on the way."""

    def __init__(self, state: State, triggers: Triggers, responses: ResponseUrls) -> None:
        self._state = state
        self._triggers = triggers
        self._responses = responses

    def command(self, user: User, channel: Channel, command: str, text: str) -> Json:
        state = self._state
        name = "directmessage" if channel.is_im else channel.name
        return {
            "token": state.verification_token,
            "team_id": state.team_id,
            "team_domain": state.config.domain,
            "channel_id": channel.id,
            "channel_name": "privategroup" if channel.is_private else name,
            "user_id": user.id,
            "user_name": user.name,
            "command": command,
            "text": text,
            "api_app_id": state.app_id,
            "is_enterprise_install": "false",
            "response_url": self._responses.make(channel.id, user.id),
            "trigger_id": self._triggers.make(user.id),
        }

    def _common(self, kind: str, user: User) -> Json:
        state = self._state
        person = {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}
        return {
            "type": kind,
            "team": {"id": state.team_id, "domain": state.config.domain},
            "user": person,
            "api_app_id": state.app_id,
            "token": state.verification_token,
            "trigger_id": self._triggers.make(user.id),
            "enterprise": None,
            "is_enterprise_install": False,
        }

    def _about(self, channel: Channel, user: str, message: Message) -> Json:
        root = message.root if message.is_reply else ""
        name = "directmessage" if channel.is_im else channel.name
        url = self._responses.make(
            channel.id, user, message.ts, bool(message.ephemeral_for), message.root
        )
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": bool(message.ephemeral_for),
        }
        if root:
            container["thread_ts"] = root
        return {
            "container": container,
            "channel": {"id": channel.id, "name": name},
            "response_url": url,
        }

    def click(
        self, user: User, channel: Channel, message: Message, action: Json, state: Json
    ) -> Json:
        """block_actions on a message."""
        body = self._common("block_actions", user) | self._about(channel, user.id, message)
        # An ephemeral message cannot be read back, not even here (slack.md 2.4).
        if not message.ephemeral_for:
            body["message"] = message.as_json()
        return body | {"state": {"values": state}, "actions": [action]}

    def view_click(self, user: User, view: Json, action: Json) -> Json:
        """block_actions in a modal or a home."""
        body = self._common("block_actions", user)
        return body | {
            "container": {"type": "view", "view_id": view["id"]},
            "view": view,
            "actions": [action],
        }

    def submission(self, user: User, view: Json) -> Json:
        return self._common("view_submission", user) | {"view": view, "response_urls": []}

    def closed(self, user: User, view: Json, cleared: bool) -> Json:
        body = self._common("view_closed", user) | {"view": view, "is_cleared": cleared}
        del body["trigger_id"]
        return body

    def shortcut(self, user: User, callback_id: str, action_ts: str) -> Json:
        body = self._common("shortcut", user)
        return body | {"callback_id": callback_id, "action_ts": action_ts}

    def message_shortcut(
        self, user: User, callback_id: str, action_ts: str, channel: Channel, message: Message
    ) -> Json:
        body = self.shortcut(user, callback_id, action_ts) | self._about(channel, user.id, message)
        del body["container"]
        return body | {
            "type": "message_action",
            "message": message.as_json(),
            "message_ts": message.ts,
        }
