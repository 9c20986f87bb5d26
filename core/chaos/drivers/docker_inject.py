"""Doing the harm that was planned. A refusal means that definitely nothing happened."""

from __future__ import annotations

import asyncio
import os
import signal

from core.chaos import undo_docker_host as host
from core.chaos.drivers import docker_disk as disk
from core.chaos.drivers import docker_groups as groups
from core.chaos.drivers import docker_wires as wires
from core.chaos.drivers.docker_seen import Seen
from core.chaos.model import Fault, Plan
from core.clients.docker_change import DockerChange
from core.errors import Refused, Unavailable


async def inject(client: DockerChange, plan: Plan, one: Seen, pid: int | None) -> None:
    """Do it, to the container that was just looked at."""
    ident, undo = one.container.id, plan.undo
    match plan.fault:
        case Fault.KILL:
            await client.kill(ident)
        case Fault.PAUSE:
            await client.pause(ident)
        case Fault.STOP:
            await client.stop(ident, int(undo["timeout_s"]))
        case Fault.RESTART:
            await client.restart(ident, int(undo["timeout_s"]))
        case Fault.CUT:
            await _cut(client, plan, ident)
        case Fault.LIMIT_CPU | Fault.LIMIT_MEMORY if undo["by"] == "engine":
            await client.update(ident, undo["set"])
        case _:
            await _beside(client, plan, one, pid)


async def _beside(client: DockerChange, plan: Plan, one: Seen, pid: int | None) -> None:
    """What is done on the host, or by the container's own programs."""
    undo = plan.undo
    match plan.fault:
        case Fault.CRASH:
            await asyncio.to_thread(_crash, one, pid)
        case Fault.LIMIT_CPU | Fault.LIMIT_MEMORY:
            await asyncio.to_thread(groups.write, undo, one, pid)
        case Fault.PARTITION:
            commands = [c for table in undo["tables"] for c in wires.rules(undo, table)]
            await asyncio.to_thread(wires.apply, one, _seen_here(one, pid), commands)
        case Fault.DELAY | Fault.LOSS:
            commands = wires.shaping(undo)
            await asyncio.to_thread(wires.apply, one, _seen_here(one, pid), commands)
        case Fault.FILL_DISK if undo["by"] == "host":
            await asyncio.to_thread(disk.fill, undo)
        case Fault.FILL_DISK:
            await _fill_inside(client, plan, one)
        case _:
            raise Refused(f"Containers have no {plan.fault}.")


async def _cut(client: DockerChange, plan: Plan, ident: str) -> None:
    for number, network in enumerate(plan.undo["networks"]):
        try:
            await client.disconnect(ident, str(network["id"]))
        except Refused as error:
            if number:
                raise Unavailable(f"It is cut off in part only: {error.text}") from None
            raise


def _seen_here(one: Seen, pid: int | None) -> int:
    if pid is None:
        raise Refused(f"The process of {one.called} is not to be seen from this machine.")
    return pid


def _crash(one: Seen, pid: int | None) -> None:
    """By a handle on the process: a pid that was given away meanwhile is noticed."""
    number = _seen_here(one, pid)
    try:
        handle = os.pidfd_open(number)
    except OSError as error:
        raise Refused(f"{one.called} ended before anything was done to it: {error}.") from None
    try:
        if not host.belongs(number, one.container.id):
            raise Refused(f"{one.called} ended before anything was done to it.")
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError as error:
        raise Refused(f"{one.called} could not be killed: {error}.") from None
    finally:
        os.close(handle)


async def _fill_inside(client: DockerChange, plan: Plan, one: Seen) -> None:
    command = ("fallocate", "-l", str(plan.undo["bytes"]), str(plan.undo["file"]))
    code, said = await client.execute(one.container.id, command)
    if code in (126, 127):
        raise Refused(f"{one.called} has no fallocate: {said}.")
    if code:
        raise Unavailable(f"The disk of {one.called} could not be filled: {said or code}.")
