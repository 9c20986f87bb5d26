"""Operators: what PD asks region leaders to do, how they print, and how they end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.twin.clock import Pace, mono, wall_ns
from core.twin.golang import duration, stamp
from core.twin.seed import Region
from core.twin.versions import Version

# Kind bits as 8.5.7 numbers them (admin,leader = 257 and split = 32 are recorded).
BITS = {
    "admin": 1,
    "merge": 4,
    "replica": 16,
    "split": 32,
    "hot-region": 64,
    "region": 128,
    "leader": 256,
}
KEEP_RECORDS_S = 600.0


@dataclass(slots=True)
class Operator:
    """One operator on one region; `to` is the target store of its only effective step."""

    desc: str
    brief: str
    region: Region
    kinds: tuple[str, ...]
    steps: tuple[str, ...]
    timeout_s: float
    action: dict[str, Any]
    size_mib: int
    pace: Pace
    created_ns: int = field(default_factory=wall_ns)
    created_m: float = 0.0
    born: float = field(default_factory=mono)
    sent_at: float = -1e9
    status: str = "RUNNING"

    def __post_init__(self) -> None:
        self.created_m = self.pace.since_start()

    def text(self, version: Version) -> str:
        """The human string of GET /operators (6.5 has a full-width comma before timeout)."""
        steps = ", ".join(f"{i}:{{{step}}}" for i, step in enumerate(self.steps))
        comma = ", " if version.at_least(7) else "，"
        created = stamp(self.created_ns, self.created_m)
        started = stamp(self.created_ns + 50_000, self.created_m + 5e-5)
        return (
            f"{self.desc} {{{self.brief}}} (kind:{','.join(self.kinds)}, "
            f"region:{self.region.id}({self.region.version}, {self.region.conf_ver}), "
            f"createAt:{created}, startAt:{started}, currentStep:0, size:{self.size_mib}, "
            f"steps:[{steps}]{comma}timeout:[{duration(round(self.timeout_s * 1e9))}])"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "desc": self.desc,
            "brief": self.brief,
            "region_id": self.region.id,
            "region_epoch": {"conf_ver": self.region.conf_ver, "version": self.region.version},
            "kind": sum(BITS.get(kind, 0) for kind in self.kinds),
            "timeout": duration(round(self.timeout_s * 1e9)),
            "status": 1,
        }

    def expired(self) -> bool:
        return mono() - self.born > self.pace.span(self.timeout_s)

    def done(self, region: Region) -> bool:
        """Has the region become what the operator wanted?"""
        if self.action["do"] == "lead":
            return region.leader == int(self.action["to"])
        return set(region.peers) == {store for store, _ in self.action["peers"]}


class Operators:
    """Running operators by region, and the records of ended ones."""

    def __init__(self, pace: Pace, version: Version) -> None:
        self._pace, self._version = pace, version
        self.running: dict[int, Operator] = {}
        self.records: list[tuple[float, int, str]] = []
        self.counts: dict[tuple[str, str], int] = {}

    def clear(self) -> None:
        self.running.clear()
        self.records.clear()
        self.counts.clear()

    def add(self, operator: Operator) -> bool:
        """Take it unless the region has one already."""
        if operator.region.id in self.running:
            self._count(operator, "exceed-max-waiting")
            return False
        self.running[operator.region.id] = operator
        for event in ("create", "put", "promote-add", "start"):
            self._count(operator, event)
        return True

    def end(self, operator: Operator, event: str) -> None:
        """Remove it and keep a record; `event` is finish, cancel, timeout or replace."""
        self.running.pop(operator.region.id, None)
        self._count(operator, event)
        took = mono() - operator.born
        finished = stamp(wall_ns(), self._pace.since_start())
        line = (
            f"{operator.text(self._version)} "
            f"(finishAt:{finished}, duration:{duration(round(took * 1e9))})"
        )
        self.records.append((mono(), wall_ns() // 10**9, line))
        horizon = mono() - self._pace.span(KEEP_RECORDS_S)
        self.records = [row for row in self.records[-1000:] if row[0] > horizon]

    def seen(self, region: Region) -> None:
        """A region heartbeat arrived: its operator may be finished."""
        operator = self.running.get(region.id)
        if operator is not None:
            self._count(operator, "check")
            if operator.done(region):
                self.end(operator, "finish")

    def expire(self) -> None:
        for operator in tuple(self.running.values()):
            if operator.expired():
                self.end(operator, "timeout")

    def count(self, desc: str) -> int:
        return sum(1 for operator in self.running.values() if operator.desc == desc)

    def _count(self, operator: Operator, event: str) -> None:
        pair = (operator.desc, event)
        self.counts[pair] = self.counts.get(pair, 0) + 1


def lead(
    desc: str, region: Region, to: int, pace: Pace, size: int, admin: bool = False
) -> Operator:
    """Transfer a region's leader to `to`."""
    source = region.leader
    if desc == "evict-leader-scheduler":
        rest = " ".join(str(s) for s in sorted(region.peers) if s != source)
        brief = (
            f"evict leader: from store {source} to one in [{rest}], or to {to} (for compatibility)"
        )
    else:
        brief = f"transfer leader: store {source} to {to}"
    return Operator(
        desc=desc,
        brief=brief,
        region=region,
        kinds=("admin", "leader") if admin else ("leader",),
        steps=(f"transfer leader from store {source} to store {to}",),
        timeout_s=60.0,
        action={"do": "lead", "region": region.id, "to": to},
        size_mib=size,
        pace=pace,
    )


def move(
    desc: str,
    region: Region,
    peers: dict[int, int],
    pace: Pace,
    size: int,
    kinds: tuple[str, ...],
) -> Operator:
    """Change a region's peers to `peers` (store -> peer id) by joint consensus."""
    gone = [store for store in region.peers if store not in peers]
    new = [store for store in peers if store not in region.peers]
    steps: list[str] = [f"add learner peer {peers[s]} on store {s}" for s in new]
    promote = [f"promote learner peer {peers[s]} on store {s} to voter" for s in new]
    demote = [f"demote voter peer {region.peers[s]} on store {s} to learner" for s in gone]
    if new and gone:
        steps.append(f"use joint consensus, {', '.join(promote + demote)}")
        steps.append(f"leave joint state, {', '.join(promote + demote)}")
    steps += [f"remove peer on store {s}" for s in gone]
    brief = _brief(gone, new)
    return Operator(
        desc=desc,
        brief=brief,
        region=region,
        kinds=kinds,
        steps=tuple(steps),
        timeout_s=1020.0,
        action={"do": "peers", "region": region.id, "peers": [[s, p] for s, p in peers.items()]},
        size_mib=size,
        pace=pace,
    )


def _brief(gone: list[int], new: list[int]) -> str:
    left = " ".join(str(s) for s in gone)
    right = " ".join(str(s) for s in new)
    if not gone:
        return f"add peer: store [{right}]"
    return f"mv peer: store [{left}] to [{right}]" if new else f"rm peer: store [{left}]"
