"""What one person reads: details, listings, answers, the hold dialogue."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from bot import ids
from bot.blocks import Message
from bot.tickets.views import answers
from bot.tickets.views.details import details
from bot.tickets.views.listing import PER_PAGE, listing
from bot.tickets.views.modal import Wish, hold_modal, read_hold
from bot.validate import problems
from core.errors import Invalid
from core.tickets.model import Resolution
from tests.bot.samples import (
    BEN,
    DONE,
    HELD,
    HOSTILE,
    HUGE,
    LOOK,
    NOW,
    event,
    history,
    slow,
    ticket,
)


def buttons(message: Message) -> dict[str, str]:
    rows = [b for b in message.blocks if b["type"] == "actions"]
    return {e["action_id"]: e["value"] for row in rows for e in row["elements"]}


def test_details_hold_every_fact_and_the_history() -> None:
    text = details(ticket(), history(), LOOK).fallback().text
    assert "• Last heartbeat: 11:59:48 UTC" in text
    assert "Opened: Store 4" in text
    assert "What is measured changed (2 times)" in text
    assert "/tickets ack 42, /tickets hold 42 2h reason, /tickets resolve 42" in text


def test_a_long_history_shows_its_newest_part_and_counts_the_rest() -> None:
    many = [event("ticket.acknowledged", BEN, {}, n) for n in range(100)]
    text = details(ticket(), many, LOOK).fallback().text
    assert "85 earlier entries are not shown" in text


def test_details_of_a_resolved_ticket_offer_nothing_to_press() -> None:
    made = details(ticket(**DONE), history(), LOOK)
    assert buttons(made) == {}
    assert "reopens it by itself" in made.fallback().text


def test_a_list_shows_ten_a_page_with_ways_on_and_back() -> None:
    rows = [slow(id=n) for n in range(100, 100 + PER_PAGE)]
    middle = listing(rows, 25, 1, "warning disk")
    assert middle.blocks[0]["text"]["text"] == "25 tickets: warning disk · 11 to 20 of 25"
    assert buttons(middle) == {
        ids.LISTING_PREVIOUS: ids.listing_value(0, "warning disk"),
        ids.LISTING_NEXT: ids.listing_value(2, "warning disk"),
    }
    assert set(buttons(listing(rows, 25, 0, ""))) == {ids.LISTING_NEXT}
    assert set(buttons(listing(rows[:5], 25, 2, ""))) == {ids.LISTING_PREVIOUS}
    assert buttons(listing(rows[:5], 5, 0, "")) == {}


def test_a_row_of_a_list_has_number_state_time_title_and_a_way_to_more() -> None:
    row = listing([ticket(flap_count=3)], 1, 0, "").blocks[1]
    assert row["text"]["type"] == "mrkdwn"
    first, second = row["text"]["text"].split("\n")
    assert first == "🔴 *42* prod-eu · Store 4 (tikv-2:20160) is down"
    assert second.startswith("critical · open · since <!date^")
    assert second.endswith(" · no owner · flapping")
    assert row["accessory"]["value"] == "t:42:1"


@pytest.mark.parametrize(
    ("total", "asked", "said"),
    [
        (0, "", "No unresolved tickets"),
        (0, "disk tikv-9", 'No tickets for "disk tikv-9"'),
        (12, "", "past the end"),
    ],
)
def test_an_empty_list_says_why_it_is_empty(total: int, asked: str, said: str) -> None:
    assert said in listing([], total, 0, asked).fallback().text


def test_a_late_click_reads_by_whom_and_when() -> None:
    done = ticket(resolved_at=NOW, resolution=Resolution.MANUAL, resolved_by=BEN)
    text = answers.late(done, LOOK).text
    assert text.startswith("Ticket 42 is already resolved (<!date^1795260000^")
    assert text.endswith("Resolved by Ben Okafor.")


def test_resolving_what_is_broken_offers_to_hold_and_says_what_resolving_means() -> None:
    made = answers.resolve_confirm(ticket(), LOOK)
    hold, anyway = made.blocks[1]["elements"]
    assert (hold["action_id"], anyway["action_id"]) == (ids.TICKET_HOLD, ids.TICKET_RESOLVE_ANYWAY)
    assert anyway["style"] == "danger"
    assert "ticket 42 of prod-eu" in anyway["confirm"]["text"]["text"]
    assert "no undo" in anyway["confirm"]["text"]["text"]
    assert set(buttons(answers.resolve_confirm(ticket(**HELD), LOOK))) == {
        ids.TICKET_RESOLVE_ANYWAY
    }


def test_help_shows_an_example_of_every_verb() -> None:
    text = answers.help_text().text
    for verb in ("list", "show 42", "ack 42", "hold 42 2h", "hold 42 healthy", "unhold 42"):
        assert f"/tickets {verb}" in text


@pytest.mark.parametrize("text", ["Store 4 is down", HOSTILE, HUGE, ""])
def test_the_hold_dialogue_is_valid_whatever_the_ticket_says(text: str) -> None:
    view = hold_modal(structs.replace(ticket(title=text), id=10**18, version=10**9))
    assert problems(view) == ()
    assert view["callback_id"] == ids.HOLD_VIEW
    assert view["private_metadata"] == f"t:{10**18}:{10**9}"


def filled(length: str | None, healthy: bool, reason: str | None) -> dict[str, Any]:
    chosen = {"value": length} if length else None
    ticked = [{"value": ids.HOLD_HEALTHY}] if healthy else []
    return {
        ids.HOLD_FOR_BLOCK: {ids.HOLD_FOR: {"type": "static_select", "selected_option": chosen}},
        ids.HOLD_HEALTHY_BLOCK: {ids.HOLD_HEALTHY: {"selected_options": ticked}},
        ids.HOLD_REASON_BLOCK: {ids.HOLD_REASON: {"value": reason}},
    }


@pytest.mark.parametrize(
    ("values", "wish"),
    [
        (filled("2h", False, "swap"), Wish(7200, False, "swap")),
        (filled(ids.HOLD_FOREVER, True, None), Wish(None, True, "")),
        (filled(None, False, ""), Wish(None, False, "")),
        ({}, Wish(None, False, "")),
        ({ids.HOLD_FOR_BLOCK: None, ids.HOLD_REASON_BLOCK: {"other": 1}}, Wish(None, False, "")),
    ],
)
def test_what_was_filled_in_is_read(values: dict[str, Any], wish: Wish) -> None:
    assert read_hold(values) == wish


def test_every_choice_of_the_dialogue_can_be_read() -> None:
    for value, _ in ids.HOLD_CHOICES:
        wish = read_hold(filled(value, False, ""))
        assert (wish.seconds is None) == (value == ids.HOLD_FOREVER)


def test_a_forged_duration_is_refused() -> None:
    with pytest.raises(Invalid):
        read_hold(filled("forever and ever", False, ""))
