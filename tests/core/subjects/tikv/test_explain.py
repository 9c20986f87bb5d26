"""Live evidence of a scripted cluster: the same pieces as scenarios have, whatever answers or fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.diagnosis import evidence
from core.diagnosis.evidence import About, Explains
from core.diagnosis.model import Piece, Query, Snapshot, bounded
from core.diagnosis.pieces import Filing
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.world import snapshot as of_scenario
from core.errors import Invalid
from core.subjects.access import LogPlace
from tests.core.subjects.tikv.driving import Drive, subject
from tests.world import World

SCENARIO = Path(__file__).parents[4] / "scenarios" / "ours" / "killed-by-docker"
LINE = '[{stamp} +00:00] [{level}] [raft_client.rs:560] ["{text}"] [store_id=4]\n'


@asynccontextmanager
async def driven(clock: ManualClock, world: World, **changes: Any) -> AsyncIterator[Drive]:
    drive = Drive(world, clock, subject(world, clock, **changes))
    try:
        await drive.run(4)
        yield drive
    finally:
        await drive.watched.close()


def with_prometheus(clock: ManualClock, world: World) -> Any:
    return driven(clock, world, prometheus=world.prometheus.url)


async def finished(clock: ManualClock, work: Any, step_s: float = 0.05) -> Any:
    """The result; the clock moves only for what waits for it."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=0.05)
        if not task.done():
            await clock.advance(step_s)
    return task.result()


async def taken(
    drive: Drive, entity: str = "store:2", invariant: str = "store_down", limit_s: float = 2.0
) -> Snapshot:
    """Everything that is filed, as a snapshot."""
    now = drive.clock.now().timestamp()
    filing = Filing(now)
    about = About("prod", invariant, entity, now - 1, now, limit_s)
    began = drive.clock.monotonic()
    await finished(drive.clock, drive.watched.explain(about, filing))
    assert drive.clock.monotonic() - began <= limit_s + 0.3
    kept, _ = bounded(filing.pieces)
    return Snapshot(
        "prod", invariant, entity, now - 1, now, evidence.Reason.OPENED, kept, absent=()
    )


def content(snapshot: Snapshot, kind: str, entity: str, source: str = "") -> Any:
    piece = snapshot.piece(kind, entity, source)
    assert piece is not None, (kind, entity, source)
    assert piece.ok, piece.error
    return piece.content


def keys(piece: Piece) -> set[str]:
    found = piece.content.get("now") if isinstance(piece.content, dict) else None
    inner = {f"now.{key}" for key in found} if isinstance(found, dict) else set()
    return set(piece.content) | inner


async def test_live_pieces_have_the_fields_that_those_of_scenarios_have(
    clock: ManualClock, tmp_path: Path
) -> None:
    """Else a rule that holds in a scenario would find nothing in a live cluster."""
    model = of_scenario(read(SCENARIO))
    async with World(clock) as world:
        logs = {one.address: logged(tmp_path, clock, 3) for one in world.stores.values()}
        async with driven(clock, world, logs=logs) as drive:
            await world.kill_store(2)
            await drive.run(2)
            live = await taken(drive)
    for kind in ("store", "probe", "member", "members", "log", "pd", "spread"):
        theirs = set.union(*(keys(one) for one in model.pieces if one.kind == kind and one.ok))
        ours = set.union(*(keys(one) for one in live.pieces if one.kind == kind and one.ok))
        assert theirs - ours <= {"now.unplaced", "now.silent_s", "unscraped_share", "cut"}, kind
    names = {(one.kind, one.source) for one in live.pieces if one.kind in ("pd", "store", "probe")}
    assert {(one.kind, one.source) for one in model.pieces if one.kind in ("pd", "store")} <= names


def logged(folder: Path, clock: ManualClock, lines: int) -> LogPlace:
    stamp = clock.now().strftime("%Y/%m/%d %H:%M:%S.000")
    path = folder / "tikv.log"
    path.write_text(LINE.format(stamp=stamp, level="INFO", text="statistics") * lines)
    return LogPlace(path=str(path))


async def test_then_and_now_stand_beside_each_other(clock: ManualClock) -> None:
    async with World(clock) as world, driven(clock, world) as drive:
        before = world.stores[2].started
        await drive.run(30)
        await world.restart_store(2)
        world.pd.change_leader(1)
        await drive.run(4)
        live = await taken(drive)
    told = content(live, "store", "store:2")
    assert told["before"]["started_at"] == int(before)
    assert told["now"]["started_at"] > told["before"]["started_at"]
    members = content(live, "members", "pd")
    assert (members["before"]["leader"], members["now"]["leader"]) == ("pd-0", "pd-1")
    assert content(live, "member", "pd:pd-0")["before"]["leader"] is True


