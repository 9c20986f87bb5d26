"""How soon a command is acknowledged, its row committed inside: idle and in a storm.

Measured where Slack would: from the delivery's departure to its acknowledgement. The bot runs whole
in a process of its own, as it does in the product; the workspace is in this one. The floors are
Bolt's own acknowledgement without a handler's work, and a bare transaction that writes one row,
measured in the same run. In the storm commands come at their own pace, whether or not earlier ones
were answered, while ten thousand tickets open, are seen again and close, a tick every half second.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.guard import PATH
from bot.local.cast import Config
from bot.local.delivery import Delivery
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from tests.bench.figures import percentile, quietly, show
from tests.bench.stormy_bot import Far, stormy_bot
from tests.flows.rig import CHANNEL, LIMITS_OFF

ROUNDS = 5
EACH = 100
CHANGES = 10  # each also posts into the thread
STORM_S = 10.0
RATE = 50.0
GIVEN_UP_MS = 3000.0
WAIT_S = 30.0
MODES = ("socket", "http")
HEAD = ("what", "p50 ms", "p99 ms", "max ms", "aim")
Figures = tuple[float, float, float]
pytestmark = pytest.mark.bench


@dataclass
class Scene:
    """The workspace here, the bot elsewhere."""

    ws: Workspace
    bot: Far

    async def answered(self, text: str) -> float:
        """Milliseconds until Slack had its answer; one given up counts with its full wait."""
        return await self._took(self.ws.acts.command("ana", CHANNEL, "/tickets", text))

    async def opened_home(self) -> float:
        """As `answered`, for something that needs nothing done."""
        delivery = self.ws.acts.home("ana", "messages")
        assert delivery is not None
        return await self._took(delivery)

    async def _took(self, delivery: Delivery) -> float:
        await self.ws.settled(delivery)
        return delivery.seconds * 1000 if delivery.seconds is not None else GIVEN_UP_MS

    async def ticket(self) -> int:
        """A ticket that stays open."""
        await self.bot.tell("break s-0")
        await self.ws.until(lambda: any(m.metadata for m in self.ws.posts(CHANNEL)), WAIT_S)
        return 1


@asynccontextmanager
async def scene(folder: Path, mode: str) -> AsyncIterator[Scene]:
    workspace = Workspace(Config(limits=LIMITS_OFF, manifest=manifest()))
    with quietly():
        async with LocalServer(workspace) as server, stormy_bot(folder, server, mode) as bot:
            if mode == "http":
                workspace.state.request_url = f"http://127.0.0.1:{bot.port}{PATH}"
            else:
                await workspace.connected(2)
            yield Scene(workspace, bot)


def _percentiles(ms: list[float]) -> Figures:
    return percentile(ms, 0.5), percentile(ms, 0.99), max(ms)


def _median(found: list[Figures]) -> Figures:
    return (
        statistics.median(f[0] for f in found),
        statistics.median(f[1] for f in found),
        max(f[2] for f in found),
    )


async def _rounds(once: Callable[[], Awaitable[float]], each: int = EACH) -> Figures:
    """Median of the rounds' p50 and p99, in ms."""
    for _ in range(min(each, 20)):
        await once()
    return _median([_percentiles([await once() for _ in range(each)]) for _ in range(ROUNDS)])


async def _committed(s: Scene) -> Figures:
    rounds = [(await s.bot.tell(f"commit {EACH}"))["seconds"] for _ in range(ROUNDS)]
    return _median([_percentiles([one * 1000 for one in each]) for each in rounds])


def _line(what: str, figures: Figures, aim: str = "") -> tuple[str, ...]:
    return (what, *(f"{one:.2f}" for one in figures), aim)


async def _idle(s: Scene) -> list[tuple[str, ...]]:
    number, turns = await s.ticket(), itertools.count()

    def hold_or_not() -> Awaitable[float]:
        verb = "hold" if next(turns) % 2 == 0 else "unhold"
        return s.answered(f"{verb} {number}")

    return [
        _line("floor: Bolt alone, nothing done", await _rounds(s.opened_home)),
        _line("floor: one row committed", await _committed(s)),
        _line("/tickets help", await _rounds(lambda: s.answered("help")), "p50 <= 3"),
        _line("/tickets list", await _rounds(lambda: s.answered("list")), "p50 <= 3"),
        _line("/tickets ack", await _rounds(lambda: s.answered(f"ack {number}")), "p50 <= 3"),
        _line("/tickets hold, unhold", await _rounds(hold_or_not, CHANGES), "p50 <= 3"),
    ]


@pytest.mark.parametrize("mode", MODES)
async def test_idle(tmp_path: Path, mode: str) -> None:
    async with scene(tmp_path, mode) as s:
        rows = await _idle(s)
    show(f"acknowledgement, idle, over {mode} (medians of {ROUNDS} x {EACH})", HEAD, rows)


async def _commands(s: Scene, number: int) -> list[float]:
    """Open loop: each leaves when it is due."""
    waiting: list[asyncio.Task[float]] = []
    clock = asyncio.get_running_loop().time
    began = clock()
    for turn in range(int(STORM_S * RATE)):
        await asyncio.sleep(max(began + turn / RATE - clock(), 0.0))
        text = ("list", f"ack {number}", "help")[turn % 3]
        waiting.append(asyncio.ensure_future(s.answered(text)))
    return list(await asyncio.gather(*waiting))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES)
async def test_storm(tmp_path: Path, mode: str) -> None:
    async with scene(tmp_path, mode) as s:
        number = await s.ticket()
        before = _percentiles(await _commands(s, number))
        await s.bot.tell("storm")
        stormed = await _commands(s, number)
        said = await s.bot.tell("calm")
        after = _percentiles(await _commands(s, number))
    assert not said["failed"], said["failed"]
    by_verb = [stormed[n::3] for n in range(3)]
    rows = [
        _line("idle before", before),
        _line(f"in the storm ({said['ticks']} ticks)", _percentiles(stormed), "p99 <= 20"),
        *(
            _line(f"  of these {name}", _percentiles(one))
            for name, one in zip(("list", "ack", "help"), by_verb, strict=True)
        ),
        ("given up by Slack in the storm", f"{sum(m >= GIVEN_UP_MS for m in stormed)}", "", "",
         "0"),
        _line("idle after", after),
    ]  # fmt: skip
    show(f"acknowledgement at {RATE:.0f} commands a second, over {mode}", HEAD, rows)
