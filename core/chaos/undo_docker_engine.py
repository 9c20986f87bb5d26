"""Talking to a Docker engine with the standard library alone: for the healer, which outlives the bot.

Every call is bounded in time and size; what is out of reach is an OSError.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

TIMEOUT_S = 10.0
# A start waits for mounts and the network: slower than anything else that a healer asks for.
START_S = 30.0
_MOST_BYTES = 32 * 1024 * 1024


class _Unix(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except OSError as error:
            self.sock.close()
            why = error.strerror or str(error)
            raise OSError(f"no Docker engine answers at {self._path} ({why})") from None


class EngineSaid(Exception):
    """The engine answered, and it was not yes. `status` is HTTP's, `text` the engine's own."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the engine said {status}: {text}")
        self.status = status
        self.text = text


class Engine:
    """One engine at `unix:///path` or `tcp://host:port`. One connection a call."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        """The decoded answer (None if it has no body); EngineSaid for 4xx and 5xx, else OSError."""
        status, raw = self._send(method, path, body, query, timeout_s)
        if status >= 400:
            raise EngineSaid(status, _message(raw))
        if not raw.strip():
            return None
        try:
            return json.loads(raw)
        except ValueError:
            raise OSError(f"{self.address} does not speak as a Docker engine does") from None

    def lines(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """An answer of one JSON value a line; values that cannot be read are left out."""
        status, raw = self._send("GET", path, None, query, TIMEOUT_S)
        if status >= 400:
            raise EngineSaid(status, _message(raw))
        found = []
        for line in raw.splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def text(self, method: str, path: str, body: Any, timeout_s: float) -> str:
        """An answer that is a stream of text, to its end."""
        status, raw = self._send(method, path, body, None, timeout_s)
        if status >= 400:
            raise EngineSaid(status, _message(raw))
        return raw.decode(errors="replace")

    def container(self, ident: str) -> dict[str, Any] | None:
        """What inspecting it gives; None if this engine has no such container."""
        try:
            found: dict[str, Any] = self.ask("GET", f"/containers/{quote(ident, safe='')}/json")
        except EngineSaid as said:
            if said.status == 404:
                return None
            raise
        return found

    def ident(self) -> str:
        """The engine's own id; "" if it has none."""
        return self.itself()[0]

    def itself(self) -> tuple[str, str]:
        """The engine's own id ("" if it has none), and what time it says it is."""
        found = self.ask("GET", "/info") or {}
        return str(found.get("ID") or ""), str(found.get("SystemTime") or "")

    def _send(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, str] | None,
        timeout_s: float,
    ) -> tuple[int, bytes]:
        line = f"{path}?{urlencode(query)}" if query else path
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if sent is not None else {}
        connection = self._connection(timeout_s)
        try:
            connection.request(method, line, body=sent, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_MOST_BYTES)
        except http.client.HTTPException as error:
            raise OSError(f"{self.address} broke off: {error!r}") from None
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if self.address.startswith("unix://"):
            return _Unix(self.address.removeprefix("unix://"), timeout_s)
        parts = urlsplit(self.address)
        if parts.scheme not in ("tcp", "http") or not parts.hostname:
            raise OSError(f"{self.address} is not an engine's address")
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=timeout_s)


def _message(raw: bytes) -> str:
    try:
        found = json.loads(raw)
    except ValueError:
        return raw[:300].decode(errors="replace").strip()
    return str(found.get("message") if isinstance(found, dict) else found)[:500]
