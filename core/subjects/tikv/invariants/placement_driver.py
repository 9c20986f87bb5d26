"""Whether PD, which places everything and hands out timestamps, works."""

from __future__ import annotations

from collections.abc import Iterable

from core.durations import span
from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.tikv.model import (
    PD,
    SELF,
    SOURCE_PING,
    Member,
    PdView,
    TikvObservation,
    pd_entity,
)


def members(seen: TikvObservation) -> Iterable[tuple[str, Member]]:
    """Every member of PD."""
    return ((pd_entity(one.name), one) for one in seen.pd.members)


def check_pd_member_down(member: Member, seen: TikvObservation, settings: Settings) -> Verdict:
    """Every PD member answers.

    Why it matters: PD works while more than half of its members do; with three, one more loss stops
    timestamps, and with them every new transaction.

    What to do first: look at that member's process and its log; start it again.
    """
    if member.answers is None:
        return Unknown(member.said or "this member cannot be reached from here")
    if member.answers:
        return HOLDS
    up = sum(one.answers is True for one in seen.pd.members)
    spare = up - (len(seen.pd.members) // 2 + 1)
    return Broken(
        f"PD member {member.name} is down",
        f"{member.said or 'it does not answer'}; {up} of {len(seen.pd.members)} members answer",
        facts={"members that may still be lost": str(max(spare, 0)), "address": member.url},
    )


PD_MEMBER_DOWN: Invariant[TikvObservation, Member] = Invariant(
    name="pd_member_down",
    severity=Severity.WARNING,
    source=SOURCE_PING,
    hold_s=5.0,
    scope=members,
    check=check_pd_member_down,
    explained_by=("pd_no_leader",),
)


def whole(seen: TikvObservation) -> Iterable[tuple[str, PdView]]:
    """PD as one thing."""
    return ((PD, seen.pd),)


def check_pd_no_leader(view: PdView, seen: TikvObservation, settings: Settings) -> Verdict:
    """PD has a leader that answers.

    Why it matters: without one nobody gets a timestamp, so that every new transaction waits, and
    nothing is known of the stores. An election takes 11 to 14 seconds (measured on four versions),
    hence the 20 seconds before this counts.

    What to do first: see how many members run. Fewer than half: start one. More than half: look for
    a network fault between them or a disk that stalls etcd.
    """
    if view.silent_s <= 0:
        return HOLDS
    if not view.reached:
        return Unknown("nothing of PD can be reached from here")
    up = sum(one.answers is True for one in view.members)
    said = view.leaderless or "no leader answers"
    return Broken(
        "PD has no leader",
        f"{said}; for {span(view.silent_s)}; {up} of {len(view.members)} members answer",
        value=round(view.silent_s, 1),
        unit="s",
        facts={"last leader": view.leader or "unknown"},
    )


PD_NO_LEADER: Invariant[TikvObservation, PdView] = Invariant(
    name="pd_no_leader",
    severity=Severity.CRITICAL,
    source=SELF,
    hold_s=20.0,
    scope=whole,
    check=check_pd_no_leader,
)
