"""From the program's start to "connected, first tick done", its memory, and what imports cost.

The whole program runs as `tocsin serve` in a process of its own, against the local workspace in
this process and a scripted cluster in a third. Memory is what the kernel says is resident. The
floor is a bare interpreter that imports what any asynchronous Slack bot with a database must.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from core.clock import SystemClock
from core.db import Database
from core.twin.plan import free_ports
from tests.bench.far_cluster import Far, far_cluster
from tests.bench.figures import median, quietly, rss_in, rss_mb, show
from tests.flows.rig import LIMITS_OFF, _prepared, _seen_long_ago

CHANNEL = "storage-alerts"
STARTS = 5
IDLE_S = 10.0
STORM = 10_000
IMPORTS = (
    ("a bare interpreter", "pass"),
    ("aiohttp", "import aiohttp"),
    ("slack_bolt, async", "import slack_bolt.async_app"),
    ("SQLAlchemy, asyncio", "import sqlalchemy.ext.asyncio"),
    ("alembic", "import alembic.command"),
    ("pydantic-settings", "import pydantic_settings"),
    ("typer", "import typer"),
    ("structlog", "import structlog"),
    ("prometheus_client", "import prometheus_client"),
    ("floor: bolt, aiohttp, aiosqlite, msgspec",
     "import slack_bolt.async_app, aiohttp, aiosqlite, msgspec"),
    ("the whole bot (bot.wiring)", "import bot.wiring"),
    ("the command line (bot.cli.app)", "import bot.cli.app"),
)  # fmt: skip
pytestmark = pytest.mark.bench


def _environment(server: LocalServer) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLACK_", "TOCSIN_"))}
    return kept | {"SLACK_BOT_TOKEN": server.bot_token, "SLACK_APP_TOKEN": server.app_token}


def _write(folder: Path, server: LocalServer, far: Far, port: int) -> Path:
    addresses = "\n".join(f'"{a}" = "{u}"' for a, u in far.overrides.items())
    config = folder / "tocsin.toml"
    config.write_text(f"""\
database = "{folder / "state" / "t.db"}"
[slack]
base_url = "{server.api_url}"
[http]
port = {port}
[log]
level = "error"
[[routes]]
channel = "{CHANNEL}"
[[subjects]]
name = "prod"
kind = "tikv"
pd = {list(far.pd)}
prometheus = "{far.prometheus}"
[subjects.periods]
metrics = "5s"
[subjects.status_addresses]
{addresses}
""")
    return config


async def _seen(folder: Path) -> None:
    await _prepared(folder / "state" / "t.db")
    db = Database.open(str(folder / "state" / "t.db"), SystemClock(), lambda _, e: None)
    await db.write(_seen_long_ago, "prod")
    await db.close()


@asynccontextmanager
async def _program(config: Path, server: LocalServer) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "serve", "--config", str(config),
        env=_environment(server), stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        await process.wait()


async def _figure(session: aiohttp.ClientSession, port: int, name: str) -> float:
    """The sum of a metric's series, 0.0 while there is none."""
    try:
        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            text = await answer.text()
    except aiohttp.ClientError:
        return 0.0
    lines = [one for one in text.splitlines() if one.startswith(name)]
    return sum(float(one.rpartition(" ")[2]) for one in lines)


async def _ready(session: aiohttp.ClientSession, port: int, workspace: Workspace) -> None:
    """Connected, and the first tick of the subject done."""
    async with asyncio.timeout(60):
        while not workspace.sockets.connected or not await _figure(
            session, port, 'tocsin_ticks_total{outcome="ok",subject="prod"}'
        ):
            await asyncio.sleep(0.005)


