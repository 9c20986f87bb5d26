"""Every invariant of a TiKV cluster, with what the user set differently."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from core.errors import Invalid
from core.invariant import Invariant, Severity
from core.subjects.tikv.invariants.balance import LEADER_IMBALANCE
from core.subjects.tikv.invariants.blindness import OBSERVER_BLIND
from core.subjects.tikv.invariants.capacity import LOW_DISK_SPACE
from core.subjects.tikv.invariants.liveness import STORE_DOWN, STORE_RESTARTED
from core.subjects.tikv.invariants.performance import HIGH_LATENCY, STORE_SLOW
from core.subjects.tikv.invariants.placement_driver import PD_MEMBER_DOWN, PD_NO_LEADER
from core.subjects.tikv.invariants.replication import QUORUM_MARGIN, REGION_HEALTH

ALL: tuple[Invariant[Any, Any], ...] = (
    STORE_DOWN,
    QUORUM_MARGIN,
    PD_NO_LEADER,
    PD_MEMBER_DOWN,
    STORE_RESTARTED,
    STORE_SLOW,
    HIGH_LATENCY,
    LOW_DISK_SPACE,
    REGION_HEALTH,
    LEADER_IMBALANCE,
    OBSERVER_BLIND,
)
_TIMES = ("hold_s", "recover_s")


def invariants(
    overrides: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> tuple[Invariant[Any, Any], ...]:
    """All of them, with `overrides` by invariant name: severity, hold_s, recover_s, thresholds.

    Raises Invalid for a name or key that does not exist, and for a value of the wrong kind.
    """
    known = {one.name for one in ALL}
    for name in overrides:
        if name not in known:
            raise Invalid(f"There is no invariant {name!r}; there are {', '.join(sorted(known))}.")
    return tuple(_changed(one, overrides.get(one.name, {})) for one in ALL)


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
