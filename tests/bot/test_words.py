"""Durations, figures and sentences, as they are read aloud."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import words
from core import durations
from core.durations import span
from core.errors import Invalid
from core.invariant import Severity
from core.tickets.model import Outcome, Resolution
from tests.bot.samples import ANA, BEN, HELD, NOW, name_of, ticket


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1d", 86400),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        (" 2 Hours ", 7200),
        ("0.5h", 1800),
        ("1w", 604800),
        ("5min", 300),
    ],
)
def test_a_duration_is_understood(said: str, seconds: float) -> None:
    assert durations.parse_duration(said) == seconds
    assert durations.is_duration(said)


@pytest.mark.parametrize(
    "said", ["", "2", "h", "2x", "-2h", "0s", "0h0m", "2h tomorrow", "h2", "٣h", "2hh", "1e9h"]
)
def test_what_is_no_duration_is_refused_with_examples(said: str) -> None:
    with pytest.raises(Invalid, match="1h30m"):
        durations.parse_duration(said)
    assert not durations.is_duration(said)


@given(st.text(max_size=200))
def test_any_text_is_a_duration_or_a_clear_refusal(said: str) -> None:
    if durations.is_duration(said):
        assert durations.parse_duration(said) > 0
    else:
        with pytest.raises(Invalid, match="2h"):
            durations.parse_duration(said)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (45.4, "45 s"),
        (60, "1 min"),
        (185, "3 min 5 s"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
        (float("nan"), "an unknown time"),
    ],
)
def test_a_span_has_one_or_two_units(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (71.42, "%", "71.4 %"),
        (1203.0, "regions", "1,203 regions"),
        (-1.0, "stores", "-1 stores"),
        (0.00213, "s", "0.00213 s"),
        (float("inf"), "s", "no figure"),
        (None, "s", ""),
    ],
)
def test_a_figure_is_short(value: float | None, unit: str, said: str) -> None:
    assert words.figure(value, unit) == said


@pytest.mark.parametrize(("n", "said"), [(1, "1st"), (2, "2nd"), (11, "11th"), (23, "23rd")])
def test_ordinals_are_english(n: int, said: str) -> None:
    assert words.ordinal(n) == said


def test_the_worst_is_counted_first_and_none_is_left_out() -> None:
    assert words.counted({Severity.WARNING: 12, Severity.CRITICAL: 3, Severity.INFO: 0}) == (
        "3 critical, 12 warning"
    )


@pytest.mark.parametrize(
    ("actor", "called"),
    [
        ("slack:U0ANA", "<@U0ANA>"),
        ("cli:ana", "ana (terminal)"),
        ("tocsin", "Tocsin"),
        ("slack:<!channel>", "<!channel>"),
        ("", "somebody"),
    ],
)
def test_an_actor_is_mentioned_only_by_a_real_id(actor: str, called: str) -> None:
    assert words.mention_of(actor) == called


def when(at: float) -> str:
    return f"T{at - NOW:+.0f}"


@pytest.mark.parametrize(
    ("verb", "changed", "made", "said"),
    [
        ("acknowledge", True, {"acknowledged_by": ANA}, "Ticket 42 is owned by Ana Ruiz now: "),
        (
            "acknowledge",
            False,
            {"acknowledged_by": ANA, "acknowledged_at": NOW - 60},
            "Ticket 42 is already owned by Ana Ruiz (T-60).",
        ),
        (
            "hold",
            True,
            HELD,
            "Ticket 42 is held by Ana Ruiz until T+5400: disk swap, back by noon.",
        ),
        (
            "hold",
            False,
            {"held_at": NOW, "held_by": BEN, "held_until_healthy": True},
            "Ticket 42 is already held by Ben Okafor until healthy again.",
        ),
        ("unhold", True, {}, "Ticket 42 is no longer held. "),
        ("unhold", False, {}, "Ticket 42 is not held."),
        (
            "resolve",
            False,
            {"resolved_at": NOW, "resolution": Resolution.MANUAL, "resolved_by": BEN},
            "Ticket 42 is already resolved (T+0). Resolved by Ben Okafor.",
        ),
        (
            "resolve",
            True,
            {"resolved_at": NOW, "resolution": Resolution.MANUAL, "shut": True},
            "Ticket 42 is resolved: Store 4 (tikv-2:20160) is down. It stays closed until",
        ),
    ],
)
def test_an_outcome_is_one_sentence(verb: str, changed: bool, made: dict, said: str) -> None:
    done = Outcome(verb, changed, ticket(**made))
    assert words.outcome(done, name_of, when).startswith(said)


def test_a_state_is_told_by_word_and_by_sign() -> None:
    assert words.state(ticket(**HELD)) == "held"
    assert words.state(ticket(healthy_since=NOW)) == "open, recovering"
    signs = {words.sign(ticket(severity=s)) for s in Severity}
    assert len(signs) == 3
    assert words.sign(ticket(resolved_at=NOW, resolution=Resolution.REMOVED)) == "✅"
