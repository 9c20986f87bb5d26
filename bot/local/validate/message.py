"""Whole messages and lists of blocks: counts, unique ids, sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.local.validate.blocks import on
from bot.local.validate.report import Issue, Report, array

__all__ = ["Issue", "check_blocks", "check_message", "text_size"]
BLOCKS_MAX = {"message": 50, "any": 100, "modal": 100, "home": 100}
MARKDOWN_MAX = 12_000  # cumulative over a message
TABLES_MAX = 1
_RULES = {name: array(on(name), most) for name, most in BLOCKS_MAX.items()}
# Fields whose strings a person reads; ids, values and addresses do not count as text.
SPOKEN = ("text", "alt_text", "title", "fallback")


def check_blocks(blocks: Any, pointer: str = "/blocks", surface: str = "message") -> list[Issue]:
    """Everything wrong with a list of blocks, in Slack's words."""
    report = Report()
    _RULES[surface](report, pointer, blocks)
    if not report.issues:
        _unique(report, pointer, blocks)
        _cumulative(report, pointer, blocks)
    return report.issues


def check_message(message: Any) -> list[Issue]:
    """Everything wrong with a message payload, as blocks.validate sees it."""
    report = Report()
    if not isinstance(message, dict):
        report.add("", "must provide an object", "type", "invalid_type")
        return report.issues
    if not any(message.get(key) for key in ("text", "blocks", "attachments")):
        report.add("", "missing required field: text or blocks", "required", "missing_field")
    issues = report.issues
    if message.get("blocks"):
        issues = issues + check_blocks(message["blocks"])
    return issues


def _unique(report: Report, at: str, blocks: list[Any]) -> None:
    """block_id is unique in the list, action_id in its block."""
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        name = block.get("block_id")
        if name is not None and name in seen:
            report.add(f"{at}/{index}/block_id", f"block_id {name} already exists", "unique")
        seen.add(name)
        actions: set[str] = set()
        for action_id in _action_ids(block):
            if action_id in actions:
                words = f"`action_id` {action_id} already exists in this block"
                report.add(f"{at}/{index}", words, "unique")
            actions.add(action_id)


def _action_ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("action_id"), str):
            yield value["action_id"]
        for inner in value.values():
            yield from _action_ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _action_ids(inner)


def _cumulative(report: Report, at: str, blocks: list[Any]) -> None:
    markdown = sum(len(b["text"]) for b in blocks if b["type"] == "markdown")
    if markdown > MARKDOWN_MAX:
        report.add(at, f"markdown must be less than {MARKDOWN_MAX + 1} characters", "max_length")
    if sum(b["type"] == "table" for b in blocks) > TABLES_MAX:
        report.add(at, "only one table allowed", "max_items")


def text_size(blocks: Any) -> int:
    """Characters of text in all blocks together, containers included."""
    if isinstance(blocks, list):
        return sum(map(text_size, blocks))
    if not isinstance(blocks, dict):
        return 0
    return sum(
        len(value) if key in SPOKEN and isinstance(value, str) else text_size(value)
        for key, value in blocks.items()
    )
