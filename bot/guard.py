"""HTTP mode: what Slack posts to us, let through to Bolt only when it is whole, signed, and new.

Bolt alone answers 500 to a malformed header and takes a replayed request every time. Here whatever
is not Slack's gets 401, what cannot be read 400, 413 or 415, each with the header that keeps Slack
from repeating it; only a failure of ours invites a repetition.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from urllib.parse import parse_qs

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from bot.guard_shape import well_shaped
from core.clock import Clock
from core.metrics import Metrics

PATH = "/slack/events"
"""The one address for events, interactions and commands."""
MAX_BODY = 1_000_000
"""Bytes; Slack's own payloads stay far below (a view is at most 250 kB)."""
BODY_S = 5.0
"""How long a body may take to arrive."""
SKEW_S = 300
"""How far a request's time may be from ours: Slack's own advice."""
REMEMBER_S = 600.0
"""How long a signature is remembered: twice the skew, after which its time is too old anyway."""

_TIMESTAMP = re.compile(r"\d{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_log = structlog.get_logger()


class Denied(Exception):
    """Not let through; `status` says how, `why` one word for the metrics."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Guard:
    """Stands before the app in HTTP mode."""

    def __init__(self, app: AsyncApp, signing_secret: str, clock: Clock, metrics: Metrics) -> None:
        if not signing_secret:
            raise ValueError("HTTP mode needs a signing secret")
        self._app = app
        self._secret = signing_secret.encode()
        self._clock = clock
        self._metrics = metrics
        self._seen: OrderedDict[str, float] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """What to add to a web application."""
        return [web.post(PATH, self.handle)]

    async def handle(self, request: web.Request) -> web.Response:
        """One request: denied, or answered by Bolt."""
        try:
            body = await _read(request)
            self._check_signature(request, body)
            text = _check_body(request.content_type, body)
        except Denied as denied:
            self._metrics.requests.labels("http", denied.why).inc()
            _log.warning("request denied", action="http.denied", why=denied.why, to=request.remote)
            return web.Response(status=denied.status, headers={"X-Slack-No-Retry": "1"})
        if text is None:
            return web.Response()
        headers: dict[str, str | Sequence[str]] = dict(request.headers)
        bolt = AsyncBoltRequest(body=text, query=request.query_string, headers=headers)
        answer = await self._app.async_dispatch(bolt)
        if answer.status != 200:
            # Slack may repeat at once what failed here, within the second and so alike.
            self._seen.pop(request.headers["X-Slack-Signature"], None)
        return await to_aiohttp_response(answer)

    def _check_signature(self, request: web.Request, body: bytes) -> None:
        sent_at = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not _TIMESTAMP.fullmatch(sent_at) or not _SIGNATURE.fullmatch(signature):
            raise Denied(401, "malformed")
        mac = hmac.new(self._secret, b"v0:" + sent_at.encode() + b":" + body, hashlib.sha256)
        if not hmac.compare_digest("v0=" + mac.hexdigest(), signature):
            raise Denied(401, "forged")
        if abs(self._clock.now().timestamp() - int(sent_at)) > SKEW_S:
            raise Denied(401, "stale")
        self._remember(signature)

    def _remember(self, signature: str) -> None:
        now = self._clock.monotonic()
        while self._seen and now - next(iter(self._seen.values())) > REMEMBER_S:
            self._seen.popitem(last=False)
        if signature in self._seen:
            raise Denied(401, "replayed")
        self._seen[signature] = now


async def _read(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BODY:
        raise Denied(413, "too_large")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.content.iter_any():
                size += len(part)
                if size > MAX_BODY:
                    raise Denied(413, "too_large")
                parts.append(part)
    except TimeoutError:
        raise Denied(408, "slow") from None
    return b"".join(parts)


def _check_body(content_type: str, body: bytes) -> str | None:
    """The body as text; None for one that needs no more than a 200."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Denied(400, "not_text") from None
    if content_type == _JSON:
        found = _object(text)
        if found.get("type") == "app_rate_limited":
            _log.warning("Slack limits our events", action="http.rate_limited")
            return None
        return text
    if content_type != _FORM:
        raise Denied(415, "content_type")
    form = parse_qs(text, keep_blank_values=True, max_num_fields=100)
    if "ssl_check" in form:
        return None
    if "payload" in form:
        _object(form["payload"][0])
    elif "command" not in form:
        raise Denied(400, "unknown_form")
    return text


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Denied(400, "not_json") from None
    if not isinstance(found, dict):
        raise Denied(400, "not_json")
    if not well_shaped(found):
        raise Denied(400, "misshapen")
    return found
