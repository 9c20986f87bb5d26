"""The pieces: when a text may be markup, and what its ends look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.blocks import Message, Ours, bold, code, date, field, link, moment, said, web, words


def test_harmless_data_stands_in_markup() -> None:
    assert field("Owner", "Ana Ruiz") == {
        "type": "mrkdwn",
        "text": "*Owner*\nAna Ruiz",
        "verbatim": True,
    }


@pytest.mark.parametrize("bad", ["<!here>", "*x*", ":x:", "a`b`c", "https://x.y", "&amp;"])
def test_data_with_anything_like_markup_makes_the_text_plain(bad: str) -> None:
    made = field("Owner", bad)
    assert made == {"type": "plain_text", "text": f"Owner\n{bad}", "emoji": False}


def test_a_date_in_plain_text_says_utc() -> None:
    assert said("*x* ", date(1_795_260_000.0))["text"] == "*x* 2026-11-21 11:20 UTC"


@given(st.text(alphabet="<>!:*_`ab1 "), st.text(alphabet="<>!:*_`ab1 "))
def test_two_pieces_of_data_never_make_markup_together(one: str, two: str) -> None:
    made = said(one, " · ", two)
    if made["type"] == "mrkdwn":
        assert not set("<>*`") & set(made["text"])
        assert made["text"].count(":") < 2 or " " in made["text"]


def test_spaces_at_the_ends_of_our_words_stay() -> None:
    assert said("since ", Ours("_now_", "now"), " or later")["text"] == "since _now_ or later"
    assert words(" and ")["text"] == " and "
    assert words("")["text"] == " "


@pytest.mark.parametrize(
    "bad", ["javascript:alert(1)", "https://x y", "file:///etc", "https://a|b"]
)
def test_what_is_no_web_address_is_no_link(bad: str) -> None:
    assert link(bad, "Graph").markup == "Graph"
    assert web(bad, "Graph") == {"type": "text", "text": "Graph"}


def test_a_link_keeps_its_address() -> None:
    assert link("https://x.y/?a=1&b=2", "Graph").markup == "<https://x.y/?a=1&amp;b=2|Graph>"


@pytest.mark.parametrize("at", [float("nan"), -1e300, 1e300, 0.0])
def test_a_time_that_is_none_still_makes_a_date(at: float) -> None:
    made = moment(at)
    assert isinstance(made["timestamp"], int)
    assert made["fallback"].endswith("UTC")


def test_bold_and_code_are_for_words_of_ours() -> None:
    assert (bold("x").markup, code("x").markup) == ("*x*", "`x`")


def test_an_edit_to_text_alone_takes_the_blocks_away() -> None:
    assert Message("x").payload() == {"text": "x", "blocks": []}
