"""A process that is killed while it diagnoses: a worker with a scripted subject and a scripted Claude.

Reads one JSON order a line, forks a worker that has imported everything, and answers when it has
ended. A worker opens two tickets, unless they are there already, and ends when all looks are made.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))

import structlog

from core.clock import SystemClock
from core.db import Database
from core.diagnosis.budget import Caps
from core.diagnosis.claude import loop
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.settings import Allowed
from tests.claude_server import KEY
from tests.core.diagnosis import bench

assert loop
CAPS = Caps(10_000_000, 100_000_000)


async def work(order: dict[str, Any]) -> None:
    clock = SystemClock()
    db = Database.open(order["db"], clock, lambda *_: None)
    settings = ClaudeSettings(api_key=KEY, base_url=order["claude"], larger="", retries=0)
    allowed = Allowed(settings, frozenset(("prod",)), CAPS)
    async with bench.diagnosing(db, clock, allowed=allowed) as made:
        print(json.dumps({"event": "working"}), flush=True)
        if not await db.read(bench.tickets.by_ids, [1]):
            await db.write(bench.open_tickets, ["store:1", "store:2"])
        await made.idle(30.0)
        assert made.errors == []
    await db.close()


def forked(order: dict[str, Any]) -> int:
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
    # A line of the log that a kill cuts off would swallow the next order's answer.
    quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=quiet)
    print(json.dumps({"event": "ready"}), flush=True)
    for line in sys.stdin:
        code = os.waitstatus_to_exitcode(forked(json.loads(line)))
        print(json.dumps({"event": "ended", "code": code}), flush=True)


if __name__ == "__main__":
    main()
