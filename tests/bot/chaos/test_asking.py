"""What the dialogue carries there and back, and what people type after /chaos."""

from __future__ import annotations

import pytest

from bot.chaos import asking, parse
from bot.chaos.asking import Wish
from core.errors import Invalid
from tests.bot.samples import HOSTILE, HUGE

WISH = Wish("kill-store", "prod-eu", "store:4", 30.0)


@pytest.mark.parametrize("wish", [WISH, Wish("", "", "", 0.5), Wish(HOSTILE, HOSTILE, HOSTILE, 1)])
def test_a_wish_comes_back_as_it_went(wish: Wish) -> None:
    assert asking.read(asking.written(wish)) == wish


def test_a_wish_fits_where_slack_carries_it() -> None:
    assert len(asking.written(Wish("x" * 63, "y" * 63, "z" * 200, 600.0))) < 3000


@pytest.mark.parametrize(
    "text",
    ["", "[]", "null", "7", '["c0","a","b","c",1]', '["c1","a","b",7,1]', '["c1","a","b","c",true]',
     '["c1","a","b","c"]', "t:42:7", HOSTILE, HUGE],
)  # fmt: skip
def test_what_is_not_ours_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid, match="cannot be read any more"):
        asking.read(text)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("run  kill-store", ("run", "kill-store")),
        ('schedule "0 3 * * *" x', ("schedule", "0 3 * * *", "x")),
        ("schedule “0 3 * * *” x", ("schedule", "0 3 * * *", "x")),
        ("run x —for 3s –subject s", ("run", "x", "--for", "3s", "--subject", "s")),
        ("run x - 3s", ("run", "x", "-", "3s")),
        ('broken "quote', ("broken", '"quote')),
        ("", ()),
    ],
)
def test_quotes_and_dashes_of_phones_are_read_as_meant(typed: str, words: tuple[str, ...]) -> None:
    assert parse.words(typed) == words


def test_an_option_may_be_written_with_an_equals_sign() -> None:
    assert parse.run(("kill-store", "--for=30s", "store:4")).for_s == 30.0


def test_a_cron_expression_needs_no_quotes() -> None:
    plan = parse.schedule(parse.words("0 10 * * tue kill-store store:4 --hours 9-17"))

    assert (plan.cron, plan.ask.experiment, plan.ask.target) == (
        "0 10 * * tue",
        "kill-store",
        "store:4",
    )
    assert plan.hours == (9, 17)


@pytest.mark.parametrize("given", ["--for 1s --for 2s x", "--for", "--nope x", "a b c", ""])
def test_what_cannot_be_understood_comes_with_an_example(given: str) -> None:
    with pytest.raises(Invalid, match=r"/chaos|twice"):
        parse.run(parse.words(given))


@pytest.mark.parametrize(("text", "pair"), [("", None), ("9-17", (9, 17)), ("0-24", (0, 24))])
def test_hours_are_two_hours_of_the_day(text: str, pair: tuple[int, int] | None) -> None:
    assert parse.hours_of(text) == pair


@pytest.mark.parametrize("text", ["9", "17-9", "9-9", "9-25", "-1-5", "a-b", "9-17-20"])
def test_other_hours_are_refused(text: str) -> None:
    with pytest.raises(Invalid, match="--hours 9-17"):
        parse.hours_of(text)


@pytest.mark.parametrize("given", [("7",), ("#7",), ("run", "7")])
def test_a_run_is_named_by_its_number(given: tuple[str, ...]) -> None:
    assert parse.number(given, "run") == 7
