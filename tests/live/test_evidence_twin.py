"""Faults of real processes, their evidence gathered live, and the rules' answer to each."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.diagnosis import evidence
from core.diagnosis.claims import every, run
from core.diagnosis.model import Certainty, Diagnosis, Query, Reason, Snapshot
from core.diagnosis.rules.decide import diagnose
from core.subjects.access import LogPlace
from core.subjects.tikv.settings import TikvSettings
from core.tickets.model import Ticket
from tests.live.watching import (
    SPEED,
    Layout,
    Prometheus,
    Watcher,
    fast,
    guards,
    holds,
    prometheus,
    running,
    watching,
)

pytestmark = [pytest.mark.timeout(240)]

SOON = {"hold_s": 1.0, "recover_s": 0.5}


def settings(twin: Layout, **more: object) -> TikvSettings:
    """Every log of the twin is configured; what was announced is soon forgotten."""
    logs = {
        f"{twin.spec.host}:{one.port}": LogPlace(path=str(twin.log(one.name)))
        for one in twin.spec.stores
    }
    logs |= {one.name: LogPlace(path=str(twin.log(one.name))) for one in twin.spec.pds}
    return fast(
        twin,
        logs=logs,
        guards=dataclasses.replace(guards(SPEED), announced_max_s=2.0),
        invariants=holds(
            high_latency=dict(SOON), leader_imbalance=SOON | {"min_leaders": 5.0}, store_slow=SOON
        ),
        **more,
    )


@asynccontextmanager
async def watched(folder: Path, **more: object) -> AsyncIterator[Watcher]:
    async with (
        running(folder, regions=60) as twin,
        watching(folder, twin, settings(twin, **more)) as watcher,
    ):
        await watcher.quiet()
        rotate(twin)
        await watcher.passes(1.0)
        yield watcher


async def looked(watcher: Watcher, ticket: Ticket) -> tuple[Snapshot, Diagnosis, float]:
    """The evidence as of now, what the rules make of it, and how long both took."""
    began = time.monotonic()
    snapshot = await evidence.gather(
        watcher.db, SystemClock(), watcher.subject.inner, ticket, Reason.OPENED
    )
    made = diagnose(snapshot, first_look=True)
    took = time.monotonic() - began
    for claim in every(made):
        assert run(claim, snapshot).stands
    return snapshot, made, took


async def answered(
    watcher: Watcher,
    invariant: str,
    entity: str,
    cause: str,
    about: str | None = None,
    certain: frozenset[Certainty] = frozenset(Certainty),
) -> tuple[Snapshot, Diagnosis]:
    """The ticket opens, and sooner or later the rules tell what is behind it, that certain."""
    ticket = await watcher.opens(invariant, entity)
    began = time.monotonic()
    while True:
        snapshot, made, took = await looked(watcher, ticket)
        right = made.cause == cause and made.entity == (about or entity)
        right = right and made.certainty in certain
        if right or time.monotonic() - began > 45:
            break
        await watcher.passes(0.3)
    assert (made.cause, made.entity) == (cause, about or entity), made
    assert made.certainty in certain, [one.words for one in every(made)]
    print(f"  {cause}: {took:.2f} s, {made.certainty}, {time.monotonic() - began:.1f} s after")
    return snapshot, made


async def undone(watcher: Watcher) -> None:
    await watcher.twin.healthy()
    await watcher.quiet()
    rotate(watcher.twin)


def rotate(twin: Layout) -> None:
    """Logs begin here: at the twin's pace minutes are seconds, and what is over is still near."""
    for name in twin.names:
        os.truncate(twin.log(name), 0)


async def _killed(watcher: Watcher) -> None:
    """With no engine and no Prometheus to say so."""
    watcher.twin.kill("store-2")
    # Its log was emptied just before: where it says nothing, how it ended was not seen.
    unsure = frozenset({Certainty.LIKELY, Certainty.INCONCLUSIVE})
    snapshot, _ = await answered(watcher, "store_down", "store:2", "process_killed", certain=unsure)
    assert snapshot.absent == ("docker", "prometheus")
    gone = snapshot.piece("reading", "store:2", "qps")
    assert gone is not None
    assert gone.content["now"] is None
    assert gone.content["max"] > 1
    watcher.twin.start("store-2")
    await undone(watcher)


async def _paused(watcher: Watcher) -> None:
    watcher.twin.pause("store-1")
    _, made = await answered(watcher, "store_down", "store:1", "process_hung")
    assert made.certainty is not Certainty.CONFIRMED
    watcher.twin.resume("store-1")
    await undone(watcher)


