"""Whole views: a modal's or a home's own fields around its blocks."""

from __future__ import annotations

from typing import Any

from bot.local.validate.message import check_blocks
from bot.local.validate.report import (
    Issue,
    Report,
    anything,
    boolean,
    by_type,
    plain,
    record,
    string,
)

COMMON = {
    "private_metadata": string(3000, least=0),
    "callback_id": string(255, least=0),
    "external_id": string(255, least=0),
}
modal = record(
    {"type": anything, "title": plain(24), "blocks": anything},
    {
        **COMMON,
        "submit": plain(24),
        "close": plain(24),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
)
home = record({"type": anything, "blocks": anything}, COMMON)
view_rule = by_type({"modal": modal, "home": home})


def check_view(view: Any, pointer: str = "") -> list[Issue]:
    """Everything wrong with a view, in Slack's words."""
    report = Report()
    view_rule(report, pointer, view)
    if report.issues:
        return report.issues
    blocks, at = view["blocks"], f"{pointer}/blocks"
    issues = check_blocks(blocks, at, view["type"])
    if issues:
        return issues
    if view["type"] == "modal" and view.get("submit") is None and _has_input(blocks):
        report.add(pointer, "submit is required when blocks contain an input", "required")
    if _focused(blocks) > 1:
        report.add(at, "only one element may have focus_on_load", "max_items")
    return report.issues


def _has_input(blocks: list[Any]) -> bool:
    return any(block["type"] == "input" for block in blocks)


def _focused(value: Any) -> int:
    if isinstance(value, dict):
        return int(value.get("focus_on_load") is True) + sum(map(_focused, value.values()))
    return sum(map(_focused, value)) if isinstance(value, list) else 0
