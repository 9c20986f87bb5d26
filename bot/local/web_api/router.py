"""The Web API's front door: arguments, token, scope, rate limit, fault, then the method."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from bot.local.faults import Fault
from bot.local.web_api import chat, conversations, files, marks, misc, streams, users, views
from bot.local.web_api.method import ApiError, Args, Json, Method, loads
from bot.local.web_api.places import missing_scope
from bot.local.workspace import Workspace

METHODS: dict[str, Method] = {
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **marks.METHODS,
    **misc.METHODS,
    **streams.METHODS,
    **users.METHODS,
    **views.METHODS,
}
PAGES = {
    "500": (500, '{"ok":false,"error":"internal_error"}', "application/json"),
    "502": (502, "<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html"),
    "503": (503, '{"ok":false,"error":"service_unavailable"}', "application/json"),
    "html": (200, "<html><body>Slack is having trouble</body></html>", "text/html"),
    "empty": (200, "", "application/json"),
    "truncated": (200, '{"ok":true,"channel":"C0', "application/json"),
}


@dataclass(slots=True)
class Call:
    """One Web API call as the log keeps it: times on the workspace's monotonic clock.

    `effect` says whether the method ran and succeeded, whatever the caller was told.
    """

    method: str
    args: Json
    at: float
    wall: float
    channel: str = ""
    status: int = 200
    error: str = ""
    fault: str = ""
    effect: bool = False
    seconds: float = 0.0
    answer: Json = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.status == 200 and not self.error and not self.fault


class Router:
    """Answers /api/<method>."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    async def handle(self, request: web.Request) -> web.StreamResponse:
        state = self._ws.state
        name = request.match_info["method"]
        call = Call(name, {}, state.clock.monotonic(), state.now_s())
        state.calls.append(call)
        try:
            values, token = await merged(request)
        except (ValueError, RecursionError):
            return self._answer(call, {"ok": False, "error": "invalid_json"})
        call.args = values
        call.channel = str(values.get("channel") or values.get("channel_id") or "")
        fault = self._ws.faults.take_call(name, call.channel)
        if fault is None:
            return self._plain(call, values, token)
        call.fault = fault.kind
        self._ws.state.news.touch()
        return await self._broken(request, fault, call, values, token)

    def _plain(self, call: Call, values: Json, token: str) -> web.Response:
        try:
            body = self._run(call, values, token)
        except ApiError as error:
            body = {"ok": False, "error": error.error, **error.extra}
        except RecursionError:
            body = {"ok": False, "error": "invalid_arguments"}
        return self._answer(call, body)

    def _run(self, call: Call, values: Json, token: str) -> Json:
        method = METHODS.get(call.method)
        if method is None:
            raise ApiError("unknown_method", req_method=call.method)
        self._check_token(method, token)
        if method.scopes and method.token == "bot" and not self._ws.state.scopes & {*method.scopes}:
            raise missing_scope(self._ws, ",".join(method.scopes))
        wait = self._ws.limits.retry_after(call.method, method.tier, call.channel)
        if wait:
            call.status = 429
            raise ApiError("ratelimited", retry_after=wait)
        body = {"ok": True, **method.run(self._ws, Args(values))}
        call.effect = True
        return body

    def _check_token(self, method: Method, token: str) -> None:
        state = self._ws.state
        if method.token == "none":
            return
        if not token:
            raise ApiError("not_authed")
        if token not in (state.bot_token, state.app_token):
            raise ApiError("invalid_auth")
        if state.token_error:
            raise ApiError(state.token_error)
        right = {"bot": state.bot_token, "app": state.app_token}.get(method.token, token)
        if token != right:
            raise ApiError("not_allowed_token_type")

    def _answer(self, call: Call, body: Json) -> web.Response:
        state = self._ws.state
        call.error = "" if body["ok"] else body["error"]
        call.seconds = state.clock.monotonic() - call.at
        call.answer = {key: body[key] for key in ("ts", "channel", "message_ts") if key in body}
        headers = {"X-Slack-Req-Id": state.ids.uuid(), "X-OAuth-Scopes": ",".join(state.scopes)}
        if (wait := body.pop("retry_after", None)) is not None:
            headers["Retry-After"] = str(wait)
        state.news.touch()
        encoded = msgspec.json.encode(body)
        return web.Response(
            body=encoded,
            status=call.status,
            headers=headers,
            content_type="application/json",
            charset="utf-8",
        )

    async def _broken(
        self, request: web.Request, fault: Fault, call: Call, values: Json, token: str
    ) -> web.StreamResponse:
        """Answer as the fault says; `effect` in the log tells whether the method ran."""
        clock = self._ws.state.clock
        if fault.kind == "429":
            call.status = 429
            answer = {"ok": False, "error": "ratelimited", "retry_after": fault.retry_after}
            return self._answer(call, answer)
        if fault.kind == "error":
            return self._answer(call, {"ok": False, "error": fault.error})
        if fault.kind in PAGES:
            call.status, text, kind = PAGES[fault.kind]
            self._ws.state.news.touch()
            return web.Response(status=call.status, text=text, content_type=kind)
        if fault.kind == "slow":
            await clock.sleep(fault.seconds)
            return self._plain(call, values, token)
        if fault.kind == "late":
            self._ws.state.timers.after(fault.seconds, lambda: self._landed(call, values, token))
        if fault.kind in ("reset_after", "hang_after"):
            self._plain(call, values, token)
        self._ws.state.news.touch()
        if fault.kind in ("hang", "hang_after"):
            await self._ws.hang()
        return cut(request)

    def _landed(self, call: Call, values: Json, token: str) -> None:
        """The effect of a call whose answer was lost, some time later."""
        self._plain(call, values, token)


def cut(request: web.Request) -> web.Response:
    """Reset the connection: what is returned never arrives."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response(status=500)


async def merged(request: web.Request) -> tuple[Json, str]:
    """Query, form and JSON in one (slack.md 3.4), and the token. Raises ValueError for bad JSON."""
    values: Json = dict(request.query)
    kind = request.content_type
    if kind == "multipart/form-data":
        form = await request.post()
        values |= {key: value for key, value in form.items() if isinstance(value, str)}
    elif raw := await request.read():
        values |= _body(raw, kind)
    token = str(values.pop("token", "") or "")
    header = request.headers.get("Authorization", "")
    return values, header[7:].strip() if header[:7].lower() == "bearer " else token


def _body(raw: bytes, kind: str) -> Json:
    if kind != "application/json":
        return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    found = loads(raw)
    if not isinstance(found, dict):
        raise ValueError("the body is not an object")
    return found
