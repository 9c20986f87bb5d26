"""The switches of one store: load and faults that chaos, scenarios and people turn."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

DEFAULT_MIX = {
    "kv_get": 0.45,
    "kv_batch_get": 0.10,
    "kv_scan": 0.05,
    "coprocessor": 0.10,
    "kv_prewrite": 0.15,
    "kv_commit": 0.15,
}


@dataclass(frozen=True, slots=True)
class Switches:
    """Everything that can be turned; defaults mean healthy. `qps` is the whole cluster's."""

    qps: float = 1200.0
    mix: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_MIX))
    latency_ms: dict[str, float] = field(default_factory=dict)  # by type, "*" for all
    error_pct: float = 0.0
    disk_fill_pct: float | None = None
    slow_score: float = 1.0
    is_busy: bool = False
    write_stall: bool = False
    cpu_cores: float = 0.0
    memory_gib: float = 0.0
    critical_errors: float = 0.0  # a second
    hang_status: bool = False
    pause_grpc: bool = False
    drop_heartbeats: bool = False
    cut_peers: bool = False

    def changed(self, asked: dict[str, Any]) -> Switches:
        """With some switches turned; None resets one. ValueError names what is wrong."""
        known = {f.name: f for f in fields(Switches)}
        fresh = Switches()
        values: dict[str, Any] = {}
        for name, value in asked.items():
            if name not in known:
                raise ValueError(f"unknown switch {name}; there are {', '.join(known)}")
            default = getattr(fresh, name)
            values[name] = default if value is None else _check(name, value, default)
        return replace(self, **values)

    def to_json(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(Switches)}


def _check(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} takes true or false")
        return value
    if isinstance(default, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{name} takes an object of numbers by request type")
        return {str(key): _figure(name, one) for key, one in value.items()}
    return _figure(name, value)


def _figure(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} takes a number")
    if not 0 <= value <= 1e9:
        raise ValueError(f"{name} must lie between 0 and 1e9")
    return float(value)
