"""Who does not answer now, whose connection has just ended, and whether that is still news."""

from __future__ import annotations

from core.subjects.etcd.lives import Lives
from core.subjects.etcd.roster import Roster
from core.subjects.probing import Probing
from core.subjects.sight import Look

NEWS_S = 2.0
"""For so long after its first failed probe the others are asked about a member again and again: what
they had received before it died may still be counted while they are asked (seen on a busy machine)."""


class Silence:
    """Looks at what probes have found of the roster's members."""

    def __init__(self, roster: Roster, probing: Probing, lives: Lives) -> None:
        self._roster = roster
        self._probing = probing
        self._lives = lives

    def ones(self) -> frozenset[int]:
        """Members that do not answer now, or whose connection has just ended."""
        silent = {
            key
            for key, one in self._probing.sights.items()
            if one.look is not Look.OK and one.last is not None
        }
        return frozenset(silent) | self.ended()

    def ended(self) -> frozenset[int]:
        """Members whose kept connection the other side has ended."""
        ended = self._probing.ended
        members = self._roster.members
        return frozenset(one.id for one in members if one.url is not None and ended(one.url))

    def untold(self) -> frozenset[int]:
        """Members whose connection has ended, and of whom nothing was told yet."""
        return self.ended() - self._lives.incidents.keys()

    def is_news(self, mono: float) -> bool:
        """Whether one of those has not been silent for long: more may be known in a moment."""
        sights = self._probing.sights
        found = (sights[key] for key in self.untold() if key in sights)
        # Well: not looked at since its connection ended. Blind: whoever answers there now, it stays.
        return any(
            mono - one.first_fail < NEWS_S if one.fails else one.look is Look.OK for one in found
        )

    def found(self) -> frozenset[int]:
        """Members whose connection has ended, and that a new one found silent as well."""
        sights = self._probing.sights
        return frozenset(key for key, one in sights.items() if one.ended and one.fails)
