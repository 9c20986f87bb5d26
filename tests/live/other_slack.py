"""A second Slack, written from Slack's documented shapes alone: what our own local one takes for
granted may be otherwise here.

Its ids look different, it sends no scopes header, edits want a channel's id, and every method that
it does not know is `unknown_method`. Faults are asked of it by its fields.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import itertools
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import WSMsgType, web

Json = dict[str, Any]
BOT_TOKEN = "xoxb-7781-9902-kQ"
APP_TOKEN = "xapp-1-A07-77-zz"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TEAM = "T08QQ7Z1M"
BOT_USER = "U08TOCS1N"
ALERTS, OPS = "C0AB12CD3", "G07ZZ9PQ1"
ANA, GUEST, STRANGER, LEAD = "U07XYZAB1", "W012GUEST9", "U0FOREIGN7", "U07LEAD001"
GROUP = "S05ONCALL2"


def user(user_id: str, name: str, **more: Any) -> Json:
    return {"id": user_id, "team_id": TEAM, "name": name, "profile": {"display_name": name}, **more}


@dataclass
class Channel:
    """A conversation and its messages, oldest first."""

    id: str
    name: str
    archived: bool = False
    member: bool = True
    messages: list[Json] = field(default_factory=list)

    def find(self, ts: str) -> Json | None:
        return next((m for m in self.messages if m["ts"] == ts), None)

    @property
    def roots(self) -> list[Json]:
        return [m for m in self.messages if "thread_ts" not in m]

    def with_words(self, words: str) -> list[Json]:
        return [m for m in self.roots if words in json.dumps(m)]


class Fault(Exception):
    """Slack's `ok: false`."""


