"""The grammar of the validator: issues with JSON pointers, and the rules that find them.

Rules are made by small functions and put together into tables (elements, rich_text, blocks). The
words are Slack's own where they are known; the limits are those of slack.md 2.1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong, where, and which constraint it breaks."""

    pointer: str
    message: str
    code: str = "failed_constraint"
    constraint: str = ""

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"

    def as_json(self) -> Json:
        """The shape that blocks.validate answers in."""
        body = {"pointer": self.pointer, "code": self.code, "message": self.message}
        return body | ({"constraint": self.constraint} if self.constraint else {})


@dataclass(slots=True)
class Report:
    """The issues found so far."""

    issues: list[Issue] = field(default_factory=list)

    def add(self, pointer: str, message: str, constraint: str = "", code: str = "") -> None:
        self.issues.append(Issue(pointer, message, code or "failed_constraint", constraint))


Rule = Callable[[Report, str, Any], None]


def anything(report: Report, at: str, value: Any) -> None:
    """No constraint."""


def boolean(report: Report, at: str, value: Any) -> None:
    if not isinstance(value, bool):
        report.add(at, "must be a boolean", "type", "invalid_type")


def string(most: int, least: int = 1, pattern: str = "") -> Rule:
    """A string of `least` to `most` characters."""
    compiled = re.compile(pattern) if pattern else None

    def rule(report: Report, at: str, value: Any) -> None:
        if not isinstance(value, str):
            report.add(at, "must provide a string", "type", "invalid_type")
        elif len(value) < least:
            report.add(at, f"must be more than {least - 1} characters", "min_length")
        elif len(value) > most:
            report.add(at, f"must be less than {most + 1} characters", "max_length")
        elif compiled is not None and not compiled.fullmatch(value):
            report.add(at, "must match the expected format", "pattern")

    return rule


def integer(low: int, high: int) -> Rule:
    """A whole number from `low` to `high`."""

    def rule(report: Report, at: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            report.add(at, "must be an integer", "type", "invalid_type")
        elif not low <= value <= high:
            report.add(at, f"must be from {low} to {high}", "range")

    return rule


def one_of(*values: str) -> Rule:
    """One of a few words."""

    def rule(report: Report, at: str, value: Any) -> None:
        if value not in values:
            report.add(at, "must be a valid enum value", "enum")

    return rule


def array(of: Rule, most: int, least: int = 1) -> Rule:
    """A list of `least` to `most` items, each by its rule."""

    def rule(report: Report, at: str, value: Any) -> None:
        if not isinstance(value, list):
            report.add(at, "must provide an array", "type", "invalid_type")
            return
        if len(value) > most:
            report.add(at, f"no more than {most} items allowed", "max_items")
            return
        if len(value) < least:
            report.add(at, f"no fewer than {least} items allowed", "min_items")
        for index, item in enumerate(value):
            of(report, f"{at}/{index}", item)

    return rule


def record(
    required: Mapping[str, Rule],
    optional: Mapping[str, Rule] | None = None,
    also: Rule | None = None,
) -> Rule:
    """An object with exactly these fields; `also` checks what concerns several of them."""
    known = {**required, **(optional or {})}

    def rule(report: Report, at: str, value: Any) -> None:
        if not isinstance(value, dict):
            report.add(at, "must provide an object", "type", "invalid_type")
            return
        for name in required:
            if value.get(name) is None:
                report.add(at, f"missing required field: {name}", "required", "missing_field")
        _fields(report, at, value, known)
        if also is not None:
            also(report, at, value)

    return rule


def _fields(report: Report, at: str, value: Json, known: Mapping[str, Rule]) -> None:
    for name, inner in value.items():
        if name not in known:
            words = f"invalid additional property: {name}"
            report.add(at, words, "additional_properties", "unknown_field")
        elif inner is not None:
            known[name](report, f"{at}/{name}", inner)


def by_type(table: Mapping[str, Rule], also: Rule | None = None) -> Rule:
    """An object whose `type` says which rule it must keep."""

    def rule(report: Report, at: str, value: Any) -> None:
        if not isinstance(value, dict):
            report.add(at, "must provide an object", "type", "invalid_type")
            return
        kind = value.get("type")
        if kind is None:
            report.add(at, "missing required field: type", "required", "missing_field")
        elif not isinstance(kind, str) or kind not in table:
            report.add(at, f"unsupported type: {kind}", "type", "unsupported_type")
        else:
            table[kind](report, at, value)
            if also is not None:
                also(report, at, value)

    return rule


def exactly_one(*names: str) -> Rule:
    """Of these fields one, and only one, must be there."""

    def rule(report: Report, at: str, value: Any) -> None:
        given = [name for name in names if value.get(name) is not None]
        if len(given) != 1:
            report.add(at, f"exactly one of {', '.join(names)} must be provided", "one_of")

    return rule


def every(*rules: Rule) -> Rule:
    """All of these rules."""

    def rule(report: Report, at: str, value: Any) -> None:
        for one in rules:
            one(report, at, value)

    return rule


def text(most: int, *kinds: str, least: int = 1) -> Rule:
    """A text object of one of these kinds (both, by default)."""
    allowed = kinds or ("plain_text", "mrkdwn")
    table = {
        "plain_text": record({"type": anything, "text": string(most, least)}, {"emoji": boolean}),
        "mrkdwn": record({"type": anything, "text": string(most, least)}, {"verbatim": boolean}),
    }
    return by_type({kind: table[kind] for kind in allowed})


def plain(most: int) -> Rule:
    """A plain_text object."""
    return text(most, "plain_text")
