"""reactions.*, pins.*, emoji.list: marks on messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.local.model import Channel, Message
from bot.local.web_api.method import ApiError, Args, Method
from bot.local.web_api.places import member, place

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]
EMOJI = re.compile(r"[a-z0-9_'+\-]+(?:::skin-tone-[2-6])?")
REACTIONS_MAX = 50  # distinct emoji on one message


def _item(ws: Workspace, args: Args) -> tuple[Channel, Message]:
    channel = place(ws, args)
    if not args.has("timestamp"):
        raise ApiError("no_item_specified")
    message = channel.messages.get(args.text("timestamp"))
    if message is None:
        raise ApiError("message_not_found")
    return channel, message


def _react(ws: Workspace, args: Args, on: bool) -> Json:
    channel, message = _item(ws, args)
    name = args.text("name").strip(":")
    if not EMOJI.fullmatch(name):
        raise ApiError("invalid_name")
    if channel.is_archived:
        raise ApiError("is_archived")
    if not member(ws, channel):
        raise ApiError("not_in_channel")
    if on and name not in message.reactions and len(message.reactions) >= REACTIONS_MAX:
        raise ApiError("too_many_emoji")
    if not ws.messages.react(channel, message, ws.state.bot_user_id, name, on):
        raise ApiError("already_reacted" if on else "no_reaction")
    return {}


def add(ws: Workspace, args: Args) -> Json:
    return _react(ws, args, True)


def remove(ws: Workspace, args: Args) -> Json:
    return _react(ws, args, False)


def get(ws: Workspace, args: Args) -> Json:
    channel, message = _item(ws, args)
    return {"type": "message", "channel": channel.id, "message": message.as_json()}


def pin(ws: Workspace, args: Args) -> Json:
    channel, message = _item(ws, args)
    if message.ts in channel.pins:
        raise ApiError("already_pinned")
    channel.pins.append(message.ts)
    return {}


def unpin(ws: Workspace, args: Args) -> Json:
    channel, message = _item(ws, args)
    if message.ts not in channel.pins:
        raise ApiError("no_pin")
    channel.pins.remove(message.ts)
    return {}


def pins(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    items = [
        {
            "type": "message",
            "channel": channel.id,
            "created": int(float(ts)),
            "created_by": ws.state.bot_user_id,
            "message": channel.messages[ts].as_json(),
        }
        for ts in channel.pins
        if ts in channel.messages
    ]
    return {"items": items}


def emoji(ws: Workspace, args: Args) -> Json:
    return {"emoji": {}, "cache_ts": str(ws.state.now_s())}


METHODS = {
    "reactions.add": Method(add, "3", ("reactions:write",)),
    "reactions.remove": Method(remove, "2", ("reactions:write",)),
    "reactions.get": Method(get, "3", ("reactions:read",)),
    "pins.add": Method(pin, "2", ("pins:write",)),
    "pins.remove": Method(unpin, "2", ("pins:write",)),
    "pins.list": Method(pins, "2", ("pins:read",)),
    "emoji.list": Method(emoji, "2", ("emoji:read",)),
}
