"""Slack's Web API as typed outcomes: what certainly happened, certainly did not, or may have.

No retries here: the caller owns the order and the pace of its calls. One aiohttp session with
limits of its own is shared by all calls (with a shared session slack_sdk ignores its own timeout).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.proxies import proxy_for
from core.clock import Clock
from core.errors import Invalid
from core.metrics import Metrics

DEFAULT_RETRY_AFTER_S = 5.0
MAX_RETRY_AFTER_S = 3600.0


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """How to reach Slack, or anything that speaks its API."""

    token: str
    base_url: str = "https://slack.com/api/"
    proxy: str | None = None
    ca_file: Path | None = None
    timeout_s: float = 10.0
    connect_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Ok:
    """It happened; `data` is what Slack answered."""

    data: dict[str, Any]


class Kind(StrEnum):
    """What a definite refusal is about."""

    MESSAGE = "message"
    """The message is gone or can no longer be edited."""
    CHANNEL = "channel"
    """The channel cannot be written to (gone, archived, the bot is not in it)."""
    CONTENT = "content"
    """Slack does not take what the message holds."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Refused:
    """It certainly did not happen, and would not the same way again."""

    code: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Limited:
    """It did not happen: too fast. May be tried again after `retry_after_s` seconds."""

    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Unreached:
    """It did not happen: there was no connection at all."""

    why: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Nobody knows whether it happened."""

    why: str


@dataclass(frozen=True, slots=True)
class AuthFailed:
    """It did not happen, and nothing will until somebody mends the token."""

    code: str


Outcome = Ok | Refused | Limited | Unreached | Ambiguous | AuthFailed

_AUTH = frozenset(
    [
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "org_login_required",
        "ekm_access_denied",
        "team_access_not_granted",
        "app_not_installed",
        "no_permission",
        "access_denied",
        "missing_scope",
        "not_allowed_token_type",
    ]
)
_UNSURE = frozenset(
    ["internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"]
)
_LIMITED = frozenset(["ratelimited", "rate_limited", "message_limit_exceeded"])
_KINDS: dict[Kind, frozenset[str]] = {
    Kind.MESSAGE: frozenset(
        [
            "message_not_found",
            "cant_update_message",
            "edit_window_closed",
            "thread_not_found",
            "cannot_reply_to_message",
            "thread_locked",
        ]
    ),
    Kind.CHANNEL: frozenset(
        [
            "channel_not_found",
            "is_archived",
            "is_inactive",
            "not_in_channel",
            "restricted_action",
            "restricted_action_read_only_channel",
            "restricted_action_non_threadable_channel",
            "restricted_action_thread_only_channel",
            "channel_is_archived",
            "cant_post_message",
            "as_user_not_supported",
            "messages_tab_disabled",
            "cannot_dm_bot",
            "user_not_found",
        ]
    ),
    Kind.CONTENT: frozenset(
        [
            "msg_too_long",
            "msg_blocks_too_long",
            "invalid_blocks",
            "invalid_blocks_format",
            "no_text",
            "too_many_attachments",
            "attachment_payload_limit_exceeded",
            "block_mismatch",
            "invalid_metadata_format",
            "invalid_metadata_schema",
            "metadata_too_large",
            "metadata_must_be_sent_from_app",
            "markdown_text_conflict",
            "invalid_arguments",
            "invalid_attachments",
            "slack_connect_blocked_file_type",
        ]
    ),
}


def _kind(code: str) -> Kind:
    return next((kind for kind, codes in _KINDS.items() if code in codes), Kind.OTHER)


def retry_after_s(value: str | None) -> float:
    """Retry-After as seconds; whatever cannot be read as such is a few seconds."""
    try:
        found = float(value or "")
    except ValueError:
        return DEFAULT_RETRY_AFTER_S
    return min(max(found, 0.0), MAX_RETRY_AFTER_S) if found == found else DEFAULT_RETRY_AFTER_S


def understood(error: SlackApiError) -> Outcome:
    """What Slack's answer means where it is not simply ok."""
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None) or 0
    headers = getattr(response, "headers", None) or {}
    data = getattr(response, "data", None)
    code = str(data.get("error") or "") if isinstance(data, dict) else ""
    if status == 429 or code in _LIMITED:
        return Limited(retry_after_s(headers.get("Retry-After")))
    if status >= 500 or not code or code in _UNSURE:
        return Ambiguous(f"Slack answered {status} {code}".strip())
    if code in _AUTH:
        return AuthFailed(code)
    return Refused(code[:100], _kind(code))


@dataclass(slots=True)
class Slack:
    """The workspace's Web API behind one session. Open it with `Slack.open`, end with `close`.

    `web` is the client that Bolt shares; `session` its connections.
    """

    settings: SlackSettings
    clock: Clock
    metrics: Metrics
    session: aiohttp.ClientSession
    web: AsyncWebClient
    _seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    async def open(cls, settings: SlackSettings, clock: Clock, metrics: Metrics) -> Slack:
        """Make the session. Invalid for a CA file that cannot be read."""
        context = tls(settings.ca_file)
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=settings.timeout_s, sock_connect=settings.connect_timeout_s
            ),
        )
        proxy = proxy_for(settings.base_url, settings.proxy)
        web = AsyncWebClient(
            token=settings.token,
            base_url=settings.base_url,
            session=session,
            ssl=context,
            proxy=proxy,
            retry_handlers=[],
        )
        web.proxy = proxy  # without one the SDK has looked for itself
        return cls(settings, clock, metrics, session, web)

    async def call(self, method: str, **arguments: Any) -> Outcome:
        """Call a method with JSON arguments and say what is known to have happened."""
        return await self._call(method, json=arguments)

    async def tell(self, method: str, **arguments: str) -> Outcome:
        """Call a method that takes no JSON: the arguments go in the query, as the SDK sends them."""
        return await self._call(method, params=arguments)

    async def ask(self, method: str, **arguments: Any) -> Outcome:
        """Call a reading method, whose arguments go in the query."""
        plain = {k: _in_query(v) for k, v in arguments.items() if v is not None}
        return await self._call(method, http_verb="GET", params=plain)

    async def _call(self, method: str, **how: Any) -> Outcome:
        began = self.clock.monotonic()
        outcome = await self._outcome(method, how)
        took = self.clock.monotonic() - began
        self.metrics.slack_seconds.labels(method).observe(took)
        self.metrics.slack_calls.labels(method, type(outcome).__name__.lower()).inc()
        return outcome

    async def _outcome(self, method: str, how: dict[str, Any]) -> Outcome:
        try:
            response = await self.web.api_call(method, **how)
        except SlackApiError as error:
            return understood(error)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Unreached(_words(error))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # ValueError: an answer that is cut off or is no JSON; the call itself may have worked.
            return Ambiguous(_words(error))
        except (AttributeError, TypeError) as error:
            # slack_sdk expects an object and got a list, a string or plain text.
            return Ambiguous(_words(error))
        data = response.data
        if not isinstance(data, dict) or data.get("ok") is not True:
            return Ambiguous("Slack answered with something that is not its JSON")
        return Ok(cast("dict[str, Any]", data))

    async def close(self) -> None:
        """Close the connections."""
        await self.session.close()


def _in_query(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300].rstrip(": ")


def tls(ca_file: Path | None) -> ssl.SSLContext | None:
    """The certificates to trust: the system's, and those in `ca_file` where given.

    Raises Invalid when the file cannot be read.
    """
    if ca_file is None:
        return None
    try:
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"The CA file {ca_file} cannot be read: {error}.") from None
    return context
