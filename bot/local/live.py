"""The page's WebSocket: news as it happens, after the secret was said."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from bot.local.news import News, Subscription
from bot.local.panel import PanelWatch
from bot.local.security import Guard

SECRET_WITHIN_S = 5.0
HEARTBEAT_S = 20.0
GOODBYE_S = 0.5
MESSAGE_MAX = 10_000
FORBIDDEN, LAGGED = 4403, 4408


class Live:
    """Handler of /local/live."""

    def __init__(self, news: News, guard: Guard, panel: PanelWatch) -> None:
        self._news = news
        self._guard = guard
        self._panel = panel
        self._open: set[web.WebSocketResponse] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_MAX, timeout=GOODBYE_S
        )
        await websocket.prepare(request)
        if not await self._introduced(websocket):
            await websocket.close(code=FORBIDDEN, message=b"secret")
            return websocket
        subscription = self._news.subscribe()
        self._open.add(websocket)
        self._panel.begin()
        writer = asyncio.create_task(self._write(websocket, subscription), name="local live")
        try:
            async for _ in websocket:
                pass
        finally:
            self._open.discard(websocket)
            self._news.unsubscribe(subscription)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return websocket

    async def _introduced(self, websocket: web.WebSocketResponse) -> bool:
        try:
            frame = await websocket.receive(timeout=SECRET_WITHIN_S)
        except TimeoutError:
            return False
        if frame.type is not WSMsgType.TEXT:
            return False
        try:
            said: Any = json.loads(frame.data)
        except ValueError:
            return False
        return isinstance(said, dict) and self._guard.knows(said.get("secret"))

    @staticmethod
    async def _write(websocket: web.WebSocketResponse, subscription: Subscription) -> None:
        while True:
            item = await subscription.queue.get()
            if subscription.lost:
                await websocket.close(code=LAGGED, message=b"too slow: read the state again")
                return
            try:
                await websocket.send_str(json.dumps(item, ensure_ascii=False))
            except ConnectionError:
                return  # the reader notices too, and ends the connection

    async def close(self) -> None:
        goodbyes = (ws.close(code=1001, message=b"shutting down") for ws in self._open)
        await asyncio.gather(*goodbyes, return_exceptions=True)
