"""Is a member alive: what probes, its own words and the other members say together.

Silence alone is never death: somebody else must answer meanwhile, or the machine itself must say
that nobody listens there, and where others can be asked, they are asked first: a wall may refuse
us as well. A member that the others hear from is alive, whatever we see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.subjects.etcd.model import LOST, Life, Liveness, Quorum, Said, Who
from core.subjects.etcd.peers import Hearsay
from core.subjects.sight import Look, Sight

JOIN_S = 3.0
"""A member may know no leader for so long (an election takes 1 to 2 s with etcd's default timeout
of 1 s) before it counts as cut off."""
_REFUSED_ALONE_S = 1.0
"""The others' word on one that refuses is waited for so long (it takes them 0.3 to 0.7 s)."""
_HUNG_ALONE = 4
"""Looks in a row without an answer that count without the others' word (2 s at the default pace)."""


@dataclass(slots=True)
class Incident:
    """A member that is lost: since when (monotonic and wall time), and how it was told."""

    began: float
    since: float
    life: Life
    how: str


@dataclass(frozen=True, slots=True)
class Scene:
    """All that one look has, at one instant. `leader` is whom the members with a leader name."""

    at: float
    mono: float
    sights: Mapping[int, Sight]
    probe_s: float
    said: Mapping[int, Said]
    leader: int
    hearsay: Hearsay | None

    def sight(self, member: int) -> Sight:
        """A member's probes; blind if it was never probed."""
        return self.sights.get(member) or Sight()

    def others_answer(self, member: int, since: float) -> bool:
        """Whether some other member answered a probe after `since`."""
        return any(
            key != member and one.last_ok is not None and one.last_ok >= since
            for key, one in self.sights.items()
        )

    def heard(self, who: Who) -> bool | None:
        """Whether the others hear from it; None if they cannot tell, or said so too long ago.

        That they heard from it counts if they listened after it fell silent to us; that they heard
        nothing, also if they began to listen after its last answer.
        """
        sight, told = self.sight(who.id), self.hearsay
        if told is None or (sight.last_ok is not None and told.began < sight.last_ok):
            return None
        heard = told.hears(who.id, self.leader)
        late = sight.fails == 0 or told.began >= sight.first_fail
        return heard if late or heard is False else None


class Lives:
    """Remembers who is lost, so that one look at it is not the end of it."""

    def __init__(self) -> None:
        self.incidents: dict[int, Incident] = {}
        self._leaderless: dict[int, float] = {}

    def judge(self, members: Sequence[Who], scene: Scene) -> dict[int, Liveness]:
        """Every member's life now."""
        for gone in self.incidents.keys() - {one.id for one in members}:
            del self.incidents[gone]
        for gone in self._leaderless.keys() - {one.id for one in members}:
            del self._leaderless[gone]
        return {one.id: self._one(one, scene) for one in members}

    def _one(self, who: Who, scene: Scene) -> Liveness:
        life, how = self._seen(who, scene)
        if life not in (Life.DOWN, Life.CUT_OFF):
            self.incidents.pop(who.id, None)
            return Liveness(life, scene.at, how)
        known = self.incidents.get(who.id)
        if known is None:
            first = scene.sight(who.id).first_fail
            began = first if life is Life.DOWN and first else scene.mono
            known = Incident(began, scene.at - (scene.mono - began), life, how)
            self.incidents[who.id] = known
        known.life, known.how = life, how
        return Liveness(life, known.since, how)

    def _seen(self, who: Who, scene: Scene) -> tuple[Life, str]:
        sight = scene.sight(who.id)
        if not who.started and sight.look is not Look.OK:
            return Life.NEW, "it was added and has not started yet"
        if not sight.fresh(scene.mono, scene.probe_s):
            return Life.UNKNOWN, "it was not probed lately"
        if sight.look is Look.OK:
            return self._answering(who, scene)
        self._leaderless.pop(who.id, None)
        return self._silent(who, sight, scene)

    def _answering(self, who: Who, scene: Scene) -> tuple[Life, str]:
        said = scene.said.get(who.id)
        known = self.incidents.get(who.id)
        if said is not None and said.status.leader:
            self._leaderless.pop(who.id, None)
            return Life.UP, ""
        if scene.leader in (0, who.id):
            return Life.UP, ""  # nobody leads: that is told of the cluster, not of this member
        if said is None:
            back = known is not None and known.life is Life.DOWN
            return (
                (Life.DOWN, "it answers again, and does not say yet whether it has a leader")
                if (back)
                else (Life.UP, "")
            )
        since = self._leaderless.setdefault(who.id, scene.mono)
        if known is not None:
            return known.life, "it answers, and has no leader while other members have one"
        if scene.mono - since >= JOIN_S:
            return Life.CUT_OFF, "it answers, and has no leader while other members have one"
        return Life.UP, ""

    def _silent(self, who: Who, sight: Sight, scene: Scene) -> tuple[Life, str]:
        heard = scene.heard(who)
        said = sight.detail or "does not answer"
        if heard is True:
            return Life.UNSEEN, f"from here it {said}, yet other members hear from it"
        if who.id in self.incidents:
            return Life.DOWN, _with_word(said, heard)
        if sight.look is Look.BLIND or sight.last_ok is None:
            # It never answered this program: only the others can say that it is gone.
            if heard is False and sight.last is not None:
                return Life.DOWN, _with_word(said, heard)
            return Life.UNKNOWN, f"it {said}"
        if not sight.suspect:
            # Its connection ended, it takes no new one, and nobody hears from it: that is enough.
            gone = sight.ended and heard is False
            return (Life.DOWN, _with_word(said, heard)) if gone else (Life.UP, "")
        return self._suspect(who, sight, scene, heard)

    def _suspect(
        self, who: Who, sight: Sight, scene: Scene, heard: bool | None
    ) -> tuple[Life, str]:
        """One that answered before, and has not twice in a row."""
        said = sight.detail
        if sight.look is Look.REFUSED:
            # A port that refuses us may be a wall between us and it: the others say which.
            asked = heard is None and scene.others_answer(who.id, sight.first_fail)
            if asked and scene.mono - sight.first_fail < _REFUSED_ALONE_S:
                return Life.UNKNOWN, f"it {said}; the other members are being asked"
            return Life.DOWN, _with_word(said, heard)
        if not scene.others_answer(who.id, sight.first_fail):
            return Life.UNKNOWN, f"it {said}; nothing else of etcd answers from here either"
        if heard is False or sight.fails >= _HUNG_ALONE:
            return Life.DOWN, _with_word(said, heard)
        return Life.UNKNOWN, f"it {said}; the other members are being asked"


def _with_word(said: str, heard: bool | None) -> str:
    said = f"it {said}"
    return f"{said}; no other member hears from it" if heard is False else said


def quorum(members: Sequence[Who], lives: Mapping[int, Liveness]) -> Quorum | None:
    """The voters as a whole; None while nobody is known."""
    voters = [one for one in members if not one.learner]
    if not voters:
        return None
    unseen = Liveness(Life.UNKNOWN, 0.0, "")
    found = [lives.get(one.id, unseen).life for one in voters]
    lost = sum(one in LOST for one in found)
    unknown = sum(one is Life.UNKNOWN for one in found)
    return Quorum(len(voters), len(voters) - lost - unknown, unknown)
