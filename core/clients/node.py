"""A store's status port: where it really is, and what its metrics say.

Whether it is alive is probe.py's part.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping

from core.clients import metrics_text
from core.clients.failures import Kind, SourceFailed, quote
from core.clients.http import MIB, Http, base_url
from core.clients.metrics_text import Scrape
from core.clock import Clock
from core.errors import Invalid

STATUS_PORT = 20180


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
    layouts in the wild register it, is replaced by the host of `address` with the status port,
    unless `address` itself is loopback (then both are meant).
    """
    host, _ = _split(address)
    override = (overrides or {}).get(address) or (overrides or {}).get(host)
    try:
        if override:
            return base_url(override, default_port=STATUS_PORT, tls=scheme == "https")
        at, port = _split(status_address)
        if (not at or _is_local(at)) and host and not _is_unspecified(host):
            at = host
        if not at or not port:
            return None
        named = f"[{at}]" if ":" in at else at
        return base_url(f"{scheme}://{named}:{port}", default_port=STATUS_PORT)
    except Invalid:
        return None


def _split(address: str) -> tuple[str, int | None]:
    """Host (without brackets) and port of host:port; a scheme in front is dropped."""
    rest = address.partition("://")[2] or address
    host, _, port = rest.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None
    return (host or ("" if number else rest)).strip("[]"), number


def _is_unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_local(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        at = ipaddress.ip_address(host)
    except ValueError:
        return False
    return at.is_unspecified or at.is_loopback


class NodeMetrics:
    """Scrapes /metrics of status ports and keeps only what is wanted (a body is MB-sized)."""

    def __init__(self, clock: Clock, http: Http, *, max_bytes: int = 32 * MIB) -> None:
        self._clock = clock
        self._http = http
        self._max_bytes = max_bytes

    async def scrape(self, url: str, wanted: Collection[str]) -> Scrape:
        """The wanted families of one node; SourceFailed if it cannot be had."""
        reply = await self._http.get(f"{url}/metrics", max_bytes=self._max_bytes)
        if reply.status != 200:
            raise SourceFailed(url, Kind.HTTP_ERROR, quote(reply.body), status=reply.status)
        if "html" in reply.content_type:
            raise SourceFailed(url, Kind.GARBLED, f"a web page, not metrics: {quote(reply.body)}")
        return metrics_text.parse(reply.body, wanted, self._clock.monotonic())

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
