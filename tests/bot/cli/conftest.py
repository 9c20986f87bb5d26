"""A database and a command line for each test."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from core.clock import SystemClock
from tests.bot.cli.driving import Bench, Surroundings
from tests.flows.rig import LIMITS_OFF, _prepared
from tests.world import World


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Bench]:
    """No database yet."""
    made = Bench(tmp_path)
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


@pytest.fixture
def at(empty: Bench) -> Bench:
    """A migrated, empty database."""
    asyncio.run(_prepared(empty.db))
    empty.db.parent.chmod(0o700)
    return empty


@pytest.fixture
async def around(empty: Bench) -> AsyncIterator[Surroundings]:
    """A workspace and a cluster on this machine, and no database yet."""
    config = Config(limits=LIMITS_OFF, manifest=manifest())
    async with LocalServer(Workspace(config)) as server, World(SystemClock(), stores=3) as world:
        yield Surroundings(empty, server, world)
