"""Files what an etcd cluster's sources said as pieces of evidence, in the shapes that rules know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.clients.docker_model import Container, ContainerEvent
from core.diagnosis import pieces
from core.diagnosis.compare import spread
from core.diagnosis.evidence import About
from core.diagnosis.pieces import Filing
from core.subjects import shown
from core.subjects.attempts import Got
from core.subjects.etcd.history import History, Look, readings
from core.subjects.etcd.model import CLUSTER, ETCD, PROMETHEUS, EtcdObservation, Who
from core.subjects.sight import Look as Sighting
from core.subjects.sight import Sight


@dataclass(frozen=True, slots=True)
class Docked:
    """A member's container, and what happened to it."""

    container: Got[Container]
    events: Got[tuple[ContainerEvent, ...]]


class Files:
    """Files pieces in the shapes that rules and scenarios know."""

    def __init__(
        self, filing: Filing, about: About, seen: EtcdObservation, before: Look | None
    ) -> None:
        self._filing = filing
        self._about = about
        self._seen = seen
        self._before = before
        self._window = (about.before, about.taken_at)
        self._facts: dict[tuple[str, str, str], Any] = {}

    def _add(self, kind: str, entity: str, content: Any, source: str, failed: str = "") -> None:
        if not failed:
            self._facts[kind, entity, source if kind == "reading" else ""] = content
        self._filing.add(kind, entity, content, source=source, window=self._window, failed=failed)

    def whole(self, members: Sequence[Who]) -> None:
        """The members together: who leads, how many voters answer, what alarms there are."""
        seen, quorum = self._seen, self._seen.quorum
        voters = [one.entity for one in members if not one.learner]
        answering = quorum.up if quorum is not None else 0
        leader = seen.leadership.leader
        kinds = sorted({one.kind for one in seen.alarms or ()})
        alarms = [f"{kind} {name}" for kind in kinds for name in seen.about(kind)]
        now = _majority(len(voters), answering) | {
            "leader": seen.name_of(leader) if leader else "",
            "serves": bool(leader),
            "alarms": "; ".join(alarms),
            "said": "" if leader else "no member knows a leader",
        }
        before = None
        if self._before is not None:
            good = sum(self._before.answering.get(one, False) for one in voters)
            before = _majority(len(voters), good) | {"leader": self._before.leader}
        failed = "" if seen.said or answering else "no member answers"
        content = {"now": now, "before": before}
        self._add("members", ETCD, content, "/v3/maintenance/status", failed)

    def probe(self, who: Who, sight: Sight, mono: float) -> None:
        """What the bot sees of a member's port; for how long it has been silent to us."""
        taken, ok = self._about.taken_at, sight.look is Sighting.OK
        now: dict[str, Any] = {"ok": ok, "said": _said(sight)}
        timeline: list[dict[str, Any]] = []
        if not ok and sight.last_ok is not None:
            began = taken - (mono - (sight.first_fail or sight.last_ok))
            now["silent_s"] = round(max(taken - began, 0.0), 3)
            timeline.append({"at": taken - (mono - sight.last_ok), "ok": True, "said": ""})
            timeline.append({"at": began, "ok": False, "said": _said(sight)})
        content = {"now": now, "before": None, "timeline": timeline}
        failed = "" if sight.last is not None else "it was not probed yet"
        self._add("probe", who.entity, content, "/version", failed)

    def member(self, who: Who) -> None:
        """A member's own word, and what the others hear of it."""
        said, life = self._seen.said.get(who.id), self._seen.lives.get(who.id)
        now: dict[str, Any] = {
            "answers": said is not None,
            "life": str(life.life) if life is not None else "unknown",
            "said": life.how if life is not None else "",
            "leader": self._seen.leadership.leader == who.id,
            "learner": who.learner,
        }
        if said is not None:
            now["version"] = said.status.version
            now["knows_leader"] = bool(said.status.leader)
            now["health"] = said.health.ok if said.health is not None else None
            now["errors"] = "; ".join(said.status.errors)
        before = None
        if self._before is not None and who.entity in self._before.answering:
            before = {
                "answers": self._before.answering[who.entity],
                "leader": self._before.leader == who.name,
                "version": self._before.versions.get(who.entity, ""),
            }
        self._add("member", who.entity, {"now": now, "before": before}, "/v3/maintenance/status")

    def docked(self, entity: str, found: Docked) -> None:
        """A member's container and its events."""
        state, events = found.container.value, found.events.value
        content = None if state is None else {"now": shown.container(state), "before": None}
        self._add("container", entity, content, "docker inspect", found.container.failed)
        listed = None if events is None else shown.events(events, self._about.taken_at)
        self._add("event", entity, {"events": listed}, "docker events", found.events.failed)

    def readings(self, who: Who, history: History) -> None:
        """Its figures, with what they were over the last quarter of an hour."""
        for name, value in readings(self._seen, who.id).items():
            points = [*history.points(who.entity, name), (self._seen.at, value)]
            told = pieces.reading(points, self._about.before, self._about.taken_at)
            self._add("reading", who.entity, told, name)

    def changes(self, history: History) -> None:
        """What was seen to change, by entity."""
        found: dict[str, list[Any]] = {}
        for entity, told in history.changes:
            found.setdefault(entity, []).append(told)
        for entity, listed in found.items():
            self._add("change", entity, {"changes": listed}, "seen changes")

    def prometheus(self, age: Got[float | None]) -> None:
        """Whether Prometheus answers, and how old what it has is."""
        known = None if age.value is None else round(age.value, 3)
        now = {"answers": not age.failed, "said": age.failed, "sample_age_s": known}
        self._add("prometheus", PROMETHEUS, {"now": now}, "prometheus")

    def compared(self, members: Sequence[Who]) -> None:
        """What only shows when members are compared."""
        told = spread(self._facts, [], [one.entity for one in members])
        told |= {"versions": len({one.status.version for one in self._seen.said.values()})}
        self._filing.add("spread", CLUSTER, told, source="all members together")


def _said(sight: Sight) -> str:
    """How a probe failed, in the words that rules know."""
    if sight.look is Sighting.OK:
        return ""
    if sight.look is Sighting.REFUSED:
        return "connection refused"
    return "timed out" if sight.detail == "does not answer in time" else sight.detail


def _majority(total: int, answering: int) -> dict[str, Any]:
    return {
        "total": total,
        "answering": answering,
        "missing": total - answering,
        "majority": answering * 2 > total,
    }
