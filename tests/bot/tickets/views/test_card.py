"""The card in every state: what is on it, in which order, and what can be pressed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import ids
from bot.blocks import Message
from bot.tickets.views.card import card
from bot.tickets.views.facts import Why
from core.invariant import Severity
from core.tickets.model import Detail, Resolution
from tests.bot.samples import ANA, BEN, DONE, HELD, LOOK, NOW, ONCALL, margin, slow, ticket


def title(message: Message) -> str:
    return str(message.blocks[0]["text"]["text"])


def buttons(message: Message) -> list[str]:
    return [e["action_id"] for e in message.blocks[-1]["elements"]]


def said(message: Message) -> str:
    return message.fallback().text


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "🔴 prod-eu · Critical · open · Store 4 (tikv-2:20160) is down"),
        ({"severity": Severity.WARNING}, "🟠 prod-eu · Warning · open"),
        ({"severity": Severity.INFO}, "🔵 prod-eu · Info · open"),
        ({"acknowledged_by": ANA}, "🔴👀 prod-eu · Critical · acknowledged"),
        ({"diagnosed_at": NOW}, "🔴🔎 prod-eu · Critical · open, diagnosed"),
        (
            {"diagnosed_at": NOW, "acknowledged_by": ANA},
            "🔴👀 prod-eu · Critical · acknowledged, diagnosed",
        ),
        (HELD, "🔴⏸️ prod-eu · Critical · held"),
        ({"healthy_since": NOW}, "🔴 prod-eu · Critical · open, recovering"),
        (DONE, "✅ prod-eu · Critical · resolved · Store 4 (tikv-2:20160) is down"),
    ],
)
def test_the_title_tells_state_by_emoji_and_by_word(changes: dict[str, Any], shown: str) -> None:
    assert title(card(ticket(**changes), LOOK)).startswith(shown)


A, R, H, U, X, D = (
    ids.TICKET_ACKNOWLEDGE,
    ids.TICKET_RESOLVE,
    ids.TICKET_HOLD,
    ids.TICKET_UNHOLD,
    ids.TICKET_DIAGNOSE,
    ids.TICKET_DETAILS,
)


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ({}, [A, R, H, X, D]),
        ({"acknowledged_by": ANA}, [R, H, X, D]),
        ({"diagnosed_at": NOW}, [A, R, H, X, D]),
        ({"held_at": NOW, "held_by": BEN}, [U, R, A, X, D]),
        (HELD, [U, R, X, D]),
        (DONE, [D]),
    ],
)
def test_what_can_be_pressed_depends_on_the_state(
    changes: dict[str, Any], offered: list[str]
) -> None:
    assert buttons(card(ticket(**changes), LOOK)) == offered


def test_a_button_names_the_ticket_and_the_version_that_was_seen() -> None:
    made = card(ticket(version=7), LOOK).blocks[-1]["elements"]
    assert {e["value"] for e in made} == {"t:42:7"}
    assert made[0]["accessibility_label"] == "Acknowledge ticket 42"


@pytest.mark.parametrize("changes", [{}, HELD, DONE, {"acknowledged_by": ANA}])
def test_the_order_of_its_parts_is_the_same_in_every_state(changes: dict[str, Any]) -> None:
    kinds = [b["type"] for b in card(ticket(**changes), LOOK).blocks]
    assert kinds == ["header", "section", "rich_text", "context", "actions"]


def cells(message: Message) -> dict[str, str]:
    found = [f["text"].split("\n", 1) for f in message.blocks[1]["fields"]]
    return {label.strip("*"): value for label, value in found}


def test_a_measured_ticket_shows_value_and_threshold() -> None:
    found = cells(card(slow(), LOOK))
    assert list(found) == ["Since", "Measured", "Free", "Owner"]
    assert found["Measured"] == "71.4 %, threshold 70 %"
    assert found["Owner"] == "nobody yet"


def test_a_ticket_without_a_figure_shows_what_tells_most_of_its_impact() -> None:
    assert list(cells(card(ticket(), LOOK))) == [
        "Since",
        "Quorum margin",
        "Leaders it had",
        "Owner",
    ]


def test_a_ticket_without_any_reading_still_says_since_and_owner() -> None:
    assert list(cells(card(ticket(detail=Detail()), LOOK))) == ["Since", "Owner"]


def test_a_resolved_card_says_how_long_and_how_it_ended() -> None:
    shown = card(ticket(**DONE, acknowledged_by=ANA), LOOK)
    assert list(cells(shown)) == ["Since", "Until", "Lasted", "Owner"]
    assert cells(shown)["Lasted"] == "14 min"
    assert "✅ It is healthy again." in said(shown)


def test_a_card_that_a_person_resolved_names_them_and_their_reason() -> None:
    by_hand = ticket(
        resolved_at=NOW,
        resolution=Resolution.MANUAL,
        resolved_by=BEN,
        resolve_reason="moved",
        shut=True,
    )
    text = said(card(by_hand, LOOK))
    assert "Resolved by Ben Okafor: moved. It was still broken then" in text


def test_a_held_card_says_by_whom_until_when_and_why() -> None:
    text = said(card(ticket(**HELD), LOOK))
    assert "Held by Ana Ruiz until <!date^" in text
    assert ": disk swap, back by noon." in text


@pytest.mark.parametrize(
    ("changes", "why", "line"),
    [
        ({}, None, "first time seen here"),
        ({"previous_id": 17}, None, "it happened before, see ticket 17"),
        ({"flap_count": 1, "reopened_at": NOW}, None, "broke again (<!date^"),
        ({}, Why.NEW_ENTITY, "open elsewhere already"),
        ({}, Why.WORSENED, "it got worse and is critical now"),
    ],
)
def test_one_line_says_why_you_got_it(changes: dict[str, Any], why: Why | None, line: str) -> None:
    text = said(card(ticket(**changes), replace(LOOK, why=why)))
    assert text.count("Why now:") == 1
    assert line in text


def test_symptoms_are_listed_and_the_rest_is_counted() -> None:
    look = replace(
        LOOK, symptoms=(margin(), *(slow(id=n) for n in range(50, 60))), symptom_count=40
    )
    text = said(card(ticket(), look))
    assert "Ticket 43, critical, open: The next store lost breaks a majority" in text
    assert "and 35 more" in text


def test_the_stores_whose_loss_would_break_a_majority_are_named() -> None:
    told = "Losing any of these as well would break a majority: store 1, store 5"
    assert told in said(card(ticket(), replace(LOOK, symptoms=(margin(),))))
    assert told not in said(card(ticket(), replace(LOOK, symptoms=(margin(**DONE),))))
    assert cells(card(margin(), LOOK))["Would break majority"] == "store 1, store 5"


@pytest.mark.parametrize(
    ("look", "mark"),
    [
        ({"experiment": "kill store 4"}, "🧪 Opened during experiment kill store 4."),
        ({"maintenance": "upgrade"}, "🔧 Notifications are paused: upgrade"),
        ({"possible_duplicate": True}, "❔ This may be a second copy"),
        ({"diagnosis": "bad disk"}, "🔎 bad disk (more in the thread)"),
    ],
)
def test_what_surrounds_a_ticket_is_marked(look: dict[str, Any], mark: str) -> None:
    assert mark in said(card(ticket(), replace(LOOK, **look)))
    assert mark not in said(card(ticket(), LOOK))


def test_a_flapping_ticket_says_so_and_a_recovering_one_too() -> None:
    assert "🔁 Flapping: it came back 4 times" in said(card(ticket(flap_count=4), LOOK))
    assert "the hold keeps it open" in said(card(ticket(**HELD, healthy_since=NOW), LOOK))
    assert "resolves by itself if that lasts" in said(card(ticket(healthy_since=NOW), LOOK))


def test_the_notification_names_cluster_severity_and_entity_first() -> None:
    text = card(ticket(), ONCALL).text
    assert text.startswith("prod-eu: CRITICAL, Store 4 (tikv-2:20160) is down.")
    assert text.endswith("<!subteam^S0ONCALL>")


@pytest.mark.parametrize("changes", [{"acknowledged_by": ANA}, HELD, DONE])
def test_somebody_is_called_only_while_nobody_has_it(changes: dict[str, Any]) -> None:
    called = {"type": "usergroup", "usergroup_id": "S0ONCALL"}
    assert called in card(ticket(), ONCALL).blocks[2]["elements"][-1]["elements"]
    assert "S0ONCALL" not in str(card(ticket(**changes), ONCALL))


@pytest.mark.parametrize("bad", ["<!channel>", "@oncall", "<@U1> <!here>", "S0ONCALL"])
def test_what_is_no_user_and_no_group_calls_nobody(bad: str) -> None:
    shown = card(ticket(), replace(LOOK, mention=bad))
    assert "please have a look" not in said(shown)
    assert bad not in shown.text


def test_an_owner_without_a_known_name_is_shown_as_slack_knows_them() -> None:
    look = replace(LOOK, name_of=lambda actor: f"<@{actor.partition(':')[2]}>")
    assert cells(card(ticket(acknowledged_by=ANA), look))["Owner"] == "<@U0ANA>"


def test_links_and_numbers_stand_in_the_small_print() -> None:
    small = [e["text"] for e in card(ticket(), LOOK).blocks[3]["elements"]]
    assert small[0] == "Ticket 42 · store_down · store-4"
    assert small[1].startswith("seen broken 420 times, last <!date^")
    assert small[2].endswith("|Grafana>")
