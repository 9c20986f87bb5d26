"""Breaking containers: by the Docker engine, and by their host's kernel where that is this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.chaos import undo_docker_host as host
from core.chaos.driver import Entities
from core.chaos.drivers import docker_plans as plans
from core.chaos.drivers.docker_draft import Drafts
from core.chaos.drivers.docker_here import Tools, tools, why_not
from core.chaos.drivers.docker_inject import inject
from core.chaos.drivers.docker_seen import (
    NOTHING_SPARED,
    Seen,
    Spared,
    lent_address,
    match,
    opted_in,
    random_ports,
    reached_by,
    seen,
)
from core.chaos.drivers.params import known_params
from core.chaos.model import Fault, Plan, Target
from core.chaos.settings import SubjectChaos
from core.chaos.undo_docker_engine import Engine, EngineSaid
from core.clients.docker_change import DockerChange
from core.clients.docker_model import container
from core.clock import Clock
from core.errors import NotFound, Refused, Unavailable

NAME = "docker"
_PD = "done to PD itself: add the driver pd"
_NEVER = {Fault.TRANSFER_LEADER: _PD, Fault.EVICT_LEADERS: _PD}
_HERE_S = 60.0
_CONNECTED_ANEW = frozenset((Fault.KILL, Fault.STOP, Fault.RESTART, Fault.CRASH, Fault.CUT))


class DockerDriver:
    """Breaks containers that opted in by a label; see core.chaos.driver.Driver.

    `entities` says what the subject watches, and under which names; `never` what must not be broken.
    """

    name = NAME

    def __init__(
        self,
        client: DockerChange,
        clock: Clock,
        entities: Entities,
        settings: SubjectChaos,
        never: Spared = NOTHING_SPARED,
        found: Tools | None = None,
        lands_s: float = plans.LANDS_S,
    ) -> None:
        self._client = client
        self._clock = clock
        self._entities = entities
        self._settings = settings
        self._spared = never
        self._tools = found or tools()
        self._lands_s = lands_s
        self._here: tuple[float, Mapping[Fault, str]] | None = None

    async def faults(self) -> Mapping[Fault, str]:
        """What can be done to containers from here, and why the rest cannot."""
        try:
            await self._client.engine()
            reasons = {**await self._why_not(), **_NEVER}
        except Unavailable as error:
            return {**dict.fromkeys(Fault, error.text), **_NEVER}
        return {fault: reasons.get(fault, "") for fault in Fault}

    async def targets(self) -> tuple[Target, ...]:
        """Every entity that is exactly one container, which opted in."""
        among = seen(await self._client.everything(), self._settings.project)
        matched = _matched(await self._entities(), among)
        found = []
        for entity in matched:
            try:
                found.append(self._target(entity, matched))
            except Refused:
                continue
        return tuple(found)

    async def find(self, entity: str) -> Target:
        """The container that is this entity."""
        among = seen(await self._client.everything(), self._settings.project)
        watched = await self._entities()
        if entity not in watched:
            there = ", ".join(sorted(watched)[:8]) or "nothing"
            raise Refused(f"There is no {entity} to be broken; there is {there}.")
        return self._target(entity, _matched(watched, among))

    async def plan(
        self, fault: Fault, target: Target, params: Mapping[str, Any], duration_s: float
    ) -> Plan:
        """Read how it stands, and say how it will be undone."""
        if why := {**await self._why_not(), **_NEVER}.get(fault):
            raise Refused(f"Docker cannot do {fault} here: {why}.")
        known_params(fault, params, plans.KNOWN.get(fault, ()))
        raws = await self._client.everything()
        one = await self._fresh(target)
        self._allowed(target.entity, one)
        sharing = _sharing(one, raws)
        for other in sharing:
            self._allowed(target.entity, other)
        ports = await self._moving(fault, target, one)
        drafts = Drafts(self._client, self._tools, self._entities, self._pid(one))
        drafted = await drafts.draft(fault, one, params)
        engine_id, planned_at = await self._healers_way()
        networks = (one.raw.get("NetworkSettings") or {}).get("Networks") or {}
        undo = {
            "driver": NAME,
            "fault": str(fault),
            "engine": self._client.address,
            "engine_id": engine_id,
            "planned_at": planned_at,
            "name": one.container.name,
            **one.identity,
            "addresses": {name: str(n.get("IPAddress") or "") for name, n in networks.items()},
            **drafted.undo,
        }
        before = {"status": one.container.status, **one.identity, **drafted.before}
        return Plan(
            fault=fault,
            target=target,
            params=dict(params),
            before=before,
            undo=undo,
            lands_within_s=self._lands_s + drafted.takes_s,
            words=drafted.words,
            undo_words=drafted.undo_words,
            radius="; ".join(filter(None, (_radius(target, one, sharing), ports, drafted.touches))),
        )

    async def _healers_way(self) -> tuple[str, str]:
        """The engine's id and time, asked as the healer will ask it: what could not be undone is not
        done."""
        try:
            return await asyncio.to_thread(Engine(self._client.address).itself)
        except (OSError, EngineSaid) as error:
            raise Refused(
                f"Nothing was done: the healer cannot reach the engine: {error}."
            ) from None

    async def _moving(self, fault: Fault, target: Target, one: Seen) -> str:
        """What becomes of ports and addresses that were not chosen by anybody; Refused if we would
        not find it again."""
        if fault not in _CONNECTED_ANEW:
            return ""
        ports, names = random_ports(one), (await self._entities()).get(target.entity, ())
        if (port := reached_by(names, ports)) is not None:
            raise Refused(
                f"{one.called} is reached at port {port}, which the engine chose: it would choose "
                "another one, and nobody would find it again. Publish it at a port of your choice."
            )
        said = []
        if ports:
            listed = ", ".join(map(str, sorted(ports)[:6]))
            said.append(f"ports that the engine chose ({listed}) will be others afterwards")
        if address := lent_address(one, names):
            said.append(f"its network gave out {address}, and may give that to another meanwhile")
        return "; ".join(said)

    async def inject(self, plan: Plan) -> None:
        """Do it to exactly the process that was planned for."""
        try:
            one = await self._fresh(plan.target)
        except Unavailable as error:
            raise Refused(f"Nothing was done: {error.text}") from None
        self._allowed(plan.target.entity, one)
        await inject(self._client, plan, one, self._pid(one))

    async def close(self) -> None:
        """Let go of the engine."""
        await self._client.close()

    async def _fresh(self, target: Target) -> Seen:
        """The target as it is now; Refused if it is another one, or does not run."""
        try:
            raw = await self._client.inspect(str(target.identity["id"]))
        except NotFound:
            raise Refused(f"The container of {target.name} was removed meanwhile.") from None
        one = Seen(raw, container(raw))
        if one.container.status != "running":
            raise Refused(f"{one.called} is {one.container.status}: only what runs can be broken.")
        if one.identity != dict(target.identity):
            raise Refused(f"{one.called} was started anew meanwhile: look again.")
        return one

    def _target(self, entity: str, matched: Mapping[str, Seen | Refused]) -> Target:
        one = matched[entity]
        if isinstance(one, Refused):
            raise one
        self._allowed(entity, one)
        others = sorted(e for e, other in matched.items() if other is one and e != entity)
        if others:
            raise Refused(
                f"{one.called} is {entity} and also {', '.join(others[:6])}: breaking it would "
                "take more than one."
            )
        return Target(NAME, entity, one.container.name, one.identity, dict(one.container.labels))

    def _allowed(self, entity: str, one: Seen) -> None:
        if why := self._spared.why(one):
            raise Refused(f"{one.called} is never a target: {why}.")
        if not opted_in(one, self._settings.label):
            raise Refused(
                f"{one.called} did not opt in: it does not carry the label {self._settings.label}. "
                "Add it to the service, and start the container anew."
            )
        limited, own = self._settings.targets, one.container
        if limited and not {entity, own.name, own.service} & set(limited):
            raise Refused(f"{entity} is not among the targets of [subjects.chaos].")

    def _pid(self, one: Seen) -> int | None:
        """Its first process, where something may be done to it from here."""
        return host.process(self._client.address, one.raw) if os.geteuid() == 0 else None

    async def _why_not(self) -> Mapping[Fault, str]:
        now = self._clock.monotonic()
        if self._here is not None and now - self._here[0] < _HERE_S:
            return self._here[1]
        raws = await self._client.everything()
        running = [raw for raw in raws if (raw.get("State") or {}).get("Pid")]
        address = self._client.address
        beside = not running or any(host.process(address, raw) for raw in running)
        found = await asyncio.to_thread(why_not, address, self._tools, beside=beside)
        self._here = (now, found)
        return found


def _matched(
    watched: Mapping[str, Sequence[str]], among: Sequence[Seen]
) -> dict[str, Seen | Refused]:
    """Each entity's container, or why it has none."""
    found: dict[str, Seen | Refused] = {}
    for entity, names in watched.items():
        try:
            found[entity] = match(entity, names, among)
        except Refused as error:
            found[entity] = error
    return found


def _sharing(one: Seen, raws: Iterable[Mapping[str, Any]]) -> tuple[Seen, ...]:
    """Containers that live in this one's network."""
    wanted = {f"container:{one.container.id}", f"container:{one.container.name}"}
    return tuple(
        other
        for other in seen(raws)
        if str((other.raw.get("HostConfig") or {}).get("NetworkMode") or "") in wanted
    )


def _radius(target: Target, one: Seen, sharing: Sequence[Seen]) -> str:
    ports = sorted({port for found in one.container.ports.values() for port in found})
    said = f"container {one.container.name} ({target.entity})"
    if ports:
        said += f", published at {', '.join(map(str, ports[:6]))}"
    if sharing:
        said += f"; its network is shared by {', '.join(o.called for o in sharing[:6])}"
    return said
