"""Every invariant of an etcd cluster, with what the user set differently."""

from __future__ import annotations

from typing import Any

from core.invariant import Invariant
from core.subjects.etcd.invariants.blindness import OBSERVER_BLIND
from core.subjects.etcd.invariants.capacity import ALARM_ACTIVE, DB_SIZE_QUOTA
from core.subjects.etcd.invariants.leadership import LEADER_CHANGES, NO_LEADER
from core.subjects.etcd.invariants.liveness import MEMBER_DOWN, QUORUM_MARGIN
from core.subjects.etcd.invariants.performance import FSYNC_SLOW, MEMBER_LAGGING
from core.subjects.etcd.invariants.versions import VERSION_SKEW
from core.subjects.overrides import NONE, Overrides, applied

ALL: tuple[Invariant[Any, Any], ...] = (
    MEMBER_DOWN,
    QUORUM_MARGIN,
    NO_LEADER,
    LEADER_CHANGES,
    FSYNC_SLOW,
    DB_SIZE_QUOTA,
    ALARM_ACTIVE,
    MEMBER_LAGGING,
    VERSION_SKEW,
    OBSERVER_BLIND,
)


def invariants(overrides: Overrides = NONE) -> tuple[Invariant[Any, Any], ...]:
    """All of them, with what the user set differently; Invalid for what cannot be."""
    return applied(ALL, overrides)
