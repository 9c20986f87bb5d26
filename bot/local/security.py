"""Who may talk to the workspace: this machine's own page and programs, and no other site.

A name that leads here by DNS rebinding is refused by its Host, another site's page by its Origin,
and everything under /local needs the secret of this start, in a header that no form can send.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NAMES = ("127.0.0.1", "localhost", "[::1]")
SECRET_HEADER = "X-Local-Secret"


def refusal(status: int, words: str) -> web.Response:
    """An error in words for a person."""
    return web.json_response({"ok": False, "error": words}, status=status)


class Guard:
    """The middleware, and the headers of every page."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self.port = 0

    def knows(self, secret: Any) -> bool:
        return isinstance(secret, str) and hmac.compare_digest(secret.encode(), self._secret)

    def _hosts(self) -> set[str]:
        return {f"{name}:{self.port}" for name in NAMES}

    def problem(self, request: web.Request) -> web.Response | None:
        """Why this request is refused, if it is."""
        host = request.headers.get("Host", "")
        if host not in self._hosts():
            return refusal(403, "this server answers on its loopback address only")
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{host}":
            return refusal(403, "another site may not use this workspace")
        if request.path.startswith("/local/") and request.path != "/local/live":
            return self._control(request)
        return None

    def _control(self, request: web.Request) -> web.Response | None:
        if not self.knows(request.headers.get(SECRET_HEADER)):
            return refusal(403, "the page is from an earlier start: load it again")
        if request.can_read_body and request.content_type != "application/json":
            return refusal(415, "the body must be application/json")
        return None

    def middleware(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            found = self.problem(request)
            return found if found is not None else await handler(request)

        return guard

    async def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Security headers; the Web API keeps Slack's own."""
        if request.path.startswith("/api/"):
            return
        host = request.headers.get("Host", "")
        response.headers.setdefault("Content-Security-Policy", policy(host))
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers.setdefault("Cache-Control", "no-store")


def policy(host: str) -> str:
    """The Content-Security-Policy: nothing from elsewhere, nothing inline."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self' ws://{host}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
