"""How many tickets a second are written, opened and seen again, beside bare `executemany`.

Ours includes the fingerprint, finding what changed, the events and the counters; the floor is the
same rows in one statement on the same file system, FULL sync on both, in the same run.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

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


async def _ours(r: Rig) -> tuple[float, float, float]:
    """Seconds of a tick that opens all, of one that sees all again, and of planning the first."""
    r.script.breaks(invariant(), *(f"store-{n}" for n in range(MANY)))
    judged = r.script.judged()
    before = await r.db.read(known.known, "prod")
    began = time.perf_counter()
    make_plan("prod", judged, before, frozenset())
    planned = time.perf_counter() - began
    began = time.perf_counter()
    await r.tick()
    opened = time.perf_counter() - began
    r.script.at += 3600.0
    began = time.perf_counter()
    await r.tick()
    return opened, time.perf_counter() - began, planned


@pytest.mark.timeout(300)
async def test_upserts(tmp_path: Path) -> None:
    inserts, updates, plans, bare_inserts, bare_updates = [], [], [], [], []
    with quietly():
        for number in range(REPEATS):
            folder = tmp_path / str(number)
            folder.mkdir()
            async with rig(folder, running=False) as r:
                opened, seen, planned = await _ours(r)
            inserts.append(opened)
            updates.append(seen)
            plans.append(planned)
            bare = _bare(folder)
            bare_inserts.append(bare[0])
            bare_updates.append(bare[1])
    rows = []
    for what, ours, bare_s in (
        ("opened: planned, written, with events", inserts, bare_inserts),
        ("seen again", updates, bare_updates),
    ):
        mine, floor = MANY / median(ours), MANY / median(bare_s)
        rows.append((what, f"{mine:,.0f}", f"{floor:,.0f}", f"{mine / floor:.2f}"))
    rows.append((f"planning alone ({median(plans) * 1000:.0f} ms)",
                 f"{MANY / median(plans):,.0f}", "", ""))  # fmt: skip
    show(
        f"tickets a second, {MANY:,} in one tick (medians of {REPEATS})",
        ("what", "rows/s", "bare executemany", "ratio"),
        rows,
    )
