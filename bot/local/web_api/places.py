"""Which channel a call means, and whether the app may do there what it asks."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, TypeVar

from bot.local.model import Channel, Message
from bot.local.web_api.method import ApiError, Args

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

T = TypeVar("T")
PREFIX = {"channel": "channels", "group": "groups", "im": "im"}


def place(ws: Workspace, args: Args, name: str = "channel") -> Channel:
    """The channel named by id. Raises channel_not_found, also for what the app may not see."""
    channel = ws.state.channels.get(args.need(name))
    if channel is None or (channel.is_private and not member(ws, channel)):
        raise ApiError("channel_not_found")
    return channel


def member(ws: Workspace, channel: Channel) -> bool:
    return ws.state.bot_user_id in channel.members


def allowed(ws: Workspace, channel: Channel, verb: str) -> None:
    """Check the scope that this kind of channel needs, e.g. groups:history for a private one."""
    scope = f"{PREFIX[channel.kind]}:{verb}"
    if scope not in ws.state.scopes:
        raise missing_scope(ws, scope)


def missing_scope(ws: Workspace, needed: str) -> ApiError:
    return ApiError("missing_scope", needed=needed, provided=",".join(sorted(ws.state.scopes)))


def posting_place(ws: Workspace, args: Args) -> Channel:
    """Where chat.postMessage may post: by id, by name, or to a user."""
    state = ws.state
    wanted = args.need("channel")
    if (user := state.users.get(wanted)) is not None:
        if user.deleted or user.id == state.bot_user_id:
            raise ApiError("channel_not_found")
        return state.im(user)
    channel = state.find_channel(wanted)
    if channel is None or (channel.is_private and not member(ws, channel)):
        raise ApiError("channel_not_found")
    if channel.is_archived:
        raise ApiError("is_archived")
    if not member(ws, channel) and "chat:write.public" not in state.scopes:
        raise ApiError("not_in_channel")
    return channel


def own_message(ws: Workspace, channel: Channel, ts: str, refusal: str) -> Message:
    """A message that the app wrote. Raises message_not_found, or `refusal` for another's."""
    message = channel.messages.get(ts)
    if message is None or message.subtype == "tombstone":
        raise ApiError("message_not_found")
    if message.bot_id != ws.state.bot_id:
        raise ApiError(refusal)
    return message


def page_of(items: list[T], args: Args, default: int, most: int) -> tuple[list[T], str]:
    """One page of a list and the cursor of the next. Raises invalid_cursor."""
    limit = args.number("limit", default, 1, most)
    start = cursor_value(args)
    return items[start : start + limit], (
        make_cursor(start + limit) if start + limit < len(items) else ""
    )


def make_cursor(position: int | str) -> str:
    """Slack's cursors are base64 of something that only Slack reads."""
    return b64encode(f"next:{position}".encode()).decode()


def cursor_text(args: Args) -> str:
    """What make_cursor was given. Raises invalid_cursor."""
    raw = args.text("cursor")
    if not raw:
        return ""
    try:
        kind, _, position = b64decode(raw, validate=True).decode().partition(":")
    except ValueError:
        raise ApiError("invalid_cursor") from None
    if kind != "next" or not position:
        raise ApiError("invalid_cursor")
    return position


def cursor_value(args: Args) -> int:
    text = cursor_text(args)
    if text and not text.isdecimal():
        raise ApiError("invalid_cursor")
    return int(text or 0)
