"""Blocks, elements and rich text: what is valid, and each limit at its edge."""

from __future__ import annotations

import pytest

from bot.local.validate.message import check_blocks

PLAIN = {"type": "plain_text", "text": "x"}
IMAGE = {"type": "image", "image_url": "https://x.y/z.png", "alt_text": "z"}
OPTION = {"text": PLAIN, "value": "v"}


def plain(n):
    return {"type": "plain_text", "text": "x" * n}


def mrkdwn(n):
    return {"type": "mrkdwn", "text": "x" * n}


def section(**more):
    return {"type": "section", "text": mrkdwn(1), **more}


def actions(*elements):
    return {"type": "actions", "elements": [*elements]}


def button(**more):
    return {"type": "button", "action_id": "a", "text": PLAIN, **more}


def select(count, **more):
    options = [{"text": PLAIN, "value": str(n)} for n in range(count)]
    return {"type": "static_select", "action_id": "s", "options": options, **more}


def entry(element, **more):
    return {"type": "input", "label": PLAIN, "element": element, **more}


def rich(*elements):
    return {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [*elements]}],
    }


def table(rows, columns):
    cell = {"type": "raw_text", "text": "x"}
    return {"type": "table", "rows": [[cell] * columns for _ in range(rows)]}


CONFIRM = {"title": plain(100), "text": mrkdwn(300), "confirm": plain(30), "deny": plain(30)}
VALID = [
    section(text=mrkdwn(3000)),
    {"type": "section", "fields": [mrkdwn(2000)] * 10},
    section(accessory=button(), expand=True),
    section(accessory=IMAGE),
    section(block_id="x" * 255),
    {"type": "header", "text": plain(150)},
    {"type": "divider"},
    {"type": "context", "elements": [PLAIN, mrkdwn(5), IMAGE]},
    actions(*[button(action_id=str(n)) for n in range(25)]),
    actions(button(value="x" * 2000, style="danger", confirm=CONFIRM, url="https://x.y")),
    actions(select(100)),
    actions(select(3, initial_option={"text": PLAIN, "value": "2"})),
    actions({"type": "overflow", "action_id": "o", "options": [OPTION] * 5}),
    actions({"type": "checkboxes", "options": [{"text": mrkdwn(75), "value": "v"}] * 10}),
    actions({"type": "users_select", "action_id": "u", "placeholder": plain(150)}),
    actions({"type": "datepicker", "initial_date": "2026-02-28"}),
    actions({"type": "timepicker", "initial_time": "23:59"}),
    entry({"type": "plain_text_input", "multiline": True, "max_length": 3000}, optional=True),
    entry({"type": "number_input", "is_decimal_allowed": False, "min_value": "1"}),
    {"type": "image", "image_url": "https://x.y", "alt_text": "a", "title": plain(2000)},
    {"type": "markdown", "text": "x" * 12_000},
    table(100, 20),
    rich({"type": "text", "text": "x", "style": {"bold": True}}, {"type": "user", "user_id": "U1"}),
    rich({"type": "link", "url": "https://x.y"}, {"type": "broadcast", "range": "here"}),
    rich({"type": "date", "timestamp": 1_700_000_000, "format": "{date}"}),
    {"type": "rich_text", "elements": [{"type": "rich_text_preformatted", "elements": []}]},
    {"type": "alert", "text": mrkdwn(200), "level": "error"},
    {"type": "card", "title": plain(150), "body": mrkdwn(200), "actions": [button()] * 1},
    {"type": "task_card", "task_id": "t", "title": "x", "status": "complete"},
    {"type": "plan", "title": "p", "tasks": [
        {"type": "task_card", "task_id": "t", "title": "x", "status": "pending"}]},
    {"type": "container", "title": plain(150), "child_blocks": [section()] * 10},
    {"type": "video", "title": plain(200), "video_url": "https://x.y", "thumbnail_url": "https://x.y",
     "alt_text": "a"},
    {"type": "context_actions", "elements": [{
        "type": "feedback_buttons",
        "positive_button": {"text": PLAIN, "value": "1"},
        "negative_button": {"text": PLAIN, "value": "0"}}]},
]  # fmt: skip

