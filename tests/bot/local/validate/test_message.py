"""Whole messages: counts, unique ids, sizes, surfaces; and no input breaks the validator itself."""

from __future__ import annotations

import slackblocks._limits as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.local.validate import blocks as ours
from bot.local.validate.message import check_blocks, check_message, text_size
from bot.local.validate.views import check_view

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "x"}}
TITLE = {"type": "plain_text", "text": "T"}


def messages(issues):
    return [str(issue) for issue in issues]


def test_a_message_holds_fifty_blocks_and_a_view_a_hundred():
    assert check_blocks([SECTION] * 50) == []
    assert messages(check_blocks([SECTION] * 51)) == [
        "no more than 50 items allowed [json-pointer:/blocks]"
    ]
    assert check_view({"type": "home", "blocks": [SECTION] * 100}) == []
    assert messages(check_view({"type": "home", "blocks": [SECTION] * 101})) == [
        "no more than 100 items allowed [json-pointer:/blocks]"
    ]


def test_block_ids_are_unique_in_a_message():
    twice = [{**SECTION, "block_id": "a"}] * 2
    assert messages(check_blocks(twice)) == [
        "block_id a already exists [json-pointer:/blocks/1/block_id]"
    ]


def test_the_same_action_id_may_stand_in_two_blocks():
    row = {
        "type": "actions",
        "elements": [{"type": "button", "action_id": "a", "text": TITLE}],
    }
    assert check_blocks([row, row]) == []


def test_markdown_counts_over_all_blocks():
    half = {"type": "markdown", "text": "x" * 6001}
    assert check_blocks([half]) == []
    assert messages(check_blocks([half, half])) == [
        "markdown must be less than 12001 characters [json-pointer:/blocks]"
    ]


def test_the_size_of_text_counts_containers_but_no_ids():
    blocks = [
        {"type": "container", "title": TITLE, "child_blocks": [SECTION, SECTION]},
        {
            "type": "actions",
            "block_id": "x" * 100,
            "elements": [{"type": "button", "value": "x" * 100, "text": TITLE}],
        },
    ]
    assert text_size(blocks) == len("TxxT")


def test_a_message_needs_some_content():
    assert messages(check_message({})) == ["missing required field: text or blocks [json-pointer:]"]
    assert check_message({"text": "x"}) == []
    assert check_message({"blocks": [{"type": "blink"}]})
    assert check_message([])


def test_what_only_messages_may_hold_is_refused_in_a_modal():
    view = {"type": "modal", "title": TITLE, "blocks": [{"type": "markdown", "text": "x"}]}
    assert messages(check_view(view)) == ["unsupported type: markdown [json-pointer:/blocks/0]"]


def test_a_modal_with_inputs_needs_a_submit_button():
    entry = {"type": "input", "label": TITLE, "element": {"type": "plain_text_input"}}
    view = {"type": "modal", "title": TITLE, "blocks": [entry]}
    assert "submit is required" in messages(check_view(view))[0]
    assert check_view({**view, "submit": TITLE}) == []


def test_a_view_has_its_own_limits():
    base = {"type": "modal", "title": TITLE, "blocks": [SECTION]}
    for change, pointer in (
        ({"title": {"type": "plain_text", "text": "x" * 25}}, "/title/text"),
        ({"submit": {"type": "plain_text", "text": "x" * 25}}, "/submit/text"),
        ({"private_metadata": "x" * 3001}, "/private_metadata"),
        ({"callback_id": "x" * 256}, "/callback_id"),
        ({"blocks": []}, "/blocks"),
        ({"type": "popup"}, ""),
        ({"colour": "red"}, ""),
    ):
        assert [i.pointer for i in check_view(base | change)] == [pointer], change


def test_one_element_may_ask_for_the_focus():
    element = {"type": "plain_text_input", "focus_on_load": True}
    entry = {"type": "input", "label": TITLE, "element": element}
    view = {"type": "modal", "title": TITLE, "submit": TITLE, "blocks": [entry, entry]}
    assert "focus_on_load" in messages(check_view(view))[0]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
block_like = st.dictionaries(
    st.sampled_from(["type", "text", "fields", "elements", "element", "rows", "accessory", "options",
                     "block_id", "action_id", "option_groups", "initial_options"]),
    st.sampled_from([*ours.BLOCKS, "button", "static_select", "checkboxes", "plain_text"]) | json_like,
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(block_like | json_like, max_size=4) | json_like)
def test_no_input_breaks_the_validator(blocks):
    check_blocks(blocks)
    check_blocks([{"type": "actions", "elements": blocks}, {"type": "input", "element": blocks}])
    check_blocks([{"type": "rich_text", "elements": blocks}, {"type": "table", "rows": blocks}])
    check_message(blocks)
    check_view(blocks)
    check_view({"type": "modal", "title": TITLE, "blocks": blocks})
    text_size(blocks)


def at_its_edge(build, limit):
    """Whether `limit` passes and one more does not."""
    return check_blocks([build(limit)]) == [] and check_blocks([build(limit + 1)]) != []


def test_our_limits_are_those_of_an_independent_list():
    """slackblocks generates its limits from a registry of its own."""

    def text(n):
        return {"type": "plain_text", "text": "x" * n}

    def of_button(**more):
        return {"type": "actions", "elements": [{"type": "button", "text": TITLE, **more}]}

    def options(n):
        made = [{"text": TITLE, "value": str(i)} for i in range(n)]
        return {"type": "actions", "elements": [{"type": "static_select", "options": made}]}

    for build, limit in (
        (lambda n: {"type": "section", "text": text(n)}, theirs.SECTION_TEXT_MAX_LENGTH),
        (lambda n: {"type": "section", "fields": [TITLE] * n}, theirs.SECTION_FIELDS_MAX_ITEMS),
        (lambda n: {"type": "section", "fields": [text(n)]}, theirs.SECTION_FIELDS_ITEM_MAX_LENGTH),
        (lambda n: {"type": "header", "text": text(n)}, theirs.HEADER_TEXT_MAX_LENGTH),
        (lambda n: {"type": "context", "elements": [TITLE] * n}, theirs.CONTEXT_ELEMENTS_MAX_ITEMS),
        (lambda n: {"type": "markdown", "text": "x" * n}, theirs.MARKDOWN_TEXT_MAX_LENGTH),
        (lambda n: {"type": "alert", "text": text(n)}, theirs.ALERT_TEXT_MAX_LENGTH),
        (lambda n: {"type": "card", "body": text(n)}, theirs.CARD_BODY_MAX_LENGTH),
        (lambda n: of_button(text=text(n)), theirs.BUTTON_TEXT_MAX_LENGTH),
        (lambda n: of_button(value="x" * n), theirs.BUTTON_VALUE_MAX_LENGTH),
        (lambda n: of_button(action_id="x" * n), theirs.ACTION_ID_MAX_LENGTH),
        (lambda n: {**SECTION, "block_id": "x" * n}, theirs.BLOCK_ID_MAX_LENGTH),
        (options, theirs.SELECT_OPTIONS_MAX_ITEMS),
    ):
        assert at_its_edge(build, limit), limit
