"""Finding out what happened to calls of unknown outcome, before anything is sent again.

Each message of ours carries its effect's key as metadata, and as its first block's id. After the settle time the channel's
history, or the thread, is read since the call began: what is found is adopted, what is not is sent
again. Roots come first, so that their replies know where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from bot import ids
from bot.channel_ids import ChannelIds
from bot.points import Points
from bot.sender_call import FILE
from bot.slack import AuthFailed, Kind, Limited, Ok, Outcome, Refused, Slack
from core import channels, outbox, reconcile
from core.clock import Clock
from core.db import Database, Tx
from core.outbox import Row

log = structlog.get_logger()
SKEW_S = 300.0
"""How far our clock and Slack's may be apart; Slack itself refuses to go beyond that."""
PAGE = 200
PAGES_AT_MOST = 100
UNREADABLE_S = 60.0
"""A history that Slack refuses to show for this long: send once more, marked as a possible
duplicate."""
OUTAGE_S = 600.0
"""The same where Slack does not answer: an outage of everything should end before we guess."""
AGAIN_S = 5.0
AGAIN_AT_MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The history could not be read; try again in `again_s`. `refused`: Slack does not let us."""

    why: str
    again_s: float
    refused: bool = False
    gone: bool = False


class Proof:
    """Settles the ambiguous rows of a channel."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        epoch: int,
        slack: Slack,
        ids_of: ChannelIds,
        points: Points,
    ) -> None:
        self._db = db
        self._clock = clock
        self._epoch = epoch
        self._slack = slack
        self._ids = ids_of
        self._points = points

    async def settle(self, channel: str) -> bool:
        """Look up what is due to be looked up; whether there was anything."""
        rows = await self._db.read(reconcile.ambiguous_due, channel)
        if not rows:
            return False
        edits = [r for r in rows if r.edit]
        if edits:
            await self._db.write_as(self._epoch, _repeat, edits)
            return True
        roots = [r for r in rows if r.parent_key is None]
        if roots:
            await self._settle(channel, roots, None)
            return True
        # One thread at a time.
        parent_key = rows[0].parent_key or ""
        parent = await self._db.read(outbox.get, parent_key)
        replies = [r for r in rows if r.parent_key == parent_key]
        await self._settle(channel, replies, parent.ts if parent is not None else None)
        return True

    async def _settle(self, channel: str, rows: list[Row], thread: str | None) -> None:
        since = min(_since(r) for r in rows)
        if thread is None and rows[0].parent_key is not None:
            # Its root never arrived, so it cannot have been sent.
            found: Mapping[str, str] | Unreadable = {}
        else:
            found = await self._find(channel, _wanted(rows), since, thread)
            if isinstance(found, Unreadable) and found.gone and thread is not None:
                # The thread is gone; Slack may have put the reply at top level.
                found = await self._find(channel, _wanted(rows), since, None)
        self._points.reach("sender.found")
        await self._db.write_as(self._epoch, _conclude, rows, found)
        self._points.reach("sender.adopted")

    async def _find(
        self, channel: str, wanted: Mapping[str, str], since: float, thread: str | None
    ) -> Mapping[str, str] | Unreadable:
        channel_id = await self._ids.find(channel)
        if not isinstance(channel_id, str):
            return _unreadable(channel_id)
        method = "conversations.history" if thread is None else "conversations.replies"
        found: dict[str, str] = {}
        cursor: str | None = None
        for _ in range(PAGES_AT_MOST):
            answer = await self._slack.ask(
                method,
                channel=channel_id,
                ts=thread,
                oldest=f"{max(since, 0.0):.6f}",
                include_all_metadata=True,
                limit=PAGE,
                cursor=cursor,
            )
            if not isinstance(answer, Ok):
                return _unreadable(answer)
            found.update(_ours(answer.data, wanted))
            cursor = (answer.data.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None or len(found) == len(set(wanted.values())):
                return found
        return Unreadable("the history is too long to read", AGAIN_S)

    async def reopen(self, channel: str, reason: str) -> bool:
        """Look whether a parked channel can be written to again; if so, it is not parked."""
        self._ids.forget(channel)
        found = await self._ids.find(channel)
        if isinstance(found, str) and await self._writable(found, reason):
            log.info("a channel can be delivered to again", action="unpark", channel=channel)
            await self._db.write_as(self._epoch, channels.unpark_channel, channel)
            return True
        await self._db.write_as(self._epoch, channels.checked, channel)
        return False

    async def _writable(self, channel_id: str, reason: str) -> bool:
        answer = await self._slack.ask("conversations.info", channel=channel_id)
        if not isinstance(answer, Ok):
            # Where Slack does not tell us about channels, only trying shows.
            return isinstance(answer, Refused) and answer.kind is Kind.OTHER
        about = answer.data.get("channel") or {}
        inside = bool(about.get("is_member", True) or about.get("is_im"))
        return not about.get("is_archived") and (inside or reason != "not_in_channel")


def _since(row: Row) -> float:
    began = row.created_at if row.attempt > 1 else (row.started_at or row.created_at)
    return began - SKEW_S


def _wanted(rows: list[Row]) -> dict[str, str]:
    """By what each row would be known if it arrived: its key, or the file that it shows."""
    files = {str(r.data[FILE]): r.key for r in rows if FILE in r.data}
    return {**{r.key: r.key for r in rows}, **files}


def _ours(data: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, str]:
    """Rows' keys, and what stands for each: the message's ts, or the id of the file."""
    found = {}
    for message in data.get("messages") or ():
        key = _key(message)
        if key in wanted:
            found[wanted[str(key)]] = str(message["ts"])
        for file in message.get("files") or ():
            if (name := str(file.get("id"))) in wanted:
                found[wanted[name]] = name
    return found


def _key(message: Mapping[str, Any]) -> object:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") == ids.METADATA_EVENT:
        return (metadata.get("event_payload") or {}).get("key")
    # Where Slack shows no metadata, the first block carries the key too.
    return next((block.get("block_id") for block in message.get("blocks") or ()), None)


def _unreadable(outcome: Outcome) -> Unreadable:
    if isinstance(outcome, Limited):
        return Unreadable("asked for patience", outcome.retry_after_s)
    if isinstance(outcome, Refused | AuthFailed):
        gone = outcome.code in ("thread_not_found", "message_not_found")
        return Unreadable(outcome.code, AGAIN_S, refused=True, gone=gone)
    return Unreadable(str(outcome), AGAIN_S)


def _repeat(tx: Tx, edits: list[Row]) -> None:
    for row in edits:
        reconcile.back_to_pending(tx, row.key)


def _conclude(tx: Tx, rows: list[Row], found: Mapping[str, str] | Unreadable) -> None:
    for row in rows:
        if isinstance(found, Unreadable):
            _unknown(tx, row, found)
        elif row.key in found:
            outbox.sent(tx, row.key, found[row.key], None)
        else:
            if row.data.get("possible_duplicate"):
                reconcile.amend(tx, row.key, {"possible_duplicate": False})
            reconcile.back_to_pending(tx, row.key)


def _unknown(tx: Tx, row: Row, why: Unreadable) -> None:
    waited_s = tx.now - (row.started_at or row.created_at)
    guessed = bool(row.data.get("possible_duplicate"))
    limit_s = UNREADABLE_S if why.refused else OUTAGE_S
    if 0 <= waited_s < limit_s or (guessed and not why.refused):
        again_s = max(why.again_s, min(waited_s / 4, AGAIN_AT_MOST_S), 0.5)
        reconcile.look_later(tx, row.key, why.why, tx.now + again_s)
    elif guessed:
        log.error("a message may or may not be there", action="park", ref=row.ref, why=why.why)
        reconcile.park(tx, row.key, f"its outcome cannot be learned: {why.why}")
    else:
        reconcile.amend(tx, row.key, {"possible_duplicate": True})
        reconcile.back_to_pending(tx, row.key, note="possible duplicate")
