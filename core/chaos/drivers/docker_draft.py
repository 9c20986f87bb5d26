"""Drafting a plan for a container: what the fault needs is read here, on the engine and the host."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Mapping
from typing import Any

from core.chaos.driver import Entities
from core.chaos.drivers import docker_disk as disk
from core.chaos.drivers import docker_groups as groups
from core.chaos.drivers import docker_plans as plans
from core.chaos.drivers import docker_wires as wires
from core.chaos.drivers.docker_here import Tools
from core.chaos.drivers.docker_plans import Draft, Drafter
from core.chaos.drivers.docker_seen import Seen, goes_by, seen
from core.chaos.model import Fault
from core.clients.docker_change import DockerChange
from core.errors import Refused

Raw = Mapping[str, Any]


class Drafts:
    """Drafts for one container, whose first process is `pid` here (None: not to be seen)."""

    def __init__(
        self, client: DockerChange, found: Tools, entities: Entities, pid: int | None
    ) -> None:
        self._client = client
        self._tools = found
        self._entities = entities
        self._pid = pid
        self._drafters: dict[Fault, Drafter] = {
            Fault.KILL: plans.kill,
            Fault.STOP: plans.stop,
            Fault.RESTART: plans.restart,
            Fault.PAUSE: plans.pause,
            Fault.CRASH: self._crash,
            Fault.CUT: plans.cut,
            Fault.PARTITION: self._partition,
            Fault.DELAY: self._delay,
            Fault.LOSS: self._loss,
            Fault.LIMIT_CPU: self._cpu,
            Fault.LIMIT_MEMORY: self._memory,
            Fault.FILL_DISK: self._fill,
        }

    async def draft(self, fault: Fault, one: Seen, params: Raw) -> Draft:
        """The fault's own part of a plan; Refused or Invalid with the reason."""
        return await self._drafters[fault](one, params)

    def _beside(self, one: Seen) -> int:
        if self._pid is None:
            raise Refused(f"The process of {one.called} is not to be seen from this machine.")
        return self._pid

    async def _crash(self, one: Seen, params: Raw) -> Draft:
        self._beside(one)
        return await plans.crash(one, params)

    async def _partition(self, one: Seen, params: Raw) -> Draft:
        self._beside(one)
        _own_network(one)
        side = str(params.get("side", "all"))
        peers = () if side == "all" else await self._addresses(one, side)
        whom = "anybody" if side == "all" else f"{side} ({', '.join(peers[:6])})"
        return wires.partition(one, params, self._tools, peers, whom)

    async def _delay(self, one: Seen, params: Raw) -> Draft:
        return await self._netem(Fault.DELAY, one, params)

    async def _loss(self, one: Seen, params: Raw) -> Draft:
        return await self._netem(Fault.LOSS, one, params)

    async def _netem(self, fault: Fault, one: Seen, params: Raw) -> Draft:
        pid, tc = self._beside(one), self._tools.tc
        _own_network(one)
        names = await asyncio.to_thread(wires.interfaces, one, pid, tc)
        return wires.netem(fault, one, params, self._tools, names)

    async def _cpu(self, one: Seen, params: Raw) -> Draft:
        drafted = await plans.limit_cpu(one, params)
        cpus = float(params.get("cpus", 0.1))
        return await self._grouped(Fault.LIMIT_CPU, one, drafted, cpus)

    async def _memory(self, one: Seen, params: Raw) -> Draft:
        used = await self._client.memory_used(one.container.id)
        drafted = await plans.limit_memory(one, params, used)
        return await self._grouped(
            Fault.LIMIT_MEMORY, one, drafted, float(drafted.undo.get("bytes", 0))
        )

    async def _grouped(self, fault: Fault, one: Seen, drafted: Draft, wanted: float) -> Draft:
        """As it is where the engine keeps a limit; else by the control group."""
        if drafted.undo.get("by") == "engine":
            return drafted
        undo = await asyncio.to_thread(groups.draft, fault, one, self._pid, wanted)
        return Draft(
            drafted.words,
            drafted.undo_words,
            before={**drafted.before, **undo["limits"]},
            undo=undo,
            takes_s=drafted.takes_s,
        )

    async def _fill(self, one: Seen, params: Raw) -> Draft:
        at = disk.place(one, params)
        plain = at.plain and self._pid is not None and bool(at.source)
        if plain and at.volume:
            # A volume with options of its own (NFS, tmpfs) is no folder while nothing mounts it.
            found = await self._client.volume(at.volume)
            plain = not found.get("Options")
        if plain and await asyncio.to_thread(os.path.isdir, at.source):
            size = await asyncio.to_thread(disk.size_on_host, at.source)
            return disk.draft(one, at, params, size, host=True)
        return disk.draft(one, at, params, await self._size_inside(one, at.folder), host=False)

    async def _size_inside(self, one: Seen, folder: str) -> tuple[int, int]:
        """By the container's own programs; it must be able to fill and to clear up by itself."""
        ident = one.container.id
        for program in ("fallocate", "rm"):
            code, _ = await self._client.execute(ident, (program, "--help"))
            if code in (126, 127):
                raise Refused(f"{one.called} has no {program}: its disk cannot be filled there.")
        _, said = await self._client.execute(ident, ("stat", "-f", "-c", "%S %b %a", folder))
        return disk.size_said(said)

    async def _addresses(self, one: Seen, side: str) -> tuple[str, ...]:
        """Addresses of the entities that `side` means: one by name, or all of a kind."""
        watched = await self._entities()
        kind = side.rstrip("s")
        chosen = [e for e in watched if e == side or e.partition(":")[0] == kind]
        among = seen(await self._client.everything())
        found: set[str] = set()
        for entity in chosen:
            for name in watched[entity]:
                found |= {
                    network.ip
                    for other in among
                    if other.container.id != one.container.id and goes_by(other.container, name)
                    for network in other.container.networks.values()
                    if network.ip
                }
                found |= await asyncio.to_thread(_resolved, name)
        mine = {network.ip for network in one.container.networks.values()}
        if not found - mine:
            raise Refused(f"No address is known of {side}: one-way from whom?")
        return tuple(sorted(found - mine))


def _own_network(one: Seen) -> None:
    """Refused where what happens to its network happens to others, or to the host."""
    plans.networks(one)


def _resolved(name: str) -> set[str]:
    """An address that stands in a name as such; loopback ones mean nothing to a container."""
    host = name.rpartition("//")[2].partition("/")[0]
    host = host.rpartition(":")[0] if host.count(":") == 1 else host.strip("[]")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return set()
    return set() if address.is_loopback or address.is_unspecified else {str(address)}
