"""A process that dies on demand: delivery and sender at work, forked from one that has imported all.

Reads one JSON order a line: `run` forks a worker with the real database, delivery and sender, and
answers when it has ended. A worker brings three tickets and three clicks about, each only if it has
not happened yet, and ends once everything that was intended has arrived.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from bot.delivery import Delivery
from bot.points import Points
from bot.sender import Sender, SenderSettings
from bot.sender_record import Drawn, Job
from core import channels, events, monitor, outbox
from core.clock import SystemClock
from core.db import Tx
from core.invariant import Severity
from core.tickets import known, store
from core.tickets.plan import make_plan
from tests.flows import rig as rigging

PEOPLE = "slack:U1"


@dataclass
class Order:
    """What one worker is told: where to work, and where to die."""

    folder: str
    api_url: str
    token: str
    team: str
    die_at: str = ""
    die_on: int = 1
    settle_s: float = 0.15
    record_after: bool = False


class RecordAfter(Sender):
    """The control: it notes what it sent only afterwards, as naive senders do."""

    def _begin(self, tx: Tx, drawn: Drawn) -> Job | None:
        found = super()._begin(tx, drawn)
        if found is not None:
            back = outbox.o.c
            tx.run(
                outbox.o.update()
                .where(back.key == found.row.key)
                .values(state="pending", done=0, attempt=found.row.attempt - 1)
            )
        return found


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killer(order: Order) -> Points:
    """Points that end the process the n-th time that it passes the named one."""
    passed = 0

    def reached(name: str) -> None:
        nonlocal passed
        if name == order.die_at:
            passed += 1
            if passed == order.die_on:
                die()

    return Points(reached)


async def work(order: Order) -> None:
    clock, points = SystemClock(), killer(order)
    maker = RecordAfter if order.record_after else Sender
    async with rigging.parts(Path(order.folder), order.api_url, order.token, clock) as (
        db,
        epoch,
        slack,
        metrics,
        renderer,
        routes,
    ):
        settings = rigging.DeliverySettings(order.team, routes)
        delivery = Delivery(db, clock, epoch, settings, points)
        sending = SenderSettings(order.settle_s, post_every_s=0.001)
        sender = maker(db, clock, epoch, slack, renderer, metrics, sending, points=points)
        failed: list[BaseException] = []
        tasks = rigging.Tasks(lambda _, error: failed.append(error))
        print(json.dumps({"event": "working"}), flush=True)
        tasks.start("delivery", delivery.run())
        tasks.start("sender", sender.run())
        await db.write(rigging._seen_long_ago, "prod")
        if not await db.read(store.listing, store.Filter("all")):
            await _break(db, epoch, clock)
            points.reach("ticket.settled")
        for click in (_acknowledge, _hold, _resolve):
            await db.write(click)
            points.reach("click.committed")
        while await db.read(_unfinished):
            if failed:
                raise failed[0]
            await asyncio.sleep(0.01)
        await tasks.cancel()


async def _break(db: Any, epoch: int, clock: SystemClock) -> None:
    script = rigging.Script()
    script.breaks(rigging.invariant(severity=Severity.WARNING), "store-1", "store-2", "store-3")
    script.at = clock.now().timestamp()
    before = await db.read(known.known, "prod")
    plan = make_plan("prod", script.judged(), before, frozenset())
    await monitor.settle_plan(db, epoch, "prod", plan)


def _acknowledge(tx: Tx) -> None:
    store.acknowledge(tx, 1, PEOPLE)


def _hold(tx: Tx) -> None:
    store.hold(tx, 2, PEOPLE)


def _resolve(tx: Tx) -> None:
    store.resolve(tx, 3, PEOPLE, anyway=True)


def _unfinished(tx: Tx) -> bool:
    if events._behind(tx, "slack"):
        return True
    rows = channels.channels_due(tx)
    return bool(rows)


def forked(order: Order) -> int:
    """Run the order in a child; how that ended."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            asyncio.run(work(order))
            status = 0
        except BaseException as error:  # noqa: BLE001 - the parent reads how the child ended
            print(json.dumps({"event": "failed", "why": repr(error)}), flush=True)
        finally:
            os._exit(status)
    print(json.dumps({"event": "started", "pid": pid}), flush=True)
    _, status = os.waitpid(pid, 0)
    return status


def main() -> None:
    # Migrated once, before any child: they start from a copy.
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(rigging._prepared(Path(folder) / "t.db"))
    print(json.dumps({"event": "ready"}), flush=True)
    for line in sys.stdin:
        status = forked(replace(Order("", "", "", ""), **json.loads(line)))
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"event": "ended", "code": code}), flush=True)


if __name__ == "__main__":
    main()
