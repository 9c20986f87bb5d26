"""Limits written to a container's control group: where the engine keeps none, and could not take
one off again. They end with the container's process, if nobody else ends them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.chaos import undo_docker_host as host
from core.chaos.drivers.docker_seen import Seen
from core.chaos.model import Fault
from core.chaos.undo_docker_limits import read
from core.errors import Refused, Unavailable

ELSEWHERE = (
    "{called} has no such limit now, and the engine cannot take one off again exactly. Give the "
    "service a limit (cpus, mem_limit), or run Tocsin as root on the engine's own host."
)


def draft(fault: Fault, one: Seen, pid: int | None, wanted: float) -> dict[str, Any]:
    """What to write where, and what is there now. `wanted`: processors, or bytes. Blocks."""
    controller = "cpu" if fault is Fault.LIMIT_CPU else "memory"
    folder = None if pid is None else host.group(pid, controller)
    if folder is None:
        raise Refused(ELSEWHERE.format(called=one.called))
    try:
        name, before, ours = values(fault, folder, wanted)
    except (OSError, ValueError, IndexError) as error:
        raise Unavailable(f"The control group of {one.called} cannot be read: {error}.") from None
    return {
        "by": "group",
        "controller": controller,
        "set": {name: ours},
        "limits": {name: before},
    }


def values(fault: Fault, folder: Path, wanted: float) -> tuple[str, str, str]:
    """The file to be written, what it says now and what it shall say; of either version. Blocks."""
    if fault is Fault.LIMIT_MEMORY:
        v1 = folder / "memory.limit_in_bytes"
        file = v1 if v1.exists() else folder / "memory.max"
        return file.name, read(file), str(int(wanted))
    if (file := folder / "cpu.cfs_quota_us").exists():
        period = int(read(folder / "cpu.cfs_period_us"))
        return file.name, read(file), str(_quota(wanted, period))
    file = folder / "cpu.max"
    before = read(file)
    period = int(before.split()[1])
    return file.name, before, f"{_quota(wanted, period)} {period}"


def _quota(cpus: float, period: int) -> int:
    """Microseconds in each period; the kernel takes no fewer than 1,000."""
    return max(int(cpus * period), 1000)


def write(undo: Mapping[str, Any], one: Seen, pid: int | None) -> None:
    """Set the limits. Refused if the control group is not there. Blocks."""
    folder = None if pid is None else host.group(pid, str(undo["controller"]))
    if folder is None:
        raise Refused(ELSEWHERE.format(called=one.called))
    for name, value in undo["set"].items():
        try:
            (folder / name).write_text(value)
        except OSError as error:
            raise Unavailable(f"{name} of {one.called} does not take {value}: {error}.") from None
        if (now := read(folder / name)) != value:
            raise Unavailable(f"{name} of {one.called} is {now}, not {value}.")
