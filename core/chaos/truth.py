"""Which cause a diagnosis should name for a fault that we did ourselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from core.chaos.model import Fault
from core.diagnosis.model import Certainty, Diagnosis

_ANY: Mapping[Fault, tuple[str, ...]] = {
    Fault.KILL: ("process_killed",),
    # From outside a crash cannot be told from a kill unless the process says something.
    Fault.CRASH: ("process_crashed", "process_killed"),
    Fault.STOP: ("graceful_restart",),
    Fault.RESTART: ("graceful_restart",),
    Fault.PAUSE: ("process_hung",),
    Fault.CUT: ("network_cut_two_way",),
    Fault.PARTITION: ("network_cut_one_way",),
    Fault.LIMIT_MEMORY: ("out_of_memory",),
    Fault.FILL_DISK: ("disk_full", "etcd_no_space"),
    Fault.TRANSFER_LEADER: ("nothing_wrong", "pd_leader_loss"),
    Fault.EVICT_LEADERS: ("scheduler_left_behind", "nothing_wrong"),
}
_PD: Mapping[Fault, tuple[str, ...]] = dict.fromkeys(
    (Fault.KILL, Fault.CRASH, Fault.STOP, Fault.RESTART, Fault.PAUSE, Fault.CUT),
    ("pd_member_down", "pd_leader_loss", "process_killed"),
)


def causes(fault: Fault, entity: str) -> tuple[str, ...]:
    """The causes that count as right, the truest first; none where no cause fits (a delay, a
    processor limit): such a diagnosis is not scored."""
    if entity.startswith("pd:") and fault in _PD:
        return _PD[fault]
    return _ANY.get(fault, ())


def score(fault: Fault, entity: str, made: Diagnosis) -> bool | None:
    """Whether it is right: the cause, and whom it names. Not being sure counts as wrong."""
    right = causes(fault, entity)
    if not right:
        return None
    if made.certainty is Certainty.INCONCLUSIVE:
        return False
    return made.cause in right and _same(made.entity, entity)


def _same(named: str, entity: str) -> bool:
    """The entity itself, or the whole that it is a part of (a PD leader's loss is PD's)."""
    kind = entity.partition(":")[0]
    return named in (entity, kind)
