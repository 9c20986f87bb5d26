"""When PD's word on a store's state may be believed.

A new PD leader knows only heartbeats that were persisted (every five minutes), so that it calls
healthy stores Disconnected until each one's next heartbeat: measured on four versions of PD, after
every leader change.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.durations import span
from core.subjects.tikv.model import SILENT, Store
from core.subjects.tikv.settings import Guards


class Trust:
    """Watches PD's readings for what makes its store states doubtful; times are monotonic."""

    def __init__(self, guards: Guards) -> None:
        self._guards = guards
        self.leader = ""
        self.changed_at: float | None = None
        self._newest = 0.0
        self._all_silent_since: float | None = None
        self._silent: dict[int, tuple[float, float]] = {}
        self._wall_minus_mono = 0.0

    def doubt(self, mono: float) -> None:
        """Something happened after which PD's leader may be a new one."""
        self.changed_at = mono

    def note_leader(self, leader: str, mono: float) -> None:
        """PD names its leader; "" is not news."""
        if leader and leader != self.leader:
            self.leader = leader
            self.doubt(mono)

    def note_stores(self, stores: Sequence[Store], mono: float, at: float) -> None:
        """A new answer of PD's on all stores, received at `mono`, wall time `at`."""
        self._wall_minus_mono = at - mono
        if self.changed_at is None:
            self.doubt(mono)
        newest = max((one.heartbeat_at for one in stores if one.heartbeat_at), default=0.0)
        if newest < self._newest:
            self.doubt(mono)
        self._newest = newest
        silent = [one for one in stores if one.state in SILENT]
        self._silent = {one.who.id: self._known(one, mono) for one in silent}
        serving = sum(not one.leaving for one in stores)
        all_silent = serving >= 2 and sum(not one.leaving for one in silent) == serving
        if not all_silent:
            self._all_silent_since = None
        elif self._all_silent_since is None:
            self._all_silent_since = mono

    def _known(self, store: Store, mono: float) -> tuple[float, float]:
        beat = store.heartbeat_at or 0.0
        known = self._silent.get(store.who.id)
        return known if known is not None and known[0] == beat else (beat, mono)

    def doubts(self, store: Store, mono: float) -> str:
        """Why a silent state of this store is not believed at `mono`; "" if it is."""
        beat = store.heartbeat_at
        behind = self._newest - beat if beat is not None else 0.0
        if behind > self._guards.persisted_s:
            return ""
        if not self.settled(mono):
            since = span(mono - (self.changed_at or mono))
            return f"PD's leader answers for {since} only: its word on stores is not settled"
        if self._all_silent_since is not None:
            together = mono - self._all_silent_since
            if together < self._guards.all_silent_s:
                return f"PD calls every store silent at once, for {span(together)}"
        if beat is not None and self._age(store, beat, mono) <= self._guards.heartbeat_s:
            return "PD calls it silent, yet heard from it lately"
        return ""

    def settled(self, mono: float) -> bool:
        """Whether PD's leader has led for long enough to have heard from every live store."""
        return (
            self.changed_at is not None and mono - self.changed_at >= self._guards.leader_change_s
        )

    def _age(self, store: Store, beat: float, mono: float) -> float:
        seen_at = self._silent.get(store.who.id, (beat, mono))[1]
        wall = mono + self._wall_minus_mono - beat
        return max(self._newest - beat, mono - seen_at, wall)
