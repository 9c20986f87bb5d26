"""A cause in the words of what it befell: a member of etcd or of PD has no regions and no block cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.diagnosis.causes import CAUSES, Cause

_NEXT = "Until it is back, the next loss may cost the majority: do not stop another member."
_DATA = "Starting it over damaged data may crash again; keep the data directory."
_HANG = "A restart loses the state that would explain the hang."


@dataclass(frozen=True, slots=True)
class _Words:
    """What differs; None: as it is said of a store."""

    action: str | None = None
    risks: tuple[str, ...] | None = None


_VOTERS: Mapping[str, _Words] = {
    "process_killed": _Words(risks=(_NEXT,)),
    "process_crashed": _Words(risks=(_NEXT, _DATA)),
    "crash_loop": _Words(risks=(_NEXT, "Each restart reads its snapshot and its log anew.")),
    "process_hung": _Words(risks=(_NEXT, _HANG)),
    "graceful_restart": _Words("Wait and observe: it should be back within minutes."),
    "network_cut_two_way": _Words(risks=(_NEXT,)),
    "network_cut_one_way": _Words(
        "Check the path between the members (peer port 2380, firewall, route, name); do not restart "
        "the member.",
        ("A member that is cut off disturbs the leader with elections once it is back.",),
    ),
}
_MEMBER: Mapping[str, _Words] = {
    **_VOTERS,
    "out_of_memory": _Words(
        "Raise its memory limit or take load off it (large ranges, many watches), then start it "
        "again: unchanged, it will happen again.",
        (_NEXT, "While it loads its database it needs the most memory: it may be killed again."),
    ),
    "disk_full": _Words(
        "Make room on its disk; do not delete files of its data directory by hand.",
        (
            "A member that cannot write its log stops; a full disk is no full quota: do not defragment.",
        ),
    ),
    "observer_blind": _Words(
        "Check the way from the bot to the members' client ports. The cluster needs nothing."
    ),
}
_PD: Mapping[str, _Words] = {
    **_VOTERS,
    "out_of_memory": _Words(
        "Start it again and raise its memory limit: unchanged, it will happen again.", (_NEXT,)
    ),
    "disk_full": _Words(
        "Make room on its disk; do not delete files of its data directory by hand.",
        ("A PD member that cannot write its log stops.",),
    ),
    "network_cut_one_way": replace(_VOTERS["network_cut_one_way"], risks=(_NEXT,)),
}
_BY_KIND = {"member": _MEMBER, "etcd": _MEMBER, "pd": _PD}


def of(cause: str, entity: str) -> Cause:
    """The cause, said of that entity ("member:etcd-1", "pd:pd-2", "store:4"); KeyError for no cause."""
    usual = CAUSES[cause]
    words = _BY_KIND.get(entity.partition(":")[0], {}).get(cause)
    if words is None:
        return usual
    return replace(
        usual,
        action=usual.action if words.action is None else words.action,
        risks=usual.risks if words.risks is None else words.risks,
    )
