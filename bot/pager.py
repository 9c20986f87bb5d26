"""The fallback: a critical that Slack could not take goes to a webhook (PagerDuty Events v2 form).

An event is known by its deduplication key, so that sending one twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bot.slack import Ambiguous, AuthFailed, Kind, Limited, Ok, Outcome, Refused, Unreached
from bot.slack import retry_after_s as _retry_after_s
from bot.text import clean
from core.invariant import Severity
from core.metrics import Metrics
from core.tickets.model import Ticket

if TYPE_CHECKING:
    import httpx

WEBHOOK = "webhook:fallback"
"""The outbox channel of the webhook."""
SUMMARY_CHARS = 1024
_SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.WARNING: "warning",
    Severity.INFO: "info",
}


@dataclass(frozen=True, slots=True)
class PagerSettings:
    """Where the webhook is; `source` names this Tocsin in its events."""

    url: str
    routing_key: str
    source: str = "tocsin"
    timeout_s: float = 10.0


def event(ticket: Ticket, action: str, settings: PagerSettings) -> dict[str, Any]:
    """The body for a ticket; `action` is "trigger" or "resolve"."""
    body: dict[str, Any] = {
        "routing_key": settings.routing_key,
        "event_action": action,
        "dedup_key": ticket.fingerprint[:255],
    }
    if action == "resolve":
        return body
    summary = f"{ticket.subject}: {ticket.title} (Slack could not be reached)"
    body["payload"] = {
        "summary": clean(summary, SUMMARY_CHARS),
        "source": settings.source,
        "severity": _SEVERITIES[ticket.severity],
        "timestamp": datetime.fromtimestamp(ticket.opened_at, UTC).isoformat(),
        "component": clean(ticket.entity, 255),
        "group": clean(ticket.subject, 255),
        "class": ticket.invariant,
        "custom_details": {
            "ticket": ticket.id,
            "summary": clean(ticket.summary, SUMMARY_CHARS),
        },
    }
    return body


class Pager:
    """Sends events; what is known of each afterwards is an Outcome, as for Slack."""

    def __init__(self, settings: PagerSettings, http: httpx.AsyncClient, metrics: Metrics) -> None:
        self.settings = settings
        self._http = http
        self._metrics = metrics

    async def send(self, body: dict[str, Any]) -> Outcome:
        """Send one event."""
        outcome = await self._send(body)
        name = type(outcome).__name__.lower()
        self._metrics.slack_calls.labels("webhook", name).inc()
        return outcome

    async def _send(self, body: dict[str, Any]) -> Outcome:
        import httpx

        try:
            answer = await self._http.post(
                self.settings.url, json=body, timeout=self.settings.timeout_s
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            return Unreached(str(error)[:300])
        except (httpx.HTTPError, OSError) as error:
            return Ambiguous(f"{type(error).__name__}: {error}"[:300])
        return _understood(answer)


def _understood(answer: httpx.Response) -> Outcome:
    if 200 <= answer.status_code < 300:
        return Ok({})
    if answer.status_code == 429:
        return Limited(_retry_after_s(answer.headers.get("Retry-After")))
    if answer.status_code in (401, 403):
        return AuthFailed(f"the webhook answered {answer.status_code}")
    if answer.status_code >= 500:
        return Ambiguous(f"the webhook answered {answer.status_code}")
    return Refused(f"the webhook answered {answer.status_code}", Kind.OTHER)
