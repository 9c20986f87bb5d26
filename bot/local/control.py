"""The control API that the page reads and acts through; docs/local-workspace.md is its contract."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from bot.local.control_act import ACTS, Body, arm
from bot.local.model import Channel, User
from bot.local.panel import PanelWatch
from bot.local.security import refusal
from bot.local.state import UnknownName
from bot.local.web_api.method import loads
from bot.local.workspace import Workspace

Json = dict[str, Any]
PAGE, PAGE_MAX = 50, 500
LOG, LOG_MAX = 200, 2000
SUMMARY_MAX = 200
Handler = Callable[[web.Request], Awaitable[Json]]


class Control:
    """Handlers of /local/*."""

    def __init__(self, ws: Workspace, panel: PanelWatch) -> None:
        self._ws = ws
        self._panel = panel

    def routes(self) -> list[web.RouteDef]:
        get, post = web.get, web.post
        return [
            get("/local/state", _worded(self._state)),
            get("/local/messages", _worded(self._messages)),
            get("/local/replies", _worded(self._replies)),
            get("/local/home", _worded(self._home)),
            get("/local/log", _worded(self._log)),
            get("/local/faults", _worded(self._faults)),
            post("/local/faults", _worded(self._arm)),
            web.delete("/local/faults", _worded(self._clear)),
            post("/local/panel", _worded(self._panel_act)),
            post("/local/act/{act}", _worded(self._act)),
        ]

    async def _state(self, request: web.Request) -> Json:
        state = self._ws.state
        return {
            "team": state.team(),
            "users": [user.brief() for user in state.users.values()],
            "channels": [channel.brief() for channel in state.channels.values()],
            "groups": [group.as_json(with_users=True) for group in state.groups.values()],
            "commands": state.commands,
            "shortcuts": state.shortcuts,
            "app": {
                "id": state.app_id,
                "name": state.config.app_name,
                "bot_user_id": state.bot_user_id,
                "connected": self._ws.sockets.connected,
            },
            "panel": await self._panel.now(),
            "now": state.now_s(),
        }

    def _seen_by(self, request: web.Request) -> tuple[User, Channel]:
        user = self._ws.state.user(request.query.get("user", ""))
        channel = self._ws.state.channel(request.query.get("channel", ""))
        hidden = channel.is_private or channel.is_im or user.is_restricted or user.foreign
        if hidden and user.id not in channel.members:
            raise UnknownName(f"{user.name} may not read that channel")
        return user, channel

    async def _messages(self, request: web.Request) -> Json:
        user, channel = self._seen_by(request)
        limit = _number(request, "limit", PAGE, PAGE_MAX)
        before = request.query.get("before", "")
        page = self._ws.messages.history(channel, "", before, False, limit)
        shown = page.messages[::-1]
        oldest = shown[0].ts if page.has_more and shown else ""
        whispers = [
            m
            for m in channel.ephemerals.values()
            if m.ephemeral_for == user.id
            and not m.root
            and m.ts >= oldest
            and (not before or m.ts < before)
        ]
        both = sorted([*shown, *whispers], key=lambda m: m.ts)
        return {"messages": [m.as_json() for m in both], "has_more": page.has_more}

    async def _replies(self, request: web.Request) -> Json:
        user, channel = self._seen_by(request)
        root = self._ws.state.message(channel.id, request.query.get("ts", ""))
        whispers = [
            m
            for m in channel.ephemerals.values()
            if m.ephemeral_for == user.id and m.root == root.ts
        ]
        answers = self._ws.messages.thread(channel, root, "", "")[1:]
        both = sorted([*answers, *whispers], key=lambda m: m.ts)
        return {"messages": [m.as_json() for m in (root, *both)]}

    async def _home(self, request: web.Request) -> Json:
        return {"view": self._ws.home(request.query.get("user", ""))}

    async def _log(self, request: web.Request) -> Json:
        limit = _number(request, "limit", LOG, LOG_MAX)
        entries = [*_latest_calls(self._ws, limit), *_latest_deliveries(self._ws, limit)]
        entries.sort(key=lambda entry: float(entry["at"]))
        return {"log": entries[-limit:]}

    async def _faults(self, request: web.Request) -> Json:
        return {"faults": [fault.as_json() for fault in self._ws.faults.armed]}

    async def _arm(self, request: web.Request) -> Json:
        arm(self._ws, await _body(request))
        return await self._faults(request)

    async def _clear(self, request: web.Request) -> Json:
        self._ws.faults.clear()
        return {}

    async def _panel_act(self, request: web.Request) -> Json:
        body = await _body(request)
        await self._panel.act(body.need("name"), body.need("verb"))
        return {}

    async def _act(self, request: web.Request) -> Json:
        act = ACTS.get(request.match_info["act"])
        if act is None:
            raise UnknownName(f"there is no act {request.match_info['act']!r}")
        return act(self._ws, await _body(request)) or {}


def _worded(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer in the contract's shape; a refusal's text is for the person who acted."""

    async def answer(request: web.Request) -> web.Response:
        try:
            body = await handler(request)
        except LookupError as error:
            return refusal(404, str(error.args[0]) if error.args else "not found")
        except (ValueError, OSError, RuntimeError, RecursionError) as error:
            return refusal(400, str(error))
        return web.json_response({"ok": True, **body}, dumps=_dump)

    return answer


def _dump(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False)


async def _body(request: web.Request) -> Body:
    raw = await request.read()
    found = loads(raw) if raw else {}
    if not isinstance(found, dict):
        raise ValueError("the body must be a JSON object")
    return Body(found)


def _number(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not text.isdecimal():
        raise ValueError(f"{name} must be a whole number")
    return max(1, min(most, int(text)))


def _latest_calls(ws: Workspace, limit: int) -> list[Json]:
    """The last calls of the app, as lines; arguments are shortened, tokens are never kept."""
    calls = ws.state.calls
    return [
        {
            "at": call.wall,
            "direction": "in",
            "method": call.method,
            "status": call.fault or call.error or "ok",
            "ms": round(call.seconds * 1000, 1),
            "summary": str(call.args.get("text") or call.channel or "")[:SUMMARY_MAX],
        }
        for call in list(calls)[-limit:]
    ]


def _latest_deliveries(ws: Workspace, limit: int) -> list[Json]:
    offset = ws.state.now_s() - ws.state.clock.monotonic()
    return [
        {
            "at": offset + one.created_at,
            "direction": "out",
            "method": one.what,
            "status": one.status,
            "ms": None if one.seconds is None else round(one.seconds * 1000, 1),
            "summary": str(one.payload.get("command") or one.payload.get("type") or "")[
                :SUMMARY_MAX
            ],
        }
        for one in list(ws.deliveries.all)[-limit:]
    ]
