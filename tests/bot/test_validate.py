"""Slack's limits: each has a message that breaks it, and every message can be made to fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import basic_components, block_elements, blocks
from slackblocks import _limits

from bot import validate
from bot.blocks import (
    Message,
    actions,
    button,
    confirmation,
    context,
    field,
    fields,
    header,
    line,
    plain,
    rich,
    section,
    words,
)
from bot.text import size
from bot.validate import fit, problems


def text(said: str, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": kind, "text": said}


def message(*made: dict[str, Any]) -> Message:
    return Message("A sentence.", made)


def act(**more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "a", "text": text("Go"), **more}


def row(*elements: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements)}


def rich_with(leaf: dict[str, Any]) -> dict[str, Any]:
    inner = {"type": "rich_text_section", "elements": [leaf]}
    return {"type": "rich_text", "elements": [inner]}


def select(**more: Any) -> dict[str, Any]:
    options = [{"text": text("1 h"), "value": "1h"}]
    element = {"type": "static_select", "action_id": "s", "options": options, **more}
    return {"type": "input", "label": text("How long"), "element": element}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "header of 151": ({"type": "header", "text": text("x" * 151)}, "/blocks/0/text/text"),
    "header in mrkdwn": ({"type": "header", "text": text("x", "mrkdwn")}, "must be plain_text"),
    "empty text": ({"type": "section", "text": text("")}, "is empty"),
    "section of 3,001": ({"type": "section", "text": text("x" * 3001)}, "3,000 may be"),
    "section of nothing": ({"type": "section"}, "needs text or fields"),
    "11 fields": ({"type": "section", "fields": [text("x")] * 11}, "11 there"),
    "field of 2,001": ({"type": "section", "fields": [text("x" * 2001)]}, "/blocks/0/fields/0"),
    "11 in a context": ({"type": "context", "elements": [text("x")] * 11}, "11 there"),
    "an empty row": (row(), "0 there"),
    "26 buttons": (row(*(act(action_id=str(n)) for n in range(26))), "26 there"),
    "the same action twice": (row(act(), act()), "is there twice"),
    "button text of 76": (row(act(text=text("x" * 76))), "75 may be"),
    "button value of 2,001": (row(act(value="x" * 2001)), "2,000 may be"),
    "button without an id": (row({"type": "button", "text": text("x")}), "action_id"),
    "button in bright pink": (row(act(style="pink")), "primary or danger"),
    "confirm of 301": (
        row(act(confirm={"title": text("t"), "text": text("x" * 301), "confirm": text("y"),
                         "deny": text("n")})),
        "300 may be",
    ),
    "an unknown block": ({"type": "hologram"}, "no block that we send"),
    "an unknown element": (row({"type": "slider", "action_id": "a"}), "no element"),
    "an unknown key": ({"type": "divider", "colour": "red"}, "does not belong"),
    "a long block id": ({"type": "divider", "block_id": "x" * 256}, "255 may be"),
    "text that is a number": ({"type": "header", "text": text(3)}, "must be text"),  # type: ignore[arg-type]
    "elements that are no list": ({"type": "actions", "elements": "x"}, "must be a list"),
    "an image without words": ({"type": "image", "image_url": "https://x.y/z"}, "alt_text"),
    "six in an overflow": (
        row({"type": "overflow", "action_id": "a",
             "options": [{"text": text("x"), "value": str(n)} for n in range(6)]}),
        "6 there",
    ),
    "a default that is no option": (select(initial_option={"text": text("2 h"), "value": "2h"}),
                                    "none of the options"),
    "a broadcast in mrkdwn": ({"type": "section", "text": text("<!here> x", "mrkdwn")},
                              "whole channel"),
    "a broadcast in rich text": (rich_with({"type": "broadcast", "range": "channel"}), "broadcast"),
    "an empty rich text": ({"type": "rich_text", "elements": []}, "0 there"),
    "rich text of nothing": (rich_with({"type": "text", "text": ""}), "is empty"),
    "a date that is no number": (
        rich_with({"type": "date", "timestamp": 1.5, "format": "{time}"}), "whole number"),
    "a list of another style": (
        {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "stars",
         "elements": [{"type": "rich_text_section", "elements": [words("x")]}]}]},
        "bullet or ordered",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_slack_would_refuse_is_found_before_it_is_sent(case: str) -> None:
    block, told = REFUSED[case]
    found = problems(message(block))
    assert len(found) >= 1
    assert any(told in one for one in found), found


@pytest.mark.parametrize("case", REFUSED)
def test_whatever_is_wrong_the_words_still_go_out(case: str) -> None:
    fitted = fit(message(REFUSED[case][0]))
    assert problems(fitted) == ()
    assert fitted.text


def test_a_whole_message_passes() -> None:
    sure = confirmation("Sure?", "It closes.", "Yes", "No")
    whole = message(
        header("A title"),
        fields(field("Since", "noon"), field("Owner", "nobody")),
        section("words", accessory=button("more", "More", "v")),
        rich(line("a ", words("b", bold=True))),
        context(plain("small", 100)),
        actions(button("go", "Go", "v", style="primary", confirm=sure)),
    )
    assert problems(whole) == ()
    assert fit(whole) is whole


def test_fifty_blocks_pass_and_fifty_one_are_cut_with_a_count() -> None:
    many = [section(f"part {n}") for n in range(60)]
    assert problems(message(*many[:50])) == ()
    assert problems(message(*many[:51]))
    fitted = fit(message(*many, actions(button("go", "Go", "v"))))
    assert len(fitted.blocks) == 50
    assert fitted.blocks[-1]["type"] == "actions"
    assert "12 more parts" in fitted.blocks[-2]["elements"][0]["text"]


def test_thirteen_thousand_characters_are_cut_with_a_count() -> None:
    long = message(*(section("x" * 2600) for _ in range(5)))
    assert any("11,000 may be" in one for one in problems(long))
    fitted = fit(long)
    assert problems(fitted) == ()
    assert "more characters)" in str(fitted.blocks)
    assert sum(size(b["text"]["text"]) for b in fitted.blocks) > 10_000


def test_a_token_is_not_cut_in_two() -> None:
    token = "<!date^1795260000^{date_short_pretty} {time}|2026-11-21 11:20 UTC>"
    many = Message("x", ({"type": "section", "text": text("y" * 2960 + token, "mrkdwn")},))
    fitted = fit(many).blocks[0]["text"]["text"]
    assert fitted.count("<") == fitted.count(">")


def test_a_message_needs_words() -> None:
    assert problems(Message("", (section("x"),)))
    assert fit(Message("")).text


def test_a_text_that_is_too_long_is_cut() -> None:
    assert problems(Message("x" * 40_001))
    assert problems(fit(Message("line of words\n" * 4000))) == ()


def test_the_same_block_id_twice_is_refused() -> None:
    twice = {"type": "divider", "block_id": "b"}
    assert any("there twice" in one for one in problems(message(twice, twice)))


VIEW: dict[str, Any] = {
    "type": "modal",
    "title": text("Hold"),
    "submit": text("Hold"),
    "blocks": [select()],
}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"title": text("x" * 25)}, "24 may be"),
        ({"submit": None}, "/submit"),
        ({"private_metadata": "x" * 3001}, "3,000 may be"),
        ({"callback_id": "x" * 256}, "255 may be"),
        ({"blocks": [{"type": "divider"}] * 101}, "100 may be"),
        ({"blocks": []}, "needs one"),
        ({"type": "window"}, "modal or home"),
        ({"mood": "x"}, "does not belong"),
    ],
)
def test_a_view_has_limits_too(changed: dict[str, Any], told: str) -> None:
    view = {k: v for k, v in (VIEW | changed).items() if v is not None}
    assert problems(VIEW) == ()
    assert any(told in one for one in problems(view)), problems(view)


def test_a_view_of_250_kilobytes_is_refused() -> None:
    heavy = VIEW | {"blocks": [{"type": "section", "text": text("x" * 3000)}] * 90}
    assert any("250,000 bytes" in one for one in problems(heavy))


def test_our_figures_are_those_of_two_independent_tables() -> None:
    assert validate.MAX_TITLE == _limits.VIEW_TITLE_MAX_LENGTH
    assert basic_components.ConfirmObject.text_max_length == 300
    assert block_elements.ButtonElement.value_max_length == 2000
    assert block_elements.ButtonElement.text_max_length == _limits.BUTTON_TEXT_MAX_LENGTH == 75
    assert blocks.HeaderBlock.text_max_length == 150
    assert blocks.SectionBlock.text_max_length == _limits.TEXT_MAX_LENGTH == 3000
    assert blocks.SectionBlock.fields_max_length == 10
    assert blocks.ContextBlock.elements_max_length == 10
    assert blocks.ActionsBlock.elements_max_length == 25
    assert block_elements.OverflowMenuElement.options_max_length == 5


KINDS = st.sampled_from(
    [
        "section",
        "rich_text",
        "rich_text_section",
        "rich_text_list",
        "actions",
        "context",
        "header",
        "input",
        "image",
        "text",
        "button",
        "static_select",
        "overflow",
        "plain_text_input",
        "mrkdwn",
        "plain_text",
        "date",
        "checkboxes",
    ]
)
KEYS = st.sampled_from(
    "text elements fields options value element label confirm accessory placeholder url "  # noqa: SIM905 - likewise
    "initial_option max_length timestamp style action_id".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.builds(lambda k, d: {"type": k, **d}, KINDS, st.dictionaries(KEYS, inner, max_size=4))
    ),
    max_leaves=30,
)
BLOCK = st.builds(lambda k, d: {"type": k, **d}, KINDS, st.dictionaries(KEYS, JSON, max_size=4))


@given(st.lists(BLOCK, max_size=4))
def test_no_block_is_so_strange_that_the_check_fails(made: list[dict[str, Any]]) -> None:
    fitted = fit(Message("A sentence.", tuple(made)))
    assert problems(fitted) == ()


@pytest.mark.parametrize(
    "block",
    [
        {"type": "actions", "elements": [1]},
        {"type": "actions", "elements": [act(action_id=[], confirm=3)]},
        {"type": "rich_text", "elements": ["x"]},
        rich_with({"type": "date", "timestamp": 1}),
        {"type": "section", "text": 5, "fields": 3, "accessory": 3},
        {"type": "divider", "block_id": [1]},
        select(options=[1]),
        {"type": "context", "elements": "ab"},
    ],
)
def test_a_block_of_no_known_shape_is_a_problem_and_not_a_crash(block: dict[str, Any]) -> None:
    assert problems(message(block))
    assert problems(fit(message(block))) == ()
    assert fit(message(block)).text
