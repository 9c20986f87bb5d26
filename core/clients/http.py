"""One bounded HTTP request: limits on time and bytes, no redirects, no proxies, TLS files re-read.

aiohttp carries it because it is the cheapest here: a small GET costs 0.13 ms of CPU against
0.6 ms with httpx, one of 1 MB 1.1 ms against 2.5 ms, one of 10 MB 4-13 ms against 20 ms (2 cores,
loopback, medians of 40 to 300). Redirects are handed back, not followed, and the environment's
proxies are ignored: cluster endpoints are asked directly or not at all.
"""

from __future__ import annotations

import os
import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from core.clients.failures import Garbled, Kind, SourceFailed, TooBig, kind_of
from core.clients.tls import Tls
from core.clock import Clock, within
from core.errors import Invalid

MIB = 1024 * 1024
# How the detail of a timeout begins when nothing of the request can have been sent.
CONNECTING = "connecting"


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much one request may take: seconds and bytes (after decompression)."""

    connect_s: float = 1.0
    total_s: float = 4.0
    max_bytes: int = 64 * MIB


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whatever its status. Header names compare without regard to case."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_s: float

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case; "" if unsaid."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


class Http:
    """Requests over kept connections.

    `tls` serves https URLs; without it the machine's own certificates do. `headers` go with every
    request. `max_open` bounds sockets in all, `per_host` to one host and port.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        tls: Tls | None = None,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        max_open: int = 64,
        per_host: int = 16,
    ) -> None:
        self._clock = clock
        self._tls = tls
        self._headers = {"Accept-Encoding": "identity", **(headers or {})}
        self.limits = limits or Limits()
        self._max_open, self._per_host = max_open, per_host
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        total_s: float | None = None,
        max_bytes: int | None = None,
    ) -> Reply:
        """The answer of any status; SourceFailed (Garbled, TooBig) if there is none to be had."""
        limit_s = self.limits.total_s if total_s is None else total_s
        cap = self.limits.max_bytes if max_bytes is None else max_bytes
        where = endpoint_of(url)
        began = self._clock.monotonic()
        try:
            status, said, raw = await within(
                self._clock, limit_s, self._exchange(method, url, body, headers, cap)
            )
        except aiohttp.ConnectionTimeoutError:
            detail = f"{CONNECTING} took more than {self.limits.connect_s:g} s"
            raise SourceFailed(where, Kind.TIMEOUT, detail) from None
        except TimeoutError:
            detail = f"no whole answer within {limit_s:g} s"
            raise SourceFailed(where, Kind.TIMEOUT, detail) from None
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as error:
            raise Garbled(where, f"the answer broke off or is not HTTP ({error})") from None
        except aiohttp.ServerDisconnectedError:
            raise SourceFailed(
                where, Kind.RESET, f"closed without an answer{self._doubt}"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            kind = kind_of(error)
            doubt = self._doubt if kind is Kind.RESET else ""
            raise SourceFailed(where, kind, f"{_said(error)}{doubt}") from None
        return Reply(url, status, said, raw, self._clock.monotonic() - began)

    async def get(self, url: str, *, max_bytes: int | None = None) -> Reply:
        """GET with this client's own limits."""
        return await self.request("GET", url, max_bytes=max_bytes)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def _doubt(self) -> str:
        # With TLS 1.3 a refused client certificate shows only after the handshake, often as a close
        # or as a reset that outruns the alert.
        return "; it may not accept our certificate" if self._tls is not None else ""

    async def _exchange(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        cap: int,
    ) -> tuple[int, Mapping[str, str], bytes]:
        secure = self._tls.context(self._clock.monotonic()) if self._tls else True
        async with self._opened().request(
            method,
            URL(url, encoded=True),
            data=body,
            headers=headers,
            allow_redirects=False,
            ssl=secure,
        ) as answer:
            return answer.status, answer.headers, await _read(answer, endpoint_of(url), cap)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(
                limit=self._max_open, limit_per_host=self._per_host, ttl_dns_cache=10
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.limits.connect_s),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


def _said(error: BaseException) -> str:
    """What went wrong, in few words where the whole text buries it."""
    inner = getattr(error, "certificate_error", error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {inner.verify_message}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _os_words(error.os_error) or str(error)
    return str(error)


def _os_words(error: OSError) -> str:
    """The system's own words ("Connection refused"): which host it was, the endpoint says."""
    # The numbers of resolver and TLS errors are not those of the system.
    own = isinstance(error, socket.gaierror | ssl.SSLError)
    if error.errno and not own:
        return os.strerror(error.errno)
    return error.strerror or str(error)


async def _read(answer: aiohttp.ClientResponse, where: str, cap: int) -> bytes:
    """The whole body, decompressed, never holding more than `cap` bytes of it."""
    if (answer.content_length or 0) > cap:
        answer.close()
        raise TooBig(where, cap)
    unpack = _Unpacker(answer.headers.get("Content-Encoding", ""), where, cap)
    parts: list[bytes] = []
    async for chunk in answer.content.iter_any():
        try:
            parts.append(unpack.feed(chunk))
        except SourceFailed:
            answer.close()
            raise
    return b"".join(parts)


class _Unpacker:
    """Counts what comes out and stops at the cap, so that a gzip bomb costs no more than that."""

    def __init__(self, encoding: str, where: str, cap: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise Garbled(where, f"encoded as {encoding}, which was not asked for")
        packed = encoding not in ("", "identity")
        self._inflate = zlib.decompressobj(wbits=47) if packed else None
        self._where, self._cap, self._left = where, cap, cap

    def feed(self, chunk: bytes) -> bytes:
        if self._inflate is not None:
            try:
                chunk = self._inflate.decompress(chunk, self._left + 1)
            except zlib.error as error:
                raise Garbled(self._where, f"broken compression: {error}") from None
        self._left -= len(chunk)
        if self._left < 0:
            raise TooBig(self._where, self._cap)
        return chunk


def endpoint_of(url: str) -> str:
    """scheme://host:port of a URL, without credentials, for people to read."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def base_url(text: str, *, default_port: int, tls: bool = False) -> str:
    """A base URL without a trailing slash from "host", "host:port" or a URL; Invalid otherwise."""
    text = text.strip()
    whole = text if "://" in text else f"{'https' if tls else 'http'}://{text}"
    try:
        parts = urlsplit(whole)
        port = parts.port or default_port
    except ValueError as error:
        raise Invalid(f"{text!r} is not an address: {error}.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Invalid(f"{text!r} is not an address: write host:port or http(s)://host:port.")
    if parts.username or parts.password:
        raise Invalid(
            f"The address {parts.hostname} carries credentials: put them in their own key."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"
