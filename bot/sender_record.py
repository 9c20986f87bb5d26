"""What is known after a call, in its row: arrived, refused, too fast, in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.blocks import Message
from bot.sender_refusals import refused, retry_s
from bot.slack import Ambiguous, AuthFailed, Limited, Ok, Outcome, Refused, Unreached
from core import outbox, reconcile
from core.db import Tx
from core.outbox import Row


@dataclass(frozen=True, slots=True)
class Drawn:
    """An effect as it was on a snapshot, and how it looks: None if there is nothing to say."""

    row: Row
    message: Message | None
    thread_ts: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """One call about to be made: committed as `sending`."""

    row: Row
    message: Message
    parent_key: str | None
    thread_ts: str | None


def record(tx: Tx, job: Job, outcome: Outcome, settle_s: float) -> None:
    """Write down how a call went; what is in doubt is looked up after `settle_s`."""
    row = job.row
    match outcome:
        case Ok(data):
            outbox.sent(tx, row.key, str(data.get("ts") or row.ts), job.message.digest())
            _check_thread(tx, job, data)
        case Limited():
            reconcile.not_sent(tx, row.key, "Slack asked for patience", tx.now)
        case Unreached(why):
            reconcile.not_sent(tx, row.key, why, tx.now + retry_s(row.attempt))
        case AuthFailed(code):
            reconcile.not_sent(tx, row.key, code, tx.now)
        case Ambiguous(why):
            _in_doubt(tx, row, why, settle_s)
        case Refused():
            refused(tx, row, outcome)


def _in_doubt(tx: Tx, row: Row, why: str, settle_s: float) -> None:
    if row.edit:
        # Repeating an edit does no harm, and the newest state wins.
        reconcile.not_sent(tx, row.key, why, tx.now + retry_s(row.attempt))
    else:
        reconcile.ambiguous(tx, row.key, why, tx.now + settle_s)


def _check_thread(tx: Tx, job: Job, data: dict[str, Any]) -> None:
    """A reply to a message that is gone is posted at top level without a word."""
    if job.thread_ts is None or job.row.edit:
        return
    message = data.get("message")
    landed = message.get("thread_ts") if isinstance(message, dict) else job.thread_ts
    parent = outbox.get(tx, job.parent_key) if job.parent_key else None
    if landed != job.thread_ts and parent is not None:
        reconcile.anchor_anew(tx, parent)
