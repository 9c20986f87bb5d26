"""TLS from files that other programs replace: certificates are rotated under a running bot."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass

from core.errors import Invalid

# Looking at three files costs some 5 µs; once a second is soon enough for a rotation.
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: `ca` to check the other side ("" = the machine's own), `cert` and `key` to show."""

    ca: str = ""
    cert: str = ""
    key: str = ""


class Tls:
    """A TLS context that follows its files.

    A new context is made when a file changed; connections made under the old one are not reused
    for new requests. Files that cannot be read just then (half written) leave the old context in
    use; `problem` says so until a later look succeeds.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Raises Invalid, naming the file, if the files cannot serve now."""
        self._files = files
        self._seen = _stamp(files)
        try:
            self._context = _load(files)
        except (OSError, ssl.SSLError) as error:
            raise Invalid(_why(files, error)) from None
        self._looked_at = float("-inf")
        self.problem = ""

    def context(self, monotonic: float) -> ssl.SSLContext:
        """The context to use now; looks at the files at most once a second."""
        if monotonic - self._looked_at < _LOOK_EVERY_S:
            return self._context
        self._looked_at = monotonic
        stamp = _stamp(self._files)
        if stamp != self._seen or self.problem:
            self._renew(stamp)
        return self._context

    def _renew(self, stamp: tuple[tuple[int, int, int], ...]) -> None:
        try:
            self._context = _load(self._files)
        except (OSError, ssl.SSLError) as error:
            self.problem = _why(self._files, error)
        else:
            self._seen, self.problem = stamp, ""


def _load(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.cert:
        # A passphrase would be asked for on the terminal; an empty one makes it an error instead.
        context.load_cert_chain(files.cert, files.key or None, password="")
    return context


def _stamp(files: TlsFiles) -> tuple[tuple[int, int, int], ...]:
    found: list[tuple[int, int, int]] = []
    for path in (files.ca, files.cert, files.key):
        try:
            at = os.stat(path) if path else None
        except OSError:
            at = None
        found.append((at.st_mtime_ns, at.st_ino, at.st_size) if at else (0, 0, 0))
    return tuple(found)


def _why(files: TlsFiles, error: Exception) -> str:
    named = ", ".join(path for path in (files.ca, files.cert, files.key) if path)
    return f"The TLS files ({named}) cannot be used: {error}."
