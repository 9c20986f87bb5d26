"""Killed with -9 at every stage of an experiment, nothing stays broken: the next start heals it, and
without one the detached healer does. A control shows that the harness sees what stays broken."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.chaos import sentinel
from core.twin.cluster import Layout, TwinError

WORKER = Path(__file__).parent / "chaos_worker.py"
POINTS = (
    "record.before",
    "record.after",
    "arm.after",
    "inject.before",
    "inject.after",
    "watch",
    "heal.before",
    "heal.after",
    "verify.before",
)
WORKER_S = 40.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Rig:
    """A twin, and a process that forks workers which break it."""

    twin: Layout
    nurse: asyncio.subprocess.Process
    folder: Path

    async def run(
        self, kill_after_s: float | None = None, **order: Any
    ) -> tuple[int, list[dict[str, Any]]]:
        """One worker from its start to its end, killed after so many seconds if that is said: its
        exit code and what it said."""
        assert self.nurse.stdin is not None
        whole = {
            "folder": str(self.folder),
            "twin": str(self.twin.dir),
            "pd": list(self.twin.pd_urls),
            **order,
        }
        self.nurse.stdin.write(json.dumps(whole).encode() + b"\n")
        said: list[dict[str, Any]] = []
        while not said or said[-1]["event"] != "ended":
            said.append(await _line(self.nurse))
            assert said[-1]["event"] != "failed", said
            if said[-1]["event"] == "started" and kill_after_s is not None:
                await asyncio.sleep(kill_after_s)
                with suppress(ProcessLookupError):
                    os.kill(int(said[-1]["pid"]), signal.SIGKILL)
        return int(said[-1]["code"]), said

    async def residue(self) -> list[str]:
        """Everything that is not as it was before."""
        found = [f"{name} {self.twin.state(name)}" for name in self.twin.names]
        left = [one for one in found if not one.endswith("running")]
        if left:
            return left
        for store in self.twin.spec.stores:
            try:
                stand = await self.twin.switch(store.name)
            except TwinError:
                return [f"{store.name} does not answer"]
            faults = ("drop_heartbeats", "cut_peers", "pause_grpc", "hang_status")
            left += [f"{store.name} {name}" for name in faults if stand[name]]
        schedulers = await self.twin._read("/pd/api/v1/schedulers")
        return left + [name for name in schedulers or () if name.startswith("evict-leader")]

    def sentinels(self) -> list[int]:
        """Detached healers of this test that still run."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if "sentinel.py" in words and str(self.folder) in words:
                found.append(int(entry.name))
        return found


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    raw = await asyncio.wait_for(process.stdout.readline(), WORKER_S)
    assert raw, "the nursery ended"
    return json.loads(raw) if raw.startswith(b"{") else {"event": "noise"}


async def until(condition: Callable[[], Awaitable[bool]], limit_s: float, what: str) -> None:
    end = time.monotonic() + limit_s
    while not await condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    folder = tmp_path_factory.mktemp("chaos")
    twin = Layout(folder / "twin", tie_to=os.getpid())
    await twin.up()
    nurse = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert (await _line(nurse))["event"] == "ready"
        yield Rig(twin, nurse, folder)
    finally:
        assert nurse.stdin is not None
        nurse.stdin.close()
        await nurse.wait()
        await twin.down()


@pytest_asyncio.fixture(loop_scope="module")
async def rig(shared: Rig, tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(shared.twin, shared.nurse, tmp_path)
    await made.twin.up()
    yield made
    for pid in made.sentinels():
        os.kill(pid, signal.SIGKILL)
    for name in made.twin.names:
        if made.twin.state(name) != "running":
            made.twin.start(name)
    await made.twin.healthy()


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_any_stage_the_next_start_leaves_nothing_broken(
    rig: Rig, point: str
) -> None:
    code, _ = await rig.run(ask=True, die_at=point)
    assert code == -signal.SIGKILL, "the point was never passed"

    code, said = await rig.run()

    assert code == 0
    assert await rig.residue() == []
    run = next(one for one in said if one["event"] == "run")
    assert run["outcome"] in ("aborted", "unknown")
    assert run["why"].startswith("Tocsin ended ")
    await until(_none(rig.sentinels), 5.0, "its healer still runs")


def _none(found: Callable[[], list[int]]) -> Callable[[], Awaitable[bool]]:
    async def empty() -> bool:
        return not found()

    return empty


@pytest.mark.parametrize(("fault", "point"), [("cut", "inject.after"), ("evict_leaders", "watch")])
async def test_switches_and_schedulers_are_undone_like_processes(
    rig: Rig, fault: str, point: str
) -> None:
    await rig.run(ask=True, die_at=point, fault=fault)
    assert await rig.residue() != []

    code, _ = await rig.run(fault=fault)

    assert code == 0
    assert await rig.residue() == []


async def test_with_the_program_never_started_again_the_detached_healer_heals_at_its_deadline(
    rig: Rig,
) -> None:
    code, _ = await rig.run(ask=True, die_at="inject.after", grace_s=0.2)
    assert code == -signal.SIGKILL
    assert await rig.residue() != []
    assert len(rig.sentinels()) == 1

    file = next((rig.folder / "healers").glob("fault-*.json"))

    async def healed() -> bool:
        return (sentinel.read(file) or {}).get("ending") == "healed"

    await until(healed, 20.0, "nobody healed it")
    assert await rig.residue() == []
    assert file.stat().st_mode & 0o777 == 0o600

    # The next start finds it healed, says so, and the healer ends.
    code, said = await rig.run()
    assert code == 0
    run = next(one for one in said if one["event"] == "run")
    assert run["ending"] == "healed"
    assert "store-1 was healed by the detached healer" in run["why"]
    await until(_none(rig.sentinels), 5.0, "its healer still runs")


async def test_a_healer_that_is_told_to_end_heals_at_once(rig: Rig) -> None:
    await rig.run(ask=True, die_at="inject.after", duration_s=60.0)
    assert await rig.residue() != []
    (pid,) = rig.sentinels()

    os.kill(pid, signal.SIGTERM)

    async def healed() -> bool:
        return await rig.residue() == []

    await until(healed, 10.0, "nobody healed it")
    await until(_none(rig.sentinels), 15.0, "it did not end")
    assert (await rig.run())[0] == 0


async def test_control_what_is_broken_without_a_record_stays_broken_and_is_seen(rig: Rig) -> None:
    code, _ = await rig.run(ask=True, careless=True)
    assert code == -signal.SIGKILL

    await rig.run()

    assert await rig.residue() == ["store-1 stopped"]
