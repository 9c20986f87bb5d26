"""A scripted Claude over real HTTP: what it says turn by turn, and every way in which it may fail.

    async with ClaudeServer(calls(("read_evidence", {"evidence": "e3", "offset": 0})), answers(...)) as claude:
        settings = ClaudeSettings(api_key=KEY, base_url=claude.url)

Each request takes the next step of the script; the last step is repeated for ever. A step may also be a
function of the request's body. `bodies` holds every request as it was received, `raw` its bytes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

KEY = "sk-ant-api03-" + "k" * 24


@dataclass(frozen=True)
class Turn:
    """A reply that streams in: blocks as the API has them, and why it ends.

    `cut` breaks the connection off after so many events; `last` lets the stream end orderly after so
    many, without an end of the message; `error` sends an error event instead of the end. `held` is
    waited for before the last block's end, once the rest is out.
    """

    blocks: tuple[dict[str, Any], ...] = ()
    stop: str | None = "end_turn"
    usage: dict[str, int] = field(
        default_factory=lambda: {
            "input_tokens": 200,
            "output_tokens": 100,
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 4_000,
        }
    )
    details: dict[str, Any] | None = None
    cut: int | None = None
    last: int | None = None
    error: str = ""
    held: asyncio.Event | None = None
    started: asyncio.Event | None = None


@dataclass(frozen=True)
class Fails:
    """An answer that is an error."""

    status: int
    type: str = "api_error"
    message: str = "scripted"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sends:
    """A body that is not what the API sends."""

    body: str
    content_type: str = "text/event-stream"


RESET = object()
HANG = object()
Step = Turn | Fails | Sends | object


def says(text: str, **how: Any) -> Turn:
    """A turn of plain text."""
    return Turn(({"type": "text", "text": text},), **how)


def calls(*wanted: tuple[str, Any], **how: Any) -> Turn:
    """A turn that asks for tools; arguments that are a string are sent as they are, JSON or not."""
    blocks = tuple(
        {"type": "tool_use", "id": f"toolu_{n}_{name}", "name": name, "input": given}
        for n, (name, given) in enumerate(wanted)
    )
    return Turn(blocks, **({"stop": "tool_use"} | how))


def claim(
    evidence: str,
    entity: str,
    path: str,
    op: str,
    value: Any = None,
    *,
    words: str = "It is so.",
    weight: str = "supporting",
    where: str = "",
    since: float = 0.0,
    until: float = 0.0,
) -> dict[str, Any]:
    """A claim as the answer has it."""
    return {
        **{"words": words, "evidence": evidence, "entity": entity, "path": path, "op": op},
        **{"value": value, "where": where, "since": since, "until": until, "weight": weight},
    }


def answer(cause: str, entity: str, *claims: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A whole answer; the first claim is the main one unless another is."""
    told = list(claims)
    if told and not any(one["weight"] == "main" for one in told):
        told[0] = {**told[0], "weight": "main"}
    return {
        **{"cause": cause, "entity": entity, "certainty": "likely", "primary": "Something is up."},
        **{"claims": told, "alternatives": [], "next": "advised", "commands": [], "risks": []},
        **{"unseen": [], "answer": ""},
        **fields,
    }


def answers(cause: str, entity: str, *claims: dict[str, Any], **fields: Any) -> Turn:
    """A turn with the final answer."""
    return says(json.dumps(answer(cause, entity, *claims, **fields)))


class ClaudeServer:
    """Listens on 127.0.0.1 and follows its script."""

    def __init__(self, *script: Step | Callable[[dict[str, Any]], Step]) -> None:
        self.script = list(script)
        self.bodies: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> ClaudeServer:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/messages", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> ClaudeServer:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw)
        n = len(self.bodies)
        self.raw.append(raw)
        self.bodies.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        step: Any = self.script[min(n, len(self.script) - 1)]
        if callable(step):
            step = step(body)
        if isinstance(step, Turn):
            return await _stream(request, step, body, n)
        if isinstance(step, Fails):
            told = {"type": "error", "error": {"type": step.type, "message": step.message}}
            return web.json_response(told, status=step.status, headers=step.headers)
        if isinstance(step, Sends):
            return web.Response(text=step.body, content_type=step.content_type)
        if step is HANG:
            await asyncio.Event().wait()
        _reset(request)
        return web.Response()


def _reset(request: web.Request) -> None:
    """With no time to linger the kernel sends a reset instead of an orderly end."""
    assert request.transport is not None
    raw = request.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


def _events(turn: Turn, body: dict[str, Any], n: int) -> list[tuple[str, dict[str, Any]]]:
    usage = dict(turn.usage)
    begin = {"id": f"msg_{n}", "type": "message", "role": "assistant", "content": []}
    begin |= {"model": body["model"], "stop_reason": None, "stop_sequence": None}
    first = {**usage, "output_tokens": 1} if "output_tokens" in usage else usage
    made: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"message": {**begin, "usage": first}}),
        ("ping", {}),
    ]
    for index, block in enumerate(turn.blocks):
        empty, deltas = _parts(block)
        made.append(("content_block_start", {"index": index, "content_block": empty}))
        made += [("content_block_delta", {"index": index, "delta": one}) for one in deltas]
        made.append(("content_block_stop", {"index": index}))
    if turn.error:
        made.append(("error", {"error": {"type": turn.error, "message": "scripted"}}))
        return made
    delta = {"stop_reason": turn.stop, "stop_sequence": None}
    if turn.details:
        delta["stop_details"] = turn.details
    spent = {"output_tokens": usage.get("output_tokens", 0)}
    return [*made, ("message_delta", {"delta": delta, "usage": spent}), ("message_stop", {})]


def _parts(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = block["type"]
    if kind == "text":
        said = block["text"]
        halves = (said[: len(said) // 2], said[len(said) // 2 :])
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": one} for one in halves]
    if kind == "thinking":
        return {**block, "thinking": "", "signature": ""}, [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block.get("signature", "sig")},
        ]
    if kind == "tool_use":
        given = block["input"]
        said = given if isinstance(given, str) else json.dumps(given)
        halves = (said[: len(said) // 2], said[len(said) // 2 :])
        return {**block, "input": {}}, [
            {"type": "input_json_delta", "partial_json": one} for one in halves
        ]
    return block, []


async def _stream(
    request: web.Request, turn: Turn, body: dict[str, Any], n: int
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    events = _events(turn, body, n)
    for at, (name, data) in enumerate(events):
        if turn.cut is not None and at >= turn.cut:
            assert request.transport is not None
            request.transport.abort()
            return response
        if turn.last is not None and at >= turn.last:
            break
        if turn.held is not None and at == len(events) - 3:
            if turn.started is not None:
                turn.started.set()
            await turn.held.wait()
        said = json.dumps({"type": name, **data})
        await response.write(f"event: {name}\ndata: {said}\n\n".encode())
    return response


__all__ = [
    "HANG", "KEY", "RESET", "ClaudeServer", "Fails", "Sends", "Turn",
    "answer", "answers", "calls", "claim", "replace", "says",
]  # fmt: skip
