"""A small HTTP/1.1 server on a real socket that can misbehave in every way a test asks for.

Written on asyncio's protocols so that thousands of kept connections are cheap. A handler is a plain
function of a request; what it returns is sent, `HANG` is never answered, `RESET` cuts the
connection. A handler may also be a coroutine function (to wait on a clock first).
"""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, list[str]]:
        """Query and form fields together."""
        found = self.query
        if "urlencoded" in self.headers.get("content-type", ""):
            found.update(parse_qs(self.body.decode(), keep_blank_values=True))
        return found

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Response:
    """`length` overrides Content-Length (None: the true one); `drip_s` sends a byte at a time."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    close: bool = False

    def encode(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} X"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Length: {len(self.body) if self.length is None else self.length}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


HANG = object()
RESET = object()
Handler = Callable[[Request], Any]


def as_json(thing: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(thing).encode())


def as_text(text: str, status: int = 200) -> Response:
    return Response(status, text.encode(), "text/plain; charset=utf-8")


def recorded(raw: bytes) -> Response:
    """A response from a recording: status line, headers, blank line, body."""
    head, _, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    status, *lines = head.decode().split("\n")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    headers.pop("Transfer-Encoding", None)
    content_type = headers.pop("Content-Type", "")
    return Response(int(status.split()[1]), body, content_type, headers)


class _Connection(asyncio.Protocol):
    def __init__(self, server: StubServer) -> None:
        self.server = server
        self.buffer = b""
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server.open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.open.discard(self)
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            head, mark, rest = self.buffer.partition(b"\r\n\r\n")
            if not mark:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            size = int(headers.get("content-length", 0))
            if len(rest) < size:
                return
            self.buffer = rest[size:]
            method, target, _ = first.split(" ", 2)
            self.answer(Request(method, target, headers, rest[:size]))

    def answer(self, request: Request) -> None:
        server = self.server
        if server.keep_requests:
            server.requests.append(request)
        server.count += 1
        found = server.handler(request) if server.answer is None else server.answer
        if inspect.isawaitable(found):
            task = asyncio.ensure_future(self.later(found))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self.send(found)

    async def later(self, found: Any) -> None:
        self.send(await found)

    def send(self, found: Any) -> None:
        if found is HANG:
            return
        if found is RESET:
            # With no time to linger the kernel sends a reset instead of an orderly end.
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
            return
        self.transport.write(found if isinstance(found, bytes) else found.encode())
        if getattr(found, "close", False):
            self.transport.close()


class StubServer:
    """One listening socket. `answer`, when set, is given to every request instead of the handler."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.handler = handler
        self.tls = tls
        self.answer: Any = None
        self.open: set[_Connection] = set()
        self.requests: list[Request] = []
        self.keep_requests = True
        self.count = 0
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def listening(self) -> bool:
        return self._server is not None

    async def start(self) -> StubServer:
        """Listen, on the same port as before if there was one."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: _Connection(self), "127.0.0.1", self.port, backlog=4096, ssl=self.tls
            )
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Stop listening and cut every connection, as a killed process does."""
        server, self._server = self._server, None
        for one in list(self.open):
            one.transport.abort()
        if server is not None:
            server.close()
            await server.wait_closed()
        while self.open:
            await asyncio.sleep(0)

    async def __aenter__(self) -> StubServer:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
