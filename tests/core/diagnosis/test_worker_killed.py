"""Killed with -9 anywhere while it diagnoses: every ticket gets its diagnosis, and none gets it twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.clock import SystemClock
from core.db import Database, Tx
from core.schema_diagnosis import diagnoses, investigations, spending
from tests.claude_server import ClaudeServer, answers, claim
from tests.flows.killing import Fate, Nursery
from tests.flows.rig import _prepared

WORKER = Path(__file__).parent / "kill_worker.py"
SEEDS = 5
# The container of store:1: the ticket, the other ticket, the store and its probe come first.
EXITED = claim("e5", "store:1", "now.exit_code", "equals", 137, words="It ended by SIGKILL.")
RIGHT = answers(
    "process_killed", "store:1", EXITED, certainty="confirmed", primary="It was killed."
)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nurse() -> AsyncIterator[Nursery]:
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
            os.kill(made.child, signal.SIGKILL)
        await process.wait()


def _left(tx: Tx) -> tuple[list[Any], list[Any], list[Any]]:
    return tuple(  # type: ignore[return-value]  # three of them
        [row._asdict() for row in tx.rows(table.select().order_by(table.c.id))]
        for table in (investigations, diagnoses, spending)
    )


async def _run(nurse: Nursery, folder: Path, fates: list[Fate]) -> tuple[int, Any]:
    where = folder / "state" / "t.db"
    await _prepared(where)
    kills = 0
    async with ClaudeServer(RIGHT) as claude:
        order = {"db": str(where), "claude": claude.url}
        for fate in [*fates, Fate()]:
            code = await nurse.run(dict(order), fate)
            assert code in (0, -signal.SIGKILL), code
            kills += code != 0
        asked = len(claude.raw)
    db = Database.open(str(where), SystemClock(), lambda *_: None)
    try:
        return kills, (*await db.read(_left), asked)
    finally:
        await db.close()


async def test_killed_at_random_moments_each_ticket_is_diagnosed_and_told_once(
    nurse: Nursery, tmp_path: Path
) -> None:
    kills = 0
    for seed in range(SEEDS):
        chance = random.Random(seed)
        fates = [
            Fate(after_s=chance.uniform(0.0, 0.4), at_work=True)
            for _ in range(chance.randint(1, 2))
        ]
        n, (looks, made, spent, asked) = await _run(nurse, tmp_path / str(seed), fates)
        kills += n
        first = [one for one in looks if one["reason"] == "opened"]
        assert [one["state"] for one in first] == ["done"] * 2, seed
        assert {one["state"] for one in looks} <= {"done", "due"}, seed
        by_whom = Counter((one["ticket_id"], one["made_by"]) for one in made)
        assert set(by_whom.values()) == {1}, (seed, by_whom)
        told = Counter(one["ticket_id"] for one in made if one["made_by"] == "rules")
        assert told == {1: 1, 2: 1}, (seed, told)
        assert by_whom[1, "claude-sonnet-5-5"] == 1, (seed, by_whom)
        # What was asked is accounted for, and what a kill left open stays put aside.
        assert asked <= len(spent) <= 2 + 2 * n, seed
        assert all(one["micro_dollars"] > 0 for one in spent), seed
    assert kills >= SEEDS / 2
