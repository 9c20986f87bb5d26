"""Storms and adoptions: how many, how bad, and what can be done about all of them."""

from __future__ import annotations

from dataclasses import replace

from bot import ids
from bot.blocks import Message
from bot.tickets.views.adoption import adoption
from bot.tickets.views.facts import AdoptionFacts, StormFacts
from bot.tickets.views.storm import storm, storm_page
from core.invariant import Severity
from tests.bot.samples import ANA, NOW, name_of, slow, ticket

STORM = StormFacts(
    ref="storm:7",
    opened_at=NOW - 300,
    last_at=NOW,
    total=214,
    open=180,
    owned=12,
    held=3,
    by_severity={Severity.WARNING: 176, Severity.CRITICAL: 4},
    by_invariant=(("high_latency", 120), ("store_down", 4)),
    subjects=("prod-eu",),
    worst=(ticket(), slow()),
)
ADOPTION = AdoptionFacts(
    ref="adoption:prod-eu",
    subject="prod-eu",
    at=NOW,
    total=5,
    open=5,
    by_severity={Severity.WARNING: 5},
    worst=(slow(),),
    name_of=name_of,
)


def title(message: Message) -> str:
    return str(message.blocks[0]["text"]["text"])


def actions(message: Message) -> list[str]:
    rows = [b for b in message.blocks if b["type"] == "actions"]
    return [e["action_id"] for row in rows for e in row["elements"]]


def test_a_storm_counts_all_names_the_worst_and_leads_to_the_rest() -> None:
    made = storm(STORM)
    text = made.fallback().text
    assert title(made) == "🔴 prod-eu · burst of 214 tickets · 180 open"
    assert "4 critical, 176 warning" in text
    assert "12 owned, 168 without, 3 held" in text
    assert "42 Store 4 (tikv-2:20160) is down" in text
    assert made.blocks[-1]["elements"][0]["value"] == ids.gathering_value("storm:7")
    assert made.text.startswith("prod-eu: a burst of 214 tickets, 180 open (4 critical")


def test_a_storm_mentions_nobody_itself() -> None:
    assert "subteam" not in str(storm(STORM))


def test_a_storm_that_is_over_says_so() -> None:
    made = storm(replace(STORM, open=0, owned=0, held=0, worst=(), closed_at=NOW))
    assert title(made) == "✅ prod-eu · burst over · all 214 tickets resolved"
    assert made.text == "prod-eu: all 214 tickets of a burst are resolved."


def test_a_storm_of_several_clusters_names_each_tickets_cluster() -> None:
    made = storm(replace(STORM, subjects=("prod-eu", "prod-us")))
    assert title(made).startswith("🔴 2 clusters")
    assert "42 prod-eu: Store 4" in made.fallback().text


def test_a_storms_pages_lead_on_and_back_and_end() -> None:
    rows = [slow(id=n) for n in range(10)]
    middle = storm_page(STORM, rows, 3)
    assert title(middle) == "prod-eu · burst · 31 to 40 of 214"
    assert actions(middle) == [ids.STORM_PREVIOUS, ids.STORM_NEXT]
    assert actions(storm_page(STORM, rows, 0)) == [ids.STORM_NEXT]
    assert actions(storm_page(STORM, rows[:4], 21)) == [ids.STORM_PREVIOUS]
    assert "nothing on this page" in storm_page(STORM, [], 22).fallback().text


def test_an_adoption_says_that_nobody_was_called_and_asks_what_to_do() -> None:
    made = adoption(ADOPTION)
    assert title(made) == "🧭 prod-eu · 5 tickets from before watching began"
    assert made.text.endswith("Nobody was called.")
    assert actions(made) == [ids.ADOPTION_ACCEPT, ids.ADOPTION_SHOW]


def test_accepting_says_first_what_it_reaches_and_how_to_undo_it() -> None:
    accept = adoption(ADOPTION).blocks[-1]["elements"][0]
    said = accept["confirm"]["text"]["text"]
    assert "5 tickets of prod-eu" in said
    assert "Undo: unhold" in said


def test_once_chosen_there_is_no_choice_left_and_the_chooser_is_named() -> None:
    made = adoption(replace(ADOPTION, accepted_by=ANA, accepted_at=NOW))
    assert actions(made) == []
    assert "Accepted as known by Ana Ruiz (<!date^" in made.fallback().text
    shown = adoption(replace(ADOPTION, shown_by=ANA))
    assert actions(shown) == []
    assert "Cards shown by Ana Ruiz." in shown.fallback().text


def test_an_adoption_that_is_over_has_nothing_to_decide() -> None:
    made = adoption(replace(ADOPTION, open=0, worst=()))
    assert actions(made) == []
    assert title(made).startswith("✅")
