"""Which stores were restarted lately, and whether somebody announced it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.subjects.tikv.evidence import Incident
from core.subjects.tikv.model import Restart, Store
from core.subjects.tikv.settings import Guards

# An evict-leader scheduler that was seen this long ago still announces: PD is read every 2 s, and
# the tool that restarts the store may take it away a moment before the process ends.
_FRESH_S = 30.0


class Announcements:
    """Stores whose leaders are being driven out: what comes before a planned restart.

    Times are monotonic. One left behind for longer than `announced_max_s` announces nothing.
    """

    def __init__(self, guards: Guards) -> None:
        self._max_s = guards.announced_max_s
        self._restart_s = guards.restart_s
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}

    def note(self, evicting: Iterable[int], mono: float) -> None:
        """PD lists these just now."""
        now = frozenset(evicting)
        for key in now:
            if mono - self._last.get(key, float("-inf")) > self._restart_s:
                self._first[key] = mono
            self._first.setdefault(key, mono)
            self._last[key] = mono
        for key in [one for one, at in self._last.items() if mono - at > self._max_s]:
            del self._last[key]
            self._first.pop(key, None)

    def within(self, mono: float, seconds: float = 0.0, pace_s: float = 0.0) -> frozenset[int]:
        """Stores that were announced at most `seconds` ago (at least 30, or two readings)."""
        reach = max(seconds, _FRESH_S, 2 * pace_s)
        return frozenset(
            key
            for key, at in self._last.items()
            if mono - at <= reach and mono - self._first[key] <= self._max_s
        )

    def lately(self, mono: float, seconds: float) -> bool:
        """Whether any store was announced at most `seconds` ago."""
        return any(
            mono - at <= seconds and mono - self._first[key] <= self._max_s
            for key, at in self._last.items()
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """A restart that was noticed at `mono`; `at` is wall time."""

    mono: float
    at: float
    announced: bool
    ran_s: float | None


class Restarts:
    """Compares start times from one reading of PD to the next.

    `started` maps store ids to the start time that PD last gave; `changes` counts what would have
    to be remembered over a restart of this program.
    """

    def __init__(self, guards: Guards) -> None:
        self._guards = guards
        self.started: dict[int, int] = {}
        self.recent: dict[int, Seen] = {}
        self.changes = 0

    def note(
        self,
        stores: Sequence[Store],
        mono: float,
        at: float,
        announced: frozenset[int],
        told: frozenset[int],
    ) -> None:
        """PD's newest answer; stores in `told` were called down, which says it all."""
        for store in stores:
            if store.started_at is None:
                continue
            key = store.who.id
            before = self.started.get(key)
            if before == store.started_at:
                continue
            self.started[key] = store.started_at
            self.changes += 1
            if before is not None and key not in told:
                self._restarted(store, before, mono, at, key in announced)

    def _restarted(
        self, store: Store, before: int, mono: float, at: float, announced: bool
    ) -> None:
        began = float(store.started_at or 0)
        # Seen late, by a program that was not running meanwhile: then it is no news any more. The
        # two clocks may differ, so only a long time counts.
        if at - began > self._guards.restart_s + 60:
            return
        ran = began - before
        self.recent[store.who.id] = Seen(mono, at, announced, ran if ran > 0 else None)

    def visible(self, mono: float, *, rolling: bool = False) -> Mapping[int, Restart]:
        """Restarts of the last five minutes; announced ones stay until the last of them is old.

        `rolling`: leaders are, or were lately, driven out of some store. Draining one store may take longer
        than a restart stays visible, and the whole roll is one piece of work.
        """
        if not self.recent:
            return {}
        newest = max((one.mono for one in self.recent.values() if one.announced), default=None)
        newest = mono if rolling and newest is not None else newest
        shown: dict[int, Restart] = {}
        for key, one in list(self.recent.items()):
            basis = newest if one.announced and newest is not None else one.mono
            if mono - basis >= self._guards.restart_s:
                del self.recent[key]
                self.changes += 1
            else:
                shown[key] = Restart(one.at, one.announced, one.ran_s)
        return shown

    def forget(self, gone: frozenset[int]) -> None:
        """Drop what is known of stores that are gone for good."""
        for key in gone & self.started.keys():
            del self.started[key]
            self.recent.pop(key, None)
            self.changes += 1


def told_down(
    incidents: Mapping[int, Incident], closed: Mapping[int, float], mono: float, reach_s: float
) -> frozenset[int]:
    """Stores that are, or were a moment ago, called down."""
    now = {key for key, one in incidents.items() if one.told}
    lately = {key for key, ended in closed.items() if mono - ended <= reach_s}
    return frozenset(now | lately)
