"""The cleaner: what it takes out, what it leaves, and that nothing survives as markup."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.text import clean, cut, escape, harmless, plural, size, terminal

MARKS = st.text(alphabet="<>@!#&*_~`:|abcE1 0/\\\n\u202e\u200b\x1b[m😀")


def test_ordinary_text_stays_as_it_is() -> None:
    said = "Store 4 (tikv-2:20160) is down; p99 of kv_get is 1.2 s, Zürich, 東京, हिन्दी"
    assert clean(said, 200) == said


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("a\x00b\x07c", "abc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil\x07link\x1b]8;;\x07", "link"),
        ("\x9b31mred", "red"),
        ("user\u202egnp.exe\u202c", "usergnp.exe"),
        ("a\u200bb\u2060c\ufeffd", "abcd"),
        ("one\r\ntwo\u2028three", "one two three"),
        ("  a \t\u00a0 b  ", "a b"),
        ("\ud800broken", "broken"),
        ("\U000e0041tag", "tag"),
    ],
)
def test_what_cannot_be_seen_is_taken_out(raw: str, seen: str) -> None:
    assert clean(raw, 100) == seen


def test_a_tower_of_marks_is_cut_to_a_letter_that_can_be_read() -> None:
    assert len(clean("a" + "\u0301" * 500, 1000)) <= 4


def test_a_long_text_ends_with_an_ellipsis_within_its_limit() -> None:
    assert clean("x" * 500, 20) == "x" * 19 + "…"


def test_lengths_count_an_emoji_twice_as_slack_may() -> None:
    cleaned = clean("😀" * 500, 20)
    assert size(cleaned) <= 20
    assert cleaned.endswith("…")


def test_lines_beyond_the_limit_are_counted() -> None:
    assert clean("a\nb\nc\nd", 100, lines=3) == "a\nb\n(2 more lines)"


def test_ten_megabytes_are_looked_at_only_as_far_as_they_are_shown() -> None:
    assert len(clean("x\x00" * 5_000_000, 50)) == 50


@pytest.mark.parametrize("thing", [None, 42, b"bytes", ["a"]])
def test_anything_can_be_cleaned(thing: object) -> None:
    assert clean(thing, 100) == str(thing)


@given(st.text(), st.integers(1, 60), st.integers(1, 4))
def test_cleaned_text_is_visible_short_and_stays_the_same(raw: str, limit: int, lines: int) -> None:
    cleaned = clean(raw, limit, lines=lines)
    assert size(cleaned) <= limit
    assert cleaned.count("\n") < lines
    bad = {"Cc", "Cf", "Cs", "Cn", "Co"}
    assert not [c for c in cleaned if c != "\n" and unicodedata.category(c) in bad]
    assert clean(cleaned, limit, lines=lines) == cleaned


@pytest.mark.parametrize(
    ("raw", "inert"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<@U0ANA>", "&lt;@U0ANA&gt;"),
        ("<https://evil.example|click>", "&lt;https://evil.example|click&gt;"),
        ("a & b", "a &amp; b"),
        ("*bold* and `code`", "∗bold∗ and ˋcodeˋ"),
        (":rotating_light: x", "∶rotating_light: x"),
        ("kv_get at 15:30:20", "kv_get at 15:30:20"),
        ("tikv-2:20160", "tikv-2:20160"),
    ],
)
def test_markup_is_shown_and_not_read(raw: str, inert: str) -> None:
    assert escape(raw) == inert


@given(MARKS)
def test_no_mention_link_or_emoji_code_survives_escaping(raw: str) -> None:
    inert = escape(clean(raw, 200))
    assert "<" not in inert
    assert ">" not in inert


@given(MARKS)
def test_harmless_text_needs_no_escaping(raw: str) -> None:
    cleaned = clean(raw, 200)
    if harmless(cleaned):
        assert escape(cleaned) == cleaned


@pytest.mark.parametrize("word", ["<!here>", "*a*", "_a_", "`a`", ":a:", "https://a.b", "www.a.b"])
def test_markup_is_not_harmless(word: str) -> None:
    assert not harmless(f"x {word} y") or word == "www.a.b"
    assert not harmless(word)


def test_a_terminal_gets_no_escape_sequence() -> None:
    assert terminal("\x1b]0;title\x07\x1b[2Jhello\r\nworld") == "hello world"


def test_cutting_nothing_gives_nothing() -> None:
    assert cut("abc", 0) == ""


def test_counts_carry_their_noun() -> None:
    assert [plural(n, "ticket") for n in (0, 1, 10_000)] == [
        "0 tickets",
        "1 ticket",
        "10,000 tickets",
    ]
