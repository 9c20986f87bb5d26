"""What an etcd cluster looked like a while ago, and what was seen to change: kept for diagnoses."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.subjects.etcd.model import EtcdObservation, MemberFigures

EVERY_S = 15.0
_LOOKS = 60  # a quarter of an hour
_CHANGES = 100
FIGURES: Mapping[str, str] = {
    "fsync_p99_s": "fsync_p99_s",
    "commit_p99_s": "commit_p99_s",
    "fsync_rate": "fsyncs_per_s",
    "pending": "proposals_pending",
    "failed_rate": "proposals_failed_per_s",
    "quota_bytes": "quota_bytes",
}
"""Fields of a member's figures that are readings, and their names as such."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look in short. Maps are by entity."""

    at: float
    leader: str
    answering: Mapping[str, bool]
    versions: Mapping[str, str]
    readings: Mapping[str, Mapping[str, float]]


class History:
    """The looks of the last quarter of an hour, and changes since the program began."""

    def __init__(self) -> None:
        self.looks: deque[Look] = deque(maxlen=_LOOKS)
        self.changes: deque[tuple[str, dict[str, Any]]] = deque(maxlen=_CHANGES)
        self._leader = ""
        self._versions: dict[str, str] = {}
        self._members: frozenset[str] = frozenset()

    def note(self, seen: EtcdObservation) -> None:
        """One observation: what changed at once, the rest now and then."""
        self._note_changes(seen)
        if not self.looks or seen.at - self.looks[-1].at >= EVERY_S:
            self.looks.append(look(seen))

    def _note_changes(self, seen: EtcdObservation) -> None:
        leader = seen.name_of(seen.leadership.leader) if seen.leadership.leader else ""
        if leader and leader != self._leader:
            if self._leader:
                self._changed(seen.at, "etcd", "leader", f"{self._leader} -> {leader}")
            self._leader = leader
        for one in seen.members:
            said = seen.said.get(one.id)
            if said is None:
                continue
            before = self._versions.get(one.entity)
            if before not in (None, said.status.version):
                self._changed(seen.at, one.entity, "version", f"{before} -> {said.status.version}")
            self._versions[one.entity] = said.status.version
        members = frozenset(one.entity for one in seen.members)
        self._versions = {key: said for key, said in self._versions.items() if key in members}
        if self._members and members and members != self._members:
            for entity in sorted(members ^ self._members)[:10]:
                what = "added to" if entity in members else "removed from"
                self._changed(seen.at, entity, "members", f"it was {what} the cluster")
        self._members = members or self._members

    def _changed(self, at: float, entity: str, what: str, words: str) -> None:
        self.changes.append((entity, {"at": at, "what": what, "words": words}))

    def before(self, at: float) -> Look | None:
        """The newest look from before that time; else the oldest there is."""
        earlier = [one for one in self.looks if one.at <= at]
        return earlier[-1] if earlier else (self.looks[0] if self.looks else None)

    def points(self, entity: str, name: str) -> list[tuple[float, float]]:
        """A reading of an entity over time, oldest first."""
        found = ((one.at, one.readings.get(entity, {}).get(name)) for one in self.looks)
        return [(at, value) for at, value in found if value is not None]


def look(seen: EtcdObservation) -> Look:
    """An observation in short."""
    leader = seen.leadership.leader
    return Look(
        at=seen.at,
        leader=seen.name_of(leader) if leader else "",
        answering={one.entity: one.id in seen.said for one in seen.members},
        versions={
            one.entity: seen.said[one.id].status.version
            for one in seen.members
            if one.id in seen.said
        },
        readings={one.entity: readings(seen, one.id) for one in seen.members},
    )


def readings(seen: EtcdObservation, member: int) -> dict[str, float]:
    """A member's figures by the name of the reading; what is not known is left out."""
    figures = seen.figures.get(member, MemberFigures())
    found: dict[str, float | None] = {
        name: getattr(figures, field) for field, name in FIGURES.items()
    }
    said = seen.said.get(member)
    if said is not None:
        found["db_bytes"] = _number(said.status.db_bytes)
        found["db_in_use_bytes"] = _number(said.status.in_use_bytes)
        found["applied_index"] = _number(said.status.applied)
    found["entries_behind"] = _number(seen.lags.get(member))
    if figures.rtt_p99_s:
        found["peer_rtt_p99_s"] = max(figures.rtt_p99_s.values())
    return {name: value for name, value in found.items() if value is not None}


def _number(value: int | None) -> float | None:
    return None if value is None else float(value)
