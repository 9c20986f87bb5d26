"""A compose project from a terminal: which tool runs it, what it runs, and how its containers are."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.clients.docker import DEFAULT_SOCKET, DockerClient
from core.clients.docker_model import Container
from core.clients.failures import SourceFailed
from core.clock import Clock, SystemClock, within
from core.config import environ
from core.errors import NotFound, Unavailable

PROJECT = "com.docker.compose.project"
SHORT_S = 30.0
"""Asking compose for its version or its services."""
NO_TOOL = (
    "Neither `docker compose` nor docker-compose is here. Install Docker's compose plugin, or "
    "docker-compose 1.29 or newer."
)


@dataclass(frozen=True, slots=True)
class Part:
    """One service as it is: `state` running, exited, ... or "absent"; `health` "" without a check."""

    service: str
    state: str
    health: str
    image: str
    ports: tuple[str, ...]
    name: str = ""

    @property
    def well(self) -> bool:
        """Whether it runs and, where it has a check, passes it."""
        return self.state == "running" and self.health in ("", "healthy")

    @property
    def failed(self) -> bool:
        """Whether waiting longer is of no use: it has ended and nothing starts it again."""
        return self.state in ("exited", "dead")


@dataclass(frozen=True, slots=True)
class Compose:
    """One compose file, one project. `tool` is the command that runs it."""

    tool: tuple[str, ...]
    file: Path
    project: str

    async def services(self) -> tuple[str, ...]:
        """The services of the file that belong to no profile.

        Unavailable with compose's own words.
        """
        code, out, err = await self.ask("config")
        if code != 0:
            raise Unavailable(f"{self.file} cannot be read by compose: {_last(err)}")
        return _plain(out)

    async def run(self, *words: str) -> int:
        """Run compose in this terminal; its exit code."""
        process = await asyncio.create_subprocess_exec(*self._line(words), env=environ())
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()

    async def ask(self, *words: str) -> tuple[int, str, str]:
        """Run compose aside; its exit code and what it printed."""
        return await _ask(self._line(words))

    def _line(self, words: Sequence[str]) -> tuple[str, ...]:
        return (*self.tool, "-p", self.project, "-f", str(self.file), *words)


async def find(file: Path, project: str) -> Compose:
    """The project of a file. NotFound without the file, Unavailable without a tool."""
    where, named = _place(file, project)
    return Compose(await _tool(), where, re.sub(r"[^-_a-z0-9]", "", named.lower()) or "tocsin")


def _place(file: Path, project: str) -> tuple[Path, str]:
    if not file.is_file():
        raise NotFound(
            f"There is no {file}: run it in the folder that holds Tocsin's docker-compose.yml, or "
            "name a file with --file."
        )
    where = file.resolve()
    return where, project or environ().get("COMPOSE_PROJECT_NAME", "") or where.parent.name


async def _tool() -> tuple[str, ...]:
    if shutil.which("docker"):
        code, _, _ = await _ask(("docker", "compose", "version"))
        if code == 0:
            return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise Unavailable(NO_TOOL)


async def _ask(line: Sequence[str]) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *line,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environ(),
    )
    try:
        out, err = await within(SystemClock(), SHORT_S, process.communicate())
    except TimeoutError:
        raise Unavailable(f"{line[0]} did not answer within {SHORT_S:g} s.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")


def _plain(config: str) -> tuple[str, ...]:
    """The services without profiles in what `config` prints: older tools list those with, too.

    Both tools print the same plain YAML, two spaces a level.
    """
    _, _, rest = f"\n{config}".partition("\nservices:\n")
    section = re.split(r"^(?=\S)", rest, maxsplit=1, flags=re.MULTILINE)[0]
    blocks = re.split(r"^  (?=[\"'\w])", section, flags=re.MULTILINE)[1:]
    names = (
        block.partition(":")[0].strip("\"'") for block in blocks if "\n    profiles:" not in block
    )
    return tuple(sorted(names))


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no reason given"


async def parts(compose: Compose, wanted: Sequence[str], clock: Clock) -> tuple[Part, ...]:
    """How each container of the project is; a service of `wanted` without one is absent."""
    address = environ().get("DOCKER_HOST") or DEFAULT_SOCKET
    client = DockerClient(clock, address)
    try:
        found = await client.containers(label=f"{PROJECT}={compose.project}")
    except SourceFailed as failed:
        raise Unavailable(f"The Docker engine cannot be asked: {failed}") from None
    finally:
        await client.close()
    made = [_part(one) for one in found]
    there = {one.service for one in made}
    made += [Part(name, "absent", "", "", ()) for name in wanted if name not in there]
    return tuple(sorted(made, key=lambda one: (one.service, one.name)))


def _part(one: Container) -> Part:
    ports = tuple(
        f"{outer}->{inner}" for inner, outers in sorted(one.ports.items()) for outer in outers
    )
    # A container that has ended keeps the last word of its check.
    health = one.health if one.running else ""
    return Part(one.service, one.status, health, one.image, ports, one.name)
