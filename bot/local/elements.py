"""Interactive elements on a surface: finding them, what they hold, what a click on one says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
# Element type -> (the key of its value, the key of its first value).
HOLDS = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "overflow": ("selected_option", ""),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "file_input": ("files", ""),
}
MANY = (
    "selected_options",
    "selected_users",
    "selected_conversations",
    "selected_channels",
    "files",
)


def find(blocks: list[Json], action_id: str, block_id: str = "") -> tuple[Json, Json] | None:
    """The (block, element) with this action_id."""
    for block in blocks:
        if block_id and block.get("block_id") != block_id:
            continue
        for element in _within(block):
            if element.get("action_id") == action_id:
                return block, element
    return None


def _within(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        if "action_id" in value and "type" in value:
            yield value
        for inner in value.values():
            yield from _within(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _within(inner)


def options(element: Json) -> Iterator[Json]:
    """All options of a select, grouped or not."""
    yield from element.get("options") or ()
    for group in element.get("option_groups") or ():
        yield from group.get("options") or ()


def spoken(element: Json, given: Any) -> Json:
    """What an element holds after somebody chose `given`.

    `given` is Slack's own form ({"selected_option": {...}}) or shorthand: a text, an option's
    value, a list of values. Raises ValueError for an option that is not offered.
    """
    kind = element["type"]
    key = HOLDS.get(kind, ("value", ""))[0]
    if isinstance(given, Mapping) and not _is_option(given):
        given = given.get(key)
    if key == "selected_option":
        given = _option(element, given)
    elif key == "selected_options":
        given = [_option(element, one) for one in given or ()]
    return {"type": kind, key: given}


def _is_option(given: Mapping[str, Any]) -> bool:
    return "text" in given and "value" in given


def _option(element: Json, given: Any) -> Any:
    """The offered option that was chosen, by its value; an external menu offers anything."""
    if given is None or element["type"].endswith("external_select"):
        return given
    value = given.get("value") if isinstance(given, Mapping) else given
    for option in options(element):
        if option.get("value") == value:
            return option
    raise ValueError(f"{element.get('action_id')} offers no option {value!r}")


def action(block: Json, element: Json, given: Any, at: str) -> Json:
    """The entry of `actions` that a click sends."""
    made: Json = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block.get("block_id", ""),
        "action_ts": at,
    }
    for key in ("text", "value", "url", "style", "placeholder", "confirm"):
        if key in element:
            made[key] = element[key]
    if given is not None and element["type"] in HOLDS:
        made |= spoken(element, given)
    return made


def values(blocks: list[Json], given: Mapping[str, Any], held: Json) -> Json:
    """state.values of a surface: what is held, else the first values, with `given` on top.

    `given` is {block_id: {action_id: value}} or, as shorthand, {action_id or block_id: value}.
    """
    state: Json = {}
    for block in blocks:
        for element in _within(block):
            if element["type"] not in HOLDS or element["type"] == "overflow":
                continue
            said = _said(given, block.get("block_id", ""), element["action_id"])
            entry = (
                spoken(element, said)
                if said is not None
                else _held(held, block, element) or _first(element)
            )
            state.setdefault(block["block_id"], {})[element["action_id"]] = entry
    return state


def _said(given: Mapping[str, Any], block_id: str, action_id: str) -> Any:
    inner = given.get(block_id)
    if isinstance(inner, Mapping) and action_id in inner:
        return inner[action_id]
    if action_id in given:
        return given[action_id]
    # An empty dict under the block's own id says nothing about this element.
    return inner if not isinstance(inner, Mapping) or _is_option(inner) else None


def _held(held: Json, block: Json, element: Json) -> Any:
    return held.get(block["block_id"], {}).get(element["action_id"])


def _first(element: Json) -> Json:
    key, first = HOLDS[element["type"]]
    return {"type": element["type"], key: element.get(first, [] if key in MANY else None)}


def missing(blocks: list[Json], state: Json) -> dict[str, str]:
    """Slack's client's own complaints: required inputs without a value, texts too short."""
    errors: dict[str, str] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        entry = state.get(block["block_id"], {}).get(element["action_id"], {})
        value = entry.get(HOLDS[element["type"]][0])
        if value in (None, "", []):
            if not block.get("optional"):
                errors[block["block_id"]] = "Please complete this required field."
        elif problem := _length(element, value):
            errors[block["block_id"]] = problem
    return errors


def _length(element: Json, value: Any) -> str:
    if not isinstance(value, str):
        return ""
    low, high = element.get("min_length"), element.get("max_length")
    if low is not None and len(value) < low:
        return f"Please enter at least {low} characters."
    if high is not None and len(value) > high:
        return f"Please enter at most {high} characters."
    return ""
