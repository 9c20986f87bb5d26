"""What a tick remembers of the tickets, and what it does not read anew."""

from __future__ import annotations

from msgspec.structs import fields

from core.db import Database, Tx
from core.invariant import Broken, Severity, Violation
from core.tickets import settle, store
from core.tickets.known import Read, known
from core.tickets.model import Ticket
from core.tickets.plan import Opening, Plan


def opened(tx: Tx) -> None:
    found = Broken("down", "down")
    opens = [
        Opening(
            Violation("prod", "x", str(n), Severity.WARNING, found, 0.0, 1.0, 0.0),
            None,
            False,
            None,
        )
        for n in range(3)
    ]
    settle.write(tx, Plan(opens=opens), "prod", {}, last=True)


def test_a_ticket_is_its_row() -> None:
    assert tuple(f.name for f in fields(Ticket)) == store.COLUMNS


async def test_a_row_that_nobody_changed_gives_the_same_ticket(db: Database) -> None:
    await db.write(opened)
    read: Read = {}
    first = (await db.read(known, "prod", read)).tickets
    second = (await db.read(known, "prod", read)).tickets
    assert [second[key] is first[key] for key in first] == [True, True, True]


async def test_what_somebody_changed_or_ended_meanwhile_is_read_anew(db: Database) -> None:
    await db.write(opened)
    read: Read = {}
    first = (await db.read(known, "prod", read)).tickets
    await db.write(store.acknowledge, 1, "slack:U1")
    await db.write(store.resolve, 2, "slack:U1", anyway=True)
    second = (await db.read(known, "prod", read)).tickets
    assert second["prod/x/0"].acknowledged_by == "slack:U1"
    assert "prod/x/1" not in second
    assert second["prod/x/2"] is first["prod/x/2"]
    assert second["prod/x/2"] is read[3]
    assert second == (await db.read(known, "prod")).tickets
