"""Filling the file system below a container's data with one file, never to its end."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.chaos.drivers.docker_plans import Draft, mark
from core.chaos.drivers.docker_seen import Seen
from core.chaos.drivers.params import figure
from core.errors import Invalid, Refused, Unavailable

Raw = Mapping[str, Any]
GIB = 2**30
_STEP = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the file goes: a mount of the container, or its own layer (`source` is "")."""

    folder: str
    source: str
    volume: str
    plain: bool
    """Whether `source` is an ordinary folder of the engine's host."""


def place(one: Seen, params: Raw) -> Place:
    """The mount that holds `path`; without one, the only writable mount."""
    mounts = [m for m in one.raw.get("Mounts") or () if m.get("RW") and m.get("Type") != "tmpfs"]
    wanted = params.get("path")
    if wanted is not None:
        return _holding(one, mounts, str(wanted))
    if len(mounts) == 1:
        return _place(mounts[0])
    if not mounts:
        raise Refused(
            f"{one.called} has no volume. Name a path with `path`; in the container's own layer "
            "it fills the engine's disk."
        )
    there = ", ".join(sorted(str(m["Destination"]) for m in mounts))
    raise Refused(f"{one.called} has several volumes ({there}): name one with `path`.")


def _holding(one: Seen, mounts: list[Any], path: str) -> Place:
    if not path.startswith("/") or "/../" in f"{path}/":
        raise Invalid("path must be absolute, as it is inside the container.")
    every = [m for m in one.raw.get("Mounts") or () if _below(path, str(m["Destination"]))]
    if not every:
        return Place(path, "", "", plain=False)
    nearest = max(every, key=lambda m: len(str(m["Destination"])))
    if nearest not in mounts:
        raise Refused(f"{nearest['Destination']} of {one.called} is not a writable volume.")
    return _place(nearest)


def _place(mount: Raw) -> Place:
    kind, driver = str(mount.get("Type") or ""), str(mount.get("Driver") or "")
    plain = kind == "bind" or (kind == "volume" and driver in ("", "local"))
    return Place(
        folder=str(mount["Destination"]),
        source=str(mount.get("Source") or ""),
        volume=str(mount.get("Name") or ""),
        plain=plain,
    )


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def amount(one: Seen, params: Raw, total: int, free: int) -> int:
    """Bytes to take: up to `pct` of the file system, leaving a reserve, at most `max_gib`."""
    pct = figure(params, "pct", 95.0, 1.0, 100.0)
    most = int(figure(params, "max_gib", 20.0, 0.01, 4096.0) * GIB)
    reserve = min(GIB, total // 20)
    wanted = min(int(total * pct / 100) - (total - free), free - reserve)
    if wanted <= 0:
        used = 100 * (total - free) / total if total else 100.0
        raise Refused(
            f"The file system below {one.called} is {used:.0f} % full: nothing can be taken that "
            f"makes it {pct:g} % full and leaves {_size(reserve)} free."
        )
    if wanted > most:
        raise Refused(
            f"Filling the file system below {one.called} to {pct:g} % takes {_size(wanted)}, more "
            f"than max_gib = {most / GIB:g} allows. It is {_size(total)} large, and may be shared."
        )
    return wanted


def draft(one: Seen, at: Place, params: Raw, size: tuple[int, int], host: bool) -> Draft:
    """The plan's own part; `size`: bytes of the file system, and of them free."""
    total, free = size
    take, name = amount(one, params, total, free), f".tocsin-chaos-{mark()}"
    undo: dict[str, Any] = {
        "by": "host" if host else "inside",
        "name": name,
        "file": f"{at.folder.rstrip('/')}/{name}",
        "within": name,
        "source": at.source,
        "volume": at.volume,
        "bytes": take,
        "least_free": min(GIB, total // 20) // 2,
    }
    if host:
        found = os.stat(at.source)
        undo |= {"folder": at.source, "inode": [found.st_dev, found.st_ino]}
    full = 100 * (total - free + take) / total
    return Draft(
        f"take {_size(take)} of the disk below {at.folder} of {one.called}: {full:.0f} % full then",
        f"remove the file {undo['file']}",
        before={"total": total, "free": free},
        undo=undo,
        touches=f"whatever else lies on that file system ({_size(total)}) has less room too",
        takes_s=30.0,
    )


def fill(undo: Raw) -> None:
    """Make the file, by the folder on this host. Blocks.

    Refused if it could not even be made. It ends early where it was removed meanwhile, or where
    somebody else took the space that is to stay free.
    """
    try:
        folder = os.open(undo["folder"], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise Refused(f"{undo['folder']} cannot be opened: {error.strerror}.") from None
    try:
        _filled(undo, folder)
    finally:
        os.close(folder)


def _filled(undo: Raw, folder: int) -> None:
    found = os.fstat(folder)
    if [found.st_dev, found.st_ino] != list(undo["inode"]):
        raise Refused(f"{undo['folder']} is not the folder any more that was planned for.")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
    try:
        file = os.open(undo["name"], flags, 0o600, dir_fd=folder)
    except OSError as error:
        raise Refused(f"No file can be made in {undo['folder']}: {error.strerror}.") from None
    try:
        done, size = 0, int(undo["bytes"])
        while done < size and os.fstat(file).st_nlink and _room(file) > undo["least_free"]:
            step = min(_STEP, size - done)
            os.posix_fallocate(file, done, step)
            done += step
    except OSError as error:
        raise Unavailable(f"The disk could not be filled: {error.strerror}.") from None
    finally:
        os.close(file)


def _room(file: int) -> int:
    found = os.fstatvfs(file)
    return found.f_bavail * found.f_frsize


def size_on_host(folder: str) -> tuple[int, int]:
    """Bytes of the file system below a folder of this host, and of them free. Blocks."""
    found = os.statvfs(folder)
    return found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize


def size_said(said: str) -> tuple[int, int]:
    """The same from what `stat -f -c '%S %b %a'` says; Refused if that is something else."""
    words = said.split()
    if len(words) != 3 or not all(word.isdigit() for word in words):
        raise Refused(f"The size of its file system cannot be read in the container: {said[:200]}.")
    block, blocks, free = (int(word) for word in words)
    return block * blocks, block * free


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.0f} MiB"
