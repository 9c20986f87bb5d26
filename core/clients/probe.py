"""Is a process alive: one cheap GET to many addresses at once, over kept connections.

A round costs one timer in all where connections are open; only a new connection has a task and a
time limit of its own, counted from when it is begun, so that a queue of ours never looks like a
silence of theirs.
"""

from __future__ import annotations

import asyncio
import resource
import ssl
from collections.abc import Collection
from urllib.parse import urlsplit

from core.clients.failures import Kind, kind_of, quote
from core.clients.probe_line import Line, ProbeResult, Round
from core.clients.tls import Tls
from core.clock import Clock, within

__all__ = ["PROBE_TIMEOUT_S", "ProbeResult", "Prober"]

PROBE_TIMEOUT_S = 0.4  # tikv.md 7.2: two of them and two pauses of 0.5 s stay below 2 s
_OTHER_FILES = 256  # file descriptors left for everything else in the process
_MOST_CONNECTING = 1024


class Prober:
    """Asks each address for one path (/status), over a kept connection of its own.

    A URL is a base URL such as http://tikv-1:20180. Connections of URLs that are no longer asked
    are closed. Where there are more URLs than sockets may be kept, the rest use a new connection
    each time. Rounds do not overlap: a second one waits for the first.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        tls: Tls | None = None,
        timeout_s: float = PROBE_TIMEOUT_S,
        max_open: int = 0,
        path: str = "/status",
        lost: asyncio.Event | None = None,
    ) -> None:
        """`path` is asked for below each URL's own path. `lost` is set when `nudged` may return.

        `max_open` sockets are kept at most; 0 derives it from the process's file limit.
        """
        self._clock = clock
        self._tls = tls
        self._path = path
        self._default: ssl.SSLContext | None = None
        self._timeout_s = timeout_s
        self._max_open = max_open or _file_limit()
        self._connecting = asyncio.Semaphore(min(self._max_open, _MOST_CONNECTING))
        self._turn = asyncio.Lock()
        self._lines: dict[str, Line] = {}
        self._lost = lost or asyncio.Event()
        self._stale: set[str] = set()
        self._ended: set[str] = set()

    @property
    def open_connections(self) -> int:
        """How many connections are kept just now."""
        return sum(line.alive for line in self._lines.values())

    def ended(self, url: str) -> bool:
        """Whether the other side ended its kept connection, and nothing answered there since."""
        return url in self._ended

    async def probe(self, url: str) -> ProbeResult:
        """One look; never raises for the node's faults."""
        async with self._turn:
            return (await self._round((url,)))[url]

    async def probe_all(self, urls: Collection[str]) -> dict[str, ProbeResult]:
        """One look at each, by URL, all at once; takes at most the timeout and a little."""
        async with self._turn:
            wanted = set(urls)
            for gone in self._lines.keys() - wanted:
                self._lines.pop(gone).drop()
            self._ended &= wanted  # in place: every line holds this very set
            return await self._round(wanted)

    async def nudged(self) -> None:
        """Returns once a kept connection ended that nobody asked to: its process may be gone."""
        await self._lost.wait()
        self._lost.clear()

    async def close(self) -> None:
        """Close every connection."""
        lines, self._lines = list(self._lines.values()), {}
        for line in lines:
            line.drop()
        for line in lines:
            await line.ended()

    async def _round(self, urls: Collection[str]) -> dict[str, ProbeResult]:
        if not urls:
            return {}
        now = Round(self._clock, len(urls))
        kept, fresh = self._ask_kept(urls, now)
        new = [asyncio.ensure_future(self._ask_new(url, now)) for url in fresh]
        try:
            if kept:
                await self._settled(now, kept)
            if new:
                await asyncio.gather(*new)
        finally:
            for one in new:
                one.cancel()
            if new:
                await asyncio.gather(*new, return_exceptions=True)
        return await self._again(now)

    def _ask_kept(self, urls: Collection[str], now: Round) -> tuple[list[Line], list[str]]:
        """Ask over every kept connection; returns those, and the URLs that have none."""
        kept: list[Line] = []
        fresh: list[str] = []
        began = self._clock.monotonic()
        for url in urls:
            line = self._lines.get(url)
            if line is not None and line.free:
                line.ask(now, began)
                kept.append(line)
            else:
                if line is not None:
                    line.drop()  # still silent since the last look, or not to be used again
                fresh.append(url)
        return kept, fresh

    async def _settled(self, now: Round, asked: list[Line]) -> None:
        """Wait for the kept connections: all answered, or the time is up for those that did not."""
        bell = asyncio.ensure_future(self._clock.sleep(self._timeout_s))
        try:
            await asyncio.wait({bell, now.over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            bell.cancel()
        if now.over.done():
            return
        # If it was this process that stood still, the answers wait in the sockets: read them first.
        for _ in range(2):
            await self._clock.sleep(0)
        for line in asked:
            if line.url not in now.results:
                line.give_up()
                now.settle(line.url, Kind.TIMEOUT, f"no answer within {self._timeout_s:g} s")

    async def _again(self, now: Round) -> dict[str, ProbeResult]:
        """A kept connection that was dead before it was asked says nothing: ask those anew."""
        stale = self._stale & now.results.keys()
        self._stale.clear()  # in place: every line holds this very set
        if stale:
            second = Round(self._clock, len(stale))
            await asyncio.gather(*(self._ask_new(url, second) for url in stale))
            now.results.update(second.results)
        return now.results

    async def _ask_new(self, url: str, now: Round) -> None:
        """Connect, ask, and keep the connection if there is room."""
        async with self._connecting:
            began = self._clock.monotonic()
            try:
                await within(self._clock, self._timeout_s, self._connect_and_ask(url, now, began))
            except TimeoutError:
                detail = f"no answer within {self._timeout_s:g} s"
                now.settle(url, Kind.TIMEOUT, detail, began=began)
            except (OSError, ssl.SSLError, UnicodeError, ValueError) as error:
                now.settle(url, kind_of(error), quote(str(error)), began=began)

    async def _connect_and_ask(self, url: str, now: Round, began: float) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if secure else 80)
        asked = _request(parts.path.rstrip("/") + self._path, parts.netloc)
        line = Line(url, asked, self._lost, self._stale, self._ended)
        context = self._context() if secure else None
        await asyncio.get_running_loop().create_connection(lambda: line, host, port, ssl=context)
        kept = False
        try:
            answer = Round(self._clock, 1)
            line.ask(answer, began)
            await answer.over
            found = answer.results[url]
            now.settle(url, found.kind, found.detail, found.status, began)
            self._stale.discard(url)
            if found.kind is not Kind.RESET:
                # A connection that is taken and cut is no answer: a dying process does that.
                self._ended.discard(url)
            kept = line.alive and self._keep(url, line)
        finally:
            if not kept:
                line.drop()

    def _keep(self, url: str, line: Line) -> bool:
        old = self._lines.get(url)
        if old is None and len(self._lines) >= self._max_open:
            return False
        if old is not None:
            old.drop()
        self._lines[url] = line
        return True

    def _context(self) -> ssl.SSLContext:
        if self._tls is not None:
            return self._tls.context(self._clock.monotonic())
        if self._default is None:
            self._default = ssl.create_default_context()
        return self._default


def _request(path: str, host: str) -> bytes:
    # Read by proxies in between too, so the whole form of HTTP/1.1.
    text = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tocsin\r\n\r\n"
    return text.encode("ascii", "replace")


def _file_limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - _OTHER_FILES, 64)
