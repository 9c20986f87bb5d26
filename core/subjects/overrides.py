"""What a user set differently about invariants: read from the file, and applied to a catalogue."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from core.errors import Invalid
from core.invariant import Invariant, Severity
from core.records import duration

Overrides = Mapping[str, Mapping[str, Any]]
NONE: Overrides = MappingProxyType({})

_TIMES = ("hold_s", "recover_s")


def read(tables: Any, where: str) -> Overrides:
    """The `invariants` tables of a subject, durations in seconds; Invalid names the key."""
    if not tables:
        return NONE
    if not isinstance(tables, Mapping):
        raise Invalid(f"{where}.invariants must be tables, as in [subjects.invariants.NAME].")
    found = {}
    for invariant, values in tables.items():
        place = f"{where}.invariants.{invariant}"
        if not isinstance(values, Mapping):
            raise Invalid(f'{place} must be a table, as in hold = "2m".')
        found[str(invariant)] = dict(_override(place, *item) for item in values.items())
    return found


def _override(place: str, key: str, value: Any) -> tuple[str, Any]:
    if key in ("hold", "recover", "hold_s", "recover_s"):
        return key.removesuffix("_s") + "_s", duration(value, f"{place}.{key}")
    if key.endswith("_s"):
        return key, duration(value, f"{place}.{key}")
    return key, value


def applied(
    catalogue: Sequence[Invariant[Any, Any]], overrides: Overrides
) -> tuple[Invariant[Any, Any], ...]:
    """The catalogue with `overrides` by invariant name: severity, hold_s, recover_s, thresholds.

    Raises Invalid for a name or key that does not exist, and for a value of the wrong kind.
    """
    known = {one.name for one in catalogue}
    for name in overrides:
        if name not in known:
            raise Invalid(f"There is no invariant {name!r}; there are {', '.join(sorted(known))}.")
    return tuple(_changed(one, overrides.get(one.name, {})) for one in catalogue)


def _changed(one: Invariant[Any, Any], changes: Mapping[str, Any]) -> Invariant[Any, Any]:
    if not changes:
        return one
    fields: dict[str, Any] = {}
    settings = dict(one.settings)
    for key, value in changes.items():
        if key == "severity":
            fields[key] = _severity(one.name, value)
        elif key in _TIMES:
            fields[key] = _number(one.name, key, value)
        elif key in settings:
            settings[key] = _number(one.name, key, value)
        else:
            may = ", ".join(("severity", *_TIMES, *one.settings))
            raise Invalid(f"{one.name} has no setting {key!r}; it has {may}.")
    return replace(one, settings=MappingProxyType(settings), **fields)


def _severity(name: str, value: Any) -> Severity:
    try:
        return Severity(value)
    except ValueError:
        may = ", ".join(Severity)
        raise Invalid(f"{name}: {value!r} is no severity; there are {may}.") from None


def _number(name: str, key: str, value: Any) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(value) or value < 0:
        raise Invalid(f"{name}: {key} must be a number of at least 0, not {value!r}.")
    return float(value)
