"""Which container is which entity, and which may be broken at all. Pure.

A container is found by its compose service, its name, an alias or address that it has on a network,
or a port that it publishes: each of them whole, never by a part of a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from core.clients.docker_model import Container, container
from core.errors import Refused

Raw = Mapping[str, Any]
_ONEOFF = "com.docker.compose.oneoff"
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1|0\.0\.0\.0|::")
_UP = ("running", "paused", "restarting")


@dataclass(frozen=True, slots=True)
class Spared:
    """What is never broken: our own container, and the one that holds our database.

    `ids` are full container ids (or their first 12 characters), `hosts` names under which the
    database is reached, `ports` published ones at which it is, `paths` folders that it uses.
    """

    ids: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    paths: tuple[str, ...] = ()

    def why(self, one: Seen) -> str:
        """Why this container is never a target; "" if it may be one."""
        full = one.container.id
        if any(full.startswith(ident) for ident in self.ids if len(ident) >= 12):
            return "it is the container that this bot runs in"
        mode = str((one.raw.get("HostConfig") or {}).get("NetworkMode") or "")
        if mode.startswith("container:") and any(
            ident.startswith(mode.removeprefix("container:")[:12]) for ident in self.ids
        ):
            return "it shares the network of the container that this bot runs in"
        published = {port for ports in one.container.ports.values() for port in ports}
        if any(one.container.goes_by(host) for host in self.hosts) or published & self.ports:
            return "it holds this bot's own database"
        sources = [str(m.get("Source") or "") for m in one.raw.get("Mounts") or ()]
        if any(_within(path, source) for path in self.paths for source in sources if source):
            return "it holds this bot's own database"
        return ""


NOTHING_SPARED = Spared()


@dataclass(frozen=True, slots=True)
class Seen:
    """A container, whole and parsed."""

    raw: Raw
    container: Container = field(repr=False)

    @property
    def identity(self) -> dict[str, Any]:
        """What proves later that it is the same one, started at the same time."""
        return {"id": self.container.id, "started_at": started_at(self.raw)}

    @property
    def called(self) -> str:
        """Its name and, in brackets, its compose project and service."""
        found = self.container
        if not found.service:
            return found.name
        return f"{found.name} ({found.project or 'no project'}/{found.service})"


def seen(raws: Iterable[Raw], project: str = "") -> tuple[Seen, ...]:
    """The containers of a project ("" = of any) that are no one-off jobs."""
    found = []
    for raw in raws:
        one = container(raw)
        oneoff = one.labels.get(_ONEOFF, "").lower() == "true"
        if not oneoff and (not project or one.project == project):
            found.append(Seen(raw, one))
    return tuple(found)


def started_at(raw: Raw) -> str:
    """When its process began, to the letter as the engine says it."""
    return str((raw.get("State") or {}).get("StartedAt") or "")


def opted_in(one: Seen, label: str) -> bool:
    """Whether it carries `name=value`, or the bare name."""
    name, equals, value = label.partition("=")
    if name not in one.container.labels:
        return False
    return not equals or one.container.labels[name] == value


def goes_by(one: Container, name: str) -> bool:
    """Whether one of the subject's names (host, host:port or URL) means this container.

    A loopback address alone means nothing; with a port it means who publishes that port.
    """
    host, port = _split(name)
    if _LOOPBACK.fullmatch(host):
        return port is not None and any(port in ports for ports in one.ports.values())
    return one.goes_by(host)


def match(entity: str, names: Sequence[str], among: Sequence[Seen]) -> Seen:
    """The one container that is this entity; Refused, naming what was found, for none or several.

    What is left over of a service whose container runs (made anew by compose) does not count.
    """
    named = [one for one in among if any(goes_by(one.container, name) for name in names)]
    up = {_service(one) for one in named if one.container.status in _UP}
    found = [one for one in named if one.container.status in _UP or _service(one) not in up]
    if len(found) == 1:
        return found[0]
    by = ", ".join(names[:4]) or "no address"
    if not found:
        there = ", ".join(sorted(one.container.name for one in among)[:6]) or "none"
        raise Refused(
            f"No container is {entity} (watched as {by}): no compose service, name, alias, address "
            f"or published port fits. Containers seen: {there}."
        )
    called = ", ".join(sorted(one.called for one in found)[:6])
    raise Refused(
        f"{len(found)} containers could be {entity} (watched as {by}): {called}. Name the compose "
        "project in [subjects.chaos], as project."
    )


def random_ports(one: Seen) -> frozenset[int]:
    """Host ports that the engine chose: it chooses others when the container is connected anew."""
    bound = (one.raw.get("HostConfig") or {}).get("PortBindings") or {}
    fixed = {inside for inside, outside in bound.items() if _all_fixed(outside)}
    return frozenset(
        port
        for inside, ports in one.container.ports.items()
        if inside not in fixed
        for port in ports
    )


def _all_fixed(outside: Any) -> bool:
    return bool(outside) and all(str(o.get("HostPort") or "0") != "0" for o in outside)


def reached_by(names: Sequence[str], ports: frozenset[int]) -> int | None:
    """The first of these published ports by which the subject reaches it; None if by none."""
    for host, port in map(_split, names):
        if port in ports and _LOOPBACK.fullmatch(host):
            return port
    return None


def lent_address(one: Seen, names: Sequence[str]) -> str:
    """An address by which the subject reaches it and that its network gave out; "" if there is none."""
    networks = (one.raw.get("NetworkSettings") or {}).get("Networks") or {}
    lent = {
        str(found.get("IPAddress") or "")
        for found in networks.values()
        if not (found.get("IPAMConfig") or {}).get("IPv4Address")
    } - {""}
    return next((host for host, _ in map(_split, names) if host in lent), "")


def _service(one: Seen) -> tuple[str, str]:
    """Its compose project and service, or its own name."""
    found = one.container
    return (found.project, found.service) if found.service else ("", found.id)


def _split(name: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(name if "://" in name else f"//{name}")
        return parts.hostname or name, parts.port
    except ValueError:
        return name, None


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
