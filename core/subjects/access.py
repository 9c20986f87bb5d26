"""How the sources of a cluster are reached: as a user writes it, and as the clients want it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.clients.docker import DockerClient
from core.clients.logs import ContainerLog, FileLog, LogSource
from core.clients.tls import Tls, TlsFiles
from core.errors import Invalid


@dataclass(frozen=True, slots=True)
class TlsPaths:
    """PEM files; "" where there is none."""

    ca: str = ""
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where one node's log is: a file's path, or a container's name."""

    path: str = ""
    container: str = ""


def certificates(paths: TlsPaths | None) -> Tls | None:
    """The certificates that these files hold; Invalid, naming the file, if they cannot serve."""
    return None if paths is None else Tls(TlsFiles(paths.ca, paths.cert, paths.key))


def log_sources(
    places: Mapping[str, LogPlace], docker: DockerClient | None
) -> dict[str, LogSource]:
    """One source of log lines a node; Invalid where no engine could give them."""
    found: dict[str, LogSource] = {}
    for node, one in places.items():
        if one.path:
            found[node] = FileLog(one.path)
        elif one.container and docker is not None:
            found[node] = ContainerLog(docker, one.container)
        else:
            raise Invalid(
                f"logs.{node} names neither a path nor a container of an engine: set path, or "
                "container together with docker."
            )
    return found