async def test_a_killed_store_is_refused_and_how_long_it_has_been_silent_is_told(
    clock: ManualClock,
) -> None:
    async with World(clock) as world, driven(clock, world) as drive:
        await world.kill_store(2)
        await drive.run(3)
        live = await taken(drive)
    now = content(live, "probe", "store:2")["now"]
    assert now["said"] == "connection refused"
    assert 0 < now["silent_s"] <= 3.5
    assert content(live, "probe", "store:2")["before"]["ok"] is True
    assert content(live, "share", "store:2")["heard_while_silent_s"] < 0
    assert content(live, "spread", "cluster")["blind_share"] == pytest.approx(1 / 3, abs=0.01)


async def test_a_paused_store_times_out_and_nothing_waits_for_longer(clock: ManualClock) -> None:
    async with World(clock) as world, driven(clock, world) as drive:
        await world.pause_store(1)
        await drive.run(3)
        live = await taken(drive, "store:1")
    assert content(live, "probe", "store:1")["now"]["said"] == "timed out after 0.5 s"


@pytest.mark.parametrize("how", ["refuse", "hang", "no_leader", "half_json", "html", "starting"])
async def test_whatever_pd_does_there_is_evidence_that_says_so(
    clock: ManualClock, how: str
) -> None:
    async with World(clock) as world, driven(clock, world) as drive:
        done = getattr(world.pd, how)()
        if done is not None:
            await done
        await drive.run(3)
        live = await taken(drive, "pd", "pd_no_leader")
    members = content(live, "members", "pd")["now"]
    assert members["serves"] is False
    assert members["said"]
    assert members["total"] == 3
    # A page that answers every ping counts as an answer: of a leader it says nothing.
    assert members["majority"] is (how in ("no_leader", "half_json", "html"))
    failed = [one for one in live.pieces if not one.ok]
    assert {"pd", "store"} <= {one.kind for one in failed}
    assert all(one.error for one in failed)
    assert content(live, "probe", "store:1")["now"]["ok"] is True


async def test_a_prometheus_that_is_gone_is_told_and_its_figures_are_failed_pieces(
    clock: ManualClock,
) -> None:
    async with World(clock) as world, with_prometheus(clock, world) as drive:
        fine = await taken(drive)
        await world.prometheus.refuse()
        gone = await taken(drive)
        world.prometheus.hang()
        await world.prometheus.server.start()
        hung = await taken(drive, limit_s=1.0)
    assert content(fine, "prometheus", "prometheus")["now"]["answers"] is True
    for live, word in ((gone, "refused"), (hung, "timed out")):
        now = content(live, "prometheus", "prometheus")["now"]
        assert now["answers"] is False
        assert word in now["said"]
        figures = [
            one for one in live.pieces if one.kind == "reading" and one.source != "qps_total"
        ]
        assert figures
        assert not any(one.ok for one in figures)


async def test_figures_of_prometheus_carry_their_query_and_their_window(
    clock: ManualClock,
) -> None:
    async with World(clock) as world:
        named = {one.id: {"instance": one.address} for one in world.stores.values()}
        world.prometheus.answer(
            "grpc_msg_duration_seconds_count", [(named[1], 500), (named[3], 20)]
        )
        world.prometheus.answer("pd_regions_status", [({}, 7)])
        async with driven(clock, world, prometheus=world.prometheus.url) as drive:
            live = await taken(drive, "store:1", "high_latency")
            asked = Query("promql", content(live, "reading", "store:1", "qps")["query"])
            window = (live.taken_at - 60, live.taken_at)
            again = await finished(clock, drive.watched.ask(asked, "store:3", window))
            [named_query] = [
                text for key, text in drive.watched.readings().items() if key == "store/qps"
            ]
    one = content(live, "reading", "store:1", "qps")
    assert (one["now"], one["query"]) == (500, named_query)
    assert one["step_s"] >= 15
    assert content(live, "reading", "store:2", "qps")["now"] is None
    assert content(live, "reading", "cluster", "down_peer_regions")["now"] == 7
    assert content(live, "reading", "cluster", "qps_total")["now"] == 520
    assert again.content["now"] == 20
    # No target can be told to be one of ours: that is not "none is scraped".
    assert live.piece("reading", "store:1", "up") is None
    assert "unscraped_share" not in content(live, "spread", "cluster")


