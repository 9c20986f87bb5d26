"""Where `tocsin demo chaos` plays: the compose cluster if it runs, a configured subject, or a twin."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bot.cli import compose
from bot.cli.common import complain
from bot.cli.twin_subject import subject_of
from core.chaos import sentinel
from core.clients.docker import DEFAULT_SOCKET, DockerClient
from core.clients.docker_model import Container
from core.clients.failures import SourceFailed
from core.clock import SystemClock
from core.config import Config, SubjectConfig, environ
from core.errors import NotFound, TocsinError
from core.twin.cluster import Layout

TWIN = "tikv-twin"
COMPOSE = "demo"
LABEL = "tocsin.cluster=demo"
QPS = 1200.0
RATES_S = 12.0
"""Stores tell PD their rates with a heartbeat, every 10 s."""
PD_OF_COMPOSE = "http://127.0.0.1:2379"


class Place(Protocol):
    """A cluster for the demonstration."""

    @property
    def subject(self) -> str:
        """Its name among the subjects."""
        ...

    @property
    def words(self) -> str:
        """What it is."""
        ...

    async def look(self) -> tuple[str, ...]:
        """How it is, a line each; nothing where only the invariants tell."""
        ...

    async def load(self) -> str:
        """Put a load on it; what was done, in words."""
        ...


@dataclass(frozen=True, slots=True)
class Twin:
    """A cluster of local processes, started for the demonstration and ended with it."""

    layout: Layout
    subject: str = TWIN

    @property
    def words(self) -> str:
        """What it is."""
        spec = self.layout.spec
        return f"a twin: {len(spec.pds)} PD members and {len(spec.stores)} stores on this machine"

    async def look(self) -> tuple[str, ...]:
        """Each process."""
        return tuple(f"{p.name:<9} {p.state:<8} {p.detail}" for p in await self.layout.status())

    async def load(self) -> str:
        """Let clients ask."""
        await self.layout.set_load(QPS)
        clock = SystemClock()
        # On a pipe nobody watches the figures rise.
        until = clock.monotonic() + (RATES_S if sys.stdout.isatty() else 0.0)
        while clock.monotonic() < until and any(" 0 qps" in line for line in await self.look()):
            await clock.sleep(0.2)
        said = f"Clients now ask {QPS:,.0f} times a second"
        early = any(" 0 qps" in line for line in await self.look())
        return f"{said}; the stores tell it with their next heartbeat." if early else f"{said}."


@dataclass(frozen=True, slots=True)
class Compose:
    """The cluster of docker-compose.yml, as it runs."""

    subject: str = COMPOSE
    words: str = "the compose cluster, as it runs"

    async def look(self) -> tuple[str, ...]:
        """Nothing: the invariants tell."""
        return ()

    async def load(self) -> str:
        """Start the workload of the profile `load`."""
        try:
            found = await compose.find(Path("docker-compose.yml"), "")
        except TocsinError as error:
            return f"No load was added: {error.text}"
        code, _, said = await found.ask("--profile", "load", "up", "-d", "load")
        return "YCSB reads and updates now." if code == 0 else f"No load was added: {said[-200:]}"


@dataclass(frozen=True, slots=True)
class Configured:
    """A subject of the configuration, with whatever load it has."""

    subject: str
    words: str = "a configured subject"

    async def look(self) -> tuple[str, ...]:
        """Nothing: the invariants tell."""
        return ()

    async def load(self) -> str:
        """Its load is its own."""
        return "Its load is its own; none is added."


@asynccontextmanager
async def opened(given: Config, wanted: str) -> AsyncIterator[tuple[Place, Config]]:
    """The place, ready, and the configuration that watches it, on a database of its own."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    database = str(folder / "demo.db")
    try:
        if wanted:
            own = [one for one in given.file.subjects if one.name == wanted]
            if not own:
                there = ", ".join(one.name for one in given.file.subjects) or "none"
                raise NotFound(f"There is no subject called {wanted!r}; configured: {there}.")
            yield Configured(wanted), _watching(given, own[0], database)
        elif found := await _compose_nodes():
            yield Compose(), _watching(given, _of_compose(found), database)
        else:
            layout = Layout(folder / "twin", load_qps=0.0, tie_to=os.getpid())
            try:
                await layout.up()
                yield Twin(layout), _watching(given, subject_of(layout, TWIN), database)
            finally:
                await layout.down()
                # What was broken in it is gone with it.
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        _tidy(folder)


def _tidy(folder: Path) -> None:
    """Remove the demonstration's database, unless a detached healer may still need what is there."""
    left = [path for path in folder.glob("demo.db.chaos/fault-*.json") if not _over(path)]
    if left:
        complain(f"Its healer may still be at work; what it needs is kept in {folder}.")
    else:
        shutil.rmtree(folder, ignore_errors=True)


def _over(path: Path) -> bool:
    content = sentinel.read(path)
    return content is None or content.get("state") == sentinel.VERIFIED


async def _compose_nodes() -> tuple[Container, ...]:
    """The running containers of the compose cluster; none where there is no engine."""
    client = DockerClient(SystemClock(), _engine())
    try:
        found = await client.containers(label=LABEL)
    except SourceFailed:
        return ()
    finally:
        await client.close()
    return tuple(one for one in found if one.running)


def _engine() -> str:
    return environ().get("DOCKER_HOST") or DEFAULT_SOCKET


def _of_compose(nodes: Sequence[Container]) -> SubjectConfig:
    """Its nodes know each other by the names of services; from this machine they are reached by
    the addresses that the engine gave them."""
    reached = {
        one.service: next((n.ip for n in one.networks.values() if n.ip), "") for one in nodes
    }
    pds = [
        f"http://{reached[s]}:2379" for s in sorted(reached) if s.startswith("pd") and reached[s]
    ]
    return SubjectConfig.model_validate(
        {
            "name": COMPOSE,
            "kind": "tikv",
            "pd": pds or [PD_OF_COMPOSE],
            "docker": _engine(),
            "status_addresses": {
                service: f"{ip}:20180"
                for service, ip in reached.items()
                if ip and service.startswith("tikv")
            },
            "chaos": {
                "enabled": True,
                "drivers": ["docker", "pd"],
                "docker": _engine(),
                "label": LABEL,
            },
        }
    )


def _watching(given: Config, subject: SubjectConfig, database: str) -> Config:
    changed: dict[str, Any] = {"subjects": (subject,), "database": None}
    file = given.file.model_copy(update=changed)
    return given.model_copy(update={"file": file, "database": database})
