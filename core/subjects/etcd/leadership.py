"""Who leads, for how long nobody has, and how often that changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from core.subjects.etcd.model import Leadership, Life, Liveness, Said, Who

WINDOW_S = 900.0
"""Changes of leader are counted over 15 minutes, as etcd's own alert etcdHighNumberOfLeaderChanges
does (etcd-io/etcd contrib/mixin)."""
_MOST = 1_000


class Leaders:
    """Follows the leader from look to look; times are monotonic unless they are carried."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._led_at: float | None = None
        self.leader = 0
        self.term: int | None = None
        # Each with its wall time in whole seconds, taken once: what is carried must not waver.
        self._changes: deque[tuple[float, int]] = deque(maxlen=_MOST)

    def note(self, said: Mapping[int, Said], mono: float, at: float) -> None:
        """What members say now; the newest term's word counts. `at` is wall time."""
        leading = [one.status for one in said.values() if one.status.leader]
        if not leading:
            return
        best = max(leading, key=lambda one: (one.term or 0, one.leader == one.member_id))
        self._led_at = mono
        now = (best.term, best.leader)
        if self.leader and now != (self.term, self.leader) and (best.term or 0) >= (self.term or 0):
            self._changes.append((mono, round(at)))
        if (best.term or 0) >= (self.term or 0):
            self.term, self.leader = now

    def view(
        self,
        members: Sequence[Who],
        said: Mapping[int, Said],
        lives: Mapping[int, Liveness],
        mono: float,
    ) -> Leadership:
        """Leadership as of now."""
        while self._changes and mono - self._changes[0][0] > WINDOW_S:
            self._changes.popleft()
        voters = [one.id for one in members if not one.learner]
        leads = any(one.status.leader for one in said.values())
        asked = any(key in said for key in voters)
        gone = bool(voters) and all(
            key in lives and lives[key].life in (Life.DOWN, Life.NEW) for key in voters
        )
        since = self._led_at if self._led_at is not None else self._began
        return Leadership(
            leader=self.leader if leads else 0,
            term=self.term,
            silent_s=0.0 if leads else max(mono - since, 0.001),
            reached=asked or gone,
            changes=len(self._changes),
            window_s=WINDOW_S,
        )

    def dump(self) -> dict[str, Any]:
        """What a later process should know; wall times in whole seconds."""
        return {
            "leader": f"{self.leader:x}",
            "term": self.term,
            "changes": [wall for _, wall in self._changes][-50:],
        }

    def load(self, carry: Any, at: float, mono: float) -> None:
        """Take back what `dump` gave."""
        if not isinstance(carry, Mapping):
            return
        leader, term, changes = carry.get("leader"), carry.get("term"), carry.get("changes")
        if isinstance(leader, str) and len(leader) <= 16:
            try:
                self.leader = int(leader, 16)
            except ValueError:
                self.leader = 0
        if isinstance(term, int) and not isinstance(term, bool):
            self.term = term
        for one in changes if isinstance(changes, list) else []:
            if isinstance(one, int) and not isinstance(one, bool):
                self._changes.append((mono - max(at - one, 0.0), one))
