"""The page: served from the package, with the secret of this start in it."""

from __future__ import annotations

import mimetypes
import re
from importlib import resources

from aiohttp import web

STATIC = "static"
META = re.compile(r'<meta\s+name="local-secret"[^>]*>')
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")


class Page:
    """Serves / and /static/*."""

    def __init__(self, secret: str) -> None:
        self._meta = f'<meta name="local-secret" content="{secret}">'
        self._root = resources.files("bot.local").joinpath(STATIC)

    async def index(self, request: web.Request) -> web.StreamResponse:
        try:
            text = self._root.joinpath("index.html").read_text(encoding="utf-8")
        except OSError:
            return web.Response(status=404, text="this installation has no page")
        text, done = META.subn(self._meta, text, count=1)
        if not done:
            text = text.replace("<head>", f"<head>\n{self._meta}", 1)
        return web.Response(text=text, content_type="text/html")

    async def static(self, request: web.Request) -> web.StreamResponse:
        parts = request.match_info["path"].split("/")
        if not all(NAME.fullmatch(part) for part in parts):
            return web.Response(status=404, text="no such file")
        found = self._root.joinpath(*parts)
        if not found.is_file():
            return web.Response(status=404, text="no such file")
        kind = mimetypes.guess_type(parts[-1])[0] or "application/octet-stream"
        charset = "utf-8" if kind.startswith("text/") or kind.endswith("javascript") else None
        headers = {"Cache-Control": "no-cache"}
        return web.Response(
            body=found.read_bytes(), content_type=kind, charset=charset, headers=headers
        )
