"""One call to Claude over HTTP: the only file that imports anthropic, and it does so when it is called.

The SDK's own retries are off: every attempt is paid for and counted by whoever calls.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from core.diagnosis.claude.plain import plain
from core.diagnosis.claude.prices import Usage
from core.diagnosis.claude.reply import MAX_REPLY, Assembly, Reply
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.claude.task import Ending

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

CONNECT_S = 10.0
MAX_SAID = 200
_OVERLONG = (
    "prompt is too long",
    "context window",
    "context limit",
    "too many tokens",
    "request_too_large",
)
_SCHEMA = ("output_config", "schema", "grammar", "strict")


class Failed(Exception):
    """A call that brought no reply: how that ends, in words for a person, and what may be done.

    `again`: the same call may succeed later, after `after` seconds if the service said so. `usage` is
    what it will have cost at most, None where nobody can say whether it was answered (and billed).
    """

    def __init__(
        self,
        ending: Ending,
        words: str,
        *,
        again: bool = False,
        after: float | None = None,
        usage: Usage | None = None,
        plainer: bool = False,
    ) -> None:
        super().__init__(words)
        self.ending, self.words, self.again, self.after = ending, words, again, after
        self.usage, self.plainer = usage, plainer


class Wire(Protocol):
    """Whatever can make a call: the service, or a script that stands in for it."""

    async def send(self, body: Mapping[str, Any], heard: Assembly) -> Reply:
        """The reply to a request; what has come of it so far stands in `heard`. Failed if none comes."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@dataclass
class Http:
    """The service itself, through its SDK."""

    settings: ClaudeSettings
    _client: AsyncAnthropic | None = field(default=None, repr=False)

    async def _opened(self) -> AsyncAnthropic:
        if self._client is None:
            # Importing takes over a second, reading certificates a tenth: in a thread, so that the
            # loop goes on meanwhile.
            self._client = await asyncio.to_thread(_client, self.settings)
        return self._client

    async def send(self, body: Mapping[str, Any], heard: Assembly) -> Reply:
        """See `Wire`."""
        client = await self._opened()
        import anthropic
        import httpx2

        try:
            async with await client.messages.create(**body) as stream:
                async for event in stream:
                    heard.take(event.model_dump(mode="json", exclude_unset=True, warnings=False))
                    if heard.size > MAX_REPLY:
                        words = "Claude's answer had no end."
                        raise Failed(Ending.UNREADABLE, words, usage=heard.guessed)
        except anthropic.APITimeoutError:
            raise _late(heard) from None
        except anthropic.APIConnectionError as error:
            raise _unreachable(error, heard) from None
        except anthropic.APIStatusError as error:
            raise _denied(error, heard) from None
        except (anthropic.APIError, httpx2.HTTPError, ValueError, TypeError) as error:
            lost = isinstance(error, httpx2.HTTPError)
            raise (_broken(heard) if lost else _unreadable(error, heard)) from None
        if not heard.ended:
            raise _broken(heard)
        return heard.reply()

    async def close(self) -> None:
        """See `Wire`."""
        if self._client is not None:
            await self._client.close()


def _client(settings: ClaudeSettings) -> AsyncAnthropic:
    import anthropic

    return anthropic.AsyncAnthropic(
        api_key=settings.api_key,
        base_url=settings.base_url,
        max_retries=0,
        timeout=anthropic.Timeout(settings.quiet_s, connect=CONNECT_S),
    )


def _said(error: object) -> str:
    return plain(str(error), MAX_SAID)


def _begun(heard: Assembly) -> Usage | None:
    return heard.guessed if heard.begun else None


def _late(heard: Assembly) -> Failed:
    words = "Claude did not answer in time."
    return Failed(Ending.UNREACHABLE, words, again=True, usage=_begun(heard))


def _unreadable(error: Exception, heard: Assembly) -> Failed:
    words = f"Claude's answer could not be read: {_said(error)}"
    return Failed(Ending.UNREADABLE, words, usage=heard.guessed)


def _broken(heard: Assembly) -> Failed:
    words = "The connection to Claude was lost in the middle of its answer."
    return Failed(Ending.UNREACHABLE, words, again=True, usage=_begun(heard))


def _unreachable(error: Exception, heard: Assembly) -> Failed:
    cause = error.__cause__ or error
    refused = "connect" in type(cause).__name__.lower()
    words = f"Claude cannot be reached: {_said(cause) or type(cause).__name__}."
    usage = Usage() if refused else _begun(heard)
    return Failed(Ending.UNREACHABLE, words, again=True, usage=usage)


_STATUS = {
    400: (Ending.REJECTED, "Claude's service found the request wrong"),
    401: (Ending.DENIED, "Claude's service does not accept the API key"),
    402: (Ending.DENIED, "Claude's service asks for payment: see the billing of the account"),
    403: (Ending.DENIED, "The API key may not use this model"),
    404: (Ending.DENIED, "Claude's service does not know this model or address"),
    413: (Ending.TOO_LONG, "The request was too long for Claude's service"),
    429: (Ending.BUSY, "Claude's service says that there were too many requests"),
    529: (Ending.BUSY, "Claude's service is overloaded"),
}
_TYPES = {
    "overloaded_error": 529, "rate_limit_error": 429, "authentication_error": 401, "permission_error": 403,
    "invalid_request_error": 400, "not_found_error": 404, "request_too_large": 413, "billing_error": 402,
}  # fmt: skip


def _denied(error: Any, heard: Assembly) -> Failed:
    """An error of the service: by its status, or, inside a stream that began well, by its type."""
    told = _error(error.body)
    status = int(error.status_code)
    if status < 400:
        status = _TYPES.get(str(told.get("type")), 500)
    said = _said(told.get("message") or "")
    ending, words = _STATUS.get(status, (Ending.UNREACHABLE, f"Claude's service failed ({status})"))
    if status == 400 and any(one in said.lower() for one in _OVERLONG):
        ending, words = Ending.TOO_LONG, "The request was too long for Claude's service"
    return Failed(
        ending,
        f"{words}{f': {said}' if said else ''}".rstrip(".") + ".",
        again=status == 429 or status >= 500,
        after=_after(error.response.headers),
        usage=heard.guessed,
        plainer=status == 400 and any(one in said.lower() for one in _SCHEMA),
    )


def _error(body: object) -> Mapping[str, Any]:
    told = body.get("error") if isinstance(body, Mapping) else None
    return told if isinstance(told, Mapping) else {}


def _after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait that the service names; None if it names none, or a date."""
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / per_second
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None
