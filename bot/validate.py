"""Slack's limits: what Slack would refuse in a message or a view, and how to make a message fit.

The figures are those of Slack's Block Kit reference; where its pages disagree, the smaller one. The
total of MAX_TOTAL is not documented: Slack was seen to refuse legal blocks from about 12,000
characters of text on (msg_blocks_too_long). Lengths are in UTF-16 units.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.blocks import Message
from bot.elements import BROADCAST, MALFORMED, Problems, check_block, texts
from bot.flat import MAX_FLAT, bounded
from bot.text import size

MAX_TEXT = 4000
MAX_BLOCKS = 50
MAX_VIEW_BLOCKS = 100
MAX_TOTAL = 11_000
MAX_VIEW_BYTES = 250_000
MAX_TITLE = 24


def problems(thing: Message | Mapping[str, Any]) -> tuple[str, ...]:
    """What Slack would refuse, each with its place; empty if nothing."""
    found = Problems()
    if isinstance(thing, Message):
        _message(found, thing)
    else:
        _view(found, thing)
    return tuple(found.said)


def _message(found: Problems, message: Message) -> None:
    found.length("/text", message.text, 1, MAX_TEXT)
    found.markup("/text", message.text)
    _blocks(found, message.blocks, MAX_BLOCKS)
    total = sum(size(one["text"]) for one in texts(message.blocks))
    if total > MAX_TOTAL:
        found.add("/blocks", f"{total:,} characters of text in all; {MAX_TOTAL:,} may be")


def _blocks(found: Problems, blocks: Sequence[Mapping[str, Any]], most: int) -> None:
    if len(blocks) > most:
        found.add("/blocks", f"{len(blocks)} blocks; {most} may be")
    ids: set[str] = set()
    for at, block in enumerate(blocks):
        check_block(found, f"/blocks/{at}", block)
        block_id = block.get("block_id")
        if str(block_id) in ids:
            found.add(f"/blocks/{at}/block_id", f"{block_id} is there twice")
        if block_id:
            ids.add(str(block_id))


_VIEW_KEYS = frozenset(
    {
        "type",
        "title",
        "submit",
        "close",
        "blocks",
        "private_metadata",
        "callback_id",
        "clear_on_close",
        "notify_on_close",
        "external_id",
    }
)


def _view(found: Problems, view: Mapping[str, Any]) -> None:
    if view.get("type") not in ("modal", "home"):
        found.add("/type", "must be modal or home")
    found.keys("", view, _VIEW_KEYS)
    if view.get("type") == "modal":
        found.plain("/title", view.get("title"), MAX_TITLE)
    has_input = any(b.get("type") == "input" for b in view.get("blocks", ()))
    if has_input and view.get("type") == "modal" and "submit" not in view:
        found.add("/submit", "needed where there are inputs")
    for name in ("submit", "close"):
        if name in view:
            found.plain(f"/{name}", view[name], MAX_TITLE)
    found.length("/private_metadata", view.get("private_metadata", ""), 0, 3000)
    found.length("/callback_id", view.get("callback_id", ""), 0, 255)
    blocks = view.get("blocks", ())
    if not blocks:
        found.add("/blocks", "needs one at least")
    _blocks(found, blocks, MAX_VIEW_BLOCKS)
    if len(json.dumps(view).encode()) > MAX_VIEW_BYTES:
        found.add("", f"larger than {MAX_VIEW_BYTES:,} bytes")


def fit(message: Message) -> Message:
    """The message, cut so that it always validates; it says how much was left out.

    Too long texts are cut, too many blocks are left out (a closing row of buttons stays); what
    cannot be mended goes as text alone.
    """
    if not problems(message):
        return message
    blocks = _fewer([dict(b) for b in message.blocks])
    fitted = Message(_short(message.text), tuple(_shorter(blocks)))
    if not problems(fitted):
        return fitted
    try:
        return Message(_short(fitted.fallback().text))
    except MALFORMED:
        return Message(_short(message.text))


def _short(text: str) -> str:
    calm = BROADCAST.sub("@", text)
    said = bounded([calm]) if size(calm) > MAX_FLAT else calm
    return said or "A message without words."


def _fewer(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(blocks) <= MAX_BLOCKS:
        return blocks
    tail = [blocks[-1]] if blocks[-1].get("type") == "actions" else []
    kept = blocks[: MAX_BLOCKS - 1 - len(tail)]
    left = len(blocks) - len(kept) - len(tail)
    told = f"{left} more parts of this message are not shown."
    note = {"type": "plain_text", "text": told, "emoji": False}
    return [*kept, {"type": "context", "elements": [note]}, *tail]


def _shorter(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    fresh: list[dict[str, Any]] = json.loads(json.dumps(blocks))
    found = list(texts(fresh))
    for one in found:
        one["text"] = _left_out(one["text"], one["limit"], one["markup"]) or " "
        one["set"](one["text"])
    total = sum(size(one["text"]) for one in found)
    if total > MAX_TOTAL:
        cap = _cap([size(one["text"]) for one in found], MAX_TOTAL - 40 * len(found))
        for one in found:
            one["set"](_left_out(one["text"], max(cap, 30), one["markup"]))
    return fresh


def _cap(sizes: list[int], budget: int) -> int:
    """The greatest length at which all texts together keep within the budget."""
    low, high = 0, max(sizes, default=0)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(s, middle) for s in sizes) <= budget:
            low = middle
        else:
            high = middle - 1
    return low


def _left_out(text: str, limit: int, markup: bool) -> str:
    if size(text) <= limit:
        return text
    ending = f" … ({size(text) - limit + 40:,} more characters)" if limit > 100 else "…"
    kept = text.encode("utf-16-le")[: 2 * (limit - size(ending))].decode("utf-16-le", "ignore")
    if markup and kept.rfind("<") > kept.rfind(">"):
        kept = kept[: kept.rfind("<")]
    return kept + ending
