"""How each process of a twin looks to a person: its state, a line of detail, what can be done."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from core.twin.spec import PdSpec, StoreSpec


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the twin. `state` is running, paused or stopped; `detail` is for people."""

    name: str
    kind: str
    state: str
    pid: int | None
    url: str
    detail: str = ""
    health: str = "unknown"

    @property
    def verbs(self) -> tuple[str, ...]:
        """What can be done to it now."""
        by_state = {"running": ("kill", "pause", "stop"), "paused": ("resume", "kill")}
        return by_state.get(self.state, ("start",))


def pd(spec: PdSpec, url: str, state: str, pid: int | None, leader: str | None) -> Process:
    """A PD member; `leader` is who leads, as PD says, or None."""
    detail = "leader" if spec.name == leader else "follower" if leader else "no leader"
    health = "ok" if state == "running" and leader else "bad"
    return Process(
        spec.name, "pd", state, pid, url, detail if state == "running" else state, health
    )


def store(spec: StoreSpec, url: str, state: str, pid: int | None, row: Any, rates: Any) -> Process:
    """A store; `row` is its entry of /stores and `rates` are /hotspot/stores, both may be None."""
    detail, health = "PD does not answer", "unknown"
    if row is not None:
        name, count = row["store"]["state_name"], row["status"]["leader_count"]
        detail = f"{name} · {count} leaders" if state == "running" else f"PD says {name}"
        if state == "running" and rates:
            detail += f" · {_qps(spec, rates):.0f} qps"
        health = "ok" if name == "Up" and state == "running" else "warn"
    return Process(
        spec.name, "store", state, pid, url, detail, "bad" if state != "running" else health
    )


def _qps(spec: StoreSpec, rates: Any) -> float:
    return sum(float(rates[f"query-{k}-rate"].get(str(spec.id), 0)) for k in ("read", "write"))


def item(process: Process) -> dict[str, Any]:
    """An item of the local workspace's panel."""
    return {
        "name": process.name,
        "kind": process.kind,
        "state": process.state,
        "detail": process.detail,
        "health": process.health,
        "verbs": list(process.verbs),
    }


def describe(process: Process) -> dict[str, Any]:
    """A process as plain values, for --json."""
    return {**asdict(process), "verbs": list(process.verbs)}
