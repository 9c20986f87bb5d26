"""Durations as people write them ("90s", "1h30m", "2 hours") and as they are told ("2 h 5 min")."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from core.errors import Invalid

EXAMPLES = "30m, 2h, 1h30m, 1d or 90s"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONG = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "day": "d", "days": "d", "week": "w", "weeks": "w",
}  # fmt: skip
_ONE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([a-z]+)\s*", re.ASCII)


def parse_duration(text: str) -> float:
    """Seconds of "90s", "30m", "2h", "1h30m", "1d", "2 hours"; Invalid says what can be written."""
    given = text.strip().lower()
    total, at = 0.0, 0
    for found in _ONE.finditer(given[:100]):
        unit = _UNITS.get(_LONG.get(found[2], found[2]))
        if found.start() != at or unit is None:
            break
        total += float(found[1]) * unit
        at = found.end()
    if not given or at != len(given):
        shown = "".join(c for c in text[:40] if c.isprintable())
        raise Invalid(f'"{shown}" is not a duration. Write it like {EXAMPLES}.')
    if total <= 0:
        raise Invalid(f"A duration must be longer than nothing. Write it like {EXAMPLES}.")
    return total


def is_duration(text: str) -> bool:
    """Whether `parse_duration` would understand it."""
    try:
        parse_duration(text)
    except Invalid:
        return False
    return True


def seconds(value: Any) -> float:
    """A duration from a configuration: text, or a number of seconds. Raises ValueError in words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < math.inf:
            raise ValueError(f"{value} is not a number of seconds")
        return float(value)
    try:
        return parse_duration(str(value))
    except Invalid as error:
        raise ValueError(error.text.rstrip(".")) from None


Delay = Annotated[float, BeforeValidator(seconds)]
"""Seconds in a configuration, where none at all makes sense, too."""
Duration = Annotated[Delay, Field(gt=0)]
"""Seconds in a configuration, more than none."""


def span(seconds: float) -> str:
    """A duration in one or two units: "0 s", "45 s", "3 min 5 s", "2 h 10 min", "4 d 1 h"."""
    if not math.isfinite(seconds):
        return "an unknown time"
    whole = max(round(seconds), 0)
    for size, big, step, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min")):
        if whole >= size:
            rest = whole % size // step
            return f"{whole // size} {big}" + (f" {rest} {small}" if rest else "")
    if whole >= 60:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole} s"
