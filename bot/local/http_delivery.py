"""Signed HTTP delivery: the alternative to Socket Mode, as Slack's servers call a request URL."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bot.local.delivery import Deliveries, Delivery
from bot.local.state import State

Json = dict[str, Any]
FORM = "application/x-www-form-urlencoded"
REASONS = {"timeout": "http_timeout"}
ANSWER_MAX = 1_000_000


def signed(secret: str, at: int, body: bytes) -> dict[str, str]:
    """The two headers by which an app knows that a request is Slack's."""
    base = b"v0:%d:" % at + body
    digest = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={digest}"}


class HttpDelivery:
    """POSTs deliveries to the request URL; a 200 within the limit is the acknowledgement."""

    def __init__(self, state: State, deliveries: Deliveries) -> None:
        self._state = state
        self._deliveries = deliveries
        self._session: aiohttp.ClientSession | None = None

    def send(self, delivery: Delivery, envelope_id: str, attempt: int) -> bool:
        work = self._send(delivery, envelope_id, attempt)
        self._state.tasks.start(f"deliver {delivery.what}", work)
        return True

    async def post(
        self, body: bytes, kind: str, headers: Json | None = None
    ) -> tuple[int, Any, Json]:
        """One signed request: (status, parsed body, headers). For tests too."""
        if self._session is None:
            self._session = aiohttp.ClientSession()
        sent = signed(self._state.signing_secret, int(self._state.now_s()), body)
        sent |= {"Content-Type": kind, "User-Agent": "Slackbot 1.0"} | (headers or {})
        url = self._state.request_url or ""
        async with self._session.post(
            url, data=body, headers=sent, allow_redirects=False
        ) as answer:
            raw = await answer.content.read(ANSWER_MAX)
            return answer.status, parsed(raw, answer.content_type), dict(answer.headers)

    async def verify_url(self) -> bool:
        """The handshake of a new request URL: does it return the challenge?"""
        challenge = self._state.ids.secret(40)
        body = {
            "token": self._state.verification_token,
            "challenge": challenge,
            "type": "url_verification",
        }
        status, answer, _ = await self.post(json.dumps(body).encode(), "application/json")
        said = answer.get("challenge") if isinstance(answer, dict) else answer
        return status == 200 and said == challenge

    async def ssl_check(self) -> int:
        """The unsigned-looking certificate check of a slash command's URL; the status."""
        form = urlencode({"ssl_check": "1", "token": self._state.verification_token})
        status, _, _ = await self.post(form.encode(), FORM)
        return status

    async def _send(self, delivery: Delivery, envelope_id: str, attempt: int) -> None:
        body, kind = encoded(delivery)
        headers = {}
        if attempt:
            reason = REASONS.get(delivery.reason, delivery.reason or "unknown_error")
            headers = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        try:
            status, answer, told = await self.post(body, kind, headers)
        except (TimeoutError, aiohttp.ClientError, OSError):
            self._deliveries.failed(delivery, "connection_failed")
            return
        if status == 200:
            self._deliveries.acknowledge(envelope_id, answer)
            return
        again = told.get("X-Slack-No-Retry") != "1"
        self._deliveries.failed(delivery, "http_error", again=again)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def encoded(delivery: Delivery) -> tuple[bytes, str]:
    """Events as JSON, commands as a form, interactions as JSON in a form (slack.md 2.5)."""
    payload = delivery.payload
    if delivery.kind == "events_api":
        return json.dumps(payload, ensure_ascii=False).encode(), "application/json"
    if delivery.kind == "slash_commands":
        return urlencode(payload).encode(), FORM
    return urlencode({"payload": json.dumps(payload, ensure_ascii=False)}).encode(), FORM


def parsed(raw: bytes, kind: str) -> Any:
    """An answer's body: JSON as such, other text as the text that a command shows."""
    if not raw:
        return None
    text = raw.decode("utf-8", "replace")
    if kind == "application/json" or text[:1] == "{":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
