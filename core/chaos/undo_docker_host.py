"""A container's process, control group and network, seen from the engine's own host.

Only there, and only as root: elsewhere `process` finds nothing. A pid counts as the container's
only if its control group names the container's full id.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COMMAND_S = 5.0


def process(address: str, found: Mapping[str, Any]) -> int | None:
    """The pid of its first process on this machine; None if that is not to be seen from here."""
    if not address.startswith("unix://"):
        return None
    pid = int((found.get("State") or {}).get("Pid") or 0)
    return pid if pid > 0 and belongs(pid, str(found["Id"])) else None


def belongs(pid: int, ident: str) -> bool:
    """Whether that process runs in the container with this full id."""
    try:
        return ident in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def group(pid: int, controller: str) -> Path | None:
    """The folder of its control group: of the controller (version 1), else of version 2."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return None
    unified = Path("/sys/fs/cgroup")
    for line in lines:
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            folder = unified / controller / path.lstrip("/")
            return folder if folder.is_dir() else None
    for line in lines:
        if line.startswith("0::") and (unified / "cgroup.controllers").exists():
            folder = unified / line[3:].lstrip("/")
            return folder if folder.is_dir() else None
    return None


def in_network(pid: int, ident: str, command: Sequence[str]) -> tuple[int, str]:
    """Run a command in the network of the container's process: its exit code and what it said.

    OSError if that process is not the container's, or the command cannot be run.
    """
    handle = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        # Checked with the handle in hand: a pid that was given away meanwhile is noticed.
        if not belongs(pid, ident):
            raise ProcessLookupError(f"process {pid} is not the container's")
        whole = ["nsenter", f"--net=/proc/self/fd/{handle}", "--", *command]
        return run(whole, handle)
    finally:
        os.close(handle)


def run(command: Sequence[str], *handles: int) -> tuple[int, str]:
    """Run a command, bounded: its exit code and what it said on either stream."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=COMMAND_S,
            check=False,
            pass_fds=handles,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} did not end within {COMMAND_S:g} s") from None
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace").strip()
