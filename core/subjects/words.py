"""How figures are written for a person."""

from __future__ import annotations

import math


def millis(seconds: float) -> str:
    """A latency: "4.2 ms", "240 ms", "1.8 s"."""
    if not math.isfinite(seconds):
        return "no figure"
    if seconds >= 1:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def percent(ratio: float) -> str:
    """A share: "71.4 %"."""
    return f"{ratio * 100:.1f} %"


def some(items: list[str] | tuple[str, ...], most: int = 5) -> str:
    """A few names, and how many more there are."""
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown
