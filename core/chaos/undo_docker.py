"""Undoing what was done to a container: reads its present state, undoes our part, reads it back.

Standard library only (see core/chaos/undo.py). What is handed in names the engine, the container's
full id, when its process had started, and what else its fault needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.chaos import undo_docker_disk as disk
from core.chaos import undo_docker_life as life
from core.chaos import undo_docker_limits as limits
from core.chaos import undo_docker_net as net
from core.chaos.undo_docker_engine import Engine, EngineSaid
from core.chaos.undo_ending import NOT_YET, UNKNOWN, Healed

Healer = Callable[[Engine, Mapping[str, Any], Mapping[str, Any]], Healed]

HEALERS: dict[str, Healer] = {
    "kill": life.heal_life,
    "stop": life.heal_life,
    "restart": life.heal_life,
    "crash": life.heal_life,
    "pause": life.heal_pause,
    "cut": net.heal_cut,
    "partition": net.heal_partition,
    "delay": net.heal_netem,
    "loss": net.heal_netem,
    "limit_cpu": limits.heal,
    "limit_memory": limits.heal,
    "fill_disk": disk.heal,
}
_LIFE = ("kill", "stop", "restart", "crash", "pause")


def heal(undo: Mapping[str, Any], _now: float) -> Healed:
    """One attempt. OSError if the engine is out of reach."""
    engine = Engine(str(undo["engine"]))
    fault = str(undo["fault"])
    healer = HEALERS.get(fault)
    if healer is None:
        return Healed(UNKNOWN, f"no container is healed of {fault!r}")
    try:
        found = engine.container(str(undo["id"]))
        if found is None:
            return _without(engine, undo, fault)
        healed = healer(engine, undo, found)
        return healed if fault in _LIFE else life.revive(engine, undo, healed)
    except EngineSaid as said:
        return Healed(NOT_YET, str(said))


def _without(engine: Engine, undo: Mapping[str, Any], fault: str) -> Healed:
    """The container is not there: gone, or is it another engine that answers?"""
    known, now = str(undo.get("engine_id") or ""), engine.ident()
    if known and now and known != now:
        return Healed(UNKNOWN, f"another engine answers at {engine.address}")
    # A file in a volume outlives every container that mounts it; other harm does not.
    return disk.heal_volume(engine, undo) if fault == "fill_disk" else life.gone()
