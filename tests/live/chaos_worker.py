"""Carries out one experiment on one container and ends itself, with -9, where it is told to.

Run as a script it loads everything once, then forks for each line of JSON on its standard input:
{"folder", "project", "at"} (`at`: a point of core.chaos.story.Means.reach, "calling" for in the
middle of the injecting call, or "" for none); the line that it answers with is how that child ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

import docker  # noqa: F401 - loaded once, before the first fork

from core import lock, migrate
from core.chaos.drivers.docker import DockerDriver
from core.chaos.experiment import Experiments
from core.chaos.healing import Healers
from core.chaos.model import Margin
from core.chaos.safety import Sight
from core.chaos.settings import SubjectChaos
from core.chaos.story import Means
from core.clients.docker_change import DockerChange
from core.clock import SystemClock
from core.db import Database
from core.runs import harm, store
from core.runs.model import State
from core.runs.runner import Runner
from core.tasks import Tasks

POINTS = (
    "record.before",
    "record.after",
    "arm.after",
    "inject.before",
    "calling",
    "inject.after",
    "watch",
    "heal.before",
    "heal.after",
    "verify.before",
)
LANDS_S = 2.0
"""The shipped 20 s would be waited for after each kill in the middle of a call."""
CHAOS = {"enabled": True, "drivers": ("docker",)}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Subject:
    """Something with one store, in a container, that may be broken at any time."""

    name, kind = "prod", "tikv"

    def __init__(self, driver: DockerDriver, project: str) -> None:
        self._driver = driver
        self.chaos = SubjectChaos(**CHAOS, project=project)

    def drivers(self):
        return (self._driver,)

    async def resolve(self, selector, seed, among):
        return ("store:1",)

    async def margin(self, without):
        return Margin(1, True, "margin 1 -> 0")


class WithoutPictures(Experiments):
    """Drawing takes a second, and is tested elsewhere."""

    async def leave(self, run):
        return ()


class InTheMiddle(DockerDriver):
    """Ends the process while the engine works on the call."""

    async def inject(self, plan):
        calling = asyncio.ensure_future(super().inject(plan))
        while not self._client._pool._work_queue.empty() or not self._client._pool._threads:
            await asyncio.sleep(0)
        await asyncio.wait({calling}, timeout=0.02)
        die()


async def carry_out(folder: Path, project: str, at: str) -> None:
    """From where it stands to its end."""
    clock = SystemClock()

    def failed(name: str, error: BaseException) -> None:
        sys.stderr.write(f"{name}: {error!r}\n")

    async def watched():
        return {"store:1": ("kv1",)}

    db = Database.open(str(folder / "tocsin.db"), clock, failed)
    epoch = await lock.take_epoch(db, "test")
    client = DockerChange(clock)
    kind = InTheMiddle if at == "calling" else DockerDriver
    chaos = SubjectChaos(**CHAOS, project=project)
    driver = kind(client, clock, watched, chaos, lands_s=LANDS_S)
    means = Means(
        db=db,
        clock=clock,
        epoch=epoch,
        subjects={"prod": Subject(driver, project)},
        healers=Healers(folder / "healers"),
        look=lambda _: Sight(clock.now().timestamp(), 0.5),
        reach=lambda point: die() if point == at else None,
    )
    runner = Runner(db, clock, epoch, [WithoutPictures(means)], failed)
    await runner.boot()
    tasks = Tasks(failed)
    tasks.start("runner", runner.run())
    while not await db.read(_over):
        await clock.sleep(0.02)
    await tasks.cancel()
    await runner.close()
    await client.close()
    await db.close()


def _over(tx) -> bool:
    return store.listing(tx)[0].state is State.REPORTED and not harm.unhealed(tx)


async def prepare(folder: Path) -> None:
    """An empty database."""
    db = Database.open(str(folder / "tocsin.db"), SystemClock(), print, create=True)
    await migrate.migrate(db)
    await db.close()


def main() -> None:
    """One child a line, one after the other."""
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            os.dup2(2, 1)
            try:
                asyncio.run(carry_out(Path(asked["folder"]), asked["project"], asked["at"]))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
