"""Whether there is room, and whether the cluster itself has raised an alarm."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.etcd.invariants.liveness import members
from core.subjects.etcd.model import NO_FIGURES, SOURCE_STATUS, EtcdObservation, Who
from core.subjects.words import percent, some

_MIB = 1024 * 1024


def check_db_size_quota(who: Who, seen: EtcdObservation, settings: Settings) -> Verdict:
    """A member's database file stays below 80 % of its quota; critical from 95 %.

    The quota is what the member itself says (`--quota-backend-bytes`; etcd's default is 2 GiB);
    95 % is where etcd's own alert begins (etcdDatabaseQuotaLowSpace).

    Why it matters: at the quota etcd raises NOSPACE and refuses every write until somebody makes
    room.

    What to do first: compact old revisions (or set `--auto-compaction-retention`), then
    `etcdctl defrag` one member after the other, the leader last. Much of the file may be free pages
    already: the ticket says how much is in use.
    """
    said = seen.said.get(who.id)
    if said is None or said.status.db_bytes is None:
        return Unknown("it does not say how big its database is")
    figures = seen.figures.get(who.id, NO_FIGURES)
    quota = said.status.quota_bytes or figures.quota_bytes
    if not quota:
        return Unknown("its quota is not known")
    if quota < 0:
        return HOLDS  # `--quota-backend-bytes` below 0 switches it off
    size, used = said.status.db_bytes, said.status.in_use_bytes
    ratio = size / quota
    if ratio < settings["used"]:
        return HOLDS
    facts = {"database": _mib(size), "quota": _mib(quota)}
    if used is not None and used <= size:
        facts["in use"] = f"{_mib(used)}; a defragmentation would free {_mib(size - used)}"
    return Broken(
        f"{who.title} runs out of room",
        f"its database fills {percent(ratio)} of its quota of {_mib(quota)}",
        value=round(ratio * 100, 1),
        threshold=settings["used"] * 100,
        unit="%",
        severity=Severity.CRITICAL if ratio >= settings["critical"] else None,
        facts=facts,
    )


def _mib(size: float) -> str:
    return f"{size / _MIB:,.1f} MiB" if size < 1024 * _MIB else f"{size / _MIB / 1024:,.2f} GiB"


DB_SIZE_QUOTA: Invariant[EtcdObservation, Who] = Invariant(
    name="db_size_quota",
    severity=Severity.WARNING,
    source=SOURCE_STATUS,
    hold_s=0.0,
    scope=members,
    check=check_db_size_quota,
    settings=MappingProxyType({"used": 0.8, "critical": 0.95}),
    explained_by=("alarm_active",),
)


def alarms(seen: EtcdObservation) -> Iterable[tuple[str, str]]:
    """Every kind of alarm that there is, or was."""
    return ((kind, kind) for kind in sorted(seen.known_alarms))


def check_alarm_active(kind: str, seen: EtcdObservation, settings: Settings) -> Verdict:
    """etcd has raised no alarm (NOSPACE, CORRUPT).

    Read from each member's status, where etcd writes the alarms that the cluster has agreed on.

    Why it matters: with NOSPACE every write is refused, on all members, though only one ran full.
    With CORRUPT a member's data differs from the others'; from 3.5.7 on etcd often cannot tell which
    member's, and names none.

    What to do first: NOSPACE: compact, defragment, then `etcdctl alarm disarm`: making room alone
    does not end it. CORRUPT: find the member that differs (`etcdctl endpoint hashkv --cluster` at
    one revision, and the leader's log), stop it, remove it, and add it again with an empty
    directory; never disarm it before.
    """
    if seen.alarms is None:
        return Unknown("no member can be asked")
    about = seen.about(kind)
    if not about:
        return HOLDS
    return Broken(
        f"etcd has raised the alarm {kind}",
        {
            "NOSPACE": f"every write is refused; out of room: {some(about)}",
            "CORRUPT": f"members' data differ: {some(about)}",
        }.get(kind, f"raised by {some(about)}"),
        facts={"members": some(about), "seen by": str(len(seen.said)) + " members"},
    )


ALARM_ACTIVE: Invariant[EtcdObservation, str] = Invariant(
    name="alarm_active",
    severity=Severity.CRITICAL,
    source=SOURCE_STATUS,
    hold_s=0.0,
    scope=alarms,
    check=check_alarm_active,
)
