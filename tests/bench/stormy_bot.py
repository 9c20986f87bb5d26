"""The whole bot in a process of its own, watching a scripted subject that storms when it is told to.

Run as a program it reads where Slack is from its first line of input, and serves until the input
ends; each further line is an order that one line of JSON answers. `stormy_bot(...)` starts one.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import structlog
from pydantic import SecretStr

from bot.given import routes
from bot.local.server import LocalServer
from bot.wiring import Running, run
from core import loop, requests
from core.clock import SystemClock
from core.config import Config, FileConfig
from core.db import Database, Tx
from core.errors import TocsinError
from core.invariant import HOLDS, Broken, Invariant, Reading, Settings, Severity, Verdict
from core.monitor import Watch
from core.schedule import every
from core.subject import Observation
from core.tasks import Tasks
from tests.flows.rig import CHANNEL, _prepared, _seen_long_ago

STORES = 10_000
TICK_S = 0.5
KINDS = 4
STARTS_WITHIN_S = 60.0


@dataclass(frozen=True)
class Seen(Observation):
    """What breaks, by invariant."""

    broken: Mapping[str, Mapping[str, Broken]] = field(default_factory=dict)


def _claim(name: str, severity: Severity) -> Invariant[Seen, tuple[str, str]]:
    stores = [(f"s-{n}", (name, f"s-{n}")) for n in range(STORES)]

    def scope(_observation: Seen) -> Iterable[tuple[str, tuple[str, str]]]:
        return stores

    def check(one: tuple[str, str], observation: Seen, _settings: Settings) -> Verdict:
        return observation.broken.get(one[0], {}).get(one[1], HOLDS)

    return Invariant(name, severity, "script", 0.0, scope, check)


class Stormy:
    """Ten thousand stores. Once it storms all break, are seen again, and mend; then so does
    another invariant of theirs."""

    name = "prod"
    kind = "script"
    interval_s = TICK_S

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self.invariants = tuple(_claim(f"kind{n}", Severity.CRITICAL) for n in range(KINDS))
        self.turns: Iterable[int] | None = None
        self.ticks = 0
        self._calm: Mapping[str, Mapping[str, Broken]] = {}
        self._all = [
            {f"s-{n}": Broken(f"s-{n} is down", f"s-{n} does not answer") for n in range(STORES)}
            for _ in range(KINDS)
        ]

    def recall(self, carry: Mapping[str, Any]) -> None:
        """Nothing is carried."""

    def breaks(self, name: str) -> None:
        """This store alone is broken until it storms."""
        self._calm = {"kind0": {name: Broken(f"{name} is down", f"{name} does not answer")}}

    async def observe(self) -> Seen:
        """As the script wants it."""
        now = self._clock.now().timestamp()
        return Seen("prod", now, {"script": Reading(now, 1.0)}, broken=self._broken())

    def _broken(self) -> Mapping[str, Mapping[str, Broken]]:
        if self.turns is None:
            return self._calm
        self.ticks += 1
        kind, turn = divmod(next(iter(self.turns)), 6)
        if turn >= 4:
            return self._calm
        name = f"kind{kind % KINDS}"
        return {**self._calm, name: {**self._all[kind % KINDS], **self._calm.get(name, {})}}

    async def close(self) -> None:
        """Nothing is held."""


def _row(tx: Tx, number: int) -> None:
    requests.remember(
        tx, f"floor{number}", actor="a", verb="v", target="t", outcome="done", answer="{}"
    )


async def _committed(db: Database, numbers: Iterable[int]) -> list[float]:
    """Seconds that one row took to be committed, each."""
    clock = asyncio.get_running_loop().time
    found = []
    for number in numbers:
        began = clock()
        await db.write(_row, number)
        found.append(clock() - began)
    return found


async def _serve() -> None:
    asked = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(asked), sys.stdin
    )
    config = _config(json.loads(await asked.readline()))
    clock = SystemClock()
    await _prepared(Path(config.database))
    db = Database.open(config.database, clock, lambda _, e: None)
    await db.write(_seen_long_ago, "prod")
    await db.close()
    failed: list[str] = []
    tasks = Tasks(lambda name, error: failed.append(f"{name}: {error!r}"))
    async with run(config, clock, "bench") as running:
        subject = Stormy(clock)
        watch = Watch(subject, running.core.db, clock, running.core.epoch)
        await watch.start()

        def told(error: BaseException) -> None:
            if not isinstance(error, TocsinError):
                failed.append(repr(error))

        async def tick() -> None:
            await watch.tick()

        tasks.start("watch", every(clock, lambda: TICK_S, tick, told))
        _say(port=running.port)
        await _orders(asked, subject, running, failed)
        await tasks.cancel()


async def _orders(
    asked: asyncio.StreamReader, subject: Stormy, running: Running, failed: list[str]
) -> None:
    numbers = itertools.count()
    while order := (await asked.readline()).decode().split():
        match order:
            case ["break", name]:
                subject.breaks(name)
                _say(done=True)
            case ["storm"]:
                subject.ticks, subject.turns = 0, itertools.count()
                _say(done=True)
            case ["calm"]:
                subject.turns = None
                _say(ticks=subject.ticks, failed=failed)
            case ["commit", n]:
                taken = itertools.islice(numbers, int(n))
                _say(seconds=await _committed(running.core.db, taken))


def _config(where: Mapping[str, str]) -> Config:
    file = FileConfig.model_validate(
        {
            "slack": {"base_url": where["api_url"], "mode": where["mode"]},
            "routes": [{"channel": CHANNEL}],
            "http": {"port": 0},
        }
    )
    made = Config(
        file=file,
        path=None,
        database=str(Path(where["folder"]) / "state" / "t.db"),
        bot_token=SecretStr(where["bot_token"]),
        app_token=SecretStr(where["app_token"]),
        signing_secret=SecretStr(where["signing_secret"]),
    )
    routes(made)
    return made


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


@dataclass
class Far:
    """The bot from here. `port` is where it serves HTTP."""

    process: asyncio.subprocess.Process
    port: int = 0

    async def tell(self, order: str) -> dict[str, Any]:
        """Do an order; what it answers."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n".encode())
        return await self.heard()

    async def heard(self) -> dict[str, Any]:
        """The next line that it says."""
        assert self.process.stdout is not None
        raw = await asyncio.wait_for(self.process.stdout.readline(), STARTS_WITHIN_S)
        assert raw, "the bot ended"
        said: dict[str, Any] = json.loads(raw)
        return said


@asynccontextmanager
async def stormy_bot(folder: Path, server: LocalServer, mode: str) -> AsyncIterator[Far]:
    """The bot at work on `server`'s workspace, in Socket Mode ("socket") or over HTTP ("http")."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    made = Far(process)
    where = {
        "folder": str(folder),
        "mode": mode,
        "api_url": server.api_url,
        "bot_token": server.bot_token,
        "app_token": server.app_token,
        "signing_secret": server.signing_secret,
    }
    try:
        made.port = (await made.tell(json.dumps(where)))["port"]
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    gc.freeze()  # as bot.__main__ does
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    loop.run(_serve())
