"""What the subject says of a scripted cluster, from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.chaos.driver import Breakable
from core.clock import ManualClock
from core.config import Environment, load
from core.errors import Invalid
from core.invariant import Broken, Holds, Severity, Unknown
from core.subject import Checkable, Nudges, Paced, Subject
from core.subjects.access import LogPlace
from core.subjects.etcd.from_file import settings
from core.subjects.etcd.settings import Periods
from core.wiring import build_subjects
from tests.core.subjects.etcd.conftest import Start
from tests.core.subjects.etcd.driving import Drive, subject
from tests.stub_http import Response, as_json, as_text
from tests.world_etcd import EtcdWorld


def broken(drive: Drive, invariant: str, entity: str) -> Broken:
    found = drive.verdict(invariant, entity)
    assert isinstance(found, Broken), found
    return found


async def test_a_healthy_cluster_breaks_nothing_and_leaves_nothing_unknown(start: Start) -> None:
    drive = await start(settle_s=35)
    assert drive.broken() == set()
    assert drive.unknown() == set()
    await drive.run(60)
    assert drive.ever() == set()


async def test_it_is_all_that_a_subject_may_be(start: Start) -> None:
    drive = await start()
    for protocol in (Subject, Nudges, Paced, Checkable):
        assert isinstance(drive.watched, protocol)


async def test_a_killed_member_is_down_within_a_second(start: Start) -> None:
    drive = await start()
    await drive.world.kill("etcd-1")
    assert await drive.until("member_down", "member:etcd-1", Broken) <= 1.0
    found = broken(drive, "member_down", "member:etcd-1")
    assert found.title == "etcd member etcd-1 is down"
    margin = broken(drive, "quorum_margin", "cluster")
    assert (margin.value, margin.threshold) == (0.0, 1.0)
    assert margin.facts["missing"] == "etcd-1"
    await drive.run(30)
    assert drive.ever() == {("member_down", "member:etcd-1"), ("quorum_margin", "cluster")}
    await drive.world.revive("etcd-1")
    assert await drive.until("member_down", "member:etcd-1", Holds) <= 3.0
    await drive.run(3)
    assert drive.broken() == set()


async def test_a_member_whose_address_vanished_with_it_is_down_within_a_second(
    start: Start,
) -> None:
    drive = await start()
    began = drive.clock.monotonic()
    drive.world.vanish("etcd-1")
    # As its nudges make the monitor look: whenever more is known.
    while not isinstance(drive.verdict("member_down", "member:etcd-1"), Broken):
        await drive.clock.advance(0.05)
        await drive.look()
    assert drive.clock.monotonic() - began <= 1.0
    assert "no other member hears from it" in broken(drive, "member_down", "member:etcd-1").summary


async def test_a_connection_that_ends_and_is_taken_again_is_no_death(start: Start) -> None:
    drive = await start()
    for one in list(drive.world.members["etcd-1"].server.open):
        one.transport.abort()
    await drive.run(5)
    assert drive.ever() == set()


async def test_a_member_that_hangs_is_down_once_the_others_hear_nothing_of_it(start: Start) -> None:
    drive = await start()
    drive.world.pause("etcd-2")
    assert await drive.until("member_down", "member:etcd-2", Broken) <= 2.5
    await drive.run(3)
    assert "no other member hears from it" in broken(drive, "member_down", "member:etcd-2").summary


async def test_a_hanging_leader_is_down_too(start: Start) -> None:
    drive = await start()
    drive.world.pause("etcd-0")
    await drive.run(1.0)
    drive.world.elect("etcd-1")
    assert await drive.until("member_down", "member:etcd-0", Broken) <= 2.5


async def test_a_member_that_only_we_cannot_reach_is_not_down(start: Start) -> None:
    drive = await start()
    drive.world.members["etcd-1"].server.answer = None
    await drive.world.unreachable("etcd-1")
    await drive.run(10)
    assert drive.verdict("member_down", "member:etcd-1") == Holds()
    blind = broken(drive, "observer_blind", "member:etcd-1")
    assert "other members hear from it" in blind.summary
    assert drive.verdict("quorum_margin", "cluster") == Holds()


async def test_without_metrics_a_hang_takes_four_looks(start: Start) -> None:
    async def hide(world: EtcdWorld) -> None:
        for one in world.members.values():
            one.without_metrics = True

    drive = await start(before=hide)
    drive.world.pause("etcd-2")
    assert 1.5 <= await drive.until("member_down", "member:etcd-2", Broken) <= 4.0


async def test_when_everything_falls_silent_at_once_nothing_is_called_down(start: Start) -> None:
    drive = await start()
    for name in drive.world.members:
        drive.world.pause(name)
    await drive.run(20)
    assert not drive.ever("member_down", "quorum_margin", "no_leader")
    assert isinstance(drive.verdict("member_down", "member:etcd-0"), Unknown)
    assert isinstance(drive.verdict("no_leader", "etcd"), Unknown)
    assert isinstance(drive.verdict("observer_blind", "etcd"), Broken)


async def test_when_every_member_refuses_all_of_them_are_down(start: Start) -> None:
    drive = await start()
    for name in drive.world.members:
        await drive.world.kill(name)
    await drive.run(4)
    for name in drive.world.members:
        assert isinstance(drive.verdict("member_down", f"member:{name}"), Broken)
    assert broken(drive, "quorum_margin", "cluster").title == "etcd has lost its majority"
    assert isinstance(drive.verdict("no_leader", "etcd"), Broken)


async def test_a_lost_majority_is_told_with_the_leader_that_is_missing(start: Start) -> None:
    drive = await start()
    await drive.world.kill("etcd-0")
    await drive.world.kill("etcd-1")
    drive.world.elect(None)
    await drive.run(4)
    assert broken(drive, "quorum_margin", "cluster").value == -1.0
    assert "1 of 3 voters" in broken(drive, "no_leader", "etcd").summary
    await drive.world.revive("etcd-0")
    drive.world.elect("etcd-0")
    assert await drive.until("no_leader", "etcd", Holds) <= 4.0


async def test_a_member_without_a_leader_is_cut_off_while_others_have_one(start: Start) -> None:
    drive = await start()
    drive.world.members["etcd-2"].knows_leader = False
    assert 2.0 <= await drive.until("member_down", "member:etcd-2", Broken) <= 6.0
    assert "cut off" in broken(drive, "member_down", "member:etcd-2").title
    assert broken(drive, "quorum_margin", "cluster").value == 0.0
    assert drive.verdict("no_leader", "etcd") == Holds()
    drive.world.members["etcd-2"].knows_leader = True
    await drive.until("member_down", "member:etcd-2", Holds)


async def test_an_election_cuts_nobody_off(start: Start) -> None:
    drive = await start()
    drive.world.elect(None)
    await drive.run(2)
    drive.world.elect("etcd-1")
    await drive.run(5)
    assert not drive.ever("member_down")


async def test_a_member_that_was_dead_before_we_came_is_down_by_the_others_word(
    start: Start,
) -> None:
    async def kill(world: EtcdWorld) -> None:
        await world.kill("etcd-1")

    drive = await start(before=kill, settle_s=6)
    found = broken(drive, "member_down", "member:etcd-1")
    assert "no other member hears from it" in found.summary


async def test_published_ports_need_no_mapping(start: Start) -> None:
    async def hide(world: EtcdWorld) -> None:
        world.hide_addresses = True

    drive = await start(before=hide)
    assert drive.broken() == set()
    assert {one.url for one in drive.watched.members} == set(drive.world.urls)


async def test_one_endpoint_is_enough_where_advertised_addresses_answer(start: Start) -> None:
    drive = await start(settle_s=0.5)
    one = subject(drive.world, drive.clock, endpoints=drive.world.urls[:1])
    alone = Drive(drive.world, drive.clock, one)
    await alone.run(20)
    assert alone.broken() == set()
    assert {who.url for who in one.members} == set(drive.world.urls)
    await one.close()


async def test_a_removed_member_is_evidence_and_not_a_silence(start: Start) -> None:
    drive = await start()
    await drive.world.kill("etcd-2")
    await drive.until("member_down", "member:etcd-2", Broken)
    drive.world.gone.add(drive.world.members["etcd-2"].id)
    await drive.run(8)
    assert drive.last.removed == {"member:etcd-2"}
    assert drive.last.quorum is not None
    assert drive.last.quorum.voters == 2
    assert ("member_down", "member:etcd-2") not in drive.broken()
    drive.world.gone.clear()
    await drive.world.revive("etcd-2")
    await drive.run(8)
    assert drive.last.removed == frozenset()


async def test_a_cut_off_members_old_list_takes_nobody_back(start: Start) -> None:
    drive = await start()
    world = drive.world
    old = world.members["etcd-2"]
    old.knows_leader = False
    listed = [one.listed() for one in world.members.values()]
    header = {"cluster_id": str(world.cluster_id), "member_id": str(old.id), "raft_term": "99"}
    old.says["/v3/cluster/member/list"] = as_json({"header": header, "members": listed})
    world.gone.add(old.id)
    await drive.run(12)
    assert drive.last.removed == {"member:etcd-2"}


async def test_a_member_that_was_added_and_never_started_is_a_warning(start: Start) -> None:
    async def add(world: EtcdWorld) -> None:
        world.members["etcd-2"].started = False
        await world.members["etcd-2"].server.stop()

    drive = await start(before=add)
    found = broken(drive, "member_down", "member:a002")
    assert (found.title, found.severity) == (
        "etcd member a002 has never started",
        Severity.WARNING,
    )
    assert broken(drive, "quorum_margin", "cluster").value == 0.0


async def test_a_learner_down_is_a_warning_and_no_matter_of_quorum(start: Start) -> None:
    async def learn(world: EtcdWorld) -> None:
        world.members["etcd-3"].learner = True

    drive = await start(before=learn, members=4)
    assert drive.last.quorum is not None
    assert drive.last.quorum.voters == 3
    await drive.world.kill("etcd-3")
    await drive.until("member_down", "member:etcd-3", Broken)
    assert broken(drive, "member_down", "member:etcd-3").severity is Severity.WARNING
    assert drive.verdict("quorum_margin", "cluster") == Holds()


async def test_a_single_member_has_no_margin_to_lose(start: Start) -> None:
    drive = await start(members=1)
    assert drive.verdict("quorum_margin", "cluster") == Holds()
    await drive.world.kill("etcd-0")
    await drive.run(2)
    assert broken(drive, "quorum_margin", "cluster").value == -1.0


async def test_five_members_bear_two(start: Start) -> None:
    drive = await start(members=5)
    await drive.world.kill("etcd-4")
    await drive.run(2)
    assert drive.verdict("quorum_margin", "cluster") == Holds()
    await drive.world.kill("etcd-3")
    await drive.run(2)
    assert broken(drive, "quorum_margin", "cluster").value == 0.0


async def test_leaders_that_change_four_times_in_a_quarter_of_an_hour_are_told(
    start: Start,
) -> None:
    drive = await start()
    for turn in range(3):
        drive.world.elect(f"etcd-{(turn + 1) % 3}")
        await drive.run(2)
    assert drive.verdict("leader_changes", "etcd") == Holds()
    drive.world.elect("etcd-1")
    await drive.run(2)
    found = broken(drive, "leader_changes", "etcd")
    assert (found.value, found.facts["leader now"]) == (4.0, "etcd-1")
    await drive.clock.advance(905)
    await drive.run(3)
    assert drive.verdict("leader_changes", "etcd") == Holds()


async def test_an_alarm_is_told_with_the_member_that_it_is_about(start: Start) -> None:
    drive = await start()
    drive.world.alarms.append((drive.world.members["etcd-1"].id, "NOSPACE"))
    await drive.until("alarm_active", "NOSPACE", Broken)
    assert broken(drive, "alarm_active", "NOSPACE").facts["members"] == "etcd-1"
    assert drive.verdict("alarm_active", "CORRUPT") == Holds()
    drive.world.alarms.clear()
    await drive.until("alarm_active", "NOSPACE", Holds)


async def test_data_that_differ_are_told_though_etcd_names_no_member(start: Start) -> None:
    drive = await start()
    drive.world.alarms.append((0, "CORRUPT"))
    await drive.until("alarm_active", "CORRUPT", Broken)
    found = broken(drive, "alarm_active", "CORRUPT")
    assert found.summary == "members' data differ: no member in particular"
    drive.world.alarms.clear()
    await drive.until("alarm_active", "CORRUPT", Holds)


async def test_an_alarm_of_a_kind_that_is_new_can_end_as_well(start: Start) -> None:
    drive = await start()
    drive.world.alarms.append((1, "FLOOD"))
    await drive.until("alarm_active", "FLOOD", Broken)
    assert "raised by 1" in broken(drive, "alarm_active", "FLOOD").summary
    drive.world.alarms.clear()
    await drive.until("alarm_active", "FLOOD", Holds)


async def test_a_full_database_is_a_warning_and_then_critical(start: Start) -> None:
    drive = await start()
    one = drive.world.members["etcd-1"]
    one.db_bytes = 81 << 20
    await drive.until("db_size_quota", "member:etcd-1", Broken)
    found = broken(drive, "db_size_quota", "member:etcd-1")
    assert (found.value, found.threshold, found.severity) == (81.0, 80.0, None)
    assert "would free 71.0 MiB" in found.facts["in use"]
    one.db_bytes = 96 << 20
    await drive.run(3)
    assert broken(drive, "db_size_quota", "member:etcd-1").severity is Severity.CRITICAL


async def test_a_database_without_a_quota_cannot_fill_it(start: Start) -> None:
    async def unlimited(world: EtcdWorld) -> None:
        for one in world.members.values():
            one.quota_bytes, one.db_bytes = -1, 9 << 30

    drive = await start(before=unlimited)
    assert drive.verdict("db_size_quota", "member:etcd-1") == Holds()


async def test_a_learner_that_catches_up_is_no_warning(start: Start) -> None:
    async def add(world: EtcdWorld) -> None:
        world.members["etcd-2"].learner = True
        world.members["etcd-2"].behind = 80_000

    drive = await start(before=add)
    lags = broken(drive, "member_lagging", "member:etcd-2")
    assert (lags.severity, lags.facts["role"]) == (Severity.INFO, "learner")
    drive.world.members["etcd-2"].learner = False
    await drive.run(7)
    lags = broken(drive, "member_lagging", "member:etcd-2")
    assert (lags.severity, lags.facts["role"]) == (None, "voter")


async def test_a_learner_that_is_promoted_counts_in_the_majority(start: Start) -> None:
    async def add(world: EtcdWorld) -> None:
        world.members["etcd-3"].learner = True

    drive = await start(members=4, before=add)
    assert drive.last.quorum.voters == 3
    drive.world.members["etcd-3"].learner = False
    await drive.run(7)
    assert (drive.last.quorum.voters, drive.last.quorum.majority) == (4, 3)
    assert drive.ever() == set()


async def test_a_member_replaced_under_the_same_name_is_the_new_one(start: Start) -> None:
    drive = await start()
    old = drive.world.members["etcd-1"]
    await drive.world.kill("etcd-1")
    await drive.until("member_down", "member:etcd-1", Broken)
    old.id, old.started = 0xB001, False  # removed, and added anew: it has no name before it starts
    await drive.run(7)
    assert "member:etcd-1" in drive.last.removed
    assert broken(drive, "member_down", "member:b001").severity is Severity.WARNING
    old.started = True
    await drive.world.revive("etcd-1")
    await drive.run(15)
    assert drive.broken() == set()
    assert drive.verdict("member_down", "member:etcd-1") == Holds()
    assert "member:b001" in drive.last.removed


async def test_a_quota_that_nobody_says_is_unknown(start: Start) -> None:
    async def hide(world: EtcdWorld) -> None:
        world.members["etcd-1"].without_metrics = True

    drive = await start(before=hide)
    assert drive.verdict("db_size_quota", "member:etcd-1") == Unknown("its quota is not known")
    assert drive.verdict("db_size_quota", "member:etcd-0") == Holds()
    blind = broken(drive, "observer_blind", "member:etcd-1")
    assert "/metrics cannot be read" in blind.summary


@pytest.mark.parametrize(
    ("fsync_s", "commit_s", "severity"),
    [(0.02, 0.004, Severity.INFO), (0.002, 0.03, Severity.INFO), (0.9, 0.004, None)],
)
async def test_a_slow_disk_is_info_from_etcds_advice_and_a_warning_from_its_alerts(
    start: Start, fsync_s: float, commit_s: float, severity: Severity | None
) -> None:
    drive = await start()
    drive.world.members["etcd-1"].fsync_s = fsync_s
    drive.world.members["etcd-1"].commit_s = commit_s
    await drive.run(35)
    found = broken(drive, "fsync_slow", "member:etcd-1")
    assert found.severity is severity
    assert drive.verdict("fsync_slow", "member:etcd-0") == Holds()


async def test_a_disk_that_writes_nothing_is_not_slow(start: Start) -> None:
    drive = await start(periods=Periods(metrics_s=300.0), settle_s=1)
    drive.world.members["etcd-1"].fsync_s = 0.9
    await drive.run(320)
    assert drive.verdict("fsync_slow", "member:etcd-1") == Holds()


async def test_a_follower_far_behind_lags_and_the_leaders_newer_word_is_not_held_against_it(
    start: Start,
) -> None:
    drive = await start()
    drive.world.members["etcd-2"].behind = 6000
    await drive.run(4)
    assert broken(drive, "member_lagging", "member:etcd-2").value == 6000.0
    drive.world.members["etcd-2"].behind = 10
    for _ in range(5):
        drive.world.index += 50_000
        await drive.run(1)
        assert drive.verdict("member_lagging", "member:etcd-1") == Holds()


async def test_versions_that_differ_are_told(start: Start) -> None:
    drive = await start()
    drive.world.members["etcd-1"].version = "3.5.9"
    await drive.run(3)
    found = broken(drive, "version_skew", "cluster")
    assert found.facts == {"behind": "etcd-0, etcd-2", "newest": "3.5.9"}
    assert found.severity is None
    for name in ("etcd-0", "etcd-2"):
        drive.world.members[name].version = "3.5.7"
    await drive.run(3)
    assert broken(drive, "version_skew", "cluster").severity is Severity.INFO


@pytest.mark.parametrize(
    "answer",
    [
        as_text("<html>login</html>"),
        Response(200, b"", ""),
        Response(200, b"\x00" * 2000),
        Response(302, b"", "", {"Location": "http://login.example.com"}),
        as_json({"header": {"cluster_id": "x"}}),
        as_json({"error": "auth", "message": "user name is empty", "code": 3}, 400),
    ],
)
async def test_hostile_answers_are_unknown_and_never_fine_nor_down(
    start: Start, answer: Response
) -> None:
    drive = await start()
    for one in drive.world.members.values():
        one.says["/v3/maintenance/status"] = answer
        one.says["/v3/cluster/member/list"] = answer
        one.says["/metrics"] = answer
    await drive.run(45)
    assert drive.ever() == {("observer_blind", "etcd"), ("observer_blind", "metrics")}
    for name in ("leader_changes", "alarm_active", "version_skew", "fsync_slow"):
        assert name not in {found for found, _, _ in drive.verdicts()}, "its source is stale"


async def test_an_endpoint_of_another_cluster_is_told_and_not_believed(start: Start) -> None:
    other = EtcdWorld(1)
    other.cluster_id = 77
    async with other:
        world_urls: list[str] = []

        async def note(world: EtcdWorld) -> None:
            world_urls.extend(world.urls)

        drive = await start(before=note, settle_s=1)
        both = subject(drive.world, drive.clock, endpoints=(*world_urls, *other.urls))
        mixed = Drive(drive.world, drive.clock, both)
        await mixed.run(5)
        assert {one.name for one in both.members} == set(drive.world.members)
        assert "belongs to another cluster" in broken(mixed, "observer_blind", "etcd").summary
        await both.close()


async def test_a_cluster_made_anew_takes_the_old_ones_place_after_a_while(start: Start) -> None:
    drive = await start()
    drive.world.cluster_id, drive.world.term = 99, 2
    for one in drive.world.members.values():
        one.says.clear()
    await drive.run(6)
    assert drive.last.carry["cluster"] != "63"
    await drive.run(15)
    assert drive.last.carry["cluster"] == "63"
    assert drive.broken() == set()


async def test_what_was_known_is_known_after_a_restart(start: Start) -> None:
    drive = await start()
    for turn in range(4):
        drive.world.elect(f"etcd-{(turn + 1) % 3}")
        await drive.run(2)
    carry = drive.last.carry
    drive.world.gone.add(drive.world.members["etcd-2"].id)
    again = Drive(drive.world, drive.clock, subject(drive.world, drive.clock))
    again.watched.recall(carry)
    await again.run(3)
    assert again.last.removed == {"member:etcd-2"}
    assert broken(again, "leader_changes", "etcd").value == 4.0
    await again.watched.close()


@pytest.mark.parametrize(
    "carry",
    [
        {},
        {"cluster": 5, "urls": [], "names": "x", "leaders": 3},
        {"leaders": {"changes": ["x"]}},
        {"cluster": "zz", "urls": {"zz": 1, "a000": "http://evil:1"}, "names": {"": "x"}},
    ],
)
async def test_a_carry_that_makes_no_sense_is_left_out(
    start: Start, carry: dict[str, object]
) -> None:
    drive = await start(settle_s=0.5)
    again = Drive(drive.world, drive.clock, subject(drive.world, drive.clock))
    again.watched.recall(carry)
    await again.run(20)
    assert again.broken() == set()
    await again.watched.close()


async def test_the_check_names_what_does_not_answer(start: Start) -> None:
    drive = await start(settle_s=0.5)
    assert all(one.ok for one in await drive.watched.check())
    await drive.world.kill("etcd-1")
    bad = [one for one in await drive.watched.check() if not one.ok]
    assert any(drive.world.members["etcd-1"].url in one.what for one in bad)
    assert all(one.fix for one in bad)


async def test_the_pace_can_be_changed(start: Start) -> None:
    drive = await start()
    drive.watched.pace(30.0)
    assert drive.watched.interval_s == 0.5
    await drive.run(40)
    assert drive.broken() == set()


def test_settings_come_from_a_table_with_errors_that_name_the_key() -> None:
    made = settings(
        "conf",
        {
            "endpoints": "a:2379, b:2379",
            "periods": {"probe": "250ms"},
            "invariants": {"no_leader": {"hold": "10s"}},
            "logs": {"a": {"path": "/var/log/etcd.log"}},
        },
    )
    assert made.endpoints == ("a:2379", "b:2379")
    assert made.periods.probe_s == 0.25
    assert made.invariants == {"no_leader": {"hold_s": 10.0}}
    with pytest.raises(Invalid, match="'endpoints' is missing"):
        settings("conf", {})
    with pytest.raises(Invalid, match="unknown key 'endpoint'"):
        settings("conf", {"endpoints": ["a"], "endpoint": "b"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"endpoints": ()}, "at least one endpoint"),
        ({"endpoints": ("ftp://a",)}, "not an address"),
        ({"endpoints": ("http://u:p@a:1",)}, "credentials"),
        ({"logs": {"etcd-0": LogPlace(container="x")}}, "names neither a path nor a container"),
        ({"invariants": {"no_such": {}}}, "There is no invariant"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(changes: dict[str, object], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        subject(EtcdWorld(), ManualClock(), **{"endpoints": ("a:1",), **changes})


async def test_the_program_builds_it_from_its_configuration(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(
        """
        [[subjects]]
        name = "conf"
        kind = "etcd"
        endpoints = ["etcd1:2379", "etcd2:2379"]
        docker = "unix:///var/run/docker.sock"
        containers = {etcd1 = "conf-etcd1"}
        diagnosis = {claude = true}
        [subjects.chaos]
        enabled = true
        drivers = ["docker"]
        [subjects.invariants.member_down]
        severity = "warning"
        """
    )
    blank = Environment.model_construct(**dict.fromkeys(Environment.model_fields))
    (made,) = build_subjects(load(path, env=blank), ManualClock())
    assert (made.name, made.kind) == ("conf", "etcd")
    assert isinstance(made, Breakable)
    assert [one.name for one in made.drivers()] == ["docker"]
    down = next(one for one in made.invariants if one.name == "member_down")
    assert down.severity is Severity.WARNING
    await made.close()
