"""Files: uploaded in three steps, shared into channels, served back (slack.md 2.8)."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from aiohttp import web

from bot.local.state import State

# Shown in the page as they are; anything else is only ever downloaded.
INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"})


@dataclass(slots=True)
class StoredFile:
    """One file, from the promise of an upload to its shares."""

    id: str
    name: str
    length: int
    upload: str
    created: int
    user: str
    alt_text: str = ""
    title: str = ""
    content: bytes | None = None
    complete: bool = False
    shares: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    def as_json(self, base_url: str) -> dict[str, Any]:
        """Slack's file object; private addresses lead back to this server."""
        url = f"{base_url}/files/{self.id}/{quote(self.name, safe='')}"
        extension = self.name.rpartition(".")[2].lower() if "." in self.name else "binary"
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.kind,
            "filetype": extension,
            "pretty_type": extension.upper(),
            "user": self.user,
            "size": len(self.content or b""),
            "mode": "hosted",
            "editable": False,
            "is_external": False,
            "external_type": "",
            "is_public": bool(self.shares),
            "public_url_shared": False,
            "alt_txt": self.alt_text,
            "url_private": url,
            "url_private_download": url,
            "permalink": url,
            "channels": list(self.shares),
            "groups": [],
            "ims": [],
            "comments_count": 0,
        }


class Files:
    """Receives uploads and serves files."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._by_upload: dict[str, StoredFile] = {}

    def promise(self, name: str, length: int, alt_text: str) -> StoredFile:
        """Room for a file of this name and length, with an address to send it to."""
        state = self._state
        file = StoredFile(
            id=state.ids.hidden("F", 12),
            name=name,
            length=length,
            upload=state.ids.secret(40),
            created=int(state.now_s()),
            user=state.bot_user_id,
            alt_text=alt_text,
        )
        state.files[file.id] = file
        self._by_upload[file.upload] = file
        return file

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """POST /upload/<id>: the raw bytes, or a form with one file part."""
        file = self._by_upload.get(request.match_info["upload"])
        if file is None or file.complete:
            return web.Response(status=404, text="no such upload")
        if request.content_type == "multipart/form-data":
            form = await request.post()
            part = next((p for p in form.values() if isinstance(p, web.FileField)), None)
            content = part.file.read() if part is not None else b""
        else:
            content = await request.read()
        if len(content) > self._state.config.max_file_bytes:
            return web.Response(status=413, text="the file is too large")
        file.content = content
        self._state.news.touch()
        return web.Response(text=f"OK - {len(content)}")

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /files/<id>/<name>. The id cannot be guessed; active content is never shown."""
        file = self._state.files.get(request.match_info["file"])
        if file is None or file.content is None or request.match_info["name"] != file.name:
            return web.Response(status=404, text="no such file")
        headers = {"Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "private"}
        if file.kind not in INLINE:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
        return web.Response(body=file.content, content_type=file.kind, headers=headers)
