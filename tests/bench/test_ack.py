"""How soon a command is acknowledged, its row committed inside: idle and in a storm.

Measured where Slack would: from the delivery's departure to its acknowledgement, in one process
with the workspace. The floors are Bolt's own acknowledgement without a handler's work, and a bare
transaction that writes one row, measured in the same run.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from core import requests
from core.db import Tx
from tests.flows.rig import CHANNEL, invariant
from tests.flows.stage import Stage, stage

ROUNDS = 5
EACH = 200
STORM_S = 10.0
RATE = 50.0
pytestmark = pytest.mark.bench


@contextmanager
def _quietly() -> Iterator[None]:
    """Log lines go nowhere: a terminal's speed is not measured here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.reset_defaults()


def _percentiles(ms: list[float]) -> tuple[float, float]:
    ordered = sorted(ms)
    return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]


async def _rounds(once: Callable[[], Awaitable[float]], each: int = EACH) -> tuple[float, float]:
    """Median of the rounds' p50 and p99, in ms."""
    for _ in range(each // 10):
        await once()
    found = [_percentiles([await once() for _ in range(each)]) for _ in range(ROUNDS)]
    return statistics.median(f[0] for f in found), statistics.median(f[1] for f in found)


def _show(what: str, figures: tuple[float, float]) -> None:
    print(f"  {what:<58} p50 {figures[0]:7.2f} ms   p99 {figures[1]:7.2f} ms")


async def _command(s: Stage, text: str) -> float:
    delivery = s.ws.acts.command("ana", CHANNEL, "/tickets", text)
    await s.settled(delivery)
    assert delivery.seconds is not None
    return delivery.seconds * 1000


async def _opened_home(s: Stage) -> float:
    delivery = s.ws.acts.home("ana", "messages")
    assert delivery is not None
    await s.settled(delivery)
    assert delivery.seconds is not None
    return delivery.seconds * 1000


def _row(tx: Tx, number: int) -> None:
    requests.remember(
        tx, f"floor{number}", actor="a", verb="v", target="t", outcome="done", answer="{}"
    )


async def _committed(s: Stage, numbers: Iterator[int]) -> float:
    clock = asyncio.get_running_loop().time
    began = clock()
    await s.db.write(_row, next(numbers))
    return (clock() - began) * 1000


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_idle(tmp_path: Path, mode: str) -> None:
    with _quietly():
        async with stage(tmp_path, http=mode == "http") as s:
            [number] = await s.breaks("tikv-1")
            print(f"\nacknowledgement, idle, {mode} ({ROUNDS} x {EACH})")
            numbers = iter(range(1_000_000))
            _show("floor: Bolt alone, nothing done", await _rounds(lambda: _opened_home(s)))
            _show("floor: one row committed", await _rounds(lambda: _committed(s, numbers)))
            for text in ("help", "list", f"ack {number}"):
                _show(f"/tickets {text}", await _rounds(lambda text=text: _command(s, text)))

            turns = iter(range(1_000_000))

            async def hold_or_not() -> float:
                # Idle means that what follows the change before is over; its edit waits for its pace.
                await asyncio.sleep(0.05)
                verb = "hold" if next(turns) % 2 == 0 else "unhold"
                return await _command(s, f"{verb} {number}")

            _show("/tickets hold, unhold: a change with its event", await _rounds(hold_or_not, 40))


async def test_storm(tmp_path: Path) -> None:
    with _quietly():
        async with stage(tmp_path) as s:
            [number] = await s.breaks("calm")
            stop = asyncio.Event()

            async def storm() -> None:
                one, turn = invariant("region_health"), 0
                names = [f"store-{n}" for n in range(10_000)]
                while not stop.is_set():
                    turn += 1
                    (s.rig.script.breaks if turn % 2 else s.rig.script.mends)(one, *names)
                    await s.rig.tick()

            storming = asyncio.ensure_future(storm())
            waiting: list[asyncio.Task[float]] = []
            clock = asyncio.get_running_loop().time
            began = clock()
            while clock() - began < STORM_S:
                text = ("list", f"ack {number}", "help")[len(waiting) % 3]
                waiting.append(asyncio.ensure_future(_command(s, text)))
                await asyncio.sleep(1 / RATE)
            took = await asyncio.gather(*waiting)
            stop.set()
            await storming
            print(f"\nacknowledgement while 10,000 tickets open and close ({RATE:.0f} commands/s)")
            _show(f"/tickets list, ack, help ({len(took)} in all)", _percentiles(list(took)))
