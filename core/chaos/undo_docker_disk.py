"""Removing the one file with which a container's disk was filled.

In a volume it outlives the container: then it is removed there, through the host's own folder where
that can be reached, else through another container that has the volume.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from core.chaos.undo_docker_engine import Engine, EngineSaid
from core.chaos.undo_docker_life import revive, status
from core.chaos.undo_ending import HEALED, NEVER_LANDED, NOT_YET, VANISHED, Healed

Raw = Mapping[str, Any]


def heal(engine: Engine, undo: Raw, found: Raw) -> Healed:
    """While the container is there."""
    if undo["by"] == "host":
        return _on_host(undo)
    did: tuple[str, ...] = ()
    if status(found) != "running":
        lived = revive(engine, undo, Healed(HEALED))
        if lived.ending != HEALED or not lived.did:
            return Healed(NOT_YET, f"its file can be removed once it runs: {lived.why}")
        did = lived.did
    healed = _inside(engine, str(undo["id"]), str(undo["file"]))
    return Healed(healed.ending, healed.why, did + healed.did)


def heal_volume(engine: Engine, undo: Raw) -> Healed:
    """Once the container is gone."""
    if undo["by"] == "host":
        return _on_host(undo)
    source = str(undo.get("source") or "")
    if not source:
        return Healed(VANISHED, "its container was removed, and its files with it")
    for ident, folder in _mounting(engine, source):
        return _inside(engine, ident, f"{folder.rstrip('/')}/{undo['within']}")
    if undo.get("volume") and not _has_volume(engine, str(undo["volume"])):
        return Healed(VANISHED, "its volume was removed")
    return Healed(NOT_YET, f"no running container mounts {undo.get('volume') or source}")


def _on_host(undo: Raw) -> Healed:
    """Through the folder on this machine. It is known by its inode: a path may mean another one."""
    folder, name = str(undo["folder"]), str(undo["name"])
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return Healed(VANISHED, f"{folder} was removed")
    try:
        found = os.fstat(handle)
        if [found.st_dev, found.st_ino] != list(undo["inode"]):
            return Healed(VANISHED, f"{folder} was removed, and is another one now")
        if not _there(name, handle):
            return Healed(NEVER_LANDED, "its file is not there")
        os.unlink(name, dir_fd=handle)
        if _there(name, handle):
            return Healed(NOT_YET, "its file is still there")
        return Healed(HEALED, "", (f"removed {name}",))
    except FileNotFoundError:
        return Healed(HEALED, "its file was removed just now")
    finally:
        os.close(handle)


def _there(name: str, handle: int) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _inside(engine: Engine, ident: str, file: str) -> Healed:
    """By the container's own `rm`; that it is gone is read through the engine."""
    if not _exists(engine, ident, file):
        return Healed(NEVER_LANDED, "its file is not there")
    code, said = execute(engine, ident, ["rm", "-f", "--", file])
    if _exists(engine, ident, file):
        return Healed(NOT_YET, f"rm said {code}: {said}")
    return Healed(HEALED, "", (f"removed {file}",))


def _exists(engine: Engine, ident: str, file: str) -> bool:
    try:
        engine.ask("HEAD", f"/containers/{quote(ident)}/archive", query={"path": file})
    except EngineSaid as said:
        if said.status == 404:
            return False
        raise
    return True


def execute(
    engine: Engine, ident: str, command: list[str], timeout_s: float = 30.0
) -> tuple[int, str]:
    """Run a command in a container, to its end: its exit code, and the start of what it said."""
    body = {"AttachStdout": True, "AttachStderr": True, "Tty": True, "Cmd": command}
    made = engine.ask("POST", f"/containers/{quote(ident)}/exec", body)
    job = quote(str(made["Id"]))
    said = engine.text("POST", f"/exec/{job}/start", {"Detach": False, "Tty": True}, timeout_s)
    ended = engine.ask("GET", f"/exec/{job}/json")
    if ended.get("Running"):
        raise TimeoutError(f"{command[0]} still runs in the container")
    return int(ended.get("ExitCode") or 0), said[:2000].strip()


def _mounting(engine: Engine, source: str) -> Iterator[tuple[str, str]]:
    """Running containers that mount what lies there, and where."""
    for one in engine.ask("GET", "/containers/json") or ():
        for mount in one.get("Mounts") or ():
            if source in (mount.get("Source"), mount.get("Name")) and one.get("State") == "running":
                yield str(one["Id"]), str(mount["Destination"])


def _has_volume(engine: Engine, name: str) -> bool:
    try:
        engine.ask("GET", f"/volumes/{quote(name)}")
    except EngineSaid as said:
        if said.status == 404:
            return False
        raise
    return True
