"""What was broken before watching began, accepted or shown from a terminal."""

from __future__ import annotations

from core import events, gatherings, placements
from core.db import Database, Tx
from tests.bot.cli.driving import Bench


def adopted(at: Bench, *entities: str, subject: str = "prod") -> list[int]:
    """Tickets that a running bot has gathered in an adoption message."""
    numbers = at.breaks(*entities)

    def gather(tx: Tx) -> None:
        made = gatherings.begin(tx, "adoption", "alerts", subject)
        placements.put_new(tx, numbers, "alerts", "adoption", made.ref)

    async def use(database: Database) -> None:
        await database.write(gather)

    at.asked(use)
    return numbers


def told(at: Bench) -> list[str]:
    async def use(database: Database) -> list[events.Event]:
        return await database.read(events.since, 0)

    return [one.kind for one in at.asked(use) if one.kind.startswith("gathering.")]


def test_what_was_accepted_is_held_until_healthy(at: Bench) -> None:
    adopted(at, "store:1", "store:2")
    said = at.good("tickets", "accept")
    assert said == "Accepted as known: 2 tickets of prod, held until healthy.\n"
    assert all(t.held_until_healthy and t.held_by.startswith("cli:") for t in at.tickets())
    assert told(at) == ["gathering.accepted"]
    assert "Nothing of before watching began is left" in at.good("tickets", "accept", "prod")


def test_cards_are_asked_of_the_running_bot(at: Bench) -> None:
    adopted(at, "store:1")
    assert at.good("tickets", "cards", "Prod") == "A running bot shows 1 card of prod now.\n"
    assert told(at) == ["gathering.shown"]
    assert not any(t.held for t in at.tickets())


def test_where_several_subjects_have_some_one_must_be_named(at: Bench) -> None:
    adopted(at, "store:1")
    adopted(at, "store:2", subject="conf")
    said = at.refused(2, "tickets", "accept")
    assert said == "Of which subject? There are conf, prod."
    assert "of these: conf, prod." in at.refused(1, "tickets", "cards", "nosuch")
    assert "1 ticket of conf" in at.good("tickets", "accept", "conf")
    assert [t.held for t in sorted(at.tickets(), key=lambda t: t.id)] == [False, True]


def test_without_any_nothing_is_left(at: Bench) -> None:
    at.breaks("store:1")
    assert "is left to accept" in at.good("tickets", "accept")
    assert "is left without a card" in at.good("tickets", "cards")
