"""A store's status port: is it alive, and what do its metrics say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.clients.failures import Kind
from core.clients.metrics_text import Scrape
from core.clients.tls import Tls
from core.clock import Clock

PROBE_TIMEOUT_S = 0.4


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one look at a status port found; `latency_s` is how long that took."""

    kind: Kind
    latency_s: float
    detail: str = ""
    status: int = 0

    @property
    def ok(self) -> bool:
        """Whether it answered as a live process does."""
        return self.kind is Kind.OK


def status_url(
    address: str,
    status_address: str,
    *,
    scheme: str = "http",
    overrides: Mapping[str, str] | None = None,
) -> str | None:
    """Where a store's status port really is: the base URL, or None if it cannot be told.

    `overrides` maps a store's address (host:port, or its host alone) to a base URL or host:port,
    for published ports. Without one: a status address that is unspecified or loopback, as the
    layouts in the wild register it, is replaced by the host of `address` with the status port.
    """
    raise NotImplementedError


class Prober:
    """Asks many status ports /status at once over kept connections."""

    def __init__(
        self,
        clock: Clock,
        *,
        tls: Tls | None = None,
        timeout_s: float = PROBE_TIMEOUT_S,
        max_open: int = 0,
    ) -> None:
        """`max_open` sockets are kept at most; 0 derives it from the process's file limit."""
        raise NotImplementedError

    async def probe(self, url: str) -> ProbeResult:
        """One look; `url` is the base URL of a status port. Never raises for the node's faults."""
        raise NotImplementedError

    async def probe_all(self, urls: Collection[str]) -> dict[str, ProbeResult]:
        """One look at each, by URL, all at once; takes at most the timeout and a little."""
        raise NotImplementedError

    async def nudged(self) -> None:
        """Returns once a kept connection ends that had no reason to: its process may be gone."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close every connection."""
        raise NotImplementedError


class NodeMetrics:
    """Scrapes /metrics of status ports, filtered."""

    async def scrape(self, url: str, wanted: Collection[str]) -> Scrape:
        """The wanted families of one node; SourceFailed if it cannot be had."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close every connection."""
        raise NotImplementedError
