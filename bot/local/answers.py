"""What the app says in return: in an acknowledgement's body or through a response_url."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.local.messages import Messages
from bot.local.model import Channel, Message
from bot.local.responses import ResponseUrl
from bot.local.state import State

Json = dict[str, Any]
Compose = Callable[[Json], Message]


class Answers:
    """Turns an answer's body into a message, an edit or a deletion."""

    def __init__(self, state: State, messages: Messages) -> None:
        self._state = state
        self._messages = messages

    def apply(self, url: ResponseUrl, body: Json, compose: Compose) -> None:
        """Do what the body asks. `compose` makes the message and raises for bad content."""
        channel = self._state.channels[url.channel]
        original = self._original(channel, url)
        if _yes(body, "delete_original") and original is not None:
            self._remove(channel, original)
            return
        message = compose(body)
        if _yes(body, "replace_original") and original is not None:
            change = {"text": message.text, "blocks": message.blocks}
            self._messages.rewrite(channel, original, change | {"attachments": message.attachments})
            return
        root = body.get("thread_ts")
        message.root = root if isinstance(root, str) else ""
        if body.get("response_type") == "in_channel":
            self._messages.post(channel, message)
        else:
            self._messages.whisper(channel, message, url.user)

    @staticmethod
    def _original(channel: Channel, url: ResponseUrl) -> Message | None:
        kept = channel.ephemerals if url.ephemeral else channel.messages
        return kept.get(url.message_ts)

    def _remove(self, channel: Channel, message: Message) -> None:
        if message.ephemeral_for:
            self._messages.forget_ephemeral(channel, message)
        else:
            self._messages.delete(channel, message)


def _yes(body: Json, key: str) -> bool:
    return body.get(key) in (True, "true", "1", 1)
