"""Every state and every verb: what each does, what each refuses, and that repeating is safe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core import events
from core.clock import ManualClock
from core.db import Database, Tx
from core.errors import Conflict, Invalid, NotFound
from core.invariant import Broken, Severity, Violation
from core.tickets import deadlines, recovery, settle, store
from core.tickets.model import AlreadyResolved, Outcome, Status, StillBroken, Verb, allowed
from core.tickets.plan import Healthy, Opening, Plan

ANA, BEN = "slack:UANA", "slack:UBEN"


def violation(tx: Tx, entity: str = "store:1", severity: Severity = Severity.CRITICAL) -> Violation:
    found = Broken(f"{entity} is down", "refused", 3.0, 1.0, "s", facts={"margin": "0"})
    return Violation("prod", "store_down", entity, severity, found, tx.now, 2.0, 0.0)


def open_one(tx: Tx, entity: str = "store:1", severity: Severity = Severity.CRITICAL) -> int:
    ids: dict[str, int] = {}
    opening = Opening(violation(tx, entity, severity), None, False, None)
    settle.write(tx, Plan(opens=[opening]), "prod", ids, last=True)
    return next(iter(ids.values()))


def recovering(tx: Tx, ticket_id: int) -> None:
    ticket = store.get(tx, ticket_id)
    recovery.healthy_again(tx, [Healthy(ticket, tx.now, tx.now, 0.0, False)], [])


PREPARE: dict[str, Callable[[Tx, int], Any]] = {
    "open": lambda tx, n: None,
    "acknowledged": lambda tx, n: store.acknowledge(tx, n, ANA),
    "diagnosed": lambda tx, n: store.mark_diagnosed(tx, n),
    "held": lambda tx, n: store.hold(tx, n, ANA),
    "recovering": recovering,
    "resolved": lambda tx, n: store.resolve(tx, n, ANA, anyway=True),
}
VERBS: dict[str, Callable[[Tx, int], Outcome]] = {
    "acknowledge": lambda tx, n: store.acknowledge(tx, n, BEN),
    "hold": lambda tx, n: store.hold(tx, n, BEN),
    "unhold": lambda tx, n: store.unhold(tx, n, BEN),
    "resolve": lambda tx, n: store.resolve(tx, n, BEN),
    "resolve anyway": lambda tx, n: store.resolve(tx, n, BEN, anyway=True),
}
# What each verb does in each state: changes it, finds it so already, or refuses.
TABLE = {
    "open": "changes changes already broken changes",
    "acknowledged": "already changes already broken changes",
    "diagnosed": "changes changes already broken changes",
    "held": "changes already changes broken changes",
    "recovering": "changes changes already changes changes",
    "resolved": "over over over already already",
}
CASES = [
    (state, verb, outcome)
    for state, row in TABLE.items()
    for verb, outcome in zip(VERBS, row.split(), strict=True)
]


@pytest.mark.parametrize(("state", "verb", "outcome"), CASES)
async def test_every_verb_in_every_state(db: Database, state: str, verb: str, outcome: str) -> None:
    number = await db.write(open_one)
    await db.write(PREPARE[state], number)
    before = await db.read(store.get, number)
    told = await db.read(events.newest)

    match outcome:
        case "changes" | "already":
            done = await db.write(VERBS[verb], number)
            assert done.changed == (outcome == "changes")
            assert (await db.write(VERBS[verb], number)).changed is False
        case "broken":
            with pytest.raises(StillBroken):
                await db.write(VERBS[verb], number)
        case "over":
            with pytest.raises(AlreadyResolved):
                await db.write(VERBS[verb], number)

    after = await db.read(store.get, number)
    news = await db.read(events.newest) - told
    assert news == (1 if outcome == "changes" else 0)
    assert after.version == before.version + (1 if outcome == "changes" else 0)


async def test_status_is_computed_from_the_facts_in_their_order(db: Database) -> None:
    number = await db.write(open_one)
    seen = [(await db.read(store.get, number)).status]
    await db.write(store.acknowledge, number, ANA)
    seen.append((await db.read(store.get, number)).status)
    await db.write(store.mark_diagnosed, number)
    seen.append((await db.read(store.get, number)).status)
    await db.write(store.resolve, number, ANA, anyway=True)
    seen.append((await db.read(store.get, number)).status)

    assert seen == [Status.OPEN, Status.ACKNOWLEDGED, Status.DIAGNOSED, Status.RESOLVED]


async def test_a_diagnosed_ticket_still_offers_itself_until_somebody_owns_it(db: Database) -> None:
    number = await db.write(open_one)
    await db.write(store.mark_diagnosed, number)

    ticket = await db.read(store.get, number)
    assert ticket.unowned
    assert Verb.ACKNOWLEDGE in allowed(ticket)


async def test_a_manual_resolve_lifts_the_hold(db: Database) -> None:
    number = await db.write(open_one)
    await db.write(store.hold, number, ANA, reason="  disk\nswap ")
    assert (await db.read(store.get, number)).hold_reason == "disk swap"
    await db.write(store.resolve, number, BEN, anyway=True, reason="done")

    ticket = await db.read(store.get, number)
    assert (ticket.held, ticket.held_by, ticket.resolve_reason) == (False, None, "done")


async def test_a_timed_hold_ends_by_itself_and_tells_its_holder(
    db: Database, clock: ManualClock
) -> None:
    number = await db.write(open_one)
    until = clock.now().timestamp() + 3600
    await db.write(store.hold, number, ANA, until=until)
    await clock.advance(3599)
    assert await db.read(deadlines.deadline_passed) is False
    assert await db.write(deadlines.end_expired_holds) == 0

    await clock.advance(1)
    assert await db.read(deadlines.deadline_passed) is True
    assert await db.write(deadlines.end_expired_holds) == 1
    assert not (await db.read(store.get, number)).held
    ended = (await db.read(events.of_ticket, number))[-1]
    assert (ended.kind, ended.data["held_by"]) == ("ticket.hold_ended", ANA)


@pytest.mark.parametrize("wrong_s", [-1.0, 0.0, 31 * 86400.0])
async def test_a_hold_must_end_in_the_future_and_within_reason(
    db: Database, clock: ManualClock, wrong_s: float
) -> None:
    number = await db.write(open_one)

    with pytest.raises(Invalid):
        await db.write(store.hold, number, ANA, until=clock.now().timestamp() + wrong_s)


async def test_an_unknown_ticket_names_the_nearest_ones(db: Database) -> None:
    await db.write(open_one)

    with pytest.raises(NotFound, match=r"no ticket 99.*Did you mean 1 \(store:1 is down\)"):
        await db.read(store.get, 99)
    with pytest.raises(NotFound):
        await db.read(store.get, 10**30)


async def test_of_two_people_who_acknowledge_at_once_one_owns_it(db: Database) -> None:
    import asyncio

    number = await db.write(open_one)
    done = await asyncio.gather(
        *(db.write(store.acknowledge, number, f"slack:U{n}") for n in range(8))
    )

    assert sum(d.changed for d in done) == 1
    [owner] = {d.ticket.acknowledged_by for d in done}
    assert (await db.read(store.get, number)).acknowledged_by == owner


async def test_a_change_on_an_outdated_ticket_is_a_conflict(db: Database) -> None:
    number = await db.write(open_one)
    stale = await db.read(store.get, number)
    await db.write(store.acknowledge, number, ANA)

    with pytest.raises(Conflict):
        await db.write(store.change, stale, {"held_at": 1.0, "held_by": BEN})


async def test_the_database_itself_refuses_a_second_open_ticket(db: Database) -> None:
    import sqlalchemy as sa

    await db.write(open_one)
    with pytest.raises(sa.exc.IntegrityError):
        await db.write(open_one)


async def test_a_critical_without_an_owner_is_asked_for_once_after_ten_minutes(
    db: Database, clock: ManualClock
) -> None:
    await db.write(open_one)
    await db.write(open_one, "store:2", Severity.WARNING)
    owned = await db.write(open_one, "store:3")
    await db.write(store.acknowledge, owned, ANA)
    await clock.advance(599)
    assert await db.write(deadlines.remind) == 0
    await clock.advance(1)
    assert await db.write(deadlines.remind) == 1
    await clock.advance(6000)
    assert await db.write(deadlines.remind) == 0


async def test_lists_are_filtered_by_status_subject_severity_and_words(db: Database) -> None:
    await db.write(open_one)
    await db.write(open_one, "store:2", Severity.WARNING)
    held = await db.write(open_one, "store:100%_")
    await db.write(store.hold, held, ANA)

    async def ids(**how: Any) -> list[int]:
        return [t.id for t in await db.read(store.listing, store.Filter(**how))]

    assert await ids() == [3, 1, 2]
    assert await ids(status="held") == [held]
    assert await ids(status="resolved") == []
    assert await ids(severity=Severity.WARNING) == [2]
    assert await ids(subject="nobody") == []
    assert await ids(words=("STORE:2", "down")) == [2]
    assert await ids(words=("100%_",)) == [held]
    assert await ids(words=("'; drop table tickets; --",)) == []
    assert await db.read(store.count, store.Filter("unowned")) == 3
