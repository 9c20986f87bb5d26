"""chat.*: post, edit, delete, whisper, schedule, permalinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.local.model import Channel, Message
from bot.local.text import TEXT_MAX
from bot.local.web_api.content import compose, thread_of
from bot.local.web_api.method import ApiError, Args, Method
from bot.local.web_api.places import member, own_message, place, posting_place

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]
SCHEDULE_DAYS_MAX = 120


def post_message(ws: Workspace, args: Args) -> Json:
    channel = posting_place(ws, args)
    message = compose(ws, args)
    message.root = thread_of(args)
    message.broadcast = bool(message.root) and args.flag("reply_broadcast")
    dress(ws, args, message)
    ws.messages.post(channel, message)
    ws.statuses.pop((channel.id, message.root), None)
    body = {"channel": channel.id, "ts": message.ts, "message": message.as_json(metadata=True)}
    if len(args.text("text")) > TEXT_MAX:
        words = ["[WARN] A Message over 40,000 chars has been truncated"]
        body["response_metadata"] = {"messages": words, "warnings": ["message_truncated"]}
    return body


def dress(ws: Workspace, args: Args, message: Message) -> None:
    """Author fields: the app's profile, or another name with chat:write.customize."""
    message.extra = {"team": ws.state.team_id, "bot_profile": ws.bot_profile}
    if message.broadcast:
        message.subtype = "thread_broadcast"
    name, emoji, url = (args.text(k) for k in ("username", "icon_emoji", "icon_url"))
    if (name or emoji or url) and "chat:write.customize" in ws.state.scopes:
        message.subtype = "bot_message"
        icons = {"emoji": emoji} if emoji else {"image_64": url} if url else {}
        message.extra |= {"username": name or ws.state.config.app_name}
        message.extra |= {"icons": icons} if icons else {}


def update(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    if channel.is_archived:
        raise ApiError("is_inactive")
    if not member(ws, channel):
        raise ApiError("channel_not_found")
    message = own_message(ws, channel, args.need("ts"), "cant_update_message")
    check_editable(ws, message)
    fresh = compose(ws, args, updating=True)
    ws.messages.rewrite(channel, message, _difference(ws, args, message, fresh))
    body = message.as_json(metadata=True)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": body}


def check_editable(ws: Workspace, message: Message) -> None:
    if message.stream:
        raise ApiError("streaming_state_conflict")
    window = ws.state.config.edit_window_s
    if window is not None and ws.state.now_s() - message.created > window:
        raise ApiError("edit_window_closed")


def _difference(ws: Workspace, args: Args, message: Message, fresh: Message) -> Json:
    """What an edit changes: text without blocks removes the blocks; absent metadata stays."""
    change: Json = {"flags": fresh.flags}
    if args.has("text") or args.has("markdown_text"):
        change |= {"text": fresh.text, "blocks": fresh.blocks}
        # Slack marks an edit as such only when it is one of text alone.
        if not fresh.blocks:
            change["edited"] = {"user": message.user, "ts": f"{int(ws.state.now_s())}.000000"}
    if fresh.blocks:
        change["blocks"] = fresh.blocks
    if args.values.get("attachments") is not None:
        change["attachments"] = fresh.attachments
    if fresh.metadata is not None:
        change["metadata"] = fresh.metadata or None
    return change


def delete(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    if channel.is_archived:
        raise ApiError("is_archived")
    message = own_message(ws, channel, args.need("ts"), "cant_delete_message")
    ws.messages.delete(channel, message)
    return {"channel": channel.id, "ts": message.ts}


def post_ephemeral(ws: Workspace, args: Args) -> Json:
    channel = posting_place(ws, args)
    user = args.need("user")
    if user not in ws.state.users or ws.state.users[user].deleted:
        raise ApiError("user_not_in_channel")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    message = compose(ws, args)
    message.metadata = None
    message.root = thread_of(args)
    ws.messages.whisper(channel, message, user)
    return {"message_ts": message.ts}


def get_permalink(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    ts = args.need("message_ts")
    message = channel.messages.get(ts)
    if message is None:
        raise ApiError("message_not_found")
    return {"channel": channel.id, "permalink": permalink(ws, channel, message)}


def permalink(ws: Workspace, channel: Channel, message: Message) -> str:
    link = f"{ws.state.base_url}/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return f"{link}?thread_ts={message.root}&cid={channel.id}" if message.is_reply else link


def schedule_message(ws: Workspace, args: Args) -> Json:
    channel = posting_place(ws, args)
    at = args.number("post_at", 0, 0, 10**11)
    wait = at - ws.state.now_s()
    if wait <= 0:
        raise ApiError("time_in_past")
    if wait > SCHEDULE_DAYS_MAX * 86400:
        raise ApiError("time_too_far")
    message = compose(ws, args)
    message.root = thread_of(args)
    dress(ws, args, message)
    name = ws.state.ids.make("Q")
    ws.scheduled[name] = (channel.id, at, message)
    ws.state.timers.after(wait, lambda: _post_scheduled(ws, name))
    body = {"text": message.text, "bot_id": message.bot_id, "type": "delayed_message"}
    return {
        "channel": channel.id,
        "scheduled_message_id": name,
        "post_at": at,
        "message": body,
    }


def _post_scheduled(ws: Workspace, name: str) -> None:
    if (found := ws.scheduled.pop(name, None)) is not None:
        ws.messages.post(ws.state.channels[found[0]], found[2])


def delete_scheduled(ws: Workspace, args: Args) -> Json:
    if ws.scheduled.pop(args.need("scheduled_message_id"), None) is None:
        raise ApiError("invalid_scheduled_message_id")
    return {}


def list_scheduled(ws: Workspace, args: Args) -> Json:
    wanted = args.text("channel")
    listed = [
        {"id": name, "channel_id": channel, "post_at": at, "text": message.text}
        for name, (channel, at, message) in ws.scheduled.items()
        if not wanted or wanted == channel
    ]
    return {"scheduled_messages": listed, "response_metadata": {"next_cursor": ""}}


WRITE = ("chat:write",)
METHODS = {
    "chat.postMessage": Method(post_message, "post", ("chat:write", "chat:write.public")),
    "chat.update": Method(update, "3", WRITE),
    "chat.delete": Method(delete, "3", WRITE),
    "chat.postEphemeral": Method(post_ephemeral, "4", WRITE),
    "chat.getPermalink": Method(get_permalink, "special"),
    "chat.scheduleMessage": Method(schedule_message, "3", WRITE),
    "chat.deleteScheduledMessage": Method(delete_scheduled, "3", WRITE),
    "chat.scheduledMessages.list": Method(list_scheduled, "3"),
}
