"""`tocsin serve` as a process, on a Slack that is not ours and a cluster of real processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from core.twin.cluster import Layout
from core.twin.plan import free_ports
from tests.live.other_slack import (
    ALERTS,
    ANA,
    APP_TOKEN,
    BOT_TOKEN,
    OPS,
    SECRET,
    Channel,
    Json,
    OtherSlack,
)

ROOT = Path(__file__).parents[2]
LIMIT_S = 90.0
SPEED = 5.0

CONFIG = """
database = "{folder}/tocsin.db"
[slack]
base_url = "{slack}"
mode = "{mode}"
fallback_channel = "{ops}"
settle = "500ms"
timeout = "3s"
[[routes]]
channel = "{channel}"
{extra}
[http]
port = {port}
[[subjects]]
name = "prod"
kind = "tikv"
pd = {pd}
periods = {{probe = "250ms", pd = "500ms", metrics = "2s"}}
"""


async def until(good: Callable[[], Any], what: str, limit_s: float = LIMIT_S) -> Any:
    """What `good` gives once that is something."""
    end = time.monotonic() + limit_s
    while not (found := good()):
        assert time.monotonic() < end, f"not within {limit_s:g} s: {what}"
        await asyncio.sleep(0.02)
    return found


@dataclass
class Bot:
    """`tocsin serve`, as a process."""

    folder: Path
    port: int
    env: dict[str, str]
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", "serve", "-c", str(self.folder / "tocsin.toml")),
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
            )

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def told(self) -> bool:
        """Whether every message that there should be is known to have arrived."""
        with closing(sqlite3.connect(self.folder / "tocsin.db")) as db:
            rows = db.execute("select state, wanted, done from outbox").fetchall()
        return all(status == "sent" and shown >= wanted for status, wanted, shown in rows)

    async def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 20)

    async def health(self) -> tuple[int, Json]:
        """/healthz: status and body; 0 before it listens."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/healthz") as answer,
            ):
                return answer.status, await answer.json()
        except aiohttp.ClientError:
            return 0, {}

    async def watching(self) -> None:
        """Wait until what breaks now is no longer taken for broken before."""
        end = time.monotonic() + LIMIT_S
        while await self._ticks() < 10:
            assert time.monotonic() < end, self.log()[-3000:]
            await asyncio.sleep(0.05)

    async def _ticks(self) -> float:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/metrics") as answer,
        ):
            found = re.findall(r"^tocsin_ticks_total\S* (\S+)", await answer.text(), re.M)
            return sum(float(one) for one in found)

    async def healthy(self, status: int = 200) -> Json:
        end = time.monotonic() + LIMIT_S
        while (found := await self.health())[0] != status:
            assert self.process is not None
            assert self.process.returncode is None, self.log()[-3000:]
            assert time.monotonic() < end, (found, self.log()[-3000:])
            await asyncio.sleep(0.05)
        return found[1]


def environment(**more: str) -> dict[str, str]:
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("TOCSIN", "SLACK"))}
    bare |= {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN}
    return {**bare, "SLACK_SIGNING_SECRET": SECRET, **more}


def bot_on(folder: Path, slack: OtherSlack, pd: tuple[str, ...], **wanted: str) -> Bot:
    folder.mkdir(exist_ok=True)
    port = free_ports(1, "127.0.0.1")[0]
    given = {"mode": "socket", "channel": ALERTS, "ops": OPS, "extra": "", **wanted}
    text = CONFIG.format(
        folder=folder, slack=slack.base_url, port=port, pd=json.dumps(list(pd)), **given
    )
    (folder / "tocsin.toml").write_text(text)
    # The way to this machine leads through no proxy, whatever the environment says.
    return Bot(folder, port, environment(HTTPS_PROXY=nothing(), HTTP_PROXY=nothing()))


@asynccontextmanager
async def slack_and_twin(folder: Path) -> AsyncIterator[tuple[OtherSlack, Layout]]:
    twin = Layout(folder / "twin", tie_to=os.getpid(), speed=SPEED, regions=24)
    slack = OtherSlack()
    try:
        await asyncio.gather(twin.up(), slack.start())
        yield slack, twin
    finally:
        await slack.stop()
        await twin.down()


@asynccontextmanager
async def serving(bot: Bot) -> AsyncIterator[Bot]:
    try:
        await bot.start()
        await bot.healthy()
        yield bot
    finally:
        assert await bot.stop() in (0, -9), bot.log()[-5000:]


def card(channel: Channel, words: str = "store-2") -> Json | None:
    """The one top-level card about it that has buttons."""
    found = [m for m in channel.roots if words in json.dumps(m) and "ticket_" in json.dumps(m)]
    assert len(found) < 2, [m["text"] for m in found]
    return found[0] if found else None


def whole(message: Json) -> str:
    return json.dumps(message, ensure_ascii=False)


async def hears(slack: OtherSlack, name: str, text: str, who: str = ANA) -> Json:
    """A command's answer, asked again where it fell into a gap."""
    for _ in range(8):
        await until(lambda: slack.sockets, "a socket is open")
        try:
            return await slack.deliver("slash_commands", slack.command(name, text, who))
        except (TimeoutError, ConnectionError, ZeroDivisionError):
            continue
    raise AssertionError("no command is heard")


def nothing() -> str:
    """An address at which nobody listens."""
    return f"http://127.0.0.1:{free_ports(1, '127.0.0.1')[0]}"
