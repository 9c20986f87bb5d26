"""Puts what was seen into the words of a sign: figures as figures, shares as per cent, one as one."""

from __future__ import annotations

import re
from typing import Any

LONGEST_VALUE = 80
_COUNTED = re.compile(r"\{count:([^}]{1,40})\}")


def worded(text: str, value: Any, name: str) -> str:
    """`text` with its marks filled, capitalised.

    `{value}` is the figure as it is, `{share}` a ratio in per cent, `{count:store}` "1 store" or
    "3 stores", `{times}` "once" or "3 times", `{entity}` the name.
    """
    said = text.replace("{value}", told(value)).replace("{share}", _share(value))
    said = said.replace("{times}", "once" if value == 1 else f"{told(value)} times")
    said = _COUNTED.sub(lambda found: _counted(found[1], value), said)
    said = said.replace("{entity}", name)
    return said[:1].upper() + said[1:]


def told(value: Any) -> str:
    """One value for a person, bounded."""
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    if isinstance(value, list) and len(value) == 2:
        return f"{told(value[0])} -> {told(value[1])}"
    return str(value)[:LONGEST_VALUE]


def _share(value: Any) -> str:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    if not real:
        return told(value)
    # 99.7 % must not read as all of it, nor 0.3 % as nothing.
    part = 100 * float(value)
    whole = round(part)
    return f"{part:.1f} %" if part != whole and whole in (0, 100) else f"{whole} %"


def _counted(noun: str, value: Any) -> str:
    return f"{told(value)} {noun}" if value == 1 else f"{told(value)} {noun}s"
