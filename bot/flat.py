"""Blocks as one text: what is sent when Slack refuses the blocks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.text import cut, escape, size

MAX_FLAT = 3800
"""Characters: chat.update refuses long text, and 4,000 is where Slack recommends to stop."""
NO_BUTTONS = "(Its buttons could not be shown: `/tickets help` lists the commands.)"


def flatten(blocks: Iterable[Mapping[str, Any]]) -> str:
    """All that the blocks say, as mrkdwn in which only what was markup is markup."""
    listed = list(blocks)
    said = [text for block in listed if (text := _block(block))]
    if any(_pressable(block) for block in listed):
        said.append(NO_BUTTONS)
    return bounded(said)


def bounded(said: list[str]) -> str:
    """As many whole lines as there is room for: a cut inside a line could cut markup in two."""
    lines = "\n".join(said).split("\n")
    kept: list[str] = []
    room = MAX_FLAT - 40
    for at, one in enumerate(lines):
        line = one if size(one) <= room else _cut_markup(one, room)
        if room < 80 and line != one:
            kept.append(f"({len(lines) - at} more lines)")
            break
        kept.append(line)
        room -= size(line) + 1
    return "\n".join(kept)


def _cut_markup(text: str, limit: int) -> str:
    short = cut(text, max(limit, 2))
    # Never end inside a token such as <!date^...>, nor inside an entity.
    for opening, closing in (("<", ">"), ("&", ";")):
        start = short.rfind(opening)
        if start >= 0 and closing not in short[start:]:
            short = short[:start] + "…"
    return short


def _pressable(block: Mapping[str, Any]) -> bool:
    return block.get("type") == "actions" or "accessory" in block


def _block(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    if kind == "rich_text":
        return "\n".join(_rich(e) for e in block.get("elements", ()))
    if kind == "plan":
        steps = [f"• {escape(str(one.get('title', '')))}" for one in block.get("tasks", ())]
        return "\n".join([escape(str(block.get("title", ""))), *steps])
    if kind == "context":
        return " · ".join(_object(e) for e in block.get("elements", ()))
    parts = [block["text"]] if "text" in block else []
    parts += block.get("fields", ())
    return "\n".join(_object(p) for p in parts)


def _object(text: Any) -> str:
    if not isinstance(text, Mapping):
        return ""
    said = str(text.get("text") or text.get("alt_text") or "")
    return said if text.get("type") == "mrkdwn" else escape(said)


def _rich(element: Mapping[str, Any]) -> str:
    inner = element.get("elements", ())
    if element.get("type") == "rich_text_list":
        return "\n".join(f"• {_rich(item)}" for item in inner)
    return "".join(_inline(piece) for piece in inner)


def _inline(piece: Mapping[str, Any]) -> str:
    kind = piece.get("type")
    if kind == "date":
        token = f"{piece['timestamp']}^{piece['format']}"
        return f"<!date^{token}|{piece.get('fallback', '')}>"
    if kind == "user":
        return f"<@{piece['user_id']}>"
    if kind == "usergroup":
        return f"<!subteam^{piece['usergroup_id']}>"
    if kind == "link":
        address = str(piece["url"]).replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E")
        return f"<{address.replace('|', '%7C')}|{escape(str(piece.get('text', 'link')))}>"
    return escape(str(piece.get("text", "")))
