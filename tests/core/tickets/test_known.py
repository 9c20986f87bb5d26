"""What a tick remembers of the tickets, and what it does not read anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import structs
from msgspec.structs import fields

from core.db import Database, Tx
from core.invariant import Broken, Severity, Violation
from core.tickets import settle, store
from core.tickets.again import Sighting, Touch
from core.tickets.known import Read, known
from core.tickets.model import Ticket
from core.tickets.plan import Healthy, Opening, Plan, Reopening


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


def seen(tx: Tx, **plan: Any) -> None:
    settle.write(tx, Plan(**plan), "prod", {}, last=True)


def got(tx: Tx, number: int) -> Ticket:
    return store.get(tx, number)


async def test_whatever_changes_a_ticket_changes_what_is_remembered_of_it(db: Database) -> None:
    """Each write that a tick or a person makes, on an open and on a closed ticket."""
    await db.write(opened)
    told = Broken("down", "down for longer", 2.0)
    again = Violation("prod", "x", "0", Severity.WARNING, told, 3.0, 1.0, 0.0)
    writes: list[Callable[[Tx], Any]] = [
        lambda tx: seen(tx, sightings=[Sighting(1.0, 1.0, [1, 2])]),
        lambda tx: seen(tx, touches=[Touch(got(tx, 1), again, "")]),
        lambda tx: seen(tx, healthy=[Healthy(got(tx, 1), 4.0, 4.0, 0.0, False)]),
        lambda tx: seen(tx, healthy=[Healthy(got(tx, 1), 5.0, 4.0, 1.0, False)]),
        lambda tx: seen(tx, touches=[Touch(got(tx, 1), again, "changed")]),
        lambda tx: store.acknowledge(tx, 1, "slack:U1"),
        lambda tx: store.hold(tx, 1, "slack:U1"),
        lambda tx: store.unhold(tx, 1, "slack:U1"),
        lambda tx: store.mark_diagnosed(tx, 1),
        lambda tx: store.resolve(tx, 2, "slack:U1", anyway=True),
        lambda tx: seen(tx, unshut=[got(tx, 2)]),
        lambda tx: seen(tx, healthy=[Healthy(got(tx, 1), 6.0, 6.0, 0.0, True)]),
        lambda tx: seen(tx, reopens=[Reopening(got(tx, 1), again, None)]),
        lambda tx: seen(tx, removed=[got(tx, 3)]),
    ]
    read: Read = {}
    await db.read(known, "prod", read)
    for number, write in enumerate(writes):
        before = await db.read(lambda tx: (known(tx, "prod").tickets, known(tx, "prod").closed))
        await db.write(write)
        kept = await db.read(known, "prod", read)
        anew = await db.read(known, "prod")
        assert (kept.tickets, kept.closed) == (anew.tickets, anew.closed), number
        assert (anew.tickets, anew.closed) != before, number


async def test_tickets_seen_again_as_they_were_are_written_together(db: Database) -> None:
    await db.write(opened)
    await db.write(store.resolve, 2, "slack:U1", anyway=True)
    before = await db.read(store.by_ids, [1, 2, 3])
    await db.write(lambda tx: seen(tx, sightings=[Sighting(9.0, 2.0, [1, 2, 3])]))
    after = await db.read(store.by_ids, [1, 2, 3])
    for number in (1, 3):
        same = structs.replace(before[number], last_seen_at=9.0, seen_period_s=2.0, count=2)
        assert after[number] == same
    assert after[2] == before[2]
