"""Replies, pages and the sentences of events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.tickets.views.facts import PageReason
from bot.tickets.views.history import told
from bot.tickets.views.page import criticals, page
from bot.tickets.views.thread import joined, reply, still_broken
from core.tickets.model import Resolution
from tests.bot.samples import (
    ANA,
    BEN,
    DONE,
    HELD,
    LOOK,
    NOW,
    ONCALL,
    event,
    margin,
    name_of,
    ticket,
)


@pytest.mark.parametrize(
    ("kind", "actor", "data", "said"),
    [
        ("ticket.acknowledged", ANA, {}, "👀 Acknowledged by Ana Ruiz"),
        (
            "ticket.held",
            ANA,
            {"until": NOW, "until_healthy": False, "reason": "swap"},
            "⏸️ Held by Ana Ruiz until <!date^1795260000^",
        ),
        (
            "ticket.held",
            BEN,
            {"until": None, "until_healthy": True},
            "⏸️ Held by Ben Okafor until healthy again",
        ),
        (
            "ticket.held",
            BEN,
            {"until": None},
            "⏸️ Held by Ben Okafor until somebody unholds it",
        ),
        ("ticket.held", BEN, {}, "⏸️ Held by Ben Okafor"),
        ("ticket.unheld", ANA, {"held_by": ANA}, "▶️ Hold lifted by Ana Ruiz"),
        (
            "ticket.unheld",
            BEN,
            {"held_by": ANA},
            "▶️ The hold of Ana Ruiz was lifted by Ben Okafor",
        ),
        ("ticket.worsened", None, {"from": "warning"}, "🔺 Critical now, was warning: Store 4"),
        ("ticket.reopened", None, {}, "🔁 Broken again: Store 4"),
        ("ticket.surfaced", None, {"outlived": 41}, "It outlived its cause, ticket 41"),
    ],
)
def test_an_event_is_one_sentence_that_names_the_actor(
    kind: str, actor: str | None, data: dict[str, Any], said: str
) -> None:
    made = reply(ticket(), event(kind, actor, data), LOOK)
    assert made is not None
    assert made.text.startswith(said)
    assert made.fallback().text.startswith(said)


@pytest.mark.parametrize("kind", ["opened", "changed", "recovering", "unowned", "diagnosed", "x"])
def test_what_the_card_shows_anyway_is_not_told_again(kind: str) -> None:
    assert reply(ticket(), event(f"ticket.{kind}", None, {}), LOOK) is None


def test_an_older_event_of_a_hold_takes_its_end_from_the_ticket() -> None:
    made = reply(ticket(**HELD), event("ticket.held", ANA, {}), LOOK)
    assert made is not None
    assert "until <!date^" in made.text
    assert "disk swap" in made.text


def test_the_summary_tells_cause_duration_and_actions() -> None:
    done = ticket(**DONE, acknowledged_by=ANA, acknowledged_at=NOW - 700, flap_count=2)
    ending = replace(event("ticket.resolved", None, {}), at=NOW)
    made = reply(done, ending, replace(LOOK, symptoms=(margin(**DONE),), diagnosis="bad disk"))
    assert made is not None
    lines = made.fallback().text.split("\n")
    assert lines[0] == "✅ Resolved: it is healthy again."
    assert lines[1] == "• Cause: bad disk"
    assert lines[2].startswith("• Lasted 14 min: from <!date^")
    assert lines[3] == "• Acknowledged by Ana Ruiz after 2 min 20 s"
    assert lines[4] == "• It came back twice on the way"
    assert lines[5] == "• With it went 1 explained ticket"


def test_without_a_diagnosis_the_summary_does_not_claim_a_cause() -> None:
    made = reply(ticket(**DONE), event("ticket.resolved", None, {}), LOOK)
    assert made is not None
    assert "no diagnosis; last seen broken as: PD says" in made.text
    assert "Nobody acknowledged it" in made.text


def test_a_manual_end_names_the_person_and_says_that_it_was_broken() -> None:
    done = ticket(resolved_at=NOW, resolution=Resolution.MANUAL, resolved_by=BEN)
    ending = event("ticket.resolved", BEN, {"while_broken": True, "reason": "moved"})
    made = reply(done, ending, LOOK)
    assert made is not None
    assert made.text.startswith("✅ Resolved by Ben Okafor while still broken: moved.")


def test_the_end_of_a_hold_calls_its_holder_and_nobody_else() -> None:
    made = reply(ticket(), event("ticket.hold_ended", None, {"held_by": ANA, "broken": True}), LOOK)
    assert made is not None
    assert made.text.startswith("<@U0ANA>, your hold of ticket 42 has ended; it is still broken")
    assert made.blocks[0]["elements"][0]["elements"][0] == {"type": "user", "user_id": "U0ANA"}


def test_a_symptom_is_told_in_the_thread_of_its_cause() -> None:
    text = joined(margin(), LOOK).text
    assert text.startswith("🔴 Also broken, explained by this: ticket 43, critical: The next store")


def test_a_repetition_is_one_compact_line() -> None:
    made = still_broken(ticket(), LOOK)
    assert made.text.startswith("Still broken, seen 420 times: PD says")
    assert len(made.blocks) == 1


@pytest.mark.parametrize("reason", PageReason)
def test_a_page_can_be_read_on_a_locked_phone(reason: PageReason) -> None:
    made = page(ticket(flap_count=1), reason, ONCALL)
    assert made.text.startswith("prod-eu: CRITICAL, Store 4 (tikv-2:20160) is down.")
    assert made.text.endswith("<!subteam^S0ONCALL>")
    assert {"type": "usergroup", "usergroup_id": "S0ONCALL"} in made.blocks[0]["elements"][-1][
        "elements"
    ]


def test_each_page_says_why_it_woke_somebody() -> None:
    said = [page(ticket(flap_count=1), reason, ONCALL).text for reason in PageReason]
    assert len(set(said)) == len(PageReason)
    assert any("Nobody has acknowledged it for 10 min" in one for one in said)
    assert any("2nd time" in one for one in said)


def test_a_page_about_a_ticket_that_has_ended_says_so_and_calls_nobody() -> None:
    made = page(ticket(**DONE), PageReason.UNOWNED, ONCALL)
    assert "It has ended since" in made.text
    assert "S0ONCALL" not in str(made)


def test_a_page_leads_to_the_card() -> None:
    made = page(ticket(), PageReason.UNOWNED, replace(ONCALL, card_url="https://x.slack.com/a/p1"))
    assert "https://x.slack.com/a/p1" in str(made.blocks[0])


def test_criticals_of_a_storm_share_one_message_that_counts_them() -> None:
    worst = tuple(ticket(id=n, title=f"Store {n} is down") for n in range(12))
    made = criticals(worst, 34, ONCALL)
    assert made.text.startswith("prod-eu: 34 new critical tickets in a burst: Store 0 is down")
    assert made.text.endswith("<!subteam^S0ONCALL>")
    assert "and 26 more" in made.fallback().text


def test_criticals_of_several_clusters_are_named_by_cluster() -> None:
    two = (ticket(), ticket(id=43, subject="prod-us"))
    made = criticals(two, 2, replace(ONCALL, subject=""))
    assert made.text.startswith("2 clusters: 2 new critical tickets")
    assert "prod-us: Store 4" in made.fallback().text


def test_an_event_of_a_later_release_is_shown_by_its_name() -> None:
    phrase = told(event("ticket.moved_house", None, {}), ticket())
    assert [getattr(p, "text", p) for p in phrase] == ["moved house"]
    assert name_of(ANA) == "Ana Ruiz"
