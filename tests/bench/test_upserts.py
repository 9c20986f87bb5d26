"""How many tickets a second are written, opened and seen again, beside bare `executemany`.

Ours includes the fingerprint, finding what changed, the events and the counters; the floor is the
same rows in one statement on the same file system, FULL sync on both, in the same run.
"""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import monitor
from core.tickets import known
from core.tickets.plan import make_plan
from tests.bench.figures import median, quietly, show
from tests.flows.rig import Rig, invariant, rig

MANY = 10_000
REPEATS = 5
pytestmark = pytest.mark.bench


def _bare(folder: Path) -> tuple[float, float]:
    """Seconds to insert the rows that there are, and to update each of them."""
    source = sqlite3.connect(folder / "state" / "t.db")
    made = source.execute("SELECT sql FROM sqlite_master WHERE name = 'tickets'").fetchone()[0]
    rows = source.execute("SELECT * FROM tickets").fetchall()
    source.close()
    assert len(rows) == MANY
    db = sqlite3.connect(folder / "bare.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(made)
    marks = ", ".join("?" * len(rows[0]))
    update = "UPDATE tickets SET last_seen_at = ?, title = ?, summary = ?, detail = ?, " \
             "count = count + 1 WHERE id = ? AND resolved_at IS NULL"  # fmt: skip
    seen = [(2e9, "it is down", "no answer", "{}", row[0]) for row in rows]
    took = []
    for statement, values in ((f"INSERT INTO tickets VALUES ({marks})", rows), (update, seen)):
        began = time.perf_counter()
        db.execute("BEGIN IMMEDIATE")
        db.executemany(statement, values)
        db.execute("COMMIT")
        took.append(time.perf_counter() - began)
    db.close()
    return took[0], took[1]


@dataclass
class Ours:
    """Seconds of planning alone, and of three ticks: one opens all, one changes nothing, one writes
    that all are seen again."""

    planned: float
    opened: float
    quiet: float
    seen: float


async def _ours(r: Rig) -> Ours:
    r.script.breaks(invariant(), *(f"store-{n}" for n in range(MANY)))
    judged = r.script.judged()
    before = await r.db.read(known.known, "prod")
    began = time.perf_counter()
    make_plan("prod", judged, before, frozenset())
    planned = time.perf_counter() - began
    read: known.Read = {}

    async def tick(later_s: float) -> float:
        """As the watch does it, which remembers what it read."""
        r.script.at = max(r.script.at, r.clock.now().timestamp()) + later_s
        judged = r.script.judged()
        began = time.perf_counter()
        plan, _ = await r.db.read(monitor.planned, "prod", judged, frozenset(), None, read)
        await monitor.settle_plan(r.db, r.epoch, "prod", plan)
        return time.perf_counter() - began

    opened = await tick(0.0)
    await tick(0.5)
    return Ours(planned, opened, await tick(0.5), await tick(3600.0))


@pytest.mark.timeout(300)
async def test_upserts(tmp_path: Path) -> None:
    found, bare = [], []
    with quietly():
        for number in range(REPEATS):
            folder = tmp_path / str(number)
            folder.mkdir()
            async with rig(folder, running=False) as r:
                found.append(await _ours(r))
            bare.append(_bare(folder))
    opened, seen = median([one.opened for one in found]), median([one.seen for one in found])
    rows = []
    for what, ours, bare_s in (
        ("opened: planned, written, with events", opened, median([b[0] for b in bare])),
        ("seen again", seen, median([b[1] for b in bare])),
    ):
        mine, floor = MANY / ours, MANY / bare_s
        rows.append((what, f"{mine:,.0f}", f"{floor:,.0f}", f"{mine / floor:.2f}"))
    for what, took in (
        ("planning alone", median([one.planned for one in found])),
        ("a tick that changes nothing", median([one.quiet for one in found])),
    ):
        rows.append((f"{what} ({took * 1000:.0f} ms)", f"{MANY / took:,.0f}", "", ""))
    show(
        f"tickets a second, {MANY:,} in one tick (medians of {REPEATS})",
        ("what", "rows/s", "bare executemany", "ratio"),
        rows,
    )
