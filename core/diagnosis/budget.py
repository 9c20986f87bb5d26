"""Money: put aside at the highest price before a model is asked, accounted for after it.

A row of `spending` is committed before the call leaves. If the program dies in between, the row stays
at the highest price, so that a crash can make the budget too small and never too large. Amounts are
millionths of a dollar; a day is a day of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from core.db import Database, Tx
from core.diagnosis.claude.task import Spent
from core.errors import Refused
from core.schema_diagnosis import spending as sp

RESERVED = "reserved"


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may be spent, in micro-dollars: on one look, and on one day by everything."""

    one: int
    day: int


def day_of(at: float) -> str:
    """The day (UTC) that an instant belongs to, as it is stored."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def spent_on(tx: Tx, day: str) -> int:
    """What was spent or put aside on a day."""
    return int(tx.value(sa.select(sa.func.sum(sp.c.micro_dollars)).where(sp.c.day == day)) or 0)


def spent_for(tx: Tx, investigation_id: int) -> int:
    """What was spent or put aside for one look, by earlier attempts too."""
    found = sa.select(sa.func.sum(sp.c.micro_dollars)).where(
        sp.c.investigation_id == investigation_id
    )
    return int(tx.value(found) or 0)


def dollars(micro: int) -> str:
    """Millionths of a dollar for people."""
    return f"${micro / 1e6:,.2f}" if micro >= 10_000 or not micro else f"${micro / 1e6:.4f}"


class Ledger:
    """The account of one look. `investigation_id` None: of a look outside the queue (the CLI)."""

    def __init__(
        self,
        db: Database,
        epoch: int | None,
        subject: str,
        investigation_id: int | None,
        caps: Caps,
    ) -> None:
        self._db = db
        self._epoch = epoch
        self._subject = subject
        self._investigation_id = investigation_id
        self._caps = caps

    async def reserve(self, model: str, micro_dollars: int) -> int:
        """Put the highest price of a call aside; Refused, in words, if a cap does not allow it."""
        if self._epoch is None:
            return await self._db.write(self._reserve, model, micro_dollars)
        return await self._db.write_as(self._epoch, self._reserve, model, micro_dollars)

    def _reserve(self, tx: Tx, model: str, micro: int) -> int:
        day = day_of(tx.now)
        self._refuse_over(tx, day, micro)
        row = {
            "day": day,
            "at": tx.now,
            "subject": self._subject,
            "investigation_id": self._investigation_id,
            "model": model[:128],
            "micro_dollars": micro,
            "outcome": RESERVED,
        }
        return int(tx.value(sa.insert(sp).values(**row).returning(sp.c.id)))

    def _refuse_over(self, tx: Tx, day: str, micro: int) -> None:
        today = spent_on(tx, day)
        if today + micro > self._caps.day:
            raise Refused(
                f"The budget of {dollars(self._caps.day)} a day does not allow it: "
                f"{dollars(today)} are spent or put aside today, and the next call may cost "
                f"{dollars(micro)}. It begins anew at 00:00 UTC."
            )
        if self._investigation_id is None:
            return
        here = spent_for(tx, self._investigation_id)
        if here + micro > self._caps.one:
            raise Refused(
                f"The budget of {dollars(self._caps.one)} for one diagnosis does not allow it: "
                f"{dollars(here)} are spent, and the next call may cost {dollars(micro)}."
            )

    async def settle(self, reservation: int, spent: Spent) -> None:
        """What the call cost in the end. Never fenced: money that is gone is counted."""
        await self._db.write(_settle, reservation, spent)


def _settle(tx: Tx, reservation: int, spent: Spent) -> None:
    used = spent.usage
    tx.run(
        sa.update(sp)
        .where(sp.c.id == reservation, sp.c.outcome == RESERVED)
        .values(
            input_tokens=used.input,
            output_tokens=used.output,
            cache_read_tokens=used.cache_read,
            cache_write_tokens=used.cache_write,
            micro_dollars=spent.micro_dollars,
            outcome=spent.outcome[:32],
        )
    )
