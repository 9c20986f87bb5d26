"""Every invariant of a TiKV cluster, with what the user set differently."""

from __future__ import annotations

from typing import Any

from core.invariant import Invariant
from core.subjects.overrides import NONE, Overrides, applied
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


def invariants(overrides: Overrides = NONE) -> tuple[Invariant[Any, Any], ...]:
    """All of them, with what the user set differently; Invalid for what cannot be."""
    return applied(ALL, overrides)