async def test_the_rules_answer_from_live_evidence_what_was_done_to_a_store(tmp_path: Path) -> None:
    async with watched(tmp_path) as watcher:
        await _paused(watcher)
        await _killed(watcher)

        await watcher.twin.switch("store-3", disk_fill_pct=93)
        _, made = await answered(watcher, "low_disk_space", "store:3", "disk_full")
        assert made.certainty is Certainty.CONFIRMED
        await watcher.twin.reset("store-3")

        await watcher.twin.switch("store-1", write_stall=True)
        await answered(watcher, "store_slow", "store:1", "write_stall")
        await watcher.twin.reset("store-1")

        # PD calls it slow, and leaves it its leaders: without them a disk of the twin has no work.
        await watcher.twin.switch("store-2", slow_score=90)
        await answered(watcher, "store_slow", "store:2", "slow_disk")


async def test_the_rules_answer_from_live_evidence_what_was_done_between_nodes(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as watcher:
        await _left_behind(watcher)
        await watcher.twin.switch("store-1", cut_peers=True)
        await watcher.until(bool, "anything opens")
        (invariant, entity), _ = next(iter((await watcher.open()).items()))
        await answered(watcher, invariant, entity, "network_cut_one_way", "store:1")
        await watcher.twin.reset("store-1")
        await undone(watcher)

        leader = await watcher.pd_leader()
        watcher.twin.kill(leader)
        # That its leader is gone is the deeper cause of one member's silence.
        snapshot, _ = await answered(
            watcher, "pd_member_down", f"pd:{leader}", "pd_leader_loss", "pd"
        )
        members = snapshot.piece("members", "pd")
        assert members is not None
        assert members.content["before"]["leader"] == leader
        others = [one for one in watcher.twin.spec.pds if one.name != leader]
        watcher.twin.kill(others[0].name)
        await answered(watcher, "pd_no_leader", "pd", "pd_quorum_loss")


async def _left_behind(watcher: Watcher) -> None:
    scheduler = {"name": "evict-leader-scheduler", "store_id": 2}
    await watcher.post("/schedulers", scheduler)
    ticket = await watcher.opens("leader_imbalance", "cluster")
    snapshot, made, _ = await looked(watcher, ticket)
    assert made.cause == "scheduler_left_behind"
    assert made.entity in ("cluster", "store:2")
    changes = snapshot.piece("change", "cluster", "seen changes")
    assert changes is not None
    assert "evict-leader-scheduler was added" in str(changes.content)
    await watcher.post("/schedulers/evict-leader-scheduler-2", method="DELETE")
    await undone(watcher)


@pytest.mark.prometheus
async def test_figures_of_a_real_prometheus_are_evidence_that_can_be_asked_again(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path, regions=60) as twin,
        prometheus(tmp_path / "prometheus", twin) as scraper,
        watching(tmp_path, twin, settings(twin, prometheus=scraper.url)) as watcher,
    ):
        await watcher.quiet()
        await _with_prometheus(watcher, scraper)


async def _with_prometheus(watcher: Watcher, scraper: Prometheus) -> None:
    await watcher.passes(3.0)
    watcher.twin.kill("store-2")
    ticket = await watcher.opens("store_down", "store:2")
    snapshot, made, took = await looked(watcher, ticket)
    assert (made.cause, made.entity) == ("process_killed", "store:2")
    print(f"  killed, with Prometheus: {took:.2f} s, {len(snapshot.pieces)} pieces")
    subject, clock = watcher.subject.inner, SystemClock()
    qps = snapshot.piece("reading", "store:1", "qps")
    assert qps is not None
    assert qps.content["now"] > 1
    window = (snapshot.taken_at - 60, time.time())
    query = Query("promql", qps.content["query"])
    again = await evidence.ask(watcher.db, clock, subject, query, "store:1", window)
    assert again.ok
    assert again.content["now"] > 1
    for name in subject.readings():
        named = Query("promql", subject.readings()[name])
        piece = await evidence.ask(watcher.db, clock, subject, named, "cluster", window)
        assert piece.ok, (name, piece.error)

    scraper.kill()
    later, _, _ = await looked(watcher, ticket)
    down = later.piece("prometheus", "prometheus")
    assert down is not None
    assert down.content["now"]["answers"] is False
    failed = later.piece("reading", "store:1", "qps")
    assert failed is not None
    assert not failed.ok
