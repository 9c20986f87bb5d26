"""conversations.*: reading history and threads, listing, opening, creating, joining."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.local.model import Channel
from bot.local.web_api.method import ApiError, Args, Method
from bot.local.web_api.places import (
    PREFIX,
    allowed,
    cursor_text,
    make_cursor,
    member,
    page_of,
    place,
)

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]
PAGE, PAGE_MAX, REPLIES = 100, 999, 1000
MOMENT = re.compile(r"\d{1,10}(?:\.\d{1,6})?")
NAME = re.compile(r"[a-z0-9_\-\u00c0-\U0010ffff]{1,80}")


def readable(ws: Workspace, args: Args) -> Channel:
    """The channel whose messages the app may read."""
    channel = place(ws, args)
    allowed(ws, channel, "history")
    if not member(ws, channel):
        raise ApiError("not_in_channel")
    return channel


def moment(args: Args, name: str) -> str:
    """A timestamp in the form that ours have, so that texts compare. Raises invalid_ts_..."""
    text = args.text(name)
    if not text or text == "now":
        return ""
    if not MOMENT.fullmatch(text):
        raise ApiError(f"invalid_ts_{name}")
    seconds, _, micros = text.partition(".")
    return f"{seconds:0>10}.{micros:0<6}"


def history(ws: Workspace, args: Args) -> Json:
    channel = readable(ws, args)
    limit = args.number("limit", PAGE, 1, PAGE_MAX)
    latest = cursor_text(args) or moment(args, "latest")
    inclusive = args.flag("inclusive") and not args.has("cursor")
    page = ws.messages.history(channel, moment(args, "oldest"), latest, inclusive, limit)
    metadata = args.flag("include_all_metadata")
    body: Json = {
        "messages": [message.as_json(metadata) for message in page.messages],
        "has_more": page.has_more,
        "pin_count": len(channel.pins),
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    if page.has_more:
        body["response_metadata"] = {"next_cursor": make_cursor(page.messages[-1].ts)}
    return body


def replies(ws: Workspace, args: Args) -> Json:
    channel = readable(ws, args)
    found = channel.messages.get(args.need("ts"))
    if found is None:
        raise ApiError("thread_not_found")
    root = channel.messages.get(found.root, found) if found.is_reply else found
    limit = args.number("limit", REPLIES, 1, REPLIES)
    cursor, inclusive = cursor_text(args), args.flag("inclusive")
    after, before = cursor or moment(args, "oldest"), moment(args, "latest")
    answers = ws.messages.thread(channel, root, after, before, inclusive and not cursor)[1:]
    has_more = len(answers) > limit
    metadata = args.flag("include_all_metadata")
    shown = ([root] if not args.has("cursor") else []) + answers[:limit]
    body: Json = {"messages": [m.as_json(metadata) for m in shown], "has_more": has_more}
    if has_more:
        body["response_metadata"] = {"next_cursor": make_cursor(answers[limit - 1].ts)}
    return body


def info(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    allowed(ws, channel, "read")
    body = channel.as_json(ws.state.team_id, ws.state.bot_user_id)
    if args.flag("include_num_members"):
        body["num_members"] = len(channel.members)
    return {"channel": body}


def _listed(ws: Workspace, args: Args, of_user: str = "") -> list[Channel]:
    """Channels by `types`; private ones and direct messages only where the app takes part."""
    kinds = {"public_channel": "channel", "private_channel": "group", "im": "im"}
    wanted = {kinds.get(t, t) for t in args.text("types", "public_channel").split(",")}
    no_archived = args.flag("exclude_archived")
    return [
        c
        for c in ws.state.channels.values()
        if c.kind in wanted
        and f"{PREFIX[c.kind]}:read" in ws.state.scopes
        and not (no_archived and c.is_archived)
        and (c.kind == "channel" or member(ws, c))
        and (not of_user or of_user in c.members)
    ]


def list_all(ws: Workspace, args: Args) -> Json:
    return _page(ws, args, _listed(ws, args))


def of_user(ws: Workspace, args: Args) -> Json:
    user = args.text("user") or ws.state.bot_user_id
    if user not in ws.state.users:
        raise ApiError("user_not_found")
    return _page(ws, args, _listed(ws, args, user))


def _page(ws: Workspace, args: Args, channels: list[Channel]) -> Json:
    page, cursor = page_of(channels, args, PAGE, PAGE_MAX)
    shown = [c.as_json(ws.state.team_id, ws.state.bot_user_id) for c in page]
    return {"channels": shown, "response_metadata": {"next_cursor": cursor}}


def members(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    allowed(ws, channel, "read")
    page, cursor = page_of(channel.members, args, PAGE, PAGE_MAX)
    return {"members": page, "response_metadata": {"next_cursor": cursor}}


def open_im(ws: Workspace, args: Args) -> Json:
    if args.has("channel"):
        channel = place(ws, args)
    else:
        users = args.ids("users")
        if not users:
            raise ApiError("users_list_not_supplied")
        if len(users) > 1:
            raise ApiError("not_enough_users" if len(set(users)) < 2 else "method_not_supported")
        user = ws.state.users.get(users[0])
        if user is None:
            raise ApiError("user_not_found")
        if user.deleted:
            raise ApiError("user_disabled")
        channel = ws.state.im(user)
    full = args.flag("return_im")
    body = channel.as_json(ws.state.team_id, ws.state.bot_user_id) if full else {"id": channel.id}
    return {"channel": body}


def create(ws: Workspace, args: Args) -> Json:
    name = args.text("name")
    if not name:
        raise ApiError("invalid_name_required")
    if not NAME.fullmatch(name):
        raise ApiError("invalid_name_maxlength" if len(name) > 80 else "invalid_name_specials")
    if ws.state.find_channel(name) is not None:
        raise ApiError("name_taken")
    me = ws.state.bot_user_id
    channel = ws.places.create(name, me, args.flag("is_private"))
    return {"channel": channel.as_json(ws.state.team_id, me)}


def join(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    if channel.is_archived:
        raise ApiError("is_archived")
    if channel.is_private or channel.is_im:
        raise ApiError("method_not_supported_for_channel_type")
    body: Json = {}
    if member(ws, channel):
        body = {"warning": "already_in_channel"}
        body["response_metadata"] = {"warnings": ["already_in_channel"]}
    else:
        ws.places.join(channel, ws.state.bot_user_id)
    return body | {"channel": channel.as_json(ws.state.team_id, ws.state.bot_user_id)}


def invite(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    if channel.is_archived:
        raise ApiError("is_archived")
    if not member(ws, channel):
        raise ApiError("not_in_channel")
    users = args.ids("users")
    if not users:
        raise ApiError("no_user")
    errors = [e for user in users if (e := _inviting(ws, channel, user))]
    if errors and not args.flag("force"):
        raise ApiError(errors[0]["error"], errors=errors)
    for user in users:
        if not _inviting(ws, channel, user):
            ws.places.join(channel, user, ws.state.bot_user_id)
    return {"channel": channel.as_json(ws.state.team_id, ws.state.bot_user_id)}


def _inviting(ws: Workspace, channel: Channel, user: str) -> Json:
    error = ""
    if user not in ws.state.users or ws.state.users[user].deleted:
        error = "user_not_found"
    elif user == ws.state.bot_user_id:
        error = "cant_invite_self"
    elif user in channel.members:
        error = "already_in_channel"
    return {"user": user, "ok": False, "error": error} if error else {}


def archive(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    if channel.is_archived:
        raise ApiError("already_archived")
    if channel.is_im:
        raise ApiError("method_not_supported_for_channel_type")
    if not member(ws, channel):
        raise ApiError("not_in_channel")
    ws.places.archive(channel, ws.state.bot_user_id, True)
    return {}


def set_topic(ws: Workspace, args: Args) -> Json:
    channel = place(ws, args)
    if not member(ws, channel):
        raise ApiError("not_in_channel")
    if channel.is_archived:
        raise ApiError("is_archived")
    if len(args.text("topic")) > 250:
        raise ApiError("too_long")
    ws.places.topic(channel, args.text("topic"))
    return {"channel": channel.as_json(ws.state.team_id, ws.state.bot_user_id)}


HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
READ = ("channels:read", "groups:read", "im:read", "mpim:read")
MANAGE = ("channels:manage", "groups:write")
METHODS = {
    "conversations.history": Method(history, "3", HISTORY),
    "conversations.replies": Method(replies, "3", HISTORY),
    "conversations.info": Method(info, "3", READ),
    "conversations.list": Method(list_all, "2", READ),
    "conversations.members": Method(members, "4", READ),
    "conversations.open": Method(open_im, "3", ("im:write", "mpim:write")),
    "conversations.create": Method(create, "2", MANAGE),
    "conversations.join": Method(join, "3", ("channels:join",)),
    "conversations.invite": Method(invite, "3", MANAGE),
    "conversations.archive": Method(archive, "2", MANAGE),
    "conversations.setTopic": Method(set_topic, "2", MANAGE),
    "users.conversations": Method(of_user, "3", READ),
}
