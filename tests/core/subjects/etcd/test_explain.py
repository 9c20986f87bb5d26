"""The evidence that an etcd cluster gives of itself, and what the rules make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.diagnosis.evidence import About, Explains
from core.diagnosis.model import Certainty, Diagnosis, Query, Reason, Snapshot
from core.diagnosis.pieces import Filing
from core.diagnosis.rules.decide import diagnose
from core.errors import Invalid
from core.subjects.access import LogPlace
from tests.core.subjects.etcd.conftest import Start
from tests.core.subjects.etcd.driving import Drive


async def evidence(drive: Drive, invariant: str, entity: str, ago_s: float = 5.0) -> Snapshot:
    now = drive.clock.now().timestamp()
    about = About("conf", invariant, entity, now - ago_s, now)
    filing = Filing(now)
    await drive.watched.explain(about, filing)
    return Snapshot(
        *("conf", invariant, entity, about.opened_at, now, Reason.OPENED, filing.pieces),
        absent=drive.watched.absent(),
    )


def content(snapshot: Snapshot, kind: str, entity: str, source: str = "") -> Any:
    piece = snapshot.piece(kind, entity, source)
    assert piece is not None, (kind, entity, snapshot.entities)
    assert piece.ok, piece
    return piece.content


async def rules_say(drive: Drive, invariant: str, entity: str) -> Diagnosis:
    return diagnose(await evidence(drive, invariant, entity))


async def test_it_explains_itself_in_the_shapes_that_rules_know(start: Start) -> None:
    drive = await start(settle_s=40)
    assert isinstance(drive.watched, Explains)
    found = await evidence(drive, "member_down", "member:etcd-1")
    assert content(found, "probe", "member:etcd-1")["now"] == {"ok": True, "said": ""}
    whole = content(found, "members", "etcd")["now"]
    assert (whole["total"], whole["majority"], whole["leader"]) == (3, True, "etcd-0")
    member = content(found, "member", "member:etcd-0")["now"]
    assert (member["answers"], member["leader"], member["version"]) == (True, True, "3.4.23")
    fsync = content(found, "reading", "member:etcd-1", "fsync_p99_s")
    assert fsync["now"] == pytest.approx(0.00199)
    assert len(fsync["points"]) > 1
    assert found.absent == ("docker", "logs", "prometheus")
    assert content(found, "spread", "cluster")["versions"] == 1


async def test_a_healthy_member_is_not_accused(start: Start) -> None:
    drive = await start(settle_s=40)
    for invariant, entity in (
        ("member_down", "member:etcd-1"),
        ("quorum_margin", "cluster"),
        ("no_leader", "etcd"),
    ):
        made = await rules_say(drive, invariant, entity)
        assert made.cause in ("unknown", "nothing_wrong"), made


async def test_silence_alone_is_inconclusive_and_says_what_is_missing(start: Start) -> None:
    drive = await start()
    drive.world.pause("etcd-2")
    await drive.run(4)
    made = await rules_say(drive, "member_down", "member:etcd-2")
    assert made.certainty is Certainty.INCONCLUSIVE
    assert "its container (no Docker here)" in made.unseen
    assert not any("pd-" in one.template for one in made.commands)


async def test_a_refused_connection_that_nobody_hears_behind_is_a_process_that_is_gone(
    start: Start,
) -> None:
    drive = await start()
    await drive.world.kill("etcd-1")
    await drive.run(6)
    found = await evidence(drive, "member_down", "member:etcd-1")
    probe = content(found, "probe", "member:etcd-1")
    assert probe["now"]["said"] == "connection refused"
    assert probe["now"]["silent_s"] > 3
    assert [one["ok"] for one in probe["timeline"]] == [True, False]
    made = diagnose(found)
    assert (made.cause, made.entity) == ("process_killed", "member:etcd-1")
    assert made.certainty is not Certainty.CONFIRMED
    assert any("do not stop another member" in one for one in made.risks)


async def test_a_lost_majority_an_alarm_and_a_slow_disk_are_named(start: Start) -> None:
    drive = await start()
    drive.world.alarms.append((drive.world.members["etcd-1"].id, "NOSPACE"))
    await drive.run(3)
    made = await rules_say(drive, "alarm_active", "NOSPACE")
    assert (made.cause, made.certainty) == ("etcd_no_space", Certainty.CONFIRMED)
    assert {one.template for one in made.commands} == {"etcd-alarms", "etcd-status"}
    drive.world.alarms.clear()

    drive.world.members["etcd-2"].fsync_s = 0.9
    await drive.run(35)
    made = await rules_say(drive, "fsync_slow", "member:etcd-2")
    assert (made.cause, made.entity) == ("etcd_slow_disk", "member:etcd-2")
    drive.world.members["etcd-2"].fsync_s = 0.001
    await drive.run(35)

    for name in ("etcd-0", "etcd-2"):
        await drive.world.kill(name)
    drive.world.elect(None)
    await drive.run(5)
    made = await rules_say(drive, "no_leader", "etcd")
    assert made.cause == "etcd_quorum_loss"


async def test_a_member_that_only_we_cannot_reach_is_told_as_our_blindness(start: Start) -> None:
    drive = await start()
    await drive.world.unreachable("etcd-1")
    await drive.run(8)
    made = await rules_say(drive, "observer_blind", "member:etcd-1")
    assert (made.cause, made.entity) == ("observer_blind", "member:etcd-1")


async def test_a_member_without_a_leader_is_cut_off_one_way(start: Start) -> None:
    drive = await start()
    drive.world.members["etcd-2"].knows_leader = False
    await drive.run(6)
    made = await rules_say(drive, "member_down", "member:etcd-2")
    assert (made.cause, made.entity) == ("network_cut_one_way", "member:etcd-2")


async def test_what_changed_is_told_with_when(start: Start) -> None:
    drive = await start()
    drive.world.elect("etcd-2")
    drive.world.members["etcd-1"].version = "3.5.9"
    await drive.run(3)
    found = await evidence(drive, "version_skew", "cluster")
    (leader,) = content(found, "change", "etcd")["changes"]
    assert leader["words"] == "etcd-0 -> etcd-2"
    (version,) = content(found, "change", "member:etcd-1")["changes"]
    assert version["words"] == "3.4.23 -> 3.5.9"


async def test_sources_that_fail_are_failed_pieces(start: Start, tmp_path: Any) -> None:
    log = tmp_path / "etcd.log"
    log.write_text('{"level":"warn","ts":"2026-11-21T14:00:00.000Z","msg":"slow fdatasync"}\n')
    drive = await start(
        docker="unix:///nowhere.sock",
        prometheus="http://127.0.0.1:9",
        logs={"etcd-0": LogPlace(path=str(log)), "etcd-1": LogPlace(path="/nowhere.log")},
    )
    found = await evidence(drive, "member_down", "member:etcd-1")
    for kind, entity in (
        ("container", "member:etcd-1"),
        ("event", "member:etcd-1"),
        ("log", "member:etcd-1"),
    ):
        piece = found.piece(kind, entity)
        assert piece is not None
        assert not piece.ok
        assert piece.error
    assert "slow fdatasync" in str(content(found, "log", "member:etcd-0"))
    assert content(found, "prometheus", "prometheus")["now"]["answers"] is False
    assert found.absent == ()


async def test_a_log_that_says_why_it_ended_decides(start: Start, tmp_path: Any) -> None:
    log = tmp_path / "etcd.log"
    drive = await start(logs={"etcd-1": LogPlace(path=str(log))})
    for cause, level, said in (
        ("disk_full", "fatal", "failed to save Raft hard state: write: no space left on device"),
        ("graceful_restart", "info", "received signal; shutting down"),
    ):
        at = drive.clock.now().isoformat()
        log.write_text(json.dumps({"level": level, "ts": at, "msg": said}) + "\n")
        await drive.world.kill("etcd-1")
        await drive.run(5)
        made = await rules_say(drive, "member_down", "member:etcd-1")
        assert (made.cause, made.entity) == (cause, "member:etcd-1"), made
        await drive.world.revive("etcd-1")
        await drive.run(5)


async def test_questions_are_answered_or_refused(start: Start, tmp_path: Any) -> None:
    log = tmp_path / "etcd.log"
    log.write_text("first line\nelected leader x\n")
    drive = await start(logs={"etcd-0": LogPlace(path=str(log))})
    now = drive.clock.now().timestamp()
    window = (now - 600, now)
    ask = drive.watched.ask
    found = await ask(Query("log", "elected"), "member:etcd-0", window)
    assert [one["text"] for one in found.content["lines"]] == ["elected leader x"]
    missing = await ask(Query("log", "x"), "member:etcd-1", window)
    assert (missing.ok, missing.error) == (False, "No log of member:etcd-1 is configured.")
    nothing = await ask(Query("promql", "up"), "etcd", window)
    assert (nothing.ok, nothing.error) == (False, "There is no Prometheus here.")
    for query, entity, stretch in (
        (Query("pd", "/stores"), "etcd", window),
        (Query("log", "x"), "member:etcd-9", window),
        (Query("log", "x"), "etcd", window),
        (Query("promql", "up"), "etcd", (now, now - 5)),
        (Query("promql", "up"), "etcd", (float("nan"), now)),
    ):
        with pytest.raises(Invalid):
            await ask(query, entity, stretch)
    assert drive.watched.pd_paths() == ()
    assert set(drive.watched.entities()) >= {"member:etcd-0", "etcd", "cluster"}
