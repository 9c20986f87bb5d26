"""Ten thousand violations in one tick: until all are stored, and until Slack has a complete digest.

The rate limits of the workspace are on, as Slack's are. The program has told one ticket before, and what
is loaded is no garbage, as in the program itself. The floor is the same rows written by one bare
`executemany` with FULL sync and one bare post to the same workspace, in the same run.
"""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from bot.local.cast import Limits
from core.invariant import Severity
from tests.bench.figures import median, quietly, show
from tests.flows.rig import CHANNEL, Rig, invariant, rig

MANY = 10_000
REPEATS = 5
WATCHED_S = 10.0
REFILL_S = 4.0
pytestmark = pytest.mark.bench


@dataclass
class Once:
    """One storm, in milliseconds."""

    stored: float
    digest: float
    truth: float
    floor_rows: float
    floor_post: float


async def _floor_rows(r: Rig, folder: Path) -> float:
    """The rows that the storm wrote, written again into an empty table by one bare statement."""
    source = sqlite3.connect(folder / "state" / "t.db")
    made = source.execute("SELECT sql FROM sqlite_master WHERE name = 'tickets'").fetchone()[0]
    rows = source.execute("SELECT * FROM tickets").fetchall()
    source.close()
    db = sqlite3.connect(folder / "floor.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(made)
    marks = ", ".join("?" * len(rows[0]))
    began = time.perf_counter()
    db.execute("BEGIN IMMEDIATE")
    db.executemany(f"INSERT INTO tickets VALUES ({marks})", rows)
    db.execute("COMMIT")
    took = (time.perf_counter() - began) * 1000
    db.close()
    assert len(rows) == MANY + 1
    return took


async def _floor_post(r: Rig) -> float:
    async with aiohttp.ClientSession() as session:
        url = f"{r.server.api_url}chat.postMessage"
        headers = {"Authorization": f"Bearer {r.server.bot_token}"}
        found = []
        for _ in range(3):
            began = time.perf_counter()
            said = {"channel": r.ws.channel("random").id, "text": "bare"}
            async with session.post(url, json=said, headers=headers) as answer:
                await answer.read()
            found.append((time.perf_counter() - began) * 1000)
        return median(found)


def _complete(r: Rig) -> bool:
    return any(f"{MANY:,}" in m.text or str(MANY) in m.text for m in r.posts())


async def _once(folder: Path, severity: Severity, watched_s: float) -> tuple[Once, list[str], int]:
    async with rig(folder, limits=Limits()) as r:
        await _told_before(r)
        names = [f"store-{n}" for n in range(MANY)]
        r.script.breaks(invariant(severity=severity), *names)
        clock = r.ws.state.clock
        gc.collect()
        gc.freeze()
        began = clock.monotonic()
        await r.tick()
        stored = clock.monotonic() - began
        await r.until(lambda: _complete(r))
        posts = [c for c in r.ws.calls("chat.postMessage") if c.effect and c.at > began]
        digest = next(c.at + c.seconds for c in posts if _says_all(c.args)) - began
        await r.idle()
        truth = max(c.at + c.seconds for c in r.ws.calls() if c.effect) - began
        await asyncio.sleep(max(began + watched_s - clock.monotonic(), 0.0))
        calls = [c for c in r.ws.calls() if c.method.startswith("chat.") and c.at > began]
        in_time = [c for c in calls if c.at - began <= WATCHED_S]
        there = [c.method for c in in_time]
        limited = sum(c.status == 429 for c in r.ws.calls())
        assert r.ws.channel(CHANNEL).messages
        bare_rows, bare_post = await _floor_rows(r, folder), await _floor_post(r)
    one = Once(stored * 1000, digest * 1000, truth * 1000, bare_rows, bare_post)
    return one, there, limited


async def _told_before(r: Rig) -> None:
    """One ticket has come and gone: a storm meets a program that has been at work for a while."""
    await r.breaks("calm", severity=Severity.WARNING)
    await r.posted(1)
    await r.mends("calm", severity=Severity.WARNING)
    await r.idle()
    # Until the channel takes its usual few posts at once again.
    await asyncio.sleep(REFILL_S)


def _says_all(args: dict[str, object]) -> bool:
    text = str(args.get("text", ""))
    return f"{MANY:,}" in text or str(MANY) in text


@pytest.mark.timeout(300)
@pytest.mark.parametrize("severity", [Severity.CRITICAL, Severity.WARNING])
async def test_storm(tmp_path: Path, severity: Severity) -> None:
    found, posts, edits, limited = [], 0, 0, 0
    with quietly():
        for number in range(REPEATS):
            folder = tmp_path / str(number)
            folder.mkdir()
            one, there, refused = await _once(folder, severity, WATCHED_S if not number else 0.0)
            found.append(one)
            posts = max(posts, there.count("chat.postMessage"))
            edits = max(edits, there.count("chat.update"))
            limited += refused
    floor = median([one.floor_rows + one.floor_post for one in found])
    bare = median([one.floor_rows for one in found])
    rows = [
        ("all stored, FULL sync", f"{median([o.stored for o in found]):.0f} ms",
         f"{bare:.0f} ms", "<= 200 ms"),
        ("complete digest at Slack", f"{median([o.digest for o in found]):.0f} ms",
         f"{floor:.0f} ms", "<= 200 ms"),
        ("nothing left to tell", f"{median([o.truth for o in found]):.0f} ms",
         f"{floor:.0f} ms", ""),
        (f"posts in {WATCHED_S:.0f} s (most)", f"{posts}", "1", "<= 3"),
        (f"edits in {WATCHED_S:.0f} s (most)", f"{edits}", "0", ""),
        ("answers 429, all runs", f"{limited}", "0", "0"),
    ]  # fmt: skip
    show(
        f"{MANY:,} {severity} violations in one tick (medians of {REPEATS})",
        ("what", "measured", "floor", "aim"),
        rows,
    )
