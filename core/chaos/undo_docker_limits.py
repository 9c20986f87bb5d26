"""Giving a container its limits back, exactly as they were.

A limit that the engine keeps is changed through the engine. One that is not set cannot be taken off
again there (0 means "as it is"), so it is written to the control group, where it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.chaos import undo_docker_host as host
from core.chaos.undo_docker_engine import Engine, EngineSaid
from core.chaos.undo_docker_life import same_process, status
from core.chaos.undo_ending import HEALED, NEVER_LANDED, NOT_YET, Healed

Raw = Mapping[str, Any]


def heal(engine: Engine, undo: Raw, found: Raw) -> Healed:
    """Each value that is still what we set becomes what it was; others are left alone."""
    if undo["by"] == "engine":
        return _engine(engine, undo, found)
    return _group(engine, undo, found)


def _engine(engine: Engine, undo: Raw, found: Raw) -> Healed:
    ours = _ours(undo, found)
    if not ours:
        return Healed(NEVER_LANDED, "its limits are not what was set")
    try:
        engine.ask("POST", f"/containers/{quote(undo['id'])}/update", dict(undo["limits"]))
    except EngineSaid as said:
        return Healed(NOT_YET, f"its limits cannot be set back: {said.text}")
    again = engine.container(undo["id"]) or {}
    if left := _ours(undo, again):
        return Healed(NOT_YET, f"still limited: {', '.join(left)}")
    return Healed(HEALED, "", (f"set back {', '.join(ours)}",))


def _ours(undo: Raw, found: Raw) -> tuple[str, ...]:
    """Names of limits that are what we set, and not what they were."""
    now = found.get("HostConfig") or {}
    return tuple(
        name
        for name, value in undo["set"].items()
        if value != undo["limits"][name] and now.get(name) == value
    )


def _group(engine: Engine, undo: Raw, found: Raw) -> Healed:
    if status(found) not in ("running", "paused"):
        return Healed(HEALED, "its control group ended with its process")
    pid = host.process(engine.address, found)
    if pid is None:
        return Healed(NOT_YET, "its control group cannot be seen from here")
    folder = host.group(pid, undo["controller"])
    if folder is None:
        return Healed(NOT_YET, "its control group is not to be found")
    did: list[str] = []
    for name, before in undo["limits"].items():
        if read(folder / name) != undo["set"][name] or before == undo["set"][name]:
            continue
        (folder / name).write_text(before)
        if (now := read(folder / name)) != before:
            return Healed(NOT_YET, f"{name} is {now}, not {before}", tuple(did))
        did.append(f"{name} set back to {before}")
    return Healed(HEALED, "", tuple(did)) if did else _untouched(undo, found)


def _untouched(undo: Raw, found: Raw) -> Healed:
    if same_process(undo, found):
        return Healed(NEVER_LANDED, "its limits are not what was set")
    return Healed(HEALED, "it was started anew, with a control group of its own")


def read(file: Path) -> str:
    """One value of a control group."""
    return file.read_text().strip()
