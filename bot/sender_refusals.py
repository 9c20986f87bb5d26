"""What follows from Slack's definite refusals: once more, elsewhere, plainer, later, or never."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from bot.slack import Kind, Refused
from core import channels, outbox, reconcile
from core.db import Tx
from core.outbox import Row

log = structlog.get_logger()
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0


def retry_s(attempt: int) -> float:
    """How long to wait after the n-th failure in a row (from 1)."""
    return float(min(FIRST_RETRY_S * 2.0 ** min(max(attempt - 1, 0), 10), LONGEST_RETRY_S))


def refused(tx: Tx, row: Row, outcome: Refused) -> None:
    """Record a definite refusal and what is to be done about it."""
    match outcome.kind:
        case Kind.CHANNEL:
            reconcile.not_sent(tx, row.key, outcome.code, tx.now)
            if channels.park_channel(tx, row.channel, outcome.code):
                log.error(
                    "a channel is parked", action="park", channel=row.channel, why=outcome.code
                )
        case Kind.MESSAGE if row.edit:
            _gone(tx, row, outcome.code)
        case Kind.CONTENT if not row.data.get("plain"):
            # Once more, as text alone: never lose a message because of its form.
            reconcile.amend(tx, row.key, {"plain": True})
            reconcile.not_sent(tx, row.key, outcome.code, tx.now)
        case _:
            _give_up(tx, row, outcome.code)


def _gone(tx: Tx, row: Row, code: str) -> None:
    """What was there is gone or closed for editing: post it anew, once."""
    current = outbox.get(tx, row.key)
    if current is None or reconcile.anchor_anew(tx, current) is None:
        _give_up(tx, row, code)


def _give_up(tx: Tx, row: Row, code: str) -> None:
    log.error("a message was given up", action="park", ref=row.ref, kind=row.kind, why=code)
    reconcile.park(tx, row.key, code)


@dataclass(slots=True)
class Trouble:
    """Whether Slack refuses our token: nothing is sent while it does."""

    auth: str | None = None
    _probed_at: float = 0.0

    def token_refused(self, code: str, mono: float) -> None:
        """Slack refused the token just now."""
        if self.auth is None:
            log.error("Slack refuses the token; nothing is sent", action="auth", why=code)
            self._probed_at = mono
        self.auth = code

    def probe_due(self, mono: float, every_s: float) -> bool:
        """Whether it is time to ask again."""
        return self.auth is not None and mono - self._probed_at >= every_s

    def probed(self, mono: float, ok: bool) -> None:
        """The token was tried again."""
        self._probed_at = mono
        if ok:
            self.auth = None
