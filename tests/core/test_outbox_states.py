"""Every state of an effect, met by every function: what becomes of it, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import outbox, reconcile
from core.db import Database, Tx
from core.outbox import Effect, Priority, Row

EPOCH = 3


def made(tx: Tx, state: str) -> Row:
    """An effect in that state, reached as a sender would."""
    key = outbox.post(tx, Effect("T", "alerts", "ticket:1", "card"))
    if state != "pending":
        assert outbox.begin(tx, row(tx, key), EPOCH)
    if state == "ambiguous":
        reconcile.ambiguous(tx, key, "reset", tx.now)
    elif state == "sent":
        outbox.sent(tx, key, "1.1", "digest")
    elif state == "parked":
        reconcile.park(tx, key, "gone")
    assert row(tx, key).state == state
    return row(tx, key)


def row(tx: Tx, key: str) -> Row:
    found = outbox.get(tx, key)
    assert found is not None
    return found


ACTS: dict[str, Callable[[Tx, Row], Any]] = {
    "begin": lambda tx, r: outbox.begin(tx, r, EPOCH),
    "unchanged": outbox.unchanged,
    "want again": lambda tx, r: outbox.want_again(
        tx, r.key, due_at=tx.now, priority=Priority.HUMAN
    ),
    "post again": lambda tx, r: outbox.post(tx, Effect("T", "alerts", "ticket:1", "card")),
    "park": lambda tx, r: reconcile.park(tx, r.key, "why"),
    "recover from another": lambda tx, r: reconcile.recover(tx, EPOCH + 1, tx.now),
    "recover its own": lambda tx, r: reconcile.recover(tx, EPOCH, tx.now),
    "recover a channel": lambda tx, r: reconcile.recover(tx, EPOCH, tx.now, "alerts"),
    "back to pending": lambda tx, r: reconcile.back_to_pending(tx, r.key),
    "look later": lambda tx, r: reconcile.look_later(tx, r.key, "unreadable", tx.now + 5),
    "amend": lambda tx, r: reconcile.amend(tx, r.key, {"a": 1}),
}
# From pending, sending, ambiguous, sent, parked to ("" = stays).
BECOMES: dict[str, tuple[str, str, str, str, str]] = {
    "begin": ("sending", "", "", "", ""),
    "unchanged": ("sent", "", "", "", ""),
    "want again": ("", "", "", "pending", ""),
    "post again": ("", "", "", "", ""),
    "park": ("parked", "parked", "parked", "parked", ""),
    "recover from another": ("", "ambiguous", "", "", ""),
    "recover its own": ("", "", "", "", ""),
    "recover a channel": ("", "ambiguous", "", "", ""),
    "back to pending": ("", "", "pending", "", ""),
    "look later": ("", "", "", "", ""),
    "amend": ("", "", "", "", ""),
}
STATES = ("pending", "sending", "ambiguous", "sent", "parked")


@pytest.mark.parametrize("act", list(ACTS))
async def test_what_an_act_makes_of_each_state(db: Database, act: str) -> None:
    class Undo(Exception):
        pass

    for state, after in zip(STATES, BECOMES[act], strict=True):
        seen: list[str] = []

        def once(tx: Tx, state: str = state, seen: list[str] = seen) -> None:
            one = made(tx, state)
            ACTS[act](tx, one)
            seen.append(row(tx, one.key).state)
            raise Undo

        with pytest.raises(Undo):
            await db.write(once)
        assert seen == [after or state], (act, state)


@pytest.mark.parametrize("state", STATES)
async def test_only_what_never_arrived_can_be_dropped(db: Database, state: str) -> None:
    def drop(tx: Tx) -> bool:
        one = made(tx, state)
        reconcile.drop(tx, one.key)
        return outbox.get(tx, one.key) is None

    assert await db.write(drop) is (state != "sent")
