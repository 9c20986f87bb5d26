"""One bounded HTTP request for the healers: standard library only, no proxies, no redirects."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 3.0
MOST_BYTES = 4 * 1024 * 1024


def call(
    method: str,
    url: str,
    tls: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Status and body; OSError when there is no answer."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=_context(tls))
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    )
    payload = None if body is None else json.dumps(body).encode()
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(
            method, path, payload, {"Content-Type": "application/json", **(headers or {})}
        )
        with connection.getresponse() as answer:
            return answer.status, answer.read(MOST_BYTES)
    except http.client.HTTPException as error:
        raise OSError(f"{url} does not speak HTTP: {error!r}") from error
    finally:
        connection.close()


def _context(tls: Mapping[str, str] | None) -> ssl.SSLContext:
    files = tls or {}
    context = ssl.create_default_context(cafile=files.get("ca") or None)
    if files.get("any_name"):
        # As the twin does among its own: whoever has its certificate is one of it.
        context.check_hostname = False
    if files.get("cert"):
        context.load_cert_chain(files["cert"], files.get("key") or None)
    return context


def answers(url: str, tls: Mapping[str, str] | None = None) -> str:
    """ "" if it answers a GET with 200, else what it did."""
    try:
        status, _ = call("GET", url, tls)
    except OSError as error:
        return f"{url} does not answer: {error}"
    return "" if status == 200 else f"{url} answers {status}"
