"""HTTP/1.1 over asyncio streams: small enough that each twin process stays under 30 MB."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, unquote, urlsplit

MAX_HEAD = 64 * 1024
MAX_BODY = 32 * 1024 * 1024
IDLE_S = 120.0


class WireError(OSError):
    """The other side could not be reached, broke off or spoke no HTTP."""


@dataclass(slots=True)
class Request:
    """One request; `gone()` says whether the asker has hung up meanwhile."""

    method: str
    path: str
    target: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    gone: Callable[[], bool]

    def arg(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]


@dataclass(slots=True)
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response | None]]


class Server:
    """Serves one handler on one port; a handler that answers None drops the connection."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(
            self._serve, host, port, ssl=self._tls, limit=MAX_HEAD, backlog=512
        )

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the client left or spoke nonsense; the next connection is another matter
        except ValueError:
            with contextlib.suppress(OSError):
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        except asyncio.CancelledError:
            pass  # the server is closing
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        async with asyncio.timeout(IDLE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            line, headers = parse_head(head)
            method, target, protocol = line.split(" ", 2)
            body = await read_body(reader, headers)
        path, _, query = target.partition("?")
        request = Request(
            method, unquote(path), target, parse_qs(query, True), headers, body, reader.at_eof
        )
        response = await self._guarded(request)
        if response is None:
            return False
        keep = headers.get("connection", "").lower() != "close" and protocol == "HTTP/1.1"
        writer.write(render(response, method == "HEAD", keep))
        await writer.drain()
        return keep

    async def _guarded(self, request: Request) -> Response | None:
        try:
            return await self._handler(request)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            # A private route got what no twin process sends: its sender's fault, said so.
            return Response(400, f"{type(error).__name__}: {error}".encode(), "text/plain")


def parse_head(head: bytes) -> tuple[str, dict[str, str]]:
    """First line and headers (names in lower case); ValueError when malformed."""
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers: dict[str, str] = {}
    for row in rest:
        name, colon, value = row.partition(":")
        if not colon:
            raise ValueError("malformed header")
        headers[name.strip().lower()] = value.strip()
    return first, headers


async def read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """The body by Content-Length or chunks, at most MAX_BODY bytes."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunks(reader)
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= MAX_BODY:
        raise ValueError("body too large")
    return await reader.readexactly(length) if length else b""


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts = bytearray()
    while True:
        length = int((await reader.readline()).split(b";")[0], 16)
        if length < 0 or len(parts) + length > MAX_BODY:
            raise ValueError("body too large")
        parts += await reader.readexactly(length)
        await reader.readline()
        if length == 0:
            return bytes(parts)


def render(response: Response, head_only: bool, keep: bool) -> bytes:
    reason = HTTPStatus(response.status).phrase
    rows = [f"HTTP/1.1 {response.status} {reason}"]
    if response.content_type is not None:
        rows.append(f"Content-Type: {response.content_type}")
    rows += [f"{name}: {value}" for name, value in response.headers.items()]
    rows.append(f"Content-Length: {len(response.body)}")
    if not keep:
        rows.append("Connection: close")
    head = ("\r\n".join(rows) + "\r\n\r\n").encode("latin-1")
    return head if head_only else head + response.body


@dataclass(slots=True)
class _Link:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Client:
    """Requests over kept connections; every failure is a WireError or a TimeoutError."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._idle: dict[tuple[str, int], list[_Link]] = {}

    async def call(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        timeout_s: float = 3.0,
    ) -> Response:
        """One request; raises WireError (unreachable, broken) or TimeoutError (silent)."""
        parts = urlsplit(url)
        where = (parts.hostname or "127.0.0.1", parts.port or 80)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        rows = {"Host": f"{where[0]}:{where[1]}", "Content-Length": str(len(body))}
        rows.update(headers or {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in rows.items())
        message = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
        async with asyncio.timeout(timeout_s):
            kept = self._take(where)
            if kept is not None:
                with contextlib.suppress(WireError):
                    return await self._exchange(kept, where, message)
            return await self._exchange(await self._dial(where), where, message)

    def _take(self, where: tuple[str, int]) -> _Link | None:
        links = self._idle.get(where, [])
        while links:
            link = links.pop()
            if not link.reader.at_eof() and not link.writer.is_closing():
                return link
            link.writer.close()
        return None

    async def _dial(self, where: tuple[str, int]) -> _Link:
        try:
            reader, writer = await asyncio.open_connection(*where, ssl=self._tls)
        except OSError as error:
            raise WireError(str(error)) from error
        return _Link(reader, writer)

    async def _exchange(self, link: _Link, where: tuple[str, int], message: bytes) -> Response:
        done = False
        try:
            link.writer.write(message)
            await link.writer.drain()
            line, headers = parse_head(await link.reader.readuntil(b"\r\n\r\n"))
            body = await read_body(link.reader, headers)
            done = headers.get("connection", "").lower() != "close"
            return Response(int(line.split(" ")[1]), body, headers.get("content-type"), headers)
        except (
            OSError,
            EOFError,
            ValueError,
            IndexError,
            asyncio.LimitOverrunError,
        ) as error:
            if isinstance(error, TimeoutError):
                raise
            raise WireError(str(error)) from error
        finally:
            if done:
                self._idle.setdefault(where, []).append(link)
            else:
                link.writer.close()

    def close(self) -> None:
        for links in self._idle.values():
            for link in links:
                link.writer.close()
        self._idle.clear()


def server_tls(ca: str, cert: str, key: str) -> ssl.SSLContext:
    """A context that demands client certificates signed by `ca`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_tls(ca: str, cert: str, key: str) -> ssl.SSLContext:
    """A context that shows our certificate; names are not checked inside the twin."""
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    context.load_cert_chain(cert, key)
    return context
