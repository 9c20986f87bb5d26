"""The harness that kills: runs workers against a workspace, ends them, and counts what arrived."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.local.cast import Config
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from tests.flows.rig import CHANNEL, LIMITS_OFF

WORKER = Path(__file__).parent / "kill_worker.py"
STARTS_AT_MOST = 6
WORKER_S = 60.0
"""A worker that has not come to its end by then has got stuck."""


@dataclass(frozen=True)
class Fate:
    """Where one process ends: at a named point (the n-th time), or so many seconds after its
    start, or after it has begun to work."""

    point: str = ""
    nth: int = 1
    after_s: float | None = None
    at_work: bool = False


@dataclass
class Verdict:
    """What a run left behind in the channel."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    kills: int = 0

    @property
    def clean(self) -> bool:
        return not self.lost and not self.twice


class Nursery:
    """A process that forks workers."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.child: int | None = None

    async def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        raw = await asyncio.wait_for(self._process.stdout.readline(), WORKER_S)
        assert raw, "the nursery ended"
        return json.loads(raw) if raw.startswith(b"{") else {"event": "noise"}

    async def until(self, *wanted: str) -> dict[str, Any]:
        while (got := await self.line())["event"] not in wanted:
            assert got["event"] != "failed", got
        return got

    async def run(self, order: dict[str, Any], fate: Fate) -> int:
        """Run one worker to its end; its exit code (-9 when it was killed)."""
        assert self._process.stdin is not None
        order |= {"die_at": fate.point, "die_on": fate.nth}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        # The child may say that it works before its parent says that it started.
        first = await self.until("started", "working")
        second = await self.until("started", "working") if fate.at_work else first
        started = first if "pid" in first else second
        if "pid" not in started:
            started = await self.until("started")
        self.child = started["pid"]
        if fate.after_s is not None:
            await asyncio.sleep(fate.after_s)
            # The process is our own child's child and not yet waited for, or just ended.
            with suppress(ProcessLookupError):
                os.kill(started["pid"], signal.SIGKILL)
        code = int((await self.until("ended"))["code"])
        self.child = None
        return code


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(WORKER), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    made = Nursery(process)
    try:
        await made.until("ready")
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()
        if made.child is not None:
            with suppress(ProcessLookupError):
                os.kill(made.child, signal.SIGKILL)
        await process.wait()


async def run(
    nurse: Nursery,
    folder: Path,
    fates: list[Fate],
    *,
    fault: dict[str, Any] | None = None,
    **how: Any,
) -> Verdict:
    """Let workers meet their fates one after the other, then one live to its end."""
    folder.mkdir(parents=True)
    verdict = Verdict()
    async with LocalServer(Workspace(Config(limits=LIMITS_OFF))) as server:
        ws = server.workspace
        if fault:
            ws.fault("chat.postMessage", **fault)
        order = {
            "folder": str(folder),
            "api_url": server.api_url,
            "token": server.bot_token,
            "team": ws.state.team_id,
            **how,
        }
        for fate in fates:
            code = await nurse.run(dict(order), fate)
            assert code in (0, -signal.SIGKILL), code
            verdict.kills += code != 0
        for _ in range(STARTS_AT_MOST):
            if await nurse.run(dict(order), Fate()) == 0:
                break
        else:
            raise AssertionError("it never came to its end")
        await _landed(ws, fault)
        judge(ws, verdict)
    return verdict


async def _landed(ws: Workspace, fault: dict[str, Any] | None) -> None:
    """Whatever was on its way has arrived."""
    if fault and fault.get("kind") == "late":
        late = [c for c in ws.calls("chat.postMessage") if c.fault == "late"]
        await ws.until(lambda: all(c.effect for c in late))


WANTED = Counter(
    {
        ("ticket:1", "card"): 1,
        ("ticket:2", "card"): 1,
        ("ticket:3", "card"): 1,
        ("ticket:1", "reply"): 1,
        ("ticket:2", "reply"): 1,
        ("ticket:3", "reply"): 1,
    }
)
FINAL = {"ticket:1": "acknowledged", "ticket:2": "held", "ticket:3": "resolved"}


def judge(ws: Workspace, verdict: Verdict) -> None:
    """Compare what stands in the channel with what should."""
    messages = list(ws.channel(CHANNEL).messages.values())
    found: Counter[tuple[str, str]] = Counter()
    for message in messages:
        if message.metadata:
            payload = message.metadata["event_payload"]
            found[payload["ref"], payload["kind"]] += 1
            wanted = FINAL.get(payload["ref"], "")
            if payload["kind"] == "card" and wanted not in message.text.lower():
                verdict.lost.append(f"the last edit of {payload['ref']}: {message.text}")
    verdict.lost += [f"{ref} {kind}" for ref, kind in (WANTED - found)]
    verdict.twice += [f"{ref} {kind}" for ref, kind in (found - WANTED)]


def random_fates(seed: int) -> list[Fate]:
    """One to three ends at seeded moments."""
    chance = random.Random(seed)
    return [
        Fate(after_s=chance.uniform(0.0, 0.3), at_work=chance.random() < 0.8)
        for _ in range(chance.randint(1, 3))
    ]
