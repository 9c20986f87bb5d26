"""What buttons carry can be read back, also as older and newer releases write it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot import ids


def test_a_ticket_value_is_read_back() -> None:
    assert ids.parse_ticket(ids.ticket_value(42, 7)) == ids.TicketValue(42, 7)


def test_a_value_without_a_version_or_with_more_is_understood() -> None:
    assert ids.parse_ticket("t:42") == ids.TicketValue(42, 0)
    assert ids.parse_ticket("t:42:7:anything") == ids.TicketValue(42, 7)


def test_an_option_of_a_menu_stands_for_an_action_and_its_value() -> None:
    made = ids.more_value(ids.TICKET_DETAILS, ids.ticket_value(1, 2))
    assert ids.parse_more(made) == (ids.TICKET_DETAILS, "t:1:2")


@given(st.integers(0, 10**9 - 1), st.text(max_size=400))
def test_a_listing_value_is_read_back(page: int, words: str) -> None:
    assert ids.parse_listing(ids.listing_value(page, words)) == (page, words)


@given(st.text(max_size=60))
def test_whatever_a_button_carries_is_understood_or_nothing(text: str) -> None:
    for understand in (
        ids.parse_ticket,
        ids.parse_listing,
        ids.parse_gathering,
        ids.parse_maintenance,
        ids.parse_diagnosis,
        ids.parse_investigation,
    ):
        understand(text)
    for prefix in ("t:", "l:", "g:", "m:", "d:", "i:"):
        ids.parse_ticket(prefix + text)
        ids.parse_gathering(prefix + text)
        ids.parse_diagnosis(prefix + text)
        ids.parse_investigation(prefix + text)


def test_a_diagnosis_value_is_read_back_and_an_unknown_tab_is_the_first() -> None:
    assert ids.parse_diagnosis(ids.diagnosis_value(7)) == ids.DiagnosisValue(7)
    assert ids.parse_diagnosis("d:7:times:2") == ids.DiagnosisValue(7, "times", 2)
    assert ids.parse_diagnosis("d:7:later:2:more") == ids.DiagnosisValue(7, "", 2)
    assert ids.parse_diagnosis("t:7:1") is None
    assert ids.parse_investigation(ids.investigation_value(9)) == 9


def test_names_are_unique_and_short_enough() -> None:
    every = (*ids.ACTIONS, *ids.VIEWS)
    assert len(set(every)) == len(every)
    assert all(len(one) <= 255 for one in every)
