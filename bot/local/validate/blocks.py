"""The blocks themselves, each by its own table of fields (slack.md 2.1)."""

from __future__ import annotations

from typing import Any

from bot.local.validate.elements import (
    BUTTONS,
    ID,
    IMAGE_URL,
    URL,
    accessory,
    action,
    aside,
    image,
    input_element,
    slack_file,
    url_source,
)
from bot.local.validate.report import (
    Report,
    Rule,
    anything,
    array,
    boolean,
    by_type,
    exactly_one,
    integer,
    one_of,
    plain,
    record,
    string,
    text,
)
from bot.local.validate.rich_text import rich_text

CELLS_MAX = 20
CHILDREN_MAX = 10


def block(required: dict[str, Rule], optional: dict[str, Rule], also: Rule | None = None) -> Rule:
    """A block; it may have a block_id, else Slack makes one."""
    return record({"type": anything, **required}, {"block_id": ID, **optional}, also)


def _some_text(report: Report, at: str, value: Any) -> None:
    if value.get("text") is None and value.get("fields") is None:
        report.add(at, "missing required field: text or fields", "required", "missing_field")


def _no_pending(report: Report, at: str, value: Any) -> None:
    if value.get("status") == "pending":
        report.add(f"{at}/status", "only a task of a plan can be pending", "enum")


def _table_width(report: Report, at: str, value: Any) -> None:
    rows = value.get("rows")
    if not isinstance(rows, list):
        return
    widths = {len(row) for row in rows if isinstance(row, list)}
    if len(widths) > 1:
        report.add(f"{at}/rows", "every row must have the same number of cells", "columns")


def _titled(report: Report, at: str, value: Any) -> None:
    if value.get("title") is None and value.get("rich_text_title") is None:
        report.add(at, "missing required field: title", "required", "missing_field")


cell = by_type(
    {
        "raw_text": record({"type": anything, "text": string(3000, least=0)}),
        "raw_number": record({"type": anything, "value": anything, "text": string(3000)}),
        "rich_text": rich_text,
    }
)
column = record({}, {"align": one_of("left", "center", "right"), "is_wrapped": boolean})
task_fields: tuple[dict[str, Rule], dict[str, Rule]] = (
    {
        "task_id": ID,
        "title": string(3000),
        "status": one_of("pending", "in_progress", "complete", "error"),
    },
    {"details": rich_text, "output": rich_text, "sources": array(url_source, 100)},
)
task = block(*task_fields)
card = block(
    {},
    {
        "hero_image": image,
        "icon": image,
        "title": text(150),
        "subtitle": text(150),
        "body": text(200),
        "subtext": text(200),
        "actions": array(by_type(BUTTONS), 3),
    },
)
SIMPLE: dict[str, Rule] = {
    "section": block(
        {},
        {
            "text": text(3000),
            "fields": array(text(2000), 10),
            "accessory": accessory,
            "expand": boolean,
        },
        _some_text,
    ),
    "header": block({"text": plain(150)}, {"level": integer(1, 6)}),
    "divider": block({}, {}),
    "context": block(
        {
            "elements": array(
                by_type(
                    {"plain_text": plain(3000), "mrkdwn": text(3000, "mrkdwn"), "image": image}
                ),
                10,
            )
        },
        {},
    ),
    "actions": block({"elements": array(action, 25)}, {}),
    "context_actions": block({"elements": array(aside, 5)}, {}),
    "input": block(
        {"label": plain(2000), "element": input_element},
        {"hint": plain(2000), "optional": boolean, "dispatch_action": boolean},
    ),
    "image": block(
        {"alt_text": string(2000)},
        {"image_url": IMAGE_URL, "slack_file": slack_file, "title": plain(2000)},
        exactly_one("image_url", "slack_file"),
    ),
    "video": block(
        {
            "title": plain(200),
            "video_url": URL,
            "thumbnail_url": URL,
            "alt_text": string(2000),
        },
        {
            "title_url": URL,
            "description": plain(200),
            "author_name": string(50),
            "provider_name": string(50),
            "provider_icon_url": URL,
        },
    ),
    "file": block({"external_id": string(255), "source": one_of("remote")}, {}),
    "markdown": block({"text": string(12_000)}, {}),
    "rich_text": rich_text,
    "table": block(
        {"rows": array(array(cell, CELLS_MAX), 100)},
        {"column_settings": array(column, CELLS_MAX, least=0)},
        _table_width,
    ),
    "data_table": block(
        {"rows": array(array(cell, CELLS_MAX), 201, least=2)},
        {
            "caption": string(3000),
            "page_size": integer(1, 100),
            "row_header_column_index": integer(0, CELLS_MAX - 1),
        },
        _table_width,
    ),
    "alert": block(
        {"text": text(200)},
        {"level": one_of("default", "info", "warning", "error", "success")},
    ),
    "task_card": block(*task_fields, _no_pending),
    "plan": block({"title": string(3000)}, {"tasks": array(task, 50, least=0)}),
    "card": card,
    "carousel": block({"elements": array(by_type({"card": card}), 10)}, {}),
}
BLOCKS: dict[str, Rule] = {
    **SIMPLE,
    "container": block(
        {"child_blocks": array(by_type(SIMPLE), CHILDREN_MAX)},
        {
            "title": plain(150),
            "rich_text_title": rich_text,
            "subtitle": text(150),
            "width": one_of("narrow", "standard", "wide", "full"),
            "icon": image,
            "is_collapsible": boolean,
            "default_collapsed": boolean,
            "has_header_divider": boolean,
        },
        _titled,
    ),
}
MESSAGE_ONLY = frozenset(
    {"markdown", "file", "context_actions", "task_card", "plan", "table", "data_table"}
)
any_block = by_type(BLOCKS)


def on(surface: str) -> Rule:
    """A block that may stand on this surface: message, modal, home or any."""

    def rule(report: Report, at: str, value: Any) -> None:
        kind = str(value.get("type")) if isinstance(value, dict) else ""
        tables = surface == "home" and kind in ("table", "data_table")
        if surface in ("modal", "home") and kind in MESSAGE_ONLY and not tables:
            report.add(at, f"unsupported type: {kind}", "surface", "unsupported_type")
            return
        any_block(report, at, value)

    return rule