INVALID = [
    ("x", "/blocks/0", "must provide an object"),
    ({}, "/blocks/0", "missing required field: type"),
    ({"type": "blink"}, "/blocks/0", "unsupported type: blink"),
    ({"type": ["section"]}, "/blocks/0", "unsupported type: ['section']"),
    ({"type": "section"}, "/blocks/0", "missing required field: text or fields"),
    (section(text=mrkdwn(3001)), "/blocks/0/text/text", "must be less than 3001 characters"),
    (section(text=mrkdwn(0)), "/blocks/0/text/text", "must be more than 0 characters"),
    (section(text="x"), "/blocks/0/text", "must provide an object"),
    (section(text={"type": "mrkdwn", "text": 5}), "/blocks/0/text/text", "must provide a string"),
    (section(text={"type": "mrkdwn", "text": "x", "emoji": True}), "/blocks/0/text",
     "invalid additional property: emoji"),
    (section(fields=[mrkdwn(1)] * 11), "/blocks/0/fields", "no more than 10 items allowed"),
    (section(fields=[]), "/blocks/0/fields", "no fewer than 1 items allowed"),
    (section(fields=[mrkdwn(2001)]), "/blocks/0/fields/0/text", "must be less than 2001 characters"),
    (section(colour="red"), "/blocks/0", "invalid additional property: colour"),
    (section(block_id="x" * 256), "/blocks/0/block_id", "must be less than 256 characters"),
    (section(accessory={"type": "plain_text_input"}), "/blocks/0/accessory",
     "unsupported type: plain_text_input"),
    ({"type": "header", "text": mrkdwn(1)}, "/blocks/0/text", "unsupported type: mrkdwn"),
    ({"type": "header", "text": plain(151)}, "/blocks/0/text/text", "must be less than 151 characters"),
    ({"type": "context", "elements": []}, "/blocks/0/elements", "no fewer than 1 items allowed"),
    ({"type": "context", "elements": [PLAIN] * 11}, "/blocks/0/elements", "no more than 10 items allowed"),
    (actions(*[button()] * 26), "/blocks/0/elements", "no more than 25 items allowed"),
    (actions(button(text=plain(76))), "/blocks/0/elements/0/text/text", "must be less than 76 characters"),
    (actions(button(value="x" * 2001)), "/blocks/0/elements/0/value", "must be less than 2001 characters"),
    (actions(button(style="pink")), "/blocks/0/elements/0/style", "must be a valid enum value"),
    (actions(button(url="javascript:x")), "/blocks/0/elements/0/url", "must match the expected format"),
    (actions(button(action_id="x" * 256)), "/blocks/0/elements/0/action_id",
     "must be less than 256 characters"),
    (actions(button(confirm={"title": PLAIN})), "/blocks/0/elements/0/confirm",
     "missing required field: text"),
    (actions(button(confirm=CONFIRM | {"title": plain(101)})), "/blocks/0/elements/0/confirm/title/text",
     "must be less than 101 characters"),
    (actions(button(), button()), "/blocks/0", "`action_id` a already exists in this block"),
    (actions(select(101)), "/blocks/0/elements/0/options", "no more than 100 items allowed"),
    (actions(select(1, option_groups=[])), "/blocks/0/elements/0",
     "exactly one of options, option_groups must be provided"),
    (actions(select(1, initial_option={"text": PLAIN, "value": "9"})), "/blocks/0/elements/0",
     "initial options must be among the options"),
    (actions({"type": "overflow", "options": [OPTION] * 6}), "/blocks/0/elements/0/options",
     "no more than 5 items allowed"),
    (actions({"type": "radio_buttons", "options": [OPTION] * 11}), "/blocks/0/elements/0/options",
     "no more than 10 items allowed"),
    (actions(select(1, placeholder=plain(151))), "/blocks/0/elements/0/placeholder/text",
     "must be less than 151 characters"),
    (actions({"type": "static_select", "options": [{"text": plain(76), "value": "v"}]}),
     "/blocks/0/elements/0/options/0/text/text", "must be less than 76 characters"),
    (actions({"type": "static_select", "options": [{"text": PLAIN, "value": "x" * 151}]}),
     "/blocks/0/elements/0/options/0/value", "must be less than 151 characters"),
    (actions({"type": "datepicker", "initial_date": "2026-13-01"}), "/blocks/0/elements/0/initial_date",
     "must match the expected format"),
    (entry(button()), "/blocks/0/element", "unsupported type: button"),
    (entry({"type": "plain_text_input", "max_length": 3001}), "/blocks/0/element/max_length",
     "must be from 1 to 3000"),
    (entry({"type": "number_input"}), "/blocks/0/element", "missing required field: is_decimal_allowed"),
    ({"type": "image", "image_url": "https://x"}, "/blocks/0", "missing required field: alt_text"),
    ({"type": "image", "alt_text": "x"}, "/blocks/0", "exactly one of image_url, slack_file must be provided"),
    ({"type": "markdown", "text": "x" * 12_001}, "/blocks/0/text", "must be less than 12001 characters"),
    (table(101, 1), "/blocks/0/rows", "no more than 100 items allowed"),
    (table(1, 21), "/blocks/0/rows/0", "no more than 20 items allowed"),
    ({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}], []]}, "/blocks/0/rows/1",
     "no fewer than 1 items allowed"),
    (rich({"type": "text", "text": ""}), "/blocks/0/elements/0/elements/0/text",
     "must be more than 0 characters"),
    (rich({"type": "shout", "text": "x"}), "/blocks/0/elements/0/elements/0", "unsupported type: shout"),
    (rich({"type": "text", "text": "x", "style": {"huge": True}}), "/blocks/0/elements/0/elements/0/style",
     "invalid additional property: huge"),
    ({"type": "alert", "text": mrkdwn(201)}, "/blocks/0/text/text", "must be less than 201 characters"),
    ({"type": "task_card", "task_id": "t", "title": "x", "status": "pending"}, "/blocks/0/status",
     "only a task of a plan can be pending"),
    ({"type": "container", "title": PLAIN, "child_blocks": [section()] * 11}, "/blocks/0/child_blocks",
     "no more than 10 items allowed"),
    ({"type": "container", "title": PLAIN, "child_blocks": [{"type": "container"}]},
     "/blocks/0/child_blocks/0", "unsupported type: container"),
]  # fmt: skip


@pytest.mark.parametrize("block", VALID, ids=lambda b: b["type"])
def test_a_valid_block_has_no_issues(block):
    assert check_blocks([block]) == []


@pytest.mark.parametrize(("block", "pointer", "message"), INVALID)
def test_an_invalid_block_is_named_by_its_pointer(block, pointer, message):
    found = [(issue.pointer, issue.message) for issue in check_blocks([block])]
    assert (pointer, message) in found


def test_every_issue_is_reported_not_only_the_first():
    issues = check_blocks([section(text=mrkdwn(0)), {"type": "blink"}])
    assert [issue.pointer for issue in issues] == ["/blocks/0/text/text", "/blocks/1"]