async def test_without_prometheus_the_nodes_own_figures_serve(clock: ManualClock) -> None:
    async with World(clock) as world, driven(clock, world) as drive:
        await drive.run(40)
        await world.kill_store(2)
        await drive.run(2)
        live = await taken(drive)
    assert drive.watched.absent() == ("docker", "logs", "prometheus")
    assert drive.watched.readings() == {}
    assert content(live, "reading", "store:1", "disk_used_ratio")["now"] is not None
    gone = content(live, "reading", "store:2", "disk_used_ratio")
    assert gone["now"] is None
    assert gone["points"]
    assert live.piece("prometheus", "prometheus") is None


async def test_a_first_look_reads_the_nodes_figures_twice_for_their_rates(
    clock: ManualClock,
) -> None:
    """Nothing was scraped before: of a cluster that is too large for that, or just now begun."""
    async with World(clock) as world:
        drive = Drive(world, clock, subject(world, clock))
        try:
            await drive.look()
            live = await taken(drive, "store:1")
        finally:
            await drive.watched.close()
    assert content(live, "reading", "store:1", "qps")["now"] is not None


async def test_a_log_keeps_its_telling_lines_and_not_its_private_keys(
    clock: ManualClock, tmp_path: Path
) -> None:
    stamp = clock.now().strftime("%Y/%m/%d %H:%M:%S.000")
    path = tmp_path / "tikv-2.log"
    telling = LINE.format(stamp=stamp, level="INFO", text="Receive signal 15")
    chatter = LINE.format(stamp=stamp, level="WARN", text="connection aborted") * 3_000
    pem = (
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nsecondlineofkey\n-----END PRIVATE KEY-----\n"
    )
    path.write_text(telling + pem + chatter)
    async with World(clock) as world:
        logs = {world.stores[2].address: LogPlace(path=str(path))}
        async with driven(clock, world, logs=logs) as drive:
            live = await taken(drive)
            window = (live.taken_at - 3600, live.taken_at + 60)
            found = await finished(
                clock, drive.watched.ask(Query("log", "SIGNAL 15"), "store:2", window)
            )
    lines = [one["text"] for one in content(live, "log", "store:2")["lines"]]
    assert len(lines) <= 200
    assert any("Receive signal 15" in one for one in lines)
    assert not any("MIIE" in one or "secondline" in one for one in lines)
    assert len(found.content["lines"]) == 1


async def test_a_log_that_is_gone_is_a_failed_piece(clock: ManualClock, tmp_path: Path) -> None:
    async with World(clock) as world:
        logs = {world.stores[2].address: LogPlace(path=str(tmp_path / "no.log"))}
        async with driven(clock, world, logs=logs) as drive:
            live = await taken(drive)
    piece = live.piece("log", "store:2")
    assert piece is not None
    assert not piece.ok
    assert "no.log" in piece.error


async def test_of_a_large_cluster_the_telling_stores_have_pieces_and_all_count(
    clock: ManualClock,
) -> None:
    async with World(clock, stores=60, regions=600) as world, driven(clock, world) as drive:
        await world.kill_store(57)
        await drive.run(3)
        live = await taken(drive, "cluster", "quorum_margin")
    told = {one.entity for one in live.pieces if one.kind == "store"}
    assert len(told) == 16
    assert "store:57" in told
    spread = content(live, "spread", "cluster")
    assert spread["total"] == 60
    assert spread["blind_share"] == pytest.approx(1 / 60, abs=0.001)


async def test_only_listed_reads_and_known_things_may_be_asked(clock: ManualClock) -> None:
    async with World(clock) as world, driven(clock, world) as drive:
        assert isinstance(drive.watched, Explains)
        assert {"store:1", "pd:pd-0", "pd", "cluster"} <= set(drive.watched.entities())
        window = (0.0, 10.0)
        for query, entity in (
            (Query("pd", "/admin/log"), "pd"),
            (Query("pd", "/regions"), "pd"),
            (Query("pd", "/stores/../admin"), "pd"),
            (Query("shell", "ls"), "pd"),
            (Query("log", "x"), "store:99"),
            (Query("log", "x"), "cluster"),
        ):
            with pytest.raises(Invalid):
                await finished(clock, drive.watched.ask(query, entity, window))
        found = await finished(clock, drive.watched.ask(Query("pd", "/schedulers"), "pd", window))
        none = await finished(clock, drive.watched.ask(Query("promql", "up"), "pd", window))
        nolog = await finished(clock, drive.watched.ask(Query("log", "x"), "store:1", window))
    assert found.content["status"] == 200
    assert "balance-leader-scheduler" in found.content["body"]
    assert not none.ok
    assert not nolog.ok
