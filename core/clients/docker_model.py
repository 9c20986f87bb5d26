"""What the Docker engine says, typed: containers as they stand, and what happens to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from core.clients import goformat

KINDS = ("container", "network")


@dataclass(frozen=True, slots=True)
class Network:
    """How a container hangs on a network; `ip` is "" while it does not."""

    ip: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine sees it.

    `status` is created, running, paused, restarting, removing, exited or dead. `exit_code` is None
    while it runs. Times are aware; None for never. `ports` maps "20180/tcp" to published ports.
    `memory_limit` is in bytes; None for no limit.
    """

    id: str
    name: str
    image: str
    status: str
    exit_code: int | None
    oom_killed: bool
    restart_count: int
    pid: int
    started_at: datetime | None
    finished_at: datetime | None
    health: str
    restart_policy: str
    labels: Mapping[str, str]
    networks: Mapping[str, Network]
    ports: Mapping[str, tuple[int, ...]]
    memory_limit: int | None = None

    @property
    def running(self) -> bool:
        """Whether its process is there and not frozen."""
        return self.status == "running"

    @property
    def project(self) -> str:
        """The compose project that it belongs to; "" if none."""
        return self.labels.get("com.docker.compose.project", "")

    @property
    def service(self) -> str:
        """The compose service that it is an instance of; "" if none."""
        return self.labels.get("com.docker.compose.service", "")

    def goes_by(self, host: str) -> bool:
        """Whether `host` is its service, its name, one of its network aliases or its address."""
        names = {self.service, self.name}
        for one in self.networks.values():
            names.update(one.aliases)
            names.add(one.ip)
        return bool(host) and host in names


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something that happened to a container; `action` without its arguments ("die", "oom").

    `at` is seconds since the epoch by the engine's clock. `exit_code` comes with die, `signal` with
    kill. A network event has `kind` "network" and the container's id alone.
    """

    kind: str
    action: str
    id: str
    name: str
    at: float
    exit_code: int | None = None
    signal: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def event(raw: Mapping[str, Any]) -> ContainerEvent | None:
    """An event of a container or a network; None for any other."""
    kind, action = str(raw.get("Type", "")), str(raw.get("Action", ""))
    actor = raw.get("Actor") or {}
    said: dict[str, str] = {str(k): str(v) for k, v in (actor.get("Attributes") or {}).items()}
    if kind not in KINDS or not action:
        return None
    code = said.get("exitCode", "")
    at = raw.get("timeNano")
    return ContainerEvent(
        kind=kind,
        action=action.partition(":")[0].strip() if not action.startswith("health") else action,
        id=str(said.get("container", "") if kind == "network" else actor.get("ID", "")),
        name=said.get("name", ""),
        at=at / 1e9 if isinstance(at, int) else float(raw.get("time", 0) or 0),
        exit_code=int(code) if code.isdigit() else None,
        signal=said.get("signal", ""),
        labels=MappingProxyType(said),
    )


def container(raw: Mapping[str, Any]) -> Container:
    """A container from what inspecting it gave."""
    state = raw.get("State") or {}
    config = raw.get("Config") or {}
    hosted = raw.get("HostConfig") or {}
    status = str(state.get("Status", ""))
    return Container(
        id=str(raw.get("Id", "")),
        name=str(raw.get("Name", "")).lstrip("/"),
        image=str(config.get("Image", "")),
        status=status,
        exit_code=int(state.get("ExitCode") or 0) if status in ("exited", "dead") else None,
        oom_killed=bool(state.get("OOMKilled")),
        restart_count=int(raw.get("RestartCount") or 0),
        pid=int(state.get("Pid") or 0),
        started_at=goformat.instant(str(state.get("StartedAt", ""))),
        finished_at=goformat.instant(str(state.get("FinishedAt", ""))),
        health=str((state.get("Health") or {}).get("Status", "")),
        restart_policy=str((hosted.get("RestartPolicy") or {}).get("Name", "")),
        labels=MappingProxyType(dict(config.get("Labels") or {})),
        networks=MappingProxyType(_networks(raw)),
        ports=MappingProxyType(_ports(raw)),
        memory_limit=int(hosted.get("Memory") or 0) or None,
    )


def _networks(raw: Mapping[str, Any]) -> dict[str, Network]:
    found = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        name: Network(str(one.get("IPAddress") or ""), tuple(one.get("Aliases") or ()))
        for name, one in found.items()
    }


def _ports(raw: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    found = (raw.get("NetworkSettings") or {}).get("Ports") or {}
    return {
        inside: tuple(int(one["HostPort"]) for one in outside if one.get("HostPort"))
        for inside, outside in found.items()
        if outside
    }
