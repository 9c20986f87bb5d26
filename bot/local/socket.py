"""Socket Mode: one-time tickets, up to ten connections, each payload to one of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from bot.local.delivery import Deliveries, Delivery
from bot.local.faults import Faults
from bot.local.state import State

APPROXIMATE_CONNECTION_S = 18060  # as Slack's hello said (slack.md 1.2)
PING_EVERY_S = 10.0
GOODBYE_S = 0.5  # how long a closing server waits for the other side
TICKETS_KEPT = 1000


class Connection:
    """One WebSocket of the app."""

    def __init__(
        self,
        websocket: web.WebSocketResponse,
        number: int,
        transport: asyncio.Transport | None,
    ) -> None:
        self.websocket = websocket
        self.transport = transport
        self.number = number
        self.outbox: asyncio.Queue[str] = asyncio.Queue()
        self.half_open = False
        self.retiring = False
        self.sent = 0

    @property
    def usable(self) -> bool:
        return not self.retiring and not self.websocket.closed

    def put(self, message: dict[str, Any]) -> None:
        self.sent += 1
        self.outbox.put_nowait(json.dumps(message, ensure_ascii=False))


class SocketHub:
    """The app's connections and the tickets for new ones."""

    def __init__(self, state: State, deliveries: Deliveries, faults: Faults) -> None:
        self._state = state
        self._deliveries = deliveries
        self._faults = faults
        self._tickets: dict[str, None] = {}
        self._turn = 0
        self._numbers = 0
        self.connections: list[Connection] = []
        self.handshakes_refused = 0

    def ticket(self) -> str:
        """A name for one handshake; using it, even in vain, uses it up."""
        ticket = self._state.ids.secret(32)
        self._tickets[ticket] = None
        while len(self._tickets) > TICKETS_KEPT:
            self._tickets.pop(next(iter(self._tickets)))
        return ticket

    def expire_tickets(self) -> None:
        self._tickets.clear()

    @property
    def connected(self) -> int:
        return sum(c.usable for c in self.connections)

    def send(self, delivery: Delivery, envelope_id: str, attempt: int) -> bool:
        usable = [c for c in self.connections if c.usable]
        # A connection that was asked to go still hears what arrives before it went.
        usable = usable or [c for c in self.connections if not c.websocket.closed]
        if not usable:
            return False
        self._turn += 1
        envelope = {
            "envelope_id": envelope_id,
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.expects_answer,
        }
        if delivery.kind == "events_api" or attempt:
            envelope |= {"retry_attempt": attempt, "retry_reason": delivery.reason}
        usable[self._turn % len(usable)].put(envelope)
        return True

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The handshake and then the life of one connection."""
        known = request.match_info["ticket"] in self._tickets
        self._tickets.pop(request.match_info["ticket"], None)
        if self._faults.take_socket("refuse_handshake") is not None or not known:
            self.handshakes_refused += 1
            self._state.news.touch()
            return web.Response(status=408, text="the ticket is not valid")
        websocket = web.WebSocketResponse(autoping=False, compress=False, timeout=GOODBYE_S)
        await websocket.prepare(request)
        self._numbers += 1
        connection = Connection(websocket, self._numbers, request.transport)
        if self.connected >= self._state.config.max_sockets:
            await self._too_many(connection)
            return websocket
        self.connections.append(connection)
        connection.half_open = self._faults.take_socket("half_open") is not None
        connection.put(self._hello())
        workers = [
            asyncio.create_task(self._write(connection), name="local socket writer"),
            asyncio.create_task(self._ping(connection), name="local socket ping"),
        ]
        self._told()
        try:
            await self._read(connection)
        finally:
            self.connections.remove(connection)
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._told()
        return websocket

    def _told(self) -> None:
        self._state.news.tell("app", lambda: {"connected": self.connected})

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": self.connected,
            "debug_info": {
                "host": "applink-local",
                "build_number": 1,
                "approximate_connection_time": APPROXIMATE_CONNECTION_S,
            },
            "connection_info": {"app_id": self._state.app_id},
        }

    @staticmethod
    async def _too_many(connection: Connection) -> None:
        refusal = _goodbye("too_many_websockets")
        await connection.websocket.send_json(refusal)
        await connection.websocket.close()

    async def _read(self, connection: Connection) -> None:
        async for frame in connection.websocket:
            if connection.half_open:
                continue
            if frame.type is WSMsgType.PING:
                await connection.websocket.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                self._heard(frame.data)

    def _heard(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        if isinstance(message, dict) and isinstance(message.get("envelope_id"), str):
            self._deliveries.acknowledge(message["envelope_id"], message.get("payload"))

    async def _write(self, connection: Connection) -> None:
        while True:
            message = await connection.outbox.get()
            if connection.half_open:
                continue
            try:
                await connection.websocket.send_str(message)
            except ConnectionError:
                return  # the reader notices too, and ends the connection

    async def _ping(self, connection: Connection) -> None:
        while True:
            # Frames live on the machine's time: the peer is a real program on a real socket.
            await asyncio.sleep(PING_EVERY_S)
            if not connection.half_open and not connection.websocket.closed:
                await connection.websocket.ping(b"Ping from applink-local")

    def refresh(self, reason: str = "refresh_requested", count: int | None = None) -> int:
        """Ask `count` connections (all by default) to reconnect; the number asked."""
        asked = [c for c in self.connections if c.usable][:count]
        for connection in asked:
            connection.put(_goodbye(reason))
            if reason != "warning":
                connection.retiring = True
        self._state.news.touch()
        return len(asked)

    def hang(self, count: int | None = None) -> int:
        """Let connections go half-open: the TCP stays, nothing is read or written."""
        hung = [c for c in self.connections if not c.half_open][:count]
        for connection in hung:
            connection.half_open = True
        return len(hung)

    def abort(self, count: int | None = None) -> int:
        """Cut connections without a goodbye; the number cut."""
        cut = self.connections[:count]
        for connection in cut:
            if connection.transport is not None:
                connection.transport.abort()
        return len(cut)

    async def close(self) -> None:
        goodbyes = (
            connection.websocket.close(code=1001, message=b"shutting down")
            for connection in self.connections
        )
        await asyncio.gather(*goodbyes, return_exceptions=True)


def _goodbye(reason: str) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-local"}}
