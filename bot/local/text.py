"""What Slack does to message text on its way in: escaping, auto-linking, truncation."""

from __future__ import annotations

import re
from typing import Any

from bot.local.state import State

TEXT_MAX = 40_000  # characters; Slack cuts what is longer (slack.md 2.1)
ENTITY = re.compile(r"&(?!(?:amp|lt|gt);)")
# What may stand in angle brackets: a mention, a channel, a special, a link, or a mail address.
MARKUP = re.compile(
    r"<(?:@[UWB][A-Z0-9]+|#C[A-Z0-9]+|!(?:here|channel|everyone|subteam\^S[A-Z0-9]+|date\^[^<>|]+)"
    r"|(?:https?|mailto|slack|tel):[^<>|]+)(?:\|[^<>]*)?>"
)
URL = re.compile(r"(?<![<|\w])https?://[^\s<>|]+")
MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")


def escape(text: str) -> str:
    """Escape &, < and > except in entities and in Slack's own markup."""
    kept: list[str] = []
    at = 0
    for found in MARKUP.finditer(text):
        kept += (_plain(text[at : found.start()]), found.group())
        at = found.end()
    return "".join((*kept, _plain(text[at:]))) if kept else _plain(text)


def _plain(text: str) -> str:
    return ENTITY.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def link(state: State, text: str) -> str:
    """What `parse=full` and the default of chat.update do: names and addresses become links.

    Channels, user groups and @here come alive; a single user's name does not any more.
    """
    out = URL.sub(lambda m: f"<{m.group()}>", text)
    out = re.sub(r"(?<![\w<])@(here|channel|everyone)\b", r"<!\1>", out)
    return re.sub(r"(?<![\w<&])([@#])([\w.-]+)", lambda m: _named(state, m), out)


def _named(state: State, found: re.Match[str]) -> str:
    sign, name = found.groups()
    if sign == "#":
        channel = state.find_channel(name)
        return f"<#{channel.id}|{channel.name}>" if channel is not None else found.group()
    for group in state.groups.values():
        if group.handle == name:
            return f"<!subteam^{group.id}|@{group.handle}>"
    return found.group()


def mentioned(text: str) -> set[str]:
    """The ids of the users that a text mentions."""
    return set(MENTION.findall(text))


def rich(text: str, block_id: str) -> dict[str, Any]:
    """The rich_text block that Slack's own client makes of what a person typed."""
    elements: list[dict[str, Any]] = []
    at = 0
    for found in MENTION.finditer(text):
        if found.start() > at:
            elements.append({"type": "text", "text": text[at : found.start()]})
        elements.append({"type": "user", "user_id": found.group(1)})
        at = found.end()
    if at < len(text):
        elements.append({"type": "text", "text": text[at:]})
    section = {"type": "rich_text_section", "elements": elements}
    return {"type": "rich_text", "block_id": block_id, "elements": [section]}
