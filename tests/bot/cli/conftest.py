"""A database and a command line for each test."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.cli.driving import Bench
from tests.flows.rig import _prepared


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
