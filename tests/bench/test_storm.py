"""From one tick that finds 10,000 new violations to a channel that tells the truth; and a hundred
messages through a Slack that takes one a second.

The workspace runs in the same process, so its share is inside every figure. Floors, in the same
run: the same rows inserted by sqlite3 alone with as many commits, and one bare post.
"""

from __future__ import annotations

import logging
import sqlite3
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.local.cast import Config, Limits
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from core import monitor, outbox
from core.db import Tx
from core.outbox import Effect
from core.tickets import known
from core.tickets.plan import make_plan
from tests.flows.rig import CHANNEL, Rig, invariant, rig

N = 10_000
ROUNDS = 5
MESSAGES = 100
POST = "chat.postMessage"
pytestmark = pytest.mark.bench


@pytest.fixture(autouse=True)
def _quietly() -> Iterator[None]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


def _ms(since: float) -> float:
    return (time.perf_counter() - since) * 1000


async def _storm(r: Rig) -> dict[str, float]:
    await r.breaks("warm-1", name="warm")
    await r.posted(1)
    await r.quiet()
    r.script.breaks(invariant(), *(f"store-{n}" for n in range(N)))
    r.script.at = r.clock.now().timestamp()
    judged = r.script.judged()
    calls = r.calls()
    began = time.perf_counter()
    before = await r.db.read(known.known, "prod")
    plan = make_plan("prod", judged, before, frozenset())
    await monitor.settle_plan(r.db, r.epoch, "prod", plan)
    stored = _ms(began)
    await r.until(lambda: len(r.posts()) >= 2)
    told = _ms(began)
    assert f"{N:,}" in r.posts()[1].text
    await r.until(lambda: len(r.posts()) >= 3)
    await r.quiet()
    whole = _ms(began)
    return {"stored": stored, "digest": told, "page": whole, "calls": r.calls() - calls}


def _floor_rows(folder: Path) -> float:
    """The same tickets' rows by sqlite3 alone, in slices of 1,000 with FULL sync."""
    source = sqlite3.connect(folder / "state" / "t.db")
    schema = [
        sql
        for (sql,) in source.execute(
            "select sql from sqlite_master where tbl_name = 'tickets' and sql is not null"
        )
    ]
    rows = source.execute("select * from tickets limit ?", (N,)).fetchall()
    bare = sqlite3.connect(folder / "floor.db", isolation_level=None)
    bare.execute("pragma journal_mode=wal")
    bare.execute("pragma synchronous=full")
    for statement in schema:
        bare.execute(statement)
    marks = ",".join("?" * len(rows[0]))
    began = time.perf_counter()
    for start in range(0, len(rows), 1000):
        bare.execute("begin immediate")
        bare.executemany(f"insert into tickets values ({marks})", rows[start : start + 1000])
        bare.execute("commit")
    took = _ms(began)
    bare.close()
    source.close()
    return took


async def _floor_post(r: Rig) -> float:
    began = time.perf_counter()
    await r.slack.call(POST, channel=r.ws.channel(CHANNEL).id, text="floor")
    return _ms(began)


async def test_ten_thousand_violations_in_one_tick(tmp_path: Path) -> None:
    found: list[dict[str, float]] = []
    for n in range(ROUNDS):
        async with rig(tmp_path / str(n), limits=Limits()) as r:
            one = await _storm(r)
            one["floor post"] = await _floor_post(r)
        one["floor rows"] = _floor_rows(tmp_path / str(n))
        found.append(one)
    m = {k: statistics.median(one[k] for one in found) for k in found[0]}
    print(f"\n10,000 violations in one tick (medians of {ROUNDS}, workspace in the same process)")
    print(
        f"  all tickets stored        {m['stored']:7.0f} ms   (rows alone: {m['floor rows']:.0f} ms)"
    )
    print(
        f"  complete digest at Slack  {m['digest']:7.0f} ms   (one post: {m['floor post']:.1f} ms)"
    )
    print(f"  with the page, all quiet  {m['page']:7.0f} ms   in {m['calls']:.0f} calls")


async def test_a_hundred_messages_through_one_a_second(tmp_path: Path) -> None:
    strict = Limits(post_per_s=1.0, post_burst=1)
    async with (
        LocalServer(Workspace(Config(limits=strict))) as server,
        rig(tmp_path, server=server) as r,
    ):
        began = time.perf_counter()
        await r.db.write(_intend)
        await r.until(lambda: len(r.posts()) >= MESSAGES, 200.0)
        took = _ms(began) / 1000
        ratio = MESSAGES / r.calls(POST)
    print(f"\n100 messages through one a second: {took:.1f} s, accepted/calls {ratio:.3f}")
    print("  floor 99 s and 1.000; Alertmanager: 7 of 678 in 60 s")


def _intend(tx: Tx) -> None:
    for n in range(MESSAGES):
        data = {"subject": f"cluster-{n}", "from": 0.0, "to": 60.0}
        outbox.post(tx, Effect("T", CHANNEL, f"gap:{n}", "gap", source_event=n, data=data))
