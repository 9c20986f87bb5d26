"""Block elements and composition objects: buttons, selects, pickers, inputs (slack.md 2.1)."""

from __future__ import annotations

from typing import Any

from bot.local.validate.report import (
    Report,
    Rule,
    anything,
    array,
    boolean,
    by_type,
    every,
    exactly_one,
    integer,
    one_of,
    plain,
    record,
    string,
    text,
)

URL = string(3000, pattern=r"(?:https?|slack|mailto|tel):\S+")
IMAGE_URL = string(3000, pattern=r"https?://\S+")
ID = string(255)
USER = string(255, pattern=r"[UW][A-Z0-9]+")
CHANNEL = string(255, pattern=r"[CDG][A-Z0-9]+")
DATE = string(10, pattern=r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])")
TIME = string(5, pattern=r"(?:[01]\d|2[0-3]):[0-5]\d")
MANY = 100

confirm = record(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
)
slack_file = record({}, {"id": string(255), "url": URL}, exactly_one("id", "url"))
dispatch = record(
    {"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 2)}
)


def option(label: Rule, **more: Rule) -> Rule:
    """An option whose text is by `label`."""
    return record({"text": label, "value": string(150)}, {"description": label, **more})


select_option = option(plain(75))
rich_option = option(text(75))
group = record({"label": plain(75), "options": array(select_option, MANY)})


def element(required: dict[str, Rule], optional: dict[str, Rule], also: Rule | None = None) -> Rule:
    """An interactive element; it may have an action_id, else Slack makes one."""
    base: dict[str, Rule] = {"action_id": ID}
    return record({"type": anything, **required}, {**base, **optional}, also)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _offered(report: Report, at: str, value: Any) -> None:
    """What is chosen first must be among the options."""
    offered = _list(value.get("options"))
    for one in _list(value.get("option_groups")):
        offered += _list(one.get("options")) if isinstance(one, dict) else []
    known = [option.get("value") for option in offered if isinstance(option, dict)]
    for one in (*_list(value.get("initial_options")), value.get("initial_option")):
        if isinstance(one, dict) and one.get("value") not in known:
            report.add(at, "initial options must be among the options", "initial_option")


CONFIRM: dict[str, Rule] = {"confirm": confirm}
PICK: dict[str, Rule] = {
    "placeholder": plain(150),
    "confirm": confirm,
    "focus_on_load": boolean,
}
SOME: dict[str, Rule] = {"max_selected_items": integer(1, 10_000)}
OPTIONS: dict[str, Rule] = {
    "options": array(select_option, MANY),
    "option_groups": array(group, MANY),
}
FILTER: dict[str, Rule] = {
    "response_url_enabled": boolean,
    "default_to_current_conversation": boolean,
    "filter": record(
        {},
        {
            "include": array(one_of("im", "mpim", "private", "public"), 4),
            "exclude_external_shared_channels": boolean,
            "exclude_bot_users": boolean,
        },
    ),
}
STATIC = every(exactly_one("options", "option_groups"), _offered)
TYPED: dict[str, Rule] = {
    "placeholder": plain(150),
    "dispatch_action_config": dispatch,
    "focus_on_load": boolean,
}
QUERY: dict[str, Rule] = {"min_query_length": integer(0, 10_000)}
CHOICES: dict[str, Rule] = {"options": array(rich_option, 10)}

BUTTONS: dict[str, Rule] = {
    "button": element(
        {"text": plain(75)},
        {
            "url": URL,
            "value": string(2000),
            "style": one_of("primary", "danger"),
            "confirm": confirm,
            "accessibility_label": string(75),
            "agent_prompt": string(4000),
        },
    ),
    "workflow_button": element(
        {"text": plain(75), "workflow": anything},
        {"style": one_of("primary", "danger"), "accessibility_label": string(75)},
    ),
    "overflow": element({"options": array(option(plain(75), url=URL), 5)}, CONFIRM),
}
CHOOSERS: dict[str, Rule] = {
    "static_select": element({}, {**PICK, **OPTIONS, "initial_option": anything}, STATIC),
    "external_select": element({}, {**PICK, **QUERY, "initial_option": select_option}),
    "users_select": element({}, {**PICK, "initial_user": USER}),
    "conversations_select": element({}, {**PICK, **FILTER, "initial_conversation": CHANNEL}),
    "channels_select": element(
        {}, {**PICK, "initial_channel": CHANNEL, "response_url_enabled": boolean}
    ),
    "radio_buttons": element(
        CHOICES,
        {"initial_option": anything, "confirm": confirm, "focus_on_load": boolean},
        _offered,
    ),
    "checkboxes": element(
        CHOICES,
        {"initial_options": anything, "confirm": confirm, "focus_on_load": boolean},
        _offered,
    ),
    "multi_static_select": element(
        {}, {**PICK, **OPTIONS, **SOME, "initial_options": anything}, STATIC
    ),
    "multi_external_select": element(
        {}, {**PICK, **QUERY, **SOME, "initial_options": array(select_option, MANY)}
    ),
    "multi_users_select": element({}, {**PICK, **SOME, "initial_users": array(USER, MANY)}),
    "multi_conversations_select": element(
        {}, {**PICK, **SOME, **FILTER, "initial_conversations": array(CHANNEL, MANY)}
    ),
    "multi_channels_select": element(
        {}, {**PICK, **SOME, "initial_channels": array(CHANNEL, MANY)}
    ),
    "datepicker": element({}, {**PICK, "initial_date": DATE}),
    "timepicker": element({}, {**PICK, "initial_time": TIME, "timezone": string(64)}),
    "datetimepicker": element(
        {},
        {
            "initial_date_time": integer(10**9, 10**10 - 1),
            "confirm": confirm,
            "focus_on_load": boolean,
        },
    ),
}
INPUTS: dict[str, Rule] = {
    "plain_text_input": element(
        {},
        {
            **TYPED,
            "initial_value": string(3000, least=0),
            "multiline": boolean,
            "min_length": integer(0, 3000),
            "max_length": integer(1, 3000),
        },
    ),
    "email_text_input": element({}, {**TYPED, "initial_value": string(3000)}),
    "url_text_input": element({}, {**TYPED, "initial_value": URL}),
    "number_input": element(
        {"is_decimal_allowed": boolean},
        {
            **TYPED,
            "initial_value": string(255),
            "min_value": string(255),
            "max_value": string(255),
        },
    ),
    "rich_text_input": element({}, {**TYPED, "initial_value": anything}),
    "file_input": element({}, {"filetypes": array(string(255), MANY), "max_files": integer(1, 10)}),
}
feedback = record({"text": plain(75), "value": string(2000)}, {"accessibility_label": string(75)})
ASIDES: dict[str, Rule] = {
    "feedback_buttons": element({"positive_button": feedback, "negative_button": feedback}, {}),
    "icon_button": element(
        {"icon": string(75), "text": plain(75)},
        {
            "value": string(2000),
            "confirm": confirm,
            "accessibility_label": string(75),
            "visible_to_user_ids": array(USER, 10),
        },
    ),
}
image = record(
    {"type": anything, "alt_text": string(2000)},
    {"image_url": IMAGE_URL, "slack_file": slack_file},
    exactly_one("image_url", "slack_file"),
)
url_source = record({"type": anything, "url": URL, "text": string(3000)})

accessory = by_type({**BUTTONS, **CHOOSERS, "image": image})
action = by_type({**BUTTONS, **CHOOSERS})
input_element = by_type({**CHOOSERS, **INPUTS})
aside = by_type(ASIDES)