@dataclass
class OtherSlack:
    """Start it, ask faults of it, act as its users."""

    refuse: dict[str, str] = field(default_factory=dict)
    limit: dict[str, list[float]] = field(default_factory=dict)
    hang: set[str] = field(default_factory=set)
    shows_metadata: bool = True
    auth_broken: bool = False
    port: int = 0
    calls: list[tuple[str, float]] = field(default_factory=list)
    whispers: list[Json] = field(default_factory=list)
    views: list[Json] = field(default_factory=list)
    hits: list[str] = field(default_factory=list)
    after_post: Callable[[], Awaitable[None]] | None = None

    def __post_init__(self) -> None:
        self.channels = {
            one.id: one for one in (Channel(ALERTS, "prod-storage"), Channel(OPS, "ops-room"))
        }
        self.users = {
            ANA: user(ANA, "ana"),
            LEAD: user(LEAD, "lead"),
            GUEST: user(GUEST, "guest", is_restricted=True),
            BOT_USER: user(BOT_USER, "tocsin", is_bot=True),
        }
        self.group = [LEAD]
        self.sockets: list[web.WebSocketResponse] = []
        self._tickets: set[str] = set()
        self._acks: dict[str, asyncio.Future[Json]] = {}
        self._triggers: dict[str, float] = {}
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None

    # Life.

    async def start(self) -> OtherSlack:
        app = web.Application(client_max_size=4_000_000)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/link", self._socket)
        app.router.add_post("/respond/{rest:.*}", self._respond)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        for one in tuple(self.sockets):
            await one.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def alerts(self) -> Channel:
        return self.channels[ALERTS]

    def count(self, method: str) -> int:
        return sum(one == method for one, _ in self.calls)

    def sent_since(self, number: int) -> list[str]:
        """Messages that were posted or edited after that many calls."""
        return [
            name for name, _ in self.calls[number:] if name in ("chat.postMessage", "chat.update")
        ]

    # Web API.

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.calls.append((method, time.monotonic()))
        args = await _arguments(request)
        if method in self.hang:
            await asyncio.sleep(30)
            return web.Response(status=504)
        if waits := self.limit.get(method):
            after = str(int(waits.pop(0)))
            body = {"ok": False, "error": "ratelimited"}
            return web.json_response(body, status=429, headers={"Retry-After": after})
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or args.get(
            "token", ""
        )
        try:
            answer = await self._answer(method, args, token)
        except Fault as fault:
            return web.json_response({"ok": False, "error": str(fault)})
        return web.json_response({"ok": True, **answer})

    async def _answer(self, method: str, args: Json, token: str) -> Json:
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if self.auth_broken or token != wanted:
            raise Fault("invalid_auth")
        if method in self.refuse:
            raise Fault(self.refuse[method])
        run = getattr(self, "_" + method.replace(".", "_"), None)
        if run is None:
            raise Fault("unknown_method")
        answer = run(args)
        if method == "chat.postMessage" and self.after_post is not None:
            await self.after_post()
        return dict(answer)

    def _auth_test(self, _: Json) -> Json:
        return {
            "url": "https://acme.example/",
            "team": "Acme",
            "user": "tocsin",
            "team_id": TEAM,
            "user_id": BOT_USER,
            "bot_id": "B08ROBOT1",
            "is_enterprise_install": False,
        }

    def _apps_connections_open(self, _: Json) -> Json:
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        return {"url": f"ws://127.0.0.1:{self.port}/link?ticket={ticket}&app_id=A07"}

    def _channel(self, given: Any, *, by_name: bool) -> Channel:
        found = self.channels.get(str(given))
        if found is None and by_name:
            name = str(given).removeprefix("#")
            found = next((c for c in self.channels.values() if c.name == name), None)
        if found is None:
            raise Fault("channel_not_found")
        return found

    def _chat_postMessage(self, args: Json) -> Json:
        channel = self._channel(args.get("channel"), by_name=True)
        if channel.archived:
            raise Fault("is_archived")
        if not channel.member:
            raise Fault("not_in_channel")
        if not args.get("text") and not args.get("blocks"):
            raise Fault("no_text")
        ts = f"{int(time.time())}.{next(self._numbers):06d}"
        message = {
            "type": "message",
            "subtype": "bot_message",
            "ts": ts,
            "text": args.get("text", ""),
            "blocks": args.get("blocks") or [],
            "bot_id": "B08ROBOT1",
            "user": BOT_USER,
            "team": TEAM,
        }
        if args.get("metadata"):
            message["metadata"] = args["metadata"]
        if args.get("thread_ts") and channel.find(args["thread_ts"]) is not None:
            message["thread_ts"] = args["thread_ts"]
        channel.messages.append(message)
        return {"channel": channel.id, "ts": ts, "message": message}

    def _chat_update(self, args: Json) -> Json:
        channel = self._channel(args.get("channel"), by_name=False)
        if channel.archived:
            raise Fault("is_archived")
        message = channel.find(str(args.get("ts")))
        if message is None:
            raise Fault("message_not_found")
        message.update(
            {k: args[k] for k in ("text", "blocks", "metadata") if k in args}, edited={"ts": "1"}
        )
        return {"channel": channel.id, "ts": message["ts"], "text": message["text"]}

    def _chat_postEphemeral(self, args: Json) -> Json:
        self.whispers.append(args)
        return {"message_ts": f"{int(time.time())}.{next(self._numbers):06d}"}

    def _conversations_list(self, _: Json) -> Json:
        found = [self._about(one) for one in self.channels.values()]
        return {"channels": found, "response_metadata": {"next_cursor": ""}}

    def _about(self, one: Channel) -> Json:
        about = {"id": one.id, "name": one.name, "is_channel": True}
        return {**about, "is_archived": one.archived, "is_member": one.member}

    def _conversations_info(self, args: Json) -> Json:
        return {"channel": self._about(self._channel(args.get("channel"), by_name=False))}

    def _conversations_members(self, args: Json) -> Json:
        self._channel(args.get("channel"), by_name=False)
        return {"members": list(self.users), "response_metadata": {"next_cursor": ""}}

    def _conversations_history(self, args: Json) -> Json:
        return self._read(self._channel(args.get("channel"), by_name=False).roots, args)

    def _conversations_replies(self, args: Json) -> Json:
        channel = self._channel(args.get("channel"), by_name=False)
        if channel.find(args["ts"]) is None:
            raise Fault("thread_not_found")
        found = [m for m in channel.messages if args["ts"] in (m["ts"], m.get("thread_ts"))]
        return self._read(found, args)

    def _read(self, messages: list[Json], args: Json) -> Json:
        oldest = float(args.get("oldest") or 0)
        found = [dict(m) for m in reversed(messages) if float(m["ts"]) > oldest]
        if not self.shows_metadata or str(args.get("include_all_metadata")) not in ("1", "true"):
            for message in found:
                message.pop("metadata", None)
        return {"messages": found, "has_more": False}

    def _users_info(self, args: Json) -> Json:
        found = self.users.get(str(args.get("user")))
        if found is None:
            raise Fault("user_not_found")
        return {"user": found}

    def _usergroups_users_list(self, args: Json) -> Json:
        if args.get("usergroup") != GROUP:
            raise Fault("no_such_subteam")
        return {"users": self.group}

    def _views_open(self, args: Json) -> Json:
        began = self._triggers.pop(str(args.get("trigger_id")), None)
        if began is None or time.monotonic() - began > 3:
            raise Fault("expired_trigger_id")
        view = {**args["view"], "id": f"V0{next(self._numbers)}", "hash": "1.abc"}
        self.views.append(view)
        return {"view": view}

    def _views_publish(self, args: Json) -> Json:
        return {"view": {**args["view"], "id": "V0HOME"}}

    # Socket Mode.

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=404)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        hello = {
            "type": "hello",
            "num_connections": len(self.sockets) + 1,
            "connection_info": {"app_id": "A07"},
            "debug_info": {"host": "h", "approximate_connection_time": 18060},
        }
        await socket.send_json(hello)
        self.sockets.append(socket)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acked(json.loads(message.data))
        finally:
            self.sockets.remove(socket)
        return socket

    def _acked(self, said: Json) -> None:
        waiting = self._acks.pop(str(said.get("envelope_id")), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(said.get("payload") or {})

    async def deliver(self, kind: str, payload: Json, limit_s: float = 3.0) -> Json:
        """Send an envelope; what its acknowledgement carries. TimeoutError without one in 3 s."""
        envelope = secrets.token_hex(12)
        self._acks[envelope] = asyncio.get_running_loop().create_future()
        body = {
            "envelope_id": envelope,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        await self.sockets[next(self._numbers) % len(self.sockets)].send_json(body)
        return await asyncio.wait_for(self._acks[envelope], limit_s)

    async def refresh(self) -> None:
        """Ask every connection to renew itself, and close it soon after."""
        for one in tuple(self.sockets):
            await one.send_json(
                {"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "h"}}
            )

    # What people do.

    def _trigger(self) -> str:
        made = f"{next(self._numbers)}.{secrets.randbelow(10**9)}.{secrets.token_hex(16)}"
        self._triggers[made] = time.monotonic()
        return made

    def command(self, name: str, text: str, who: str = ANA) -> Json:
        return {
            "token": "t",
            "team_id": TEAM,
            "team_domain": "acme",
            "channel_id": ALERTS,
            "channel_name": "prod-storage",
            "user_id": who,
            "user_name": "ana",
            "command": name,
            "text": text,
            "api_app_id": "A07",
            "is_enterprise_install": "false",
            "response_url": f"http://127.0.0.1:{self.port}/respond/command",
            "trigger_id": self._trigger(),
        }

    def click(
        self, message: Json, action_id: str, who: str = ANA, team: str = TEAM, **channel: Any
    ) -> Json:
        """A click on that button of a message of the alerts channel."""
        block, button = _button(message, action_id)
        return {
            "type": "block_actions",
            "user": {"id": who, "username": "ana", "name": "ana", "team_id": team},
            "api_app_id": "A07",
            "token": "t",
            "container": {
                "type": "message",
                "message_ts": message["ts"],
                "channel_id": ALERTS,
                "is_ephemeral": False,
            },
            "trigger_id": self._trigger(),
            "team": {"id": TEAM, "domain": "acme"},
            "enterprise": None,
            "is_enterprise_install": False,
            "channel": {"id": ALERTS, "name": "prod-storage"},
            "message": message,
            "state": {"values": {}},
            "response_url": f"http://127.0.0.1:{self.port}/respond/click",
            "actions": [
                {
                    "type": "button",
                    "action_id": action_id,
                    "block_id": block,
                    "value": button.get("value", ""),
                    "text": button["text"],
                    "action_ts": f"{time.time():.6f}",
                }
            ],
        }

    def submission(self, view: Json, values: Json, who: str = ANA) -> Json:
        kept = ("id", "hash", "callback_id", "private_metadata", "blocks", "type")
        return {
            "type": "view_submission",
            "team": {"id": TEAM, "domain": "acme"},
            "user": {"id": who, "username": "ana", "name": "ana", "team_id": TEAM},
            "api_app_id": "A07",
            "token": "t",
            "trigger_id": self._trigger(),
            "view": {
                **{k: view.get(k, "") for k in kept},
                "state": {"values": values},
                "root_view_id": view["id"],
                "previous_view_id": None,
                "app_id": "A07",
                "bot_id": "B08ROBOT1",
            },
            "response_urls": [],
        }

    async def _respond(self, request: web.Request) -> web.Response:
        self.whispers.append(await request.json())
        return web.Response(text="ok")

    # Signed HTTP delivery.

    async def post(
        self, url: str, payload: Mapping[str, Any] | bytes, *, secret: str = SECRET, **headers: str
    ) -> tuple[int, bytes]:
        """A signed request (an interaction, a command, or these bytes as a form)."""
        if isinstance(payload, bytes):
            body = payload
        elif "command" in payload:
            body = urlencode(payload).encode()
        else:
            body = urlencode({"payload": json.dumps(payload)}).encode()
        sent_at = headers.pop("at", str(int(time.time())))
        mac = hmac.new(secret.encode(), f"v0:{sent_at}:".encode() + body, hashlib.sha256)
        usual = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": sent_at,
            "X-Slack-Signature": "v0=" + mac.hexdigest(),
        }
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=io.BytesIO(body), headers={**usual, **given}) as answer,
        ):
            return answer.status, await answer.read()


def _button(message: Json, action_id: str) -> tuple[str, Json]:
    for n, block in enumerate(message["blocks"]):
        for one in block.get("elements") or ():
            if one.get("action_id") == action_id:
                return block.get("block_id", f"b{n}"), one
    raise AssertionError(f"no {action_id} in {json.dumps(message)[:2000]}")


async def _arguments(request: web.Request) -> Json:
    found: Json = dict(request.query)
    if request.content_type == "application/json":
        found.update(await request.json())
    else:
        found.update({k: str(v) for k, v in (await request.post()).items()})
    for name in ("blocks", "view", "metadata", "attachments"):
        if isinstance(found.get(name), str):
            found[name] = json.loads(found[name])
    return found
