"""What counts as the diagnosis of an experiment."""

from __future__ import annotations

from core.chaos.model import Experiment, Fault, Story
from core.chaos.sightings import Seen, noted
from core.db import Database, Tx
from core.diagnosis import store
from core.diagnosis.made import New
from core.diagnosis.model import Certainty, Diagnosis, Reason, Snapshot
from core.invariant import Severity
from tests.core.diagnosis.bench import open_tickets

KILL = Experiment("kill-store", "Kill a store", Fault.KILL, "store", expects=("store_down",))
HEALED_AT = 4_000_000_000.0
"""Later than any row is written: what was looked at, not when it was kept, decides."""


def looked(
    tx: Tx, ticket: int, cause: str, at: float, certainty: Certainty = Certainty.LIKELY
) -> None:
    taken = Snapshot("prod", "store_down", "store:1", 1.0, at, Reason.SOON, ())
    made = Diagnosis(
        cause=cause,
        entity="store:1",
        primary=cause,
        certainty=certainty,
        claims=(),
        alternatives=(),
        action="",
        commands=(),
        severity=Severity.CRITICAL,
        risks=(),
        unseen=(),
        timeline=(),
        affected=(),
        readings={},
        made_by="rules",
        taken_at=at,
    )
    number = store.save_snapshot(tx, ticket, taken)
    store.save_diagnosis(tx, New(ticket, number, made, Reason.SOON, 0.1))


def told(tx: Tx, ticket: int) -> Story:
    story = Story(
        {},
        30.0,
        entity="store:1",
        injected_at=0.0,
        detected_at=1.0,
        detected_ticket=ticket,
        heal_began_at=HEALED_AT,
    )
    return noted(tx, story, KILL, Seen())


async def test_the_last_look_before_the_healing_counts(db: Database) -> None:
    ticket = (await db.write(open_tickets, ["store:1"]))[0]
    await db.write(looked, ticket, "process_hung", HEALED_AT - 29)
    await db.write(looked, ticket, "process_killed", HEALED_AT - 9)
    await db.write(looked, ticket, "nothing_wrong", HEALED_AT + 1)
    story = await db.read(told, ticket)
    assert (story.diagnosed_as, story.right) == ("process_killed", True)


async def test_where_nobody_looked_before_the_first_look_after_counts(db: Database) -> None:
    ticket = (await db.write(open_tickets, ["store:1"]))[0]
    await db.write(looked, ticket, "process_killed", HEALED_AT + 1, Certainty.INCONCLUSIVE)
    await db.write(looked, ticket, "nothing_wrong", HEALED_AT + 60)
    story = await db.read(told, ticket)
    assert (story.diagnosed_as, story.right) == ("process_killed", False)
