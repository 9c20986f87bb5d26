"""Evidence of an etcd cluster: what every source says of it now, and what it was a while ago.

Probes, the members' own words, figures and what changed come from watching; containers, their
events, logs and Prometheus's age are asked for when a diagnosis is wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.clients.docker import DockerClient
from core.clients.docker_model import Container, ContainerEvent
from core.clients.logs import LogSource
from core.clients.prometheus import Prometheus
from core.clock import Clock
from core.diagnosis.evidence import About
from core.diagnosis.model import Piece, Query
from core.diagnosis.pieces import Filing
from core.subjects import shown
from core.subjects.attempts import Got, attempt
from core.subjects.etcd import explain_ask
from core.subjects.etcd.explain_file import Docked, Files
from core.subjects.etcd.figures import PrometheusFigures
from core.subjects.etcd.history import History
from core.subjects.etcd.model import CLUSTER, ETCD, PROMETHEUS, EtcdObservation, Life, Who
from core.subjects.sight import Sight

MOST_MEMBERS = 20
_LEAST_S = 0.2
NO_CONTAINER = "no container, or more than one, is this member"


@dataclass(frozen=True, slots=True)
class Means:
    """What evidence is gathered with; None for what is not configured.

    `logs` is by member's name; `names` says what a member's container may be called,
    `project` of which compose project it is ("" = any).
    """

    clock: Clock
    names: Callable[[Who], tuple[str, ...]]
    project: str = ""
    docker: DockerClient | None = None
    prometheus: tuple[Prometheus, PrometheusFigures] | None = None
    logs: Mapping[str, LogSource] = field(default_factory=dict)


class Explainer:
    """Evidence of one cluster. It reads what the subject saw, and changes nothing of it."""

    def __init__(self, means: Means, sights: Callable[[], Mapping[int, Sight]]) -> None:
        self._means = means
        self._sights = sights
        self._history = History()
        self._seen: EtcdObservation | None = None

    def remember(self, seen: EtcdObservation) -> None:
        """One more observation."""
        self._seen = seen
        self._history.note(seen)

    async def explain(self, about: About, filing: Filing) -> None:
        """File everything; see core.diagnosis.evidence.Explains."""
        seen = self._seen
        if seen is None:
            filing.add("source", ETCD, None, source="etcd", failed="nothing was seen of it yet")
            return
        limit_s = max(about.limit_s - _LEAST_S, _LEAST_S)
        members = self._ordered(seen, about.entity)
        docked, logs, age = await asyncio.gather(
            self._docked(members, about, limit_s),
            self._logs(members, about, limit_s),
            self._age(limit_s),
        )
        files = Files(filing, about, seen, self._history.before(about.before))
        files.whole(members)
        for one in members:
            sight = self._sights().get(one.id) or Sight()
            files.probe(one, sight, self._means.clock.monotonic())
            files.member(one)
            if one.entity in docked:
                files.docked(one.entity, docked[one.entity])
            files.readings(one, self._history)
            if one.entity in logs:
                found = logs[one.entity]
                source = f"log of {one.entity}"
                filing.add("log", one.entity, found.value, source=source, failed=found.failed)
        files.changes(self._history)
        if age is not None:
            files.prometheus(age)
        files.compared(members)

    def _ordered(self, seen: EtcdObservation, entity: str) -> list[Who]:
        """The member that it is about first, then those in trouble."""

        def rank(one: Who) -> tuple[bool, bool]:
            life = seen.lives.get(one.id)
            return one.entity != entity, life is not None and life.life is Life.UP

        return sorted(seen.members, key=rank)[:MOST_MEMBERS]

    async def _docked(
        self, members: Sequence[Who], about: About, limit_s: float
    ) -> dict[str, Docked]:
        docker, clock = self._means.docker, self._means.clock
        if docker is None:
            return {}
        listed, happened = await asyncio.gather(
            attempt(clock, limit_s, docker.containers()),
            attempt(clock, limit_s, docker.past_events(about.before, about.taken_at)),
        )
        found: dict[str, Docked] = {}
        for one in members:
            state = _container(listed, self._means.names(one), self._means.project)
            events: Got[tuple[ContainerEvent, ...]] = Got(None, happened.failed or state.failed)
            if happened.value is not None and state.value is not None:
                key = state.value.id
                events = Got(tuple(event for event in happened.value if event.id == key))
            found[one.entity] = Docked(state, events)
        return found

    async def _logs(
        self, members: Sequence[Who], about: About, limit_s: float
    ) -> dict[str, Got[dict[str, Any]]]:
        sources = {
            one.entity: self._means.logs[one.name]
            for one in members
            if one.name in self._means.logs
        }
        tails = await asyncio.gather(
            *(
                attempt(self._means.clock, limit_s, shown.log_of(one, about.taken_at))
                for one in sources.values()
            )
        )
        return dict(zip(sources, tails, strict=True))

    async def _age(self, limit_s: float) -> Got[float | None] | None:
        if self._means.prometheus is None:
            return None
        client, _ = self._means.prometheus
        return await attempt(self._means.clock, limit_s, client.newest_sample_age())

    async def ask(self, query: Query, entity: str, window: tuple[float, float]) -> Piece:
        """One live answer; see core.diagnosis.evidence.Explains."""
        whom = {one.entity: one for one in (self._seen.members if self._seen else ())}
        client = self._means.prometheus[0] if self._means.prometheus is not None else None
        asked = explain_ask.Asked(self._means.clock, client, self._means.logs, whom)
        return await explain_ask.ask(asked, query, entity, window)

    def entities(self) -> tuple[str, ...]:
        """What may be asked about."""
        members = self._seen.members if self._seen is not None else ()
        more = (PROMETHEUS,) if self._means.prometheus is not None else ()
        return (*(one.entity for one in members[:MOST_MEMBERS]), ETCD, CLUSTER, *more)

    def readings(self) -> Mapping[str, str]:
        """PromQL by name; empty without a Prometheus."""
        if self._means.prometheus is None:
            return {}
        _, figures = self._means.prometheus
        kept = {key: query for key, query in figures.queries.items() if key not in ("ids", "age")}
        return {f"member/{key}": query for key, query in kept.items()}

    def absent(self) -> tuple[str, ...]:
        """Sources that this site does not have."""
        there = {
            "docker": self._means.docker is not None,
            "logs": bool(self._means.logs),
            "prometheus": self._means.prometheus is not None,
        }
        return tuple(name for name, has in there.items() if not has)


def _container(
    listed: Got[tuple[Container, ...]], names: Sequence[str], project: str
) -> Got[Container]:
    if listed.value is None:
        return Got(None, listed.failed)
    found = [
        one
        for one in listed.value
        if any(one.goes_by(name) for name in names)
        and project in ("", one.labels.get("com.docker.compose.project"))
    ]
    return Got(found[0]) if len(found) == 1 else Got(None, NO_CONTAINER)
