"""One kept connection to a status port, and the round of questions that its answers settle.

On asyncio's protocols instead of an HTTP client because it is the hottest path of all: every store,
twice a second. An open connection costs one write and one read a probe, no task and no timer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from core.clients.failures import Kind, quote
from core.clock import Clock

_MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one look at a status port found; `latency_s` is how long that took."""

    kind: Kind
    latency_s: float
    detail: str = ""
    status: int = 0

    @property
    def ok(self) -> bool:
        """Whether it answered as a live process does (a 2xx)."""
        return self.kind is Kind.OK


class Round:
    """Questions asked together; `over` is done when each has its result."""

    __slots__ = ("_began", "_clock", "_left", "over", "results")

    def __init__(self, clock: Clock, questions: int) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._left = questions
        self.results: dict[str, ProbeResult] = {}
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(
        self, url: str, kind: Kind, detail: str = "", status: int = 0, began: float | None = None
    ) -> None:
        """Note the first result of a question; later ones are too late."""
        if url in self.results:
            return
        since = self._began if began is None else began
        took = self._clock.monotonic() - since
        self.results[url] = ProbeResult(kind, took, detail, status)
        self._left -= 1
        if self._left <= 0 and not self.over.done():
            self.over.set_result(None)


class Line(asyncio.Protocol):
    """A connection with at most one question in flight, judged by its status line alone.

    `lost` is set when the other side ends the connection unasked, and `ended` collects the URLs of
    such connections. `stale` collects the URLs whose
    kept connection turned out to be dead before a byte came: they deserve a new connection.
    """

    def __init__(
        self, url: str, request: bytes, lost: asyncio.Event, stale: set[str], ended: set[str]
    ) -> None:
        self.url = url
        self.alive = False
        self._request = request
        self._lost, self._stale, self._others_end = lost, stale, ended
        self._got = b""
        self._left = 0
        self._answers = 0
        self._began = 0.0
        self._late = False
        self._round: Round | None = None
        self._ours = False
        self._transport: asyncio.Transport | None = None
        self._ended: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Part of asyncio's protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ended = asyncio.get_running_loop().create_future()
        self.alive = True

    @property
    def free(self) -> bool:
        """Whether the last answer is over, so that another question may be asked."""
        return self.alive and self._round is None and not self._late and self._left == 0

    def ask(self, into: Round, began: float) -> None:
        """Send the question; its result settles in the round."""
        assert self._transport is not None
        self._round, self._began, self._got = into, began, b""
        self._transport.write(self._request)

    def give_up(self) -> None:
        """Wait no longer: the answer counts for nothing, but once it came the next may be asked.

        On a busy machine thousands are late at once, and connecting anew costs ten times a probe.
        """
        self._round, self._late = None, True

    def data_received(self, data: bytes) -> None:
        """Part of asyncio's protocol."""
        if self._left > 0:
            self._left -= len(data)
            return
        if self._round is None and not self._late:
            self.drop()  # nobody asked: whatever this is, no later question may be judged by it
            return
        self._got = self._got + data if self._got else data
        head_end = self._got.find(b"\r\n\r\n")
        if head_end >= 0:
            self._judge(self._got[:head_end], len(self._got) - head_end - 4)
        elif len(self._got) > _MOST_BYTES or not b"HTTP/1".startswith(self._got[:6]):
            self._settle(Kind.GARBLED, quote(self._got, 80), 0)
            self.drop()

    def _judge(self, head: bytes, body_bytes: int) -> None:
        if not head.startswith(b"HTTP/1.") or not head[9:12].isdigit():
            self._settle(Kind.GARBLED, quote(head, 80), 0)
            self.drop()
            return
        length = _length(head)
        code = int(head[9:12])
        if 200 <= code < 300:
            self._settle(Kind.OK, "", code)
        else:
            self._settle(Kind.HTTP_ERROR, f"HTTP {code}", code)
        if length is None or length > _MOST_BYTES or body_bytes > length:
            self.drop()
        else:
            self._left = length - body_bytes

    def _settle(self, kind: Kind, detail: str, status: int) -> None:
        into, self._round, self._late, self._got = self._round, None, False, b""
        self._answers += 1
        if into is not None:
            into.settle(self.url, kind, detail, status, self._began)

    def connection_lost(self, exc: Exception | None) -> None:
        """Part of asyncio's protocol."""
        self.alive = False
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if self._ours:
            return
        if self._answers:
            self._others_end.add(self.url)
            self._lost.set()
        if self._round is None:
            return
        if self._answers and not self._got:
            into, self._round = self._round, None
            self._stale.add(self.url)
            into.settle(self.url, Kind.RESET, "the kept connection ended", 0, self._began)
        else:
            self._settle(Kind.RESET, quote(str(exc or "closed without an answer")), 0)

    def drop(self) -> None:
        """Close at once; an answer that still comes counts for nothing."""
        self._ours, self.alive, self._round = True, False, None
        if self._transport is not None:
            self._transport.abort()

    async def ended(self) -> None:
        """Wait until the connection is really over."""
        if self._ended is not None:
            await self._ended


def _length(head: bytes) -> int | None:
    """The body's length; None where the connection cannot be used again."""
    low = head.lower()
    if b"\r\nconnection: close" in low or b"\r\ntransfer-encoding:" in low:
        return None
    at = low.find(b"\r\ncontent-length:")
    if at < 0:
        return 0 if low[9:12] == b"204" else None
    text = low[at + 17 :].split(b"\r\n", 1)[0].strip()
    return int(text) if text.isdigit() and len(text) < 12 else None
