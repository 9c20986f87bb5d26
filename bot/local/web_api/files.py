"""files.*: the external upload, and reading back what was uploaded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from bot.local.files import StoredFile
from bot.local.model import Channel, Message
from bot.local.web_api.content import blocks_of, incoming, thread_of
from bot.local.web_api.method import ApiError, Args, Method
from bot.local.web_api.places import member, place

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]
CHANNELS_MAX = 100


def get_upload_url(ws: Workspace, args: Args) -> Json:
    name = args.need("filename")
    length = args.number("length", 0, 0, 10**12)
    if length <= 0:
        raise ApiError("missing_argument")
    if length > ws.state.config.max_file_bytes:
        raise ApiError("file_upload_size_restricted")
    if len(args.text("alt_txt")) > 1000:
        raise ApiError("alt_txt_too_large")
    file = ws.files.promise(name, length, args.text("alt_txt"))
    return {"upload_url": f"{ws.state.base_url}/upload/{file.upload}", "file_id": file.id}


def complete(ws: Workspace, args: Args) -> Json:
    """Finish uploads, and share them in a channel if one is named; the post itself comes later."""
    listed = args.json("files", "invalid_arguments")
    if not isinstance(listed, list) or not listed:
        raise ApiError("missing_argument")
    files = [_uploaded(ws, one) for one in listed]
    channels = _channels(ws, args)
    thread = thread_of(args)
    comment = incoming(ws, args.text("initial_comment"), "none", False)
    blocks = blocks_of(ws, args) if not comment else []
    for file, one in zip(files, listed, strict=True):
        file.complete = True
        file.title = str(one.get("title") or "")
    for channel in channels:
        message = Message(channel.id, "", comment, root=thread, blocks=blocks)
        ws.state.timers.after(0, partial(_share, ws, channel, message, files))
    return {"files": [file.as_json(ws.state.base_url) for file in files]}


def _uploaded(ws: Workspace, one: Any) -> StoredFile:
    file = ws.state.files.get(str(one.get("id"))) if isinstance(one, dict) else None
    if file is None or file.complete or file.content is None:
        raise ApiError("file_not_found")
    return file


def _channels(ws: Workspace, args: Args) -> list[Channel]:
    wanted = args.ids("channels") or ([args.text("channel_id")] if args.has("channel_id") else [])
    if len(wanted) > CHANNELS_MAX:
        raise ApiError("channels_limit_exceeded")
    channels = [_place(ws, one) for one in wanted]
    for channel in channels:
        if channel.is_archived:
            raise ApiError("is_archived")
        if not member(ws, channel):
            raise ApiError("not_in_channel")
    return channels


def _place(ws: Workspace, wanted: str) -> Channel:
    """A channel by id, or the direct message with a user by theirs."""
    user = ws.state.users.get(wanted)
    return place(ws, Args({"channel": wanted})) if user is None else ws.state.im(user)


def _share(ws: Workspace, channel: Channel, message: Message, files: list[StoredFile]) -> None:
    message.user, message.bot_id = ws.state.bot_user_id, ws.state.bot_id
    message.app_id = ws.state.app_id
    message.subtype = "file_share"
    message.extra = {"upload": False, "bot_profile": ws.bot_profile}
    message.files = [file.as_json(ws.state.base_url) for file in files]
    ws.messages.post(channel, message)
    share = {"ts": message.ts, "channel_name": channel.name, "team_id": ws.state.team_id}
    if message.root:
        share["thread_ts"] = message.root
    for file in files:
        file.shares.setdefault(channel.id, []).append(share)


def _known(ws: Workspace, args: Args) -> StoredFile:
    file = ws.state.files.get(args.need("file"))
    if file is None or not file.complete:
        raise ApiError("file_not_found")
    return file


def info(ws: Workspace, args: Args) -> Json:
    file = _known(ws, args)
    shares: Json = {}
    for channel, entries in file.shares.items():
        kind = "public" if ws.state.channels[channel].kind == "channel" else "private"
        shares.setdefault(kind, {})[channel] = entries
    return {"file": file.as_json(ws.state.base_url) | {"shares": shares}, "comments": []}


def list_all(ws: Workspace, args: Args) -> Json:
    channel, user = args.text("channel"), args.text("user")
    found = [
        file.as_json(ws.state.base_url)
        for file in ws.state.files.values()
        if file.complete and (not channel or channel in file.shares) and user in ("", file.user)
    ]
    count, page = args.number("count", 100, 1, 1000), args.number("page", 1, 1, 10**6)
    shown = found[(page - 1) * count : page * count]
    pages = max(1, -(-len(found) // count))
    return {
        "files": shown,
        "paging": {"count": count, "total": len(found), "page": page, "pages": pages},
    }


def delete(ws: Workspace, args: Args) -> Json:
    del ws.state.files[_known(ws, args).id]
    return {}


WRITE, READ = ("files:write",), ("files:read",)
METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, "4", WRITE),
    "files.completeUploadExternal": Method(complete, "4", WRITE),
    "files.info": Method(info, "4", READ),
    "files.list": Method(list_all, "3", READ),
    "files.delete": Method(delete, "3", WRITE),
}
