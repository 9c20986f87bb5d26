"""Breaking a twin: signals to its processes, and the switches of its stores."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.chaos.driver import Entities
from core.chaos.drivers.params import figure, known_params
from core.chaos.model import Fault, Plan, Target
from core.clock import Clock
from core.errors import Invalid, Refused, Unavailable
from core.twin import spec as specs
from core.twin.cluster import Layout, TwinError
from core.twin.process import is_stopped, same, send, start_time
from core.twin.supervisor import Supervisor

NAME = "twin"
GRACE_S = 30.0
"""How long a stopping store may take before it counts as unknown (TiKV's default is 20 s)."""
_SIGNALS = {Fault.KILL: signal.SIGKILL, Fault.PAUSE: signal.SIGSTOP}
_SWITCHES = frozenset((Fault.CUT, Fault.PARTITION, Fault.DELAY, Fault.FILL_DISK))
_WHY_NOT = {
    Fault.CRASH: "nothing starts a twin's process again by itself: use kill",
    Fault.LOSS: "a twin has no packets to lose: use delay or partition",
    Fault.LIMIT_CPU: "a twin's processor time is a figure that nothing limits",
    Fault.LIMIT_MEMORY: "a twin's memory is a figure that nothing limits",
    Fault.TRANSFER_LEADER: "done to PD itself: add the driver pd",
    Fault.EVICT_LEADERS: "done to PD itself: add the driver pd",
}
_WORDS = {
    Fault.KILL: ("kill -9 the process of {name}", "start it again on its old ports"),
    Fault.STOP: ("stop {name} with SIGTERM, as an operator would", "start it again"),
    Fault.RESTART: ("stop {name} with SIGTERM and start it at once", "start it, should it be down"),
    Fault.PAUSE: ("freeze {name} with SIGSTOP: its ports accept, nothing answers", "SIGCONT"),
    Fault.CUT: ("cut {name} off: from PD, from other stores, and from us", "reconnect it"),
    Fault.PARTITION: ("cut {name} off from {side} alone", "reconnect it"),
    Fault.DELAY: ("add {ms:g} ms to every request of {name}", "take the delay away"),
    Fault.FILL_DISK: ("make the disk of {name} {pct:g} % full", "give the space back"),
}
_PARAMS: Mapping[Fault, tuple[str, ...]] = {
    Fault.PARTITION: ("side",),
    Fault.DELAY: ("ms",),
    Fault.FILL_DISK: ("pct",),
}


@dataclass(frozen=True, slots=True)
class _Process:
    """One process of the layout."""

    name: str
    kind: str
    entity: str
    address: str


class TwinDriver:
    """Breaks the processes of the twin in a state directory; see core.chaos.driver.Driver.

    `entities` says what the subject watches: a twin that is not the watched cluster is refused.
    """

    name = NAME

    def __init__(self, folder: Path, clock: Clock, entities: Entities) -> None:
        self._folder = folder.resolve()
        self._clock = clock
        self._entities = entities

    async def faults(self) -> Mapping[Fault, str]:
        """What can be done to a twin."""
        return {fault: _WHY_NOT.get(fault, "") for fault in Fault}

    async def targets(self) -> tuple[Target, ...]:
        """Every process of the twin that the subject watches."""
        layout = self._layout()
        watched = await self._entities()
        return tuple(
            _target(layout, one)
            for one in _processes(layout)
            if one.address in watched.get(one.entity, ())
        )

    async def find(self, entity: str) -> Target:
        """The process that is this entity."""
        layout = self._layout()
        one = next((p for p in _processes(layout) if p.entity == entity), None)
        if one is None:
            raise Refused(f"The twin in {self._folder} has no process for {entity}.")
        watched = (await self._entities()).get(entity, ())
        if one.address not in watched:
            raise Refused(
                f"{entity} is watched at {', '.join(watched[:3]) or 'no address'}, but the twin in "
                f"{self._folder} has it at {one.address}: this is another cluster."
            )
        return _target(layout, one)

    def _layout(self) -> Layout:
        if not (self._folder / specs.FILE).exists():
            raise Unavailable(f"There is no twin in {self._folder}.")
        try:
            return Layout(self._folder)
        except (OSError, ValueError, TypeError) as error:
            raise Unavailable(f"The twin in {self._folder} cannot be read: {error}.") from None

    async def plan(
        self, fault: Fault, target: Target, params: Mapping[str, Any], duration_s: float
    ) -> Plan:
        """Read how it runs now, and say how it will be undone."""
        if why := _WHY_NOT.get(fault):
            raise Refused(f"A twin cannot do {fault}: {why}.")
        known_params(fault, params, _PARAMS.get(fault, ()))
        layout = self._layout()
        state = layout.state(target.name)
        if state != "running":
            raise Refused(f"{target.name} is {state}: only what runs can be broken.")
        kind, tls = str(target.identity["kind"]), layout.spec.tls
        undo: dict[str, Any] = {
            "driver": NAME,
            "fault": str(fault),
            "folder": str(self._folder),
            "tls": {**asdict(tls), "any_name": "yes"} if tls else None,
            "answers": layout.url(target.name)
            + ("/status" if kind == "store" else "/pd/api/v1/ping"),
            **target.identity,
        }
        before: dict[str, Any] = {"state": state}
        if fault in _SWITCHES:
            if kind != "store":
                raise Refused(f"{target.name} is a PD member: a twin's PD has no such switch.")
            ours = _ours(fault, params)
            stand = await _switch(layout, target.name, {})
            if stand.get("hang_status") or any(stand[key] == value for key, value in ours.items()):
                raise Refused(f"{target.name} has a fault of this kind already.")
            before |= {key: stand[key] for key in ours}
            undo |= {"switch": layout.url(target.name) + "/twin/switch", "ours": ours}
            undo["before"] = {key: stand[key] for key in ours}
        lands = 2.0 + (GRACE_S if fault in (Fault.STOP, Fault.RESTART) else 0.0)
        values = {"name": target.name, "side": "PD", "ms": 0.0, "pct": 0.0, **_figures(params)}
        does, undoes = (text.format(**values) for text in _WORDS[fault])
        return Plan(
            fault=fault,
            target=target,
            params=dict(params),
            before=before,
            undo=undo,
            lands_within_s=lands,
            words=does,
            undo_words=undoes,
            radius=f"{target.name} alone; {_follows(kind)}",
        )

    async def inject(self, plan: Plan) -> None:
        """Do it to exactly the process that was planned for."""
        layout, target = self._layout(), plan.target
        pid, start = int(target.identity["pid"]), str(target.identity["start"])
        if layout.spec.cluster_id != target.identity["cluster_id"] or not same(pid, start):
            raise Refused(f"{target.name} is not the process any more that was planned for.")
        if plan.fault in _SWITCHES:
            await _switch(layout, target.name, dict(plan.undo["ours"]))
        elif plan.fault in _SIGNALS:
            _signal(target.name, pid, start, _SIGNALS[plan.fault])
            if plan.fault is Fault.KILL:
                await self._gone(target.name, pid, start)
            else:
                await self._until(lambda: is_stopped(pid), f"{target.name} has not stopped")
        else:
            _signal(target.name, pid, start, signal.SIGTERM)
            await self._gone(target.name, pid, start)
            if plan.fault is Fault.RESTART:
                await asyncio.to_thread(layout.start, target.name)

    async def close(self) -> None:
        """Nothing is held open."""

    async def _gone(self, name: str, pid: int, start: str) -> None:
        await self._until(lambda: not same(pid, start), f"{name} has not ended")

    async def _until(self, so: Callable[[], bool], otherwise: str) -> None:
        until = self._clock.monotonic() + GRACE_S
        while not so():
            if self._clock.monotonic() > until:
                raise Unavailable(f"{otherwise} {GRACE_S:g} s after the signal.")
            await self._clock.sleep(0.01)


def _processes(layout: Layout) -> list[_Process]:
    spec = layout.spec
    pds = [
        _Process(one.name, "pd", f"pd:{one.name}", f"{spec.host}:{one.client_port}")
        for one in spec.pds
    ]
    stores = [
        _Process(one.name, "store", f"store:{one.id}", f"{spec.host}:{one.port}")
        for one in spec.stores
    ]
    return pds + stores


def _target(layout: Layout, one: _Process) -> Target:
    pid = Supervisor(layout.dir, None).pid(one.name) or 0
    identity = {
        "cluster_id": layout.spec.cluster_id,
        "name": one.name,
        "kind": one.kind,
        "pid": pid,
        "start": (start_time(pid) or "") if pid else "",
    }
    return Target(NAME, one.entity, one.name, identity, {"kind": one.kind})


def _follows(kind: str) -> str:
    if kind == "store":
        return "its regions go on with one replica fewer, and those that it led elect a new leader"
    return "PD goes on with one member fewer, after an election if this one led"


def _ours(fault: Fault, params: Mapping[str, Any]) -> dict[str, Any]:
    if fault is Fault.CUT:
        names = ("drop_heartbeats", "cut_peers", "pause_grpc", "hang_status")
        return dict.fromkeys(names, True)
    if fault is Fault.PARTITION:
        return {"drop_heartbeats" if _side(params) == "PD" else "cut_peers": True}
    if fault is Fault.DELAY:
        return {"latency_ms": {"*": figure(params, "ms", 200.0, 1.0, 60_000.0)}}
    return {"disk_fill_pct": figure(params, "pct", 95.0, 1.0, 100.0)}


def _side(params: Mapping[str, Any]) -> str:
    side = str(params.get("side", "pd")).lower()
    if side not in ("pd", "stores"):
        raise Invalid('A one-way partition is from side = "pd" or from side = "stores".')
    return "PD" if side == "pd" else "the other stores"


def _figures(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "side": _side(params),
        "ms": figure(params, "ms", 200.0, 1.0, 60_000.0),
        "pct": figure(params, "pct", 95.0, 1.0, 100.0),
    }


def _signal(name: str, pid: int, start: str, number: signal.Signals) -> None:
    if not send(pid, start, number):
        raise Refused(f"{name} ended before anything was done to it.")


async def _switch(layout: Layout, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return await layout.switch(name, **asked)
    except TwinError as error:
        raise Unavailable(f"The switches of {name} cannot be reached: {error}.") from None
