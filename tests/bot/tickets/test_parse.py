"""What people type after /tickets."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.command_line import unknown
from bot.monitor import parse as monitor
from bot.tickets import parse
from core.errors import TocsinError
from core.invariant import Severity
from core.tickets.store import Filter


@pytest.mark.parametrize(
    ("text", "seconds", "healthy", "reason"),
    [
        ("", None, False, ""),
        ("2h", 7200, False, ""),
        ("2h disk swap", 7200, False, "disk swap"),
        ("for 2h disk swap", 7200, False, "disk swap"),
        ("healthy", None, True, ""),
        ("until healthy new disk", None, True, "new disk"),
        ("2h healthy both", 7200, True, "both"),
        ("healthy 2h both", 7200, True, "both"),
        ("waiting for 2h of soak", None, False, "waiting for 2h of soak"),
        ("for a while", None, False, "for a while"),
        ("HEALTHY", None, True, ""),
        ("1h30m x", 5400, False, "x"),
    ],
)
def test_a_hold_is_a_time_or_healthy_or_both_and_then_a_reason(
    text: str, seconds: float | None, healthy: bool, reason: str
) -> None:
    assert parse.hold(text.split()) == parse.Hold(seconds, healthy, reason)


@pytest.mark.parametrize("text", ["2x", "-5m", "2hh", "0m", "1e9d"])
def test_what_looks_like_a_time_and_is_none_is_not_taken_for_a_reason(text: str) -> None:
    with pytest.raises(TocsinError, match="duration"):
        parse.hold([text, "because"])


@pytest.mark.parametrize(
    ("text", "verb", "nearest"),
    [
        ("list", "list", ""),
        ("  LIST open ", "list", ""),
        ("acknowledge 4", "ack", ""),
        ("close 4", "resolve", ""),
        ("", "help", ""),
        ("hodl 4", "", "hold"),
        ("zzz", "", ""),
    ],
)
def test_a_verb_is_recognised_or_guessed(text: str, verb: str, nearest: str) -> None:
    line = parse.line(text)
    assert (line.verb, line.nearest) == (verb, nearest)


def test_an_unknown_verb_is_answered_with_the_nearest_or_with_all() -> None:
    said = [unknown("/tickets", parse.line(text)) for text in ("hodl 4", "zzz 4")]
    assert said == [
        '/tickets has no verb "hodl". Did you mean hold?',
        '/tickets has no verb "zzz"; it has these:',
    ]


def test_a_filter_takes_its_parts_in_any_order() -> None:
    names = ("prod", "Staging")
    assert parse.filter_of(["critical", "disk", "staging", "held", "full"], names) == Filter(
        "held", "Staging", Severity.CRITICAL, ("disk", "full")
    )
    # A second status is a word to look for.
    assert parse.filter_of(["open", "held"], names) == Filter("open", words=("held",))


@pytest.mark.parametrize("text", ["42", "#42"])
def test_a_number_may_carry_a_hash(text: str) -> None:
    assert parse.number([text, "x"], "show") == (42, ("x",))


def test_resolving_anyway_is_a_word_before_the_reason() -> None:
    assert parse.resolve(["anyway", "spare", "parts"]) == (True, "spare parts")
    assert parse.resolve(["--anyway"]) == (True, "")
    assert parse.resolve(["spare", "anyway"]) == (False, "spare anyway")


@given(st.text(max_size=200))
def test_whatever_is_typed_is_understood_or_refused_in_words(text: str) -> None:
    words = parse.line(text).words
    for understand in (
        parse.hold,
        parse.resolve,
        monitor.pause,
        monitor.interval,
        monitor.subject,
        lambda w: parse.number(w, "show"),
        lambda w: parse.filter_of(w, ("prod",)),
    ):
        # Anything but an error with words for a person fails the test.
        with suppress(TocsinError):
            understand(words)