async def _started(folder: Path, far: Far, migrated: bool) -> tuple[float, float]:
    """Seconds until it is ready, and its memory after a while of nothing happening."""
    folder.mkdir()
    if migrated:
        await _seen(folder)
    port = free_ports(1, "127.0.0.1")[0]
    workspace = Workspace(Config(manifest=manifest(), limits=LIMITS_OFF))
    async with LocalServer(workspace) as server, aiohttp.ClientSession() as session:
        config = _write(folder, server, far, port)
        began = time.monotonic()
        async with _program(config, server) as process:
            await _ready(session, port, workspace)
            took = time.monotonic() - began
            if not migrated:
                return took, 0.0
            await asyncio.sleep(IDLE_S if folder.name.endswith("0") else 1.0)
            return took, rss_mb(process.pid)


async def _stormed(folder: Path) -> dict[str, float]:
    """Memory of the program that watches 10,000 stores: idle, and after all broke at once."""
    folder.mkdir()
    await _seen(folder)
    port = free_ports(1, "127.0.0.1")[0]
    workspace = Workspace(Config(manifest=manifest(), limits=LIMITS_OFF))
    async with (
        far_cluster(STORM) as far,
        LocalServer(workspace) as server,
        aiohttp.ClientSession() as session,
        _program(_write(folder, server, far, port), server) as process,
    ):
        await _ready(session, port, workspace)
        await asyncio.sleep(2 * IDLE_S)
        idle = rss_mb(process.pid)
        await far.tell("fill")
        async with asyncio.timeout(120):
            while await _figure(session, port, "tocsin_tickets_opened_total") < STORM:
                await asyncio.sleep(0.1)
        await asyncio.sleep(IDLE_S)
        return {"idle": idle, "after": rss_mb(process.pid), "messages": len(_posts(workspace))}


def _posts(workspace: Workspace) -> list[object]:
    return [m for m in workspace.posts(CHANNEL) if m.metadata]


@pytest.mark.timeout(400)
async def test_start(tmp_path: Path) -> None:
    with quietly():
        async with far_cluster(10) as far:
            fresh = [(await _started(tmp_path / f"fresh{n}", far, False))[0] for n in range(3)]
            again = [await _started(tmp_path / f"again{n}", far, True) for n in range(STARTS)]
        storm = await _stormed(tmp_path / "storm")
    bare_s, bare_mb = _imported(IMPORTS[-3][1], 5)
    rows = [
        ("start to connected, first tick done", f"{median([a[0] for a in again]):.2f} s",
         f"{bare_s:.2f} s", "<= 1.0 s"),
        ("the same, the database made first", f"{median(fresh):.2f} s", f"{bare_s:.2f} s", ""),
        ("memory, 10 stores, idle", f"{max(a[1] for a in again):.0f} MB", f"{bare_mb:.0f} MB",
         "<= 90 MB"),
        (f"memory, {STORM:,} stores, idle", f"{storm['idle']:.0f} MB", f"{bare_mb:.0f} MB", ""),
        (f"memory after {STORM:,} tickets", f"{storm['after']:.0f} MB", f"{bare_mb:.0f} MB",
         "<= 200 MB"),
    ]  # fmt: skip
    show("start and memory of `tocsin serve`", ("what", "measured", "floor", "aim"), rows)


def _imported(statement: str, repeats: int) -> tuple[float, float]:
    """Median seconds of a process that only imports, and its memory in MB."""
    # What getrusage says would include the parent's memory from before the exec.
    program = f"{statement}\nprint(open('/proc/self/status').read())"
    times, memory = [], 0.0
    root = Path(__file__).parent.parent.parent
    for _ in range(repeats):
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=root, capture_output=True, check=True, text=True
        )
        times.append(time.perf_counter() - began)
        memory = rss_in(done.stdout)
    return median(times), memory


def test_imports() -> None:
    rows = []
    bare = 0.0
    for what, statement in IMPORTS:
        seconds, memory = _imported(statement, 5)
        bare = bare or seconds
        rows.append((what, f"{seconds * 1000:.0f}", f"{(seconds - bare) * 1000:.0f}",
                     f"{memory:.0f}"))  # fmt: skip
    show("what imports cost (medians of 5 processes)",
         ("what", "ms", "ms over bare", "RSS MB"), rows)  # fmt: skip
