"""What `tocsin safe` says to somebody who wants to take something away."""

from __future__ import annotations

import pytest

from bot.cli.safe import _told as told
from core.chaos.model import Margin
from core.chaos.safety import May
from tests.bot.cli.driving import Bench

WORDS = "No: kill store:1 now: margin 0 -> majority lost."


def test_without_anything_to_look_at_it_says_where_an_address_is_to_be_had(empty: Bench) -> None:
    said = empty.refused(2, "safe", "kill", "store-1")

    assert "--pd" in said
    assert "tocsin twin status" in said
    assert "-c FILE" in said


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("store-1", "store-1 (store:1)"),
        ("tikv-2:20160", "tikv-2:20160 (store:1)"),
        ("store:1", "store:1"),
        ("1", "store:1"),
        ("random", "store:1"),
    ],
)
def test_the_name_that_was_asked_for_stands_beside_the_entity(target: str, named: str) -> None:
    may = May(False, WORDS, Margin(-1, False, "margin 0 -> majority lost"), "store:1")

    assert told(may, target) == f"No: kill {named} now: margin 0 → majority lost."


def test_where_nobody_could_be_chosen_the_answer_stays_as_it_is() -> None:
    words = "No: kill store-1 now: what would be left cannot be told: PD is silent."

    assert told(May(False, words, Margin(None, False, words)), "store-1") == words
