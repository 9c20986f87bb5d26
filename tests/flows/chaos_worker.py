"""A process that breaks a twin and dies on demand: the real monitor, runner, driver and healer,
forked from one that has imported all.

Reads one JSON order a line, runs it in a child, and answers when that has ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from core import lock, migrate
from core.chaos.catalog.read import Catalog, experiment
from core.chaos.experiment import Experiments
from core.chaos.healing import Healers
from core.chaos.order import Known, Rules, order
from core.chaos.safety import Limits
from core.chaos.settings import SubjectChaos
from core.chaos.story import Means, of
from core.clock import Clock, SystemClock
from core.db import Database
from core.engine import Engine
from core.errors import Conflict, Unavailable
from core.metrics import Metrics
from core.runs import harm, store
from core.runs.chart import Timeline
from core.runs.model import State
from core.runs.runner import Runner
from core.subjects.own import OwnSubject
from core.subjects.tikv.build import tikv
from core.subjects.tikv.settings import TikvSettings
from core.tasks import Tasks
from core.upkeep import Retention

SUBJECT = "prod"


@dataclass
class Order:
    """What one worker is told. `ask`: order the experiment (else only carry on). `careless`: the
    control, which breaks first and writes nothing down."""

    folder: str
    twin: str
    pd: tuple[str, ...] = ()
    fault: str = "kill"
    target: str = "store:1"
    duration_s: float = 0.5
    grace_s: float = 15.0
    ask: bool = False
    careless: bool = False
    die_at: str = ""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killer(order: Order) -> Callable[[str], None]:
    def reached(name: str) -> None:
        if name == order.die_at:
            die()

    return reached


async def no_picture(_line: Timeline, _clock: Clock) -> bytes:
    raise Unavailable("no pictures in this test")


def one(fault: str) -> Any:
    table = {
        "name": "break-it",
        "title": "Break it",
        "fault": fault,
        "selector": "store",
        "recover_within": "20s",
    }
    return experiment(table, "test")


async def work(told: Order) -> None:
    clock = SystemClock()
    folder = Path(told.folder)
    db = Database.open(str(folder / "t.db"), clock, _failed, create=True)
    await migrate.migrate(db)
    chaos = SubjectChaos(enabled=True, drivers=("twin", "pd"), twin=told.twin)
    limits = Limits(grace_s=told.grace_s, arm_s=3.0)
    rules = Rules(Catalog({"break-it": one(told.fault)}), limits, {SUBJECT: Known("tikv", chaos)})
    subject = tikv(SUBJECT, TikvSettings(pd=tuple(told.pd), chaos=chaos), clock, _failed)
    epoch = await lock.take_epoch(db, "test")

    def runs(engine: Engine) -> Runner:
        means = Means(
            db=db,
            clock=clock,
            epoch=epoch,
            subjects={SUBJECT: subject},
            healers=Healers(folder / "healers"),
            limits=limits,
            look=engine.sight,
            reach=killer(told),
        )
        work = Experiments(means, rules, no_picture)
        return Runner(db, clock, epoch, [work], engine.failed)

    engine = Engine(
        db, clock, epoch, [subject, OwnSubject(db, clock)], Metrics(), Retention(), None, runs
    )
    tasks = Tasks(_failed)
    await engine.begin()
    engine.start(tasks)
    if told.ask:
        await _well(engine)
        if told.careless:
            await _break(subject, told)
        with suppress(Conflict):  # one of an earlier worker is still recovering
            await db.write(
                order,
                rules,
                name="break-it",
                by="test",
                subject=SUBJECT,
                target=told.target,
                duration_s=told.duration_s,
            )
    await _ended(db)
    await tasks.cancel()
    await engine.close()
    await db.close()


async def _break(subject: Any, told: Order) -> None:
    """The control: what a program does that writes nothing down."""
    driver = subject.drivers()[0]
    target = await driver.find(told.target)
    await driver.inject(await driver.plan(one(told.fault).fault, target, {}, 1.0))
    die()


async def _well(engine: Engine) -> None:
    while (sight := engine.sight(SUBJECT)) is None or sight.blind:
        await asyncio.sleep(0.05)


async def _ended(db: Database) -> None:
    """All that was ordered has been reported, and nothing is broken."""
    while True:
        found = await db.read(store.listing)
        if all(run.state is State.REPORTED for run in found) and not await db.read(harm.unhealed):
            break
        await asyncio.sleep(0.05)
    for run in found:
        story = of(run)
        said = {"outcome": str(run.outcome), "why": story.why, "ending": story.ending}
        print(json.dumps({"event": "run", **said}), flush=True)


def _failed(name: str, error: BaseException) -> None:
    print(json.dumps({"event": "trouble", "where": name, "why": repr(error)}), flush=True)


def forked(told: Order) -> int:
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            asyncio.run(work(told))
            status = 0
        except BaseException as error:  # noqa: BLE001 - the parent reads how the child ended
            print(json.dumps({"event": "failed", "why": repr(error)}), flush=True)
        finally:
            os._exit(status)
    print(json.dumps({"event": "started", "pid": pid}), flush=True)
    _, status = os.waitpid(pid, 0)
    return status


def main() -> None:
    print(json.dumps({"event": "ready"}), flush=True)
    for line in sys.stdin:
        status = forked(replace(Order("", ""), **json.loads(line)))
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"event": "ended", "code": code}), flush=True)


if __name__ == "__main__":
    main()
