"""Whether somebody leads, and whether that changes too often."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from core.durations import span
from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.etcd.model import ETCD, SELF, SOURCE_STATUS, EtcdObservation, Leadership


def whole(seen: EtcdObservation) -> Iterable[tuple[str, Leadership]]:
    """The cluster's leadership."""
    return ((ETCD, seen.leadership),)


def check_no_leader(view: Leadership, seen: EtcdObservation, settings: Settings) -> Verdict:
    """Some member of etcd knows a leader.

    After a leader's death an election takes 1 to 2 s (etcd's default election timeout is 1 s, drawn
    at random up to twice that), hence 5 s before this counts; etcd's own alert (etcdNoLeader) waits
    a minute. With a longer `--election-timeout` set `hold` to five times that.

    Why it matters: without a leader nothing can be written, and only serializable reads are
    answered.

    What to do first: see how many members run. Fewer than a majority: start one. A majority: look
    at the network between them (peer port 2380), their clocks and their disks.
    """
    if view.silent_s <= 0:
        return HOLDS
    if not view.reached:
        return Unknown("no member can be asked")
    quorum = seen.quorum
    up = f"; {quorum.up} of {quorum.voters} voters answer" if quorum is not None else ""
    last = max((one.status.term or 0 for one in seen.said.values()), default=0)
    return Broken(
        "etcd has no leader",
        f"no member has known a leader for {span(view.silent_s)}{up}",
        value=round(view.silent_s, 1),
        unit="s",
        facts={"Raft term": str(last)} if last else {},
    )


NO_LEADER: Invariant[EtcdObservation, Leadership] = Invariant(
    name="no_leader",
    severity=Severity.CRITICAL,
    source=SELF,
    hold_s=5.0,
    scope=whole,
    check=check_no_leader,
    explained_by=("member_down",),
)


def check_leader_changes(view: Leadership, seen: EtcdObservation, settings: Settings) -> Verdict:
    """The leader changed less than 4 times in the last 15 minutes.

    The number is that of etcd's own alert (etcdHighNumberOfLeaderChanges). Counted as seen from
    here, each term with a leader once; changes while nothing could be asked count as one.

    Why it matters: each change stops writes for one to two seconds and fails requests in flight.

    What to do first: compare members' disks (wal fsync) and the round trip between them; a member
    that starves of CPU or disk misses heartbeats. If the network is slow, raise
    `--heartbeat-interval` and `--election-timeout` on all members.
    """
    limit = settings["changes"]
    if view.changes < limit:
        return HOLDS
    return Broken(
        "etcd's leader keeps changing",
        f"{view.changes} changes of leader in the last {span(view.window_s)}",
        value=float(view.changes),
        threshold=float(limit),
        unit="changes",
        facts={"leader now": seen.name_of(view.leader) if view.leader else "none"},
    )


LEADER_CHANGES: Invariant[EtcdObservation, Leadership] = Invariant(
    name="leader_changes",
    severity=Severity.WARNING,
    source=SOURCE_STATUS,
    hold_s=0.0,
    scope=whole,
    check=check_leader_changes,
    settings=MappingProxyType({"changes": 4.0}),
    explained_by=("member_down", "fsync_slow"),
)
