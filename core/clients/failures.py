"""Why a source could not be read, in words for a person and in kinds for the program.

Every failure is an `Unavailable`: it says what could not be seen, never that something is broken.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Sequence
from enum import StrEnum

from core.errors import Unavailable

QUOTE_CHARS = 200
_SPACE = re.compile(r"\s+")


class Kind(StrEnum):
    """What happened to one request; `OK` is used by probes alone."""

    OK = "ok"
    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    DNS = "dns"
    UNREACHABLE = "unreachable"
    TLS_ERROR = "tls_error"
    HTTP_ERROR = "http_error"
    GARBLED = "garbled"
    TOO_BIG = "too_big"


_SAID = {
    Kind.REFUSED: "refused the connection",
    Kind.RESET: "closed the connection",
    Kind.TIMEOUT: "did not answer in time",
    Kind.DNS: "has a name that does not resolve",
    Kind.UNREACHABLE: "cannot be reached from here",
    Kind.TLS_ERROR: "failed the TLS handshake",
    Kind.HTTP_ERROR: "answered with an error",
    Kind.GARBLED: "answered with something that is not an answer",
    Kind.TOO_BIG: "sent more than the limit",
}


class SourceFailed(Unavailable):
    """A source could not be read.

    `kind` says how, `endpoint` where, `detail` what was seen (at most 200 cleaned characters),
    `status` is the HTTP status where one came (0: none).
    """

    def __init__(self, endpoint: str, kind: Kind, detail: str = "", *, status: int = 0) -> None:
        self.endpoint = endpoint
        self.kind = kind
        self.detail = quote(detail)
        self.status = status
        super().__init__(self._told())

    def _told(self) -> str:
        what = f"{self.endpoint} {_SAID.get(self.kind, self.kind)}"
        if self.status:
            what += f" (HTTP {self.status})"
        return f"{what}: {self.detail}" if self.detail else what


class Garbled(SourceFailed):
    """The answer came, and it is not what such a source says."""

    def __init__(self, endpoint: str, detail: str, *, status: int = 0) -> None:
        super().__init__(endpoint, Kind.GARBLED, detail, status=status)


class TooBig(SourceFailed):
    """The answer is larger than we are willing to hold."""

    def __init__(self, endpoint: str, max_bytes: int) -> None:
        super().__init__(endpoint, Kind.TOO_BIG, f"more than {max_bytes} bytes")


class Leaderless(SourceFailed):
    """A PD member answers, and has no leader to ask."""

    def __init__(self, endpoint: str, detail: str, *, status: int = 0, sent: bool = False) -> None:
        super().__init__(endpoint, Kind.HTTP_ERROR, detail, status=status)
        self.sent = sent  # whether the request may have reached a leader all the same


class PdFailed(Unavailable):
    """The placement driver could not be read.

    `failures` holds one entry for each endpoint that was tried, in order.
    """

    def __init__(self, text: str, failures: Sequence[SourceFailed] = ()) -> None:
        super().__init__(text)
        self.failures = tuple(failures)


class PdNoLeader(PdFailed):
    """Members of PD answer, and none of them has a leader to ask."""


class PdNotBootstrapped(PdFailed):
    """PD runs, and no TiKV has ever joined it."""


class PdUnreachable(PdFailed):
    """No member of PD could be reached."""


class PdHangs(PdUnreachable):
    """Members of PD take the connection and do not answer."""


class PdGarbled(PdFailed):
    """What answers is not a PD, or not a whole one."""


class PdRefused(PdFailed):
    """PD answered, and the answer is an error.

    `status` is the HTTP status, `code` PD's own ("PD:core:ErrStoreNotFound"; "" if none), `said`
    its words.
    """

    def __init__(
        self,
        text: str,
        failures: Sequence[SourceFailed] = (),
        *,
        status: int = 0,
        code: str = "",
        said: str = "",
    ) -> None:
        super().__init__(text, failures)
        self.status = status
        self.code = code
        self.said = said


class PdUncertain(PdFailed):
    """A change was sent to PD and no answer came: it may have happened; read back before repeating."""


def quote(text: str | bytes, limit: int = QUOTE_CHARS) -> str:
    """At most `limit` printable characters of something foreign, on one line."""
    if isinstance(text, bytes):
        text = text[: limit * 8].decode("utf-8", "replace")
    flat = _SPACE.sub(" ", text[: limit * 8]).strip()
    clean = "".join(c if c.isprintable() else "�" for c in flat)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def kind_of(error: BaseException) -> Kind:
    """Which kind an exception of the socket, TLS or resolver layer is."""
    for one in _chain(error):
        if (kind := _kind_of_one(one)) is not None:
            return kind
    return Kind.UNREACHABLE


def _chain(error: BaseException) -> Sequence[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found and len(found) < 8:
        found.append(at)
        inner = getattr(at, "os_error", None)
        at = inner if isinstance(inner, BaseException) else (at.__cause__ or at.__context__)
    return found


def _kind_of_one(error: BaseException) -> Kind | None:
    if isinstance(error, ssl.SSLError | ssl.CertificateError):
        return Kind.TLS_ERROR
    if isinstance(error, socket.gaierror):
        return Kind.DNS
    if isinstance(error, ConnectionRefusedError):
        return Kind.REFUSED
    if isinstance(error, ConnectionResetError | BrokenPipeError | EOFError):
        return Kind.RESET
    if isinstance(error, TimeoutError):
        return Kind.TIMEOUT
    return None
