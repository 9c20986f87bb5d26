"""The command line as people use it: in this process, or as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from click.testing import Result
from typer.testing import CliRunner

from bot.cli.app import program
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from core import monitor
from core.clock import SystemClock
from core.db import Database
from core.invariant import Severity
from core.tickets import known, store
from core.tickets.plan import make_plan
from tests.flows.rig import Script, invariant
from tests.flows.rig import _raise_epoch as raise_epoch
from tests.world import World

T = TypeVar("T")
ROOT = Path(__file__).parents[3]
CLEAN = ("TOCSIN_", "SLACK_", "PD_ENDPOINT", "PROMETHEUS_URL", "ANTHROPIC_", "PAGERDUTY_")


def clean_environment(**more: str) -> dict[str, str]:
    """Ours without anything that the program reads."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(CLEAN)}
    return {**env, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "TZ": "UTC", **more}


@dataclass
class Bench:
    """One database, and everything that one may type beside it."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    script: Script = field(default_factory=lambda: Script(at=time.time()))

    @property
    def db(self) -> Path:
        return self.folder / "state" / "t.db"

    def run(self, *args: str, given: str = "", db: str = "", **env: str) -> Result:
        """In this process, on the database; what it printed and its exit code."""
        clean = {k: None for k in os.environ if k.startswith(CLEAN)}
        variables = {**clean, "COLUMNS": "200", "TOCSIN_DB": db or str(self.db), **env}
        return CliRunner().invoke(program(), list(args), input=given, env=variables)

    def good(self, *args: str, **how: Any) -> str:
        """What a command that must succeed prints."""
        result = self.run(*args, **how)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def json(self, *args: str) -> Any:
        return json.loads(self.good(*args))

    def refused(self, code: int, *args: str, **how: Any) -> str:
        """What a command that must fail says, without a trace."""
        result = self.run(*args, **how)
        assert result.exit_code == code, (result.output, result.exception)
        assert "Traceback" not in result.output
        return " ".join(result.stderr.split())

    def start(self, *args: str, cwd: Path | None = None, **more: Any) -> subprocess.Popen[bytes]:
        """As a process of its own."""
        env = clean_environment(TOCSIN_DB=str(self.db), **more.pop("env", {}))
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", *args],
            cwd=cwd or self.folder,
            env=env,
            stdin=more.pop("stdin", subprocess.DEVNULL),
            stdout=more.pop("stdout", subprocess.PIPE),
            stderr=more.pop("stderr", subprocess.PIPE),
            **more,
        )
        self.processes.append(process)
        return process

    def ended(self, *args: str, **more: Any) -> tuple[int, str, str]:
        """Run it to its end: exit code, what it printed, what it complained of."""
        process = self.start(*args, **more)
        out, err = process.communicate(timeout=60)
        return process.returncode, out.decode(), err.decode()

    def asked(self, use: Callable[[Database], Any]) -> Any:
        """Something else that happens to the database."""

        async def there() -> Any:
            db = Database.open(str(self.db), SystemClock(), lambda _, e: None, create=True)
            try:
                return await use(db)
            finally:
                await db.close()

        return asyncio.run(there())

    def tick(self) -> None:
        """What a watching bot would settle now, by the script."""

        async def settle(db: Database) -> None:
            epoch = await db.write(raise_epoch)
            self.script.at = max(time.time(), self.script.at + 0.001)
            before = await db.read(known.known, self.script.subject)
            plan = make_plan(self.script.subject, self.script.judged(), before, frozenset())
            await monitor.settle_plan(db, epoch, self.script.subject, plan)

        self.asked(settle)

    def breaks(
        self, *entities: str, name: str = "store_down", severity: Severity = Severity.CRITICAL
    ) -> list[int]:
        """Tickets that these get, in the order in which they were named."""
        before = {t.id for t in self.tickets()}
        self.script.breaks(invariant(name, severity), *entities)
        self.tick()
        new = {t.entity: t.id for t in self.tickets() if t.id not in before}
        return [new[one] for one in entities]

    def mends(self, *entities: str, name: str = "store_down") -> None:
        self.script.mends(invariant(name), *entities)
        self.tick()

    def tickets(self) -> list[Any]:
        return self.asked(lambda db: db.read(store.listing, store.Filter("all")))


def wait_for(condition: Callable[[], T], limit_s: float = 60.0) -> T:
    """Until a condition holds about another process."""
    end = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def lines_until(process: subprocess.Popen[bytes], part: str) -> str:
    """What a process prints, up to the line that contains `part`; it ends if that never comes."""
    assert process.stdout
    seen = ""
    too_long = threading.Timer(40, process.kill)
    too_long.start()
    try:
        for raw in process.stdout:
            seen += raw.decode()
            if part in seen:
                return seen
    finally:
        too_long.cancel()
    assert process.stderr
    raise AssertionError(f"it ended: {seen}{process.stderr.read().decode()}")


@dataclass
class Surroundings:
    """A workspace and a scripted cluster that answer, and a configuration that names both."""

    bench: Bench
    server: LocalServer
    world: World

    @property
    def ws(self) -> Workspace:
        return self.server.workspace

    @property
    def tokens(self) -> dict[str, str]:
        return {"SLACK_BOT_TOKEN": self.server.bot_token, "SLACK_APP_TOKEN": self.server.app_token}

    @property
    def called(self) -> str:
        """The id of whom pages call."""
        return self.ws.user("ana").id

    def config(self, **changed: str) -> Path:
        """A file; `changed` replaces whole tables of it, or adds some."""
        tables = {
            "slack": f'[slack]\nbase_url = "{self.server.api_url}"',
            "routes": f'[[routes]]\nchannel = "storage-alerts"\nmention = "{self.called}"',
            "http": "[http]\nport = 0",
            "subjects": f'[[subjects]]\nname = "prod"\nkind = "tikv"\npd = {self.world.pd.urls!r}',
        }
        path = self.bench.folder / "tocsin.toml"
        path.write_text("\n".join({**tables, **changed}.values()))
        return path

    async def ended(self, *args: str, **env: str) -> tuple[int, str, str]:
        """A process of its own while these answer."""
        given = {**self.tokens, **env}
        return await asyncio.to_thread(self.bench.ended, *args, env=given)

    async def started(self, until: str, *args: str, **env: str) -> subprocess.Popen[bytes]:
        """A process that says `until`, and goes on."""
        process = self.bench.start(*args, env={**self.tokens, **env})
        await asyncio.to_thread(lines_until, process, until)
        return process


async def stopped(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    """Ctrl-C, and what it said after that."""
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    return process.returncode, out.decode(), err.decode()
