"""Finding out what must never be broken: the container that we run in, and our own database's."""

from __future__ import annotations

import re
import socket
from pathlib import Path

from core.addresses import parse_url
from core.chaos.drivers.docker_seen import Spared

_FOLDER = re.compile(r"/containers/([0-9a-f]{64})/")
_OURS = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
_GROUP = re.compile(r"(?:docker[-/]|libpod-)([0-9a-f]{64})")
_SHORT = re.compile(r"[0-9a-f]{12}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "")
_POSTGRES_PORT = 5432


def spared(database: str, proc: Path = Path("/proc/self"), hostname: str = "") -> Spared:
    """What must be spared, for the database at this address (a file or a URL)."""
    url = parse_url(database)
    if url.get_backend_name() == "sqlite":
        return Spared(ids=own_ids(proc, hostname))
    host = url.host or str(url.query.get("host") or "")
    port = url.port or _POSTGRES_PORT
    if host.startswith("/"):
        return Spared(ids=own_ids(proc, hostname), paths=(host,))
    if host in _LOOPBACK:
        return Spared(ids=own_ids(proc, hostname), ports=frozenset((port,)))
    return Spared(ids=own_ids(proc, hostname), hosts=frozenset((host,)))


def own_ids(proc: Path = Path("/proc/self"), hostname: str = "") -> frozenset[str]:
    """Ids of the container that this process runs in; none outside of containers.

    A container's host name is its short id unless somebody chose another.
    """
    found = set(_GROUP.findall(_text(proc / "cgroup")))
    for line in _text(proc / "mountinfo").splitlines():
        parts = line.split()
        # On the engine's host there are lines of every container: ours are mounted on our files.
        if len(parts) > 4 and parts[4] in _OURS:
            found |= set(_FOLDER.findall(parts[3]))
    name = hostname or socket.gethostname()
    if _SHORT.fullmatch(name):
        found.add(name)
    return frozenset(found)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
