"""Probing what must answer, again and again, and keeping what was seen of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.clients.failures import Kind
from core.clients.probe import Prober, ProbeResult
from core.clock import Clock
from core.subjects.sight import Look, Sight

CONFIRM_S = 0.1
"""Pause before a refused connection is tried again (tikv.md 7.2: refused is seen within 0.6 s)."""
# More than this many at once are looked at again in the next round, not one by one.
_CONFIRM_MOST = 64

_REFUSED = (Kind.REFUSED, Kind.RESET)
_HUNG = (Kind.TIMEOUT, Kind.UNREACHABLE)


class Probing:
    """Keeps a sight of everything that is probed, by number (a store's id, a member's id).

    `nowhere` is what is said of one that has no URL.
    """

    def __init__(self, prober: Prober, clock: Clock, nowhere: str) -> None:
        self._prober = prober
        self._clock = clock
        self._nowhere = nowhere
        self.sights: dict[int, Sight] = {}

    async def round(self, urls: Mapping[int, str | None]) -> int:
        """Look at each once, and again at those that refused; how many were asked."""
        self._keep(urls)
        results = await self._prober.probe_all({url for url in urls.values() if url is not None})
        now = self._clock.monotonic()
        again: list[tuple[int, str]] = []
        for key, url in urls.items():
            result = results.get(url) if url is not None else None
            if result is not None and result.kind in _REFUSED and url is not None:
                again.append((key, url))
            self._take(key, result, now)
            self.sights[key].ended = url is not None and self.ended(url)
        if again:
            await self._confirm(again[:_CONFIRM_MOST])
        return len(results)

    def ended(self, url: str) -> bool:
        """Whether the other side ended its kept connection, and nothing answered there since."""
        return self._prober.ended(url)

    async def _confirm(self, refused: Sequence[tuple[int, str]]) -> None:
        await self._clock.sleep(CONFIRM_S)
        for key, url in refused:
            self._take(key, await self._prober.probe(url), self._clock.monotonic())

    def _take(self, key: int, result: ProbeResult | None, now: float) -> None:
        sight = self.sights[key]
        if result is None:
            sight.note(Look.BLIND, self._nowhere, now)
        elif result.kind is Kind.OK:
            sight.note(Look.OK, "", now)
        else:
            sight.note(look_of(result), said(result), now)

    def _keep(self, urls: Mapping[int, str | None]) -> None:
        ids = urls.keys()
        if self.sights.keys() == ids:
            return
        for gone in self.sights.keys() - ids:
            del self.sights[gone]
        for new in ids - self.sights.keys():
            self.sights[new] = Sight()

    async def nudged(self) -> None:
        """Returns once a kept connection ends: a process may be gone."""
        await self._prober.nudged()

    async def close(self) -> None:
        """Close every connection."""
        await self._prober.close()


def look_of(result: ProbeResult) -> Look:
    """What a probe's outcome says of the process."""
    if result.kind is Kind.OK:
        return Look.OK
    if result.kind in _REFUSED:
        return Look.REFUSED
    if result.kind in _HUNG:
        return Look.HUNG
    if result.kind is Kind.HTTP_ERROR:
        # Any answer below 500 comes from a live process, even where /status is not known to it.
        return Look.HUNG if result.status >= 500 else Look.OK
    return Look.BLIND


def said(result: ProbeResult) -> str:
    """A few words for the ticket."""
    words = {
        Kind.REFUSED: "refuses connections",
        Kind.RESET: "closes connections",
        Kind.TIMEOUT: "does not answer in time",
        Kind.UNREACHABLE: "cannot be reached",
        Kind.DNS: "has a name that does not resolve",
        Kind.TLS_ERROR: "fails the TLS handshake",
    }.get(result.kind, f"answers with {result.kind}")
    if result.kind is Kind.HTTP_ERROR:
        return f"answers with HTTP {result.status}"
    return (
        f"{words} ({result.detail})" if result.detail and result.kind is Kind.TLS_ERROR else words
    )
