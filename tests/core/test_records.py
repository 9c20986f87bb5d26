"""From TOML tables to records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.errors import Invalid
from core.records import into


@dataclass(frozen=True)
class Inner:
    wait_s: float = 1.0
    name: str = ""


@dataclass(frozen=True)
class Outer:
    hold_s: float = 5.0
    many: int = 1
    words: tuple[str, ...] = ()
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    table: Mapping[str, Inner] = field(default_factory=dict)


def test_a_table_becomes_a_record_with_durations_and_nested_ones() -> None:
    given: dict[str, Any] = {
        "hold": "2m",
        "words": "a, b,,c",
        "inner": {"wait": "500ms"},
        "maybe": {"name": "x"},
        "table": {"k": {"wait_s": 3}},
    }
    made = into(Outer, given, "here")
    assert made == Outer(120.0, 1, ("a", "b", "c"), Inner(0.5), Inner(name="x"), {"k": Inner(3.0)})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hodl": 1}, r"here: unknown key 'hodl' \(did you mean 'hold'\?\)"),
        ({"inner": {"wiat": 1}}, r"here.inner: unknown key 'wiat' \(did you mean 'wait'\?\)"),
        ({"table": {"k": {"nmae": 1}}}, r"here.table.k: unknown key 'nmae'"),
        ({"hold": "soon"}, r"here.hold: .*soon.* is not a duration"),
        ({"many": "several"}, "here: "),
        ({"inner": 5}, "here: "),
        ({"words": 5}, "here: "),
        ({"table": [1]}, "here: "),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        into(Outer, given, "here")
