"""chat.*Stream and assistant.threads.*: answers that grow while they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.local.model import Channel, Message
from bot.local.web_api.chat import dress
from bot.local.web_api.content import MARKDOWN_MAX, blocks_of, metadata_of, thread_of
from bot.local.web_api.method import ApiError, Args, Method, invalid_arguments
from bot.local.web_api.places import own_message, place, posting_place

if TYPE_CHECKING:
    from bot.local.workspace import Workspace

Json = dict[str, Any]
STATUS_S = 120.0
LOADING_MAX = 10
PROMPTS_MAX = 4
CHUNKS = ("markdown_text", "task_update", "plan_update", "blocks")


def start(ws: Workspace, args: Args) -> Json:
    channel = posting_place(ws, args)
    root = thread_of(args)
    if not root:
        raise invalid_arguments("missing required field: thread_ts")
    if not channel.is_im:
        for name, error in (
            ("recipient_user_id", "missing_recipient_user_id"),
            ("recipient_team_id", "missing_recipient_team_id"),
        ):
            if not args.has(name):
                raise ApiError(error)
    message = Message(channel.id, "", "", user=ws.state.bot_user_id, root=root)
    message.bot_id, message.app_id = ws.state.bot_id, ws.state.app_id
    message.stream = "open"
    change = _grown(message, _pieces(args))
    dress(ws, args, message)
    for key, value in change.items():
        setattr(message, key, value)
    ws.messages.post(channel, message)
    _keep_alive(ws, message)
    return {"channel": channel.id, "ts": message.ts}


def append(ws: Workspace, args: Args) -> Json:
    channel, message = _streaming(ws, args)
    pieces = _pieces(args)
    if not pieces:
        raise ApiError("no_text")
    ws.messages.rewrite(channel, message, _grown(message, pieces))
    _keep_alive(ws, message)
    return {"channel": channel.id, "ts": message.ts}


def stop(ws: Workspace, args: Args) -> Json:
    channel, message = _streaming(ws, args)
    extra = blocks_of(ws, args)
    change = _grown(message, _pieces(args))
    change["blocks"] = change.get("blocks", message.blocks) + extra
    if (metadata := metadata_of(args)) is not None:
        change["metadata"] = metadata or None
    ws.messages.rewrite(channel, message, change | {"stream": ""})
    return {"channel": channel.id, "ts": message.ts, "message": message.as_json(metadata=True)}


def _streaming(ws: Workspace, args: Args) -> tuple[Channel, Message]:
    channel = place(ws, args)
    message = own_message(ws, channel, args.need("ts"), "message_not_owned_by_app")
    if message.stream != "open":
        raise ApiError("message_not_in_streaming_state")
    return channel, message


def _keep_alive(ws: Workspace, message: Message) -> None:
    """A stream that is left alone ends by itself."""
    message.flags["alive"] = message.flags.get("alive", 0) + 1
    seen = message.flags["alive"]

    def expire() -> None:
        if message.stream == "open" and message.flags["alive"] == seen:
            message.stream = ""

    ws.state.timers.after(ws.state.config.stream_idle_s, expire)


def _pieces(args: Args) -> list[Json]:
    chunks = args.json("chunks", "invalid_chunks") or []
    if not isinstance(chunks, list):
        raise ApiError("invalid_chunks")
    text = args.text("markdown_text")
    if text and chunks:
        raise ApiError("markdown_text_conflict")
    for chunk in chunks:
        if not isinstance(chunk, dict) or chunk.get("type") not in CHUNKS:
            raise ApiError("invalid_chunks")
    pieces = [{"type": "markdown_text", "text": text}] if text else chunks
    if any(len(str(p.get("text", ""))) > MARKDOWN_MAX for p in pieces):
        raise ApiError("msg_too_long")
    return pieces


def _grown(message: Message, pieces: list[Json]) -> Json:
    """The message's text and blocks with the pieces added; a task is updated in its place."""
    blocks = [dict(block) for block in message.blocks]
    text = message.text
    for piece in pieces:
        kind = piece["type"]
        if kind == "markdown_text":
            text += str(piece.get("text", ""))
            _add_text(blocks, str(piece.get("text", "")))
        elif kind == "blocks":
            blocks += [dict(b) for b in piece.get("blocks") or [] if isinstance(b, dict)]
        else:
            _add_card(blocks, piece)
    return {"text": text, "blocks": blocks}


def _add_text(blocks: list[Json], text: str) -> None:
    if blocks and blocks[-1].get("type") == "markdown":
        blocks[-1]["text"] += text
    else:
        blocks.append({"type": "markdown", "block_id": f"s{len(blocks)}", "text": text})


def _add_card(blocks: list[Json], piece: Json) -> None:
    kind = "task_card" if piece["type"] == "task_update" else "plan"
    key = piece.get("id", "plan")
    named = {"task_id": key} if kind == "task_card" else {}
    rest = {k: v for k, v in piece.items() if k not in ("type", "id")}
    card = {"type": kind, "block_id": f"{kind}-{key}", **named, **rest}
    for at, block in enumerate(blocks):
        if block.get("block_id") == card["block_id"]:
            blocks[at] = block | card
            return
    blocks.append(card)


def set_status(ws: Workspace, args: Args) -> Json:
    channel = place(ws, Args({"channel": args.need("channel_id")}))
    thread = thread_of(args)
    loading = args.ids("loading_messages")
    if len(loading) > LOADING_MAX:
        raise invalid_arguments(
            f"no more than {LOADING_MAX} items allowed [json-pointer:/loading_messages]"
        )
    key = (channel.id, thread)
    status = args.text("status")
    ws.statuses.pop(key, None)
    if status:
        born = ws.state.clock.monotonic()
        ws.statuses[key] = (status, loading, born)
        ws.state.timers.after(STATUS_S, lambda: ws.forget_status(key, born))
    return {}


def set_title(ws: Workspace, args: Args) -> Json:
    channel = place(ws, Args({"channel": args.need("channel_id")}))
    ws.titles[(channel.id, thread_of(args))] = args.need("title")
    return {}


def set_prompts(ws: Workspace, args: Args) -> Json:
    channel = place(ws, Args({"channel": args.need("channel_id")}))
    prompts = args.json("prompts", "invalid_arguments")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= PROMPTS_MAX:
        raise invalid_arguments("1 to 4 prompts [json-pointer:/prompts]")
    for at, one in enumerate(prompts):
        if not isinstance(one, dict) or not one.get("title") or not one.get("message"):
            raise invalid_arguments(f"title and message are needed [json-pointer:/prompts/{at}]")
    ws.prompts[(channel.id, thread_of(args))] = prompts
    return {}


WRITE, ASSISTANT = ("chat:write",), ("assistant:write",)
METHODS = {
    "chat.startStream": Method(start, "2", WRITE),
    "chat.appendStream": Method(append, "4", WRITE),
    "chat.stopStream": Method(stop, "2", WRITE),
    "assistant.threads.setStatus": Method(set_status, "special", WRITE + ASSISTANT),
    "assistant.threads.setTitle": Method(set_title, "special", ASSISTANT),
    "assistant.threads.setSuggestedPrompts": Method(set_prompts, "special", ASSISTANT),
}
