"""Parameters of a fault, as an experiment gives them: known by name, figures within limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.chaos.model import Fault
from core.errors import Invalid


def known_params(fault: Fault, params: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Invalid for a parameter that this fault does not read."""
    for name in params:
        if name not in known:
            there = ", ".join(known) or "none"
            raise Invalid(f"{fault} has no parameter {name!r}; there is {there}.")


def figure(params: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number; Invalid if it is none or out of bounds."""
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid(f"{name} must be a number.")
    if not low <= value <= high:
        raise Invalid(f"{name} must lie between {low:g} and {high:g}.")
    return float(value)
