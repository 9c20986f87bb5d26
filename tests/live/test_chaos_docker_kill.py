"""The bot is killed with -9 at every stage of an experiment on a real container, and started again:
nothing stays broken, and nothing of ours is left."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.chaos.catalog.read import experiment, table_of
from core.chaos.model import Fault, Story
from core.chaos.story import plain
from core.clock import SystemClock
from core.db import Database
from core.runs import harm, store
from core.runs.model import Outcome, Run
from tests.live import chaos_worker, containers
from tests.live.chaos_worker import POINTS
from tests.live.containers import Site, inspect, state

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="looking into containers from outside takes root"),
]

PARAMS = {Fault.FILL_DISK: {"pct": 60}, Fault.LIMIT_MEMORY: {"mib": 40}}
FAULTS = (Fault.KILL, Fault.CUT, Fault.PAUSE, Fault.LIMIT_MEMORY, Fault.FILL_DISK, Fault.CRASH)
TMPFS = ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=16m")


@pytest.fixture(scope="module")
def image():
    with containers.shell_image() as name:
        yield name


@pytest.fixture(scope="module")
def worker():
    """Everything loaded once; each bot is a fork of it."""
    script = Path(chaos_worker.__file__)
    made = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield made
    made.stdin.close()
    made.wait(10)
    made.stdout.close()


@dataclass
class Case:
    """One container that is broken on purpose, by a bot that is killed."""

    site: Site
    worker: subprocess.Popen
    folder: Path
    name: str
    before: dict

    async def bot(self, at: str = "") -> int:
        """A bot from its start to its end; how it ended."""
        asked = {"folder": str(self.folder), "project": self.site.project, "at": at}
        self.worker.stdin.write(json.dumps(asked) + "\n")
        self.worker.stdin.flush()
        return int(await asyncio.to_thread(self.worker.stdout.readline))

    async def told(self) -> tuple[Run, list]:
        db = Database.open(str(self.folder / "tocsin.db"), SystemClock(), print)
        try:
            run = (await db.read(store.listing))[0]
            return run, await db.read(harm.of_run, run.id)
        finally:
            await db.close()

    def healers(self) -> list[int]:
        """Detached healers of this case that are alive."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes()
                    if b"sentinel.py" in line and str(self.folder).encode() in line:
                        found.append(int(entry.name))
        return found

    def residue(self) -> list[str]:
        """What is not as it was before, in words."""
        after = state(self.name)
        found = [key for key in self.before if self.before[key] != after[key]]
        return found + [f"healer {pid}" for pid in self.healers()]

    async def clean(self, limit_s: float = 10.0) -> list[str]:
        """What is left once everything that wants to end has ended."""
        end = time.monotonic() + limit_s
        while (left := self.residue()) and time.monotonic() < end:
            await asyncio.sleep(0.05)
        return left


@contextlib.contextmanager
def container(image):
    with containers.site(image) as site:
        volume = site.volume("data", *TMPFS)
        options = ("--memory", "64m", "-v", f"{volume}:/data", "--network-alias", "store-one")
        yield site, site.run("kv1", *options, network=site.network("front"))


@pytest.fixture(scope="module")
def stage(image):
    """One container for all: each test leaves it as it found it, or fails."""
    with container(image) as made:
        yield made


@contextlib.asynccontextmanager
async def case(stage, worker, folder, fault):
    """An order to break the container for a moment."""
    site, name = stage
    await chaos_worker.prepare(folder)
    table = {
        "name": "break-it",
        "title": "Break it",
        "fault": str(fault),
        "selector": "store",
        "duration": "300ms",
        "params": PARAMS.get(fault, {}),
    }
    story = Story(table_of(experiment(table, "test")), 0.3)
    db = Database.open(str(folder / "tocsin.db"), SystemClock(), print)
    asked = {"kind": "chaos", "subject": "prod", "name": "break-it", "target": ""}
    await db.write(lambda tx: store.create(tx, **asked, requested_by="U1", data=plain(story)))
    await db.close()
    made = Case(site, worker, folder, name, state(name))
    try:
        yield made
    finally:
        for pid in made.healers():
            os.kill(pid, signal.SIGKILL)


CASES = [(at, fault) for at, fault in zip(POINTS, itertools.cycle(FAULTS), strict=False)]
CASES = [(at, Fault.PAUSE if at == "calling" else fault) for at, fault in CASES]


@pytest.mark.parametrize(("at", "fault"), CASES, ids=lambda one: str(one))
async def test_killed_at_any_stage_it_leaves_nothing_behind(stage, worker, tmp_path, at, fault):
    await _killed(stage, worker, tmp_path, at, fault)


@pytest.mark.soak
@pytest.mark.parametrize("fault", [*FAULTS, Fault.STOP, Fault.LIMIT_CPU, Fault.PARTITION], ids=str)
@pytest.mark.parametrize("at", POINTS)
async def test_killed_at_every_stage_of_every_fault(stage, worker, tmp_path, at, fault):
    await _killed(stage, worker, tmp_path, at, fault)


async def _killed(stage, worker, folder, at, fault):
    async with case(stage, worker, folder, fault) as one:
        assert await one.bot(at) == -signal.SIGKILL, f"it ends at {at}"
        assert await one.bot() == 0
        assert await one.clean() == []
        run, faults = await one.told()
        assert all(fault.verified_at is not None for fault in faults)
        assert run.outcome in (Outcome.ABORTED, Outcome.UNKNOWN), run
        once = inspect(one.name)["State"]
        assert await one.bot() == 0, "one more start changes nothing"
        assert inspect(one.name)["State"] == once


async def test_killed_twice_once_while_it_heals_what_the_first_one_left(stage, worker, tmp_path):
    async with case(stage, worker, tmp_path, Fault.CUT) as one:
        for at in ("inject.after", "heal.before", "verify.before"):
            assert await one.bot(at) == -signal.SIGKILL
        assert await one.bot() == 0
        assert await one.clean() == []


async def test_left_alone_it_is_carried_to_its_end(stage, worker, tmp_path):
    async with case(stage, worker, tmp_path, Fault.KILL) as one:
        assert await one.bot() == 0
        run, faults = await one.told()
        assert (run.outcome, [f.ending for f in faults]) == (Outcome.SUCCEEDED, ["healed"])
        assert await one.clean() == []


@pytest.mark.parametrize("fault", [Fault.KILL, Fault.CUT, Fault.LIMIT_MEMORY], ids=str)
async def test_control_without_a_healer_and_a_restart_the_harm_stays_and_is_found(
    image, worker, tmp_path, fault
):
    """What the tests above look at can be red."""
    with container(image) as stage:
        async with case(stage, worker, tmp_path, fault) as one:
            assert await one.bot("inject.after") == -signal.SIGKILL
            assert one.healers(), "armed before the harm was done"
            for pid in one.healers():
                os.kill(pid, signal.SIGKILL)
            left = await one.clean(0.5)
            wanted = {Fault.KILL: "status", Fault.CUT: "networks", Fault.LIMIT_MEMORY: "limits"}
            assert wanted[fault] in left
