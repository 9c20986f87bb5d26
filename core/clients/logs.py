"""The newest lines of a node's log, from a file or from its container: bounded, never followed."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.clients.docker import DockerClient
from core.clients.failures import Kind, SourceFailed
from core.clients.log_line import LogLine, parse

MAX_BYTES = 1024 * 1024
MAX_LINES = 5_000


@dataclass(frozen=True, slots=True)
class Tail:
    """The newest lines, oldest first; `cut` when there was more than was read."""

    source: str
    lines: tuple[LogLine, ...]
    cut: bool = False

    def at_least(self, level: str) -> tuple[LogLine, ...]:
        """Lines of a level ("WARN") and above, and those without one that follow such a line."""
        floor = LogLine("", level=level).rank
        found: list[LogLine] = []
        taking = False
        for line in self.lines:
            taking = line.rank >= floor if line.rank >= 0 else taking
            if taking:
                found.append(line)
        return tuple(found)


class LogSource(Protocol):
    """Where one node's log is."""

    async def tail(self, lines: int = 200) -> Tail:
        """The newest lines; Unavailable (SourceFailed) if they cannot be had."""
        ...


class FileLog:
    """A log file on this machine."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    async def tail(self, lines: int = 200) -> Tail:
        """The newest lines, from at most 1 MiB."""
        return await asyncio.to_thread(self._read, min(max(lines, 1), MAX_LINES))

    def _read(self, lines: int) -> Tail:
        try:
            raw, cut = _last_bytes(self._path)
        except OSError as error:
            raise SourceFailed(str(self._path), Kind.UNREACHABLE, str(error)) from None
        return _tail(str(self._path), raw, lines, cut)


class ContainerLog:
    """What a container wrote to its output."""

    def __init__(self, docker: DockerClient, container: str) -> None:
        self._docker = docker
        self._container = container

    async def tail(self, lines: int = 200) -> Tail:
        """The newest lines, from at most 1 MiB."""
        many = min(max(lines, 1), MAX_LINES)
        raw, cut = await self._docker.logs_tail(self._container, many, max_bytes=MAX_BYTES)
        return _tail(f"container {self._container}", raw, many, cut)


def _last_bytes(path: Path) -> tuple[bytes, bool]:
    # Opened first and looked at afterwards; a FIFO or a device would block or never end.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError("not a regular file")
        file.seek(max(found.st_size - MAX_BYTES, 0))
        return file.read(MAX_BYTES), found.st_size > MAX_BYTES


def _tail(source: str, raw: bytes, lines: int, cut: bool) -> Tail:
    texts: Sequence[str] = raw.decode("utf-8", "replace").split("\n")
    if texts and not texts[-1]:
        texts = texts[:-1]
    if cut:
        texts = texts[1:]  # the first is the end of a line whose beginning was not read
    return Tail(source, tuple(parse(one) for one in texts[-lines:]), cut or len(texts) > lines)
