"""How soon a command is acknowledged, its row committed inside: idle and in a storm.

Measured where Slack would: from the delivery's departure to its acknowledgement, in one process
with the workspace. The floors are Bolt's own acknowledgement without a handler's work, and a bare
transaction that writes one row, measured in the same run. In the storm commands come at their own
pace, whether or not earlier ones were answered, while ten thousand tickets open, are seen again and
close, a tick every half second.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from core import monitor, requests
from core.db import Tx
from tests.bench.figures import percentile, quietly, show
from tests.flows.rig import CHANNEL, invariant
from tests.flows.stage import Stage, stage

ROUNDS = 5
EACH = 100
CHANGES = 10  # each also posts into the thread
STORM_S = 10.0
TICK_S = 0.5
RATE = 50.0
STORES = 10_000
GIVEN_UP_MS = 3000.0
MODES = ("socket", "http")
HEAD = ("what", "p50 ms", "p99 ms", "aim")
Figures = tuple[float, float]
pytestmark = pytest.mark.bench


def _percentiles(ms: list[float]) -> Figures:
    return percentile(ms, 0.5), percentile(ms, 0.99)


async def _rounds(once: Callable[[], Awaitable[float]], each: int = EACH) -> Figures:
    """Median of the rounds' p50 and p99, in ms."""
    for _ in range(min(each, 20)):
        await once()
    found = [_percentiles([await once() for _ in range(each)]) for _ in range(ROUNDS)]
    return statistics.median(f[0] for f in found), statistics.median(f[1] for f in found)


def _line(what: str, figures: Figures, aim: str = "") -> tuple[str, ...]:
    return what, f"{figures[0]:.2f}", f"{figures[1]:.2f}", aim


async def _command(s: Stage, text: str) -> float:
    delivery = s.ws.acts.command("ana", CHANNEL, "/tickets", text)
    await s.settled(delivery)
    assert delivery.seconds is not None
    return delivery.seconds * 1000


async def _answered(s: Stage, text: str) -> float:
    """As `_command`; one that Slack gave up waiting for counts with its full wait."""
    delivery = s.ws.acts.command("ana", CHANNEL, "/tickets", text)
    await s.ws.settled(delivery)
    return delivery.seconds * 1000 if delivery.seconds is not None else GIVEN_UP_MS


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


async def _idle(s: Stage) -> list[tuple[str, ...]]:
    [number] = await s.breaks("tikv-1")
    numbers, turns = itertools.count(), itertools.count()

    def hold_or_not() -> Awaitable[float]:
        verb = "hold" if next(turns) % 2 == 0 else "unhold"
        return _command(s, f"{verb} {number}")

    return [
        _line("floor: Bolt alone, nothing done", await _rounds(lambda: _opened_home(s))),
        _line("floor: one row committed", await _rounds(lambda: _committed(s, numbers))),
        _line("/tickets help", await _rounds(lambda: _command(s, "help")), "p50 <= 3"),
        _line("/tickets list", await _rounds(lambda: _command(s, "list")), "p50 <= 3"),
        _line("/tickets ack", await _rounds(lambda: _command(s, f"ack {number}")), "p50 <= 3"),
        _line("/tickets hold, unhold", await _rounds(hold_or_not, CHANGES), "p50 <= 3"),
    ]


@pytest.mark.parametrize("mode", MODES)
async def test_idle(tmp_path: Path, mode: str) -> None:
    with quietly():
        async with stage(tmp_path, http=mode == "http") as s:
            rows = await _idle(s)
    show(f"acknowledgement, idle, over {mode} (medians of {ROUNDS} x {EACH})", HEAD, rows)


async def _storm(s: Stage, stop: asyncio.Event) -> int:
    """Ticks in which all break, are seen again, and mend; how many there were."""
    one, script = invariant("region_health"), s.rig.script
    names: list[str] = []
    clock = asyncio.get_running_loop().time
    for turn in itertools.count():
        if stop.is_set():
            return turn
        began = clock()
        if turn % 6 == 0:
            names = [f"s-{turn}-{n}" for n in range(STORES)]
            script.breaks(one, *names)
        elif turn % 6 == 4:
            script.mends(one, *names)
        script.at = max(s.rig.clock.now().timestamp(), script.at + 0.001)
        plan = await s.db.read(monitor.planned, "prod", script.judged(), frozenset())
        await monitor.settle_plan(s.db, s.rig.epoch, "prod", plan)
        await asyncio.sleep(max(began + TICK_S - clock(), 0.0))
    return 0


async def _commands(s: Stage, number: int) -> list[float]:
    """Open loop: each leaves when it is due."""
    waiting: list[asyncio.Task[float]] = []
    clock = asyncio.get_running_loop().time
    began = clock()
    for turn in range(int(STORM_S * RATE)):
        await asyncio.sleep(max(began + turn / RATE - clock(), 0.0))
        text = ("list", f"ack {number}", "help")[turn % 3]
        waiting.append(asyncio.ensure_future(_answered(s, text)))
    return list(await asyncio.gather(*waiting))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES)
async def test_storm(tmp_path: Path, mode: str) -> None:
    with quietly():
        async with stage(tmp_path, http=mode == "http") as s:
            [number] = await s.breaks("calm")
            before = _percentiles(await _commands(s, number))
            stop = asyncio.Event()
            storming = asyncio.ensure_future(_storm(s, stop))
            stormed = await _commands(s, number)
            stop.set()
            ticks = await storming
            after = _percentiles(await _commands(s, number))
    rows = [
        _line("idle before", before),
        _line(f"in the storm ({ticks} ticks)", _percentiles(stormed), "p99 <= 20"),
        ("given up by Slack in the storm", f"{sum(m >= GIVEN_UP_MS for m in stormed)}", "", "0"),
        _line("idle after", after),
    ]
    show(f"acknowledgement at {RATE:.0f} commands a second, over {mode}", HEAD, rows)
