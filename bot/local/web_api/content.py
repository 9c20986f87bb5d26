"""What a message may carry: text, blocks, attachments, metadata; checked as Slack checks it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bot.local.model import Message
from bot.local.text import TEXT_MAX, escape, link
from bot.local.validate.message import Issue, check_blocks, text_size
from bot.local.web_api.method import ApiError, Args

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]
UPDATE_TEXT_MAX = 4000  # chat.update refuses more (slack.md 2.1)
MARKDOWN_MAX = 12_000
BLOCKS_TEXT_MAX = 13_000  # all blocks of a message together; undocumented, measured by others
ATTACHMENTS_MAX = 100
METADATA_MAX = 16_000  # bytes of JSON; Slack names the error but not the figure
TS = re.compile(r"\d{10}\.\d{6}")


def compose(ws: Workspace, args: Args, updating: bool = False) -> Message:
    """The message that a call describes; not yet posted. Raises Slack's error for bad content."""
    blocks = blocks_of(ws, args)
    attachments = attachments_of(args)
    text, markdown = args.text("text"), args.text("markdown_text")
    if markdown:
        if text or blocks:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > MARKDOWN_MAX:
            raise ApiError("msg_too_long")
        block = {"type": "markdown", "block_id": ws.state.ids.block_id(), "text": markdown}
        text, blocks = markdown, [block]
    if not text.strip() and not blocks and not attachments:
        raise ApiError("no_text")
    if updating and len(text) > UPDATE_TEXT_MAX:
        raise ApiError("msg_too_long")
    parse = args.text("parse") or ("client" if updating else "none")
    return Message(
        channel="",
        ts="",
        text=incoming(ws, text, parse, args.flag("link_names")),
        user=ws.state.bot_user_id,
        bot_id=ws.state.bot_id,
        app_id=ws.state.app_id,
        blocks=blocks,
        attachments=attachments,
        metadata=metadata_of(args),
        flags={
            "parse": parse,
            "mrkdwn": args.flag("mrkdwn", default=True),
            "unfurl_links": args.flag("unfurl_links"),
            "unfurl_media": args.flag("unfurl_media", default=True),
            "link_names": args.flag("link_names"),
        },
    )


def incoming(ws: Workspace, text: str, parse: str, names: bool) -> str:
    """Text as Slack stores it."""
    if not text:
        return text
    out = escape(text[:TEXT_MAX])
    return link(ws.state, out) if parse in ("full", "client") or names else out


def blocks_of(ws: Workspace, args: Args) -> list[Json]:
    """The blocks, each with an id. Raises invalid_blocks_format, invalid_blocks, too long."""
    blocks = args.json("blocks", "invalid_blocks_format")
    if blocks in (None, []):
        return []
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    refuse(check_blocks(blocks))
    if text_size(blocks) > BLOCKS_TEXT_MAX:
        raise ApiError("msg_blocks_too_long")
    return named(ws, blocks)


def refuse(issues: list[Any], error: str = "invalid_blocks") -> None:
    """Raise the error with the reasons in Slack's words, if there are any."""
    if issues:
        reasons = [str(issue) for issue in issues]
        messages = [f"[ERROR] {reason}" for reason in reasons]
        raise ApiError(error, errors=reasons, response_metadata={"messages": messages})


def named(ws: Workspace, blocks: list[Json]) -> list[Json]:
    """Slack names every block that came without an id."""
    new = ws.state.ids.block_id
    return [
        _with_file(ws, b) if b.get("block_id") else _with_file(ws, {**b, "block_id": new()})
        for b in blocks
    ]


def _with_file(ws: Workspace, block: Json) -> Json:
    """An image that is an upload, by id: known files get their address, others are refused."""
    chosen = block.get("slack_file")
    if block.get("type") != "image" or not chosen or "id" not in chosen:
        return block
    file = ws.state.files.get(chosen["id"])
    if file is None or not file.complete:
        refuse([Issue("/slack_file", "invalid slack file")])
        return block
    url = file.as_json(ws.state.base_url)["url_private"]
    return {**block, "slack_file": {"id": file.id, "url": url}}


def attachments_of(args: Args) -> list[Json]:
    found = args.json("attachments", "invalid_attachments")
    if found in (None, []):
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ApiError("invalid_attachments")
    if len(found) > ATTACHMENTS_MAX:
        raise ApiError("too_many_attachments")
    for at, one in enumerate(found):
        if isinstance(inner := one.get("blocks"), list):
            refuse(check_blocks(inner, pointer=f"/attachments/{at}/blocks"))
    return [{"id": at + 1, **one} for at, one in enumerate(found)]


def metadata_of(args: Args) -> Json | None:
    """Message metadata; None when not given."""
    found = args.json("metadata", "invalid_metadata_format")
    if found is None:
        return None
    if not isinstance(found, dict):
        raise ApiError("invalid_metadata_format")
    if not found:
        return {}
    kind, payload = found.get("event_type"), found.get("event_payload")
    if not isinstance(kind, str) or not kind or not isinstance(payload, dict):
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(found, ensure_ascii=False).encode()) > METADATA_MAX:
        raise ApiError("metadata_too_large")
    return {"event_type": kind, "event_payload": payload}


def thread_of(args: Args, name: str = "thread_ts") -> str:
    """A thread's ts. Raises invalid_thread_ts for what is not one."""
    ts = args.text(name)
    if ts and not TS.fullmatch(ts):
        raise ApiError("invalid_thread_ts")
    return ts
