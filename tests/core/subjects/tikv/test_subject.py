"""The subject over a scripted cluster: real HTTP, and a clock that moves when told to."""

from __future__ import annotations

from typing import Any

import pytest

from core.invariant import HOLDS, Broken, Unknown
from core.subject import Nudges, Subject
from core.subjects.tikv.model import CLUSTER, NODES, SELF
from core.subjects.tikv.settings import Periods
from tests.core.subjects.tikv.conftest import Start
from tests.core.subjects.tikv.driving import Drive, subject
from tests.stub_http import HANG, as_text

FORWARDED = ("/stores", "/members", "/schedulers", "/config/replicate", "/config/rules")
STORE_NAMES = (
    "store_down",
    "store_restarted",
    "store_slow",
    "quorum_margin",
    "low_disk_space",
    "high_latency",
    "region_health",
    "leader_imbalance",
)


def quiet(drive: Drive) -> bool:
    return not drive.broken()


async def test_a_healthy_cluster_has_nothing_broken_and_nothing_unknown(start: Start) -> None:
    drive: Drive = await start(settle_s=35)
    assert drive.ever() == set()
    assert [one for one in drive.verdicts() if one[2] is not HOLDS] == []
    watched: Subject = drive.watched
    assert isinstance(watched, Subject)
    assert isinstance(watched, Nudges)
    assert watched.interval_s == 0.5


async def test_a_store_is_read_anew_only_when_pd_says_something_else_of_it(start: Start) -> None:
    drive: Drive = await start()
    for one in drive.world.stores.values():
        one.beats_until = drive.world.now  # nobody's heartbeat moves from here on
    drive.world.touched()
    await drive.run(4)
    before = drive.last.stores
    drive.world.stores[2].leaders = 7
    drive.world.touched()
    await drive.run(4)
    now = drive.last.stores
    assert [one is two for one, two in zip(before, now, strict=True)] == [True, False, True]
    assert now[1].leaders == 7


async def test_a_killed_store_is_down_within_a_second(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.kill_store(2)
    assert await drive.until("store_down", "store:2", Broken) <= 1.0
    assert drive.verdict("quorum_margin", CLUSTER).value == 0  # type: ignore[union-attr]  # Broken
    assert {name for name, _ in drive.broken()} == {"store_down", "quorum_margin"}


async def test_a_paused_store_is_down_within_two_seconds(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.pause_store(3)
    assert await drive.until("store_down", "store:3", Broken) <= 2.0


async def test_a_store_that_is_started_again_resolves_once_it_is_whole(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.kill_store(2)
    await drive.run(25)
    assert "PD confirms" in drive.verdict("store_down", "store:2").summary  # type: ignore[union-attr]
    drive.world.stores[2].leaders = 0
    await drive.world.revive(2)
    drive.forget()
    await drive.run(12)
    assert "leaders" in drive.verdict("store_down", "store:2").reason  # type: ignore[union-attr]
    assert drive.verdict("quorum_margin", CLUSTER) is HOLDS
    drive.world.stores[2].leaders = 20
    drive.world.touched()
    await drive.run(3)
    assert drive.verdict("store_down", "store:2") is HOLDS
    assert drive.ever("store_restarted") == set()


async def test_two_of_three_stores_gone_lose_the_majority(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.kill_store(1)
    await drive.run(3)
    await drive.world.kill_store(2)
    await drive.run(3)
    margin = drive.verdict("quorum_margin", CLUSTER)
    assert isinstance(margin, Broken)
    assert margin.value == -1


async def test_with_more_stores_than_replicas_the_regions_themselves_are_counted(
    start: Start,
) -> None:
    drive: Drive = await start(stores=6)
    await drive.world.kill_store(1)
    await drive.run(3)
    margin = drive.last.margin
    assert (margin.value, margin.at_most) == (0, False)
    assert margin.breakers
    assert 1 not in margin.breakers


async def test_a_quick_restart_is_told_and_clears_by_itself(start: Start) -> None:
    drive: Drive = await start(periods=Periods(probe_s=5))
    await drive.world.restart_store(2)
    await drive.run(10)
    assert drive.ever() == {("store_restarted", "store:2")}
    await drive.run(300)
    assert quiet(drive)


async def test_an_announced_rolling_restart_is_one_finding(start: Start) -> None:
    drive: Drive = await start()
    for number in (1, 2, 3):
        drive.world.pd.evicting.add(number)
        drive.world.stores[number].leaders = 0
        await drive.run(5)
        await drive.world.kill_store(number)
        await drive.run(10)
        await drive.world.revive(number)
        await drive.run(15)
        drive.world.pd.evicting.discard(number)
        drive.world.stores[number].leaders = 20
    assert drive.ever() == {("store_restarted", CLUSTER)}
    found = drive.verdict("store_restarted", CLUSTER)
    assert found.title == "3 of 3 stores restarted"  # type: ignore[union-attr]
    await drive.run(310)
    assert quiet(drive)


async def test_a_store_that_does_not_come_back_from_an_announced_restart(start: Start) -> None:
    drive: Drive = await start()
    drive.world.pd.evicting.add(2)
    await drive.run(5)
    await drive.world.kill_store(2)
    await drive.run(115)
    assert drive.ever() == set()
    assert isinstance(drive.verdict("store_down", "store:2"), Unknown)
    await drive.run(10)
    found = drive.verdict("store_down", "store:2")
    assert isinstance(found, Broken)
    assert found.severity == "warning"
    assert ("quorum_margin", CLUSTER) in drive.broken()


async def no_leader(drive: Drive) -> None:
    drive.world.pd.no_leader()


async def killed(drive: Drive) -> None:
    await drive.world.pd.refuse(0)
    drive.world.pd.no_leader()


async def paused(drive: Drive) -> None:
    """Followers answer /ping, and whatever they have to ask the leader for hangs."""
    drive.world.pd.hang(0)
    for path in FORWARDED:
        drive.world.pd.answers[path] = HANG


@pytest.mark.parametrize("fault", [no_leader, killed, paused])
async def test_a_pd_leader_that_is_lost_opens_no_ticket_of_a_store(
    start: Start, fault: Any
) -> None:
    """The recorded timelines: 11 to 14 s without answers, then every store reads Disconnected."""
    drive: Drive = await start()
    await fault(drive)
    await drive.run(13)
    assert ("pd_no_leader", "pd") in drive.broken()
    assert isinstance(drive.verdict("leader_imbalance", CLUSTER), Unknown)
    await drive.clock.advance(10.5 - drive.world.now % 10)
    drive.world.pd.answers.clear()
    await drive.world.pd.ok()
    drive.world.pd.change_leader(1)
    await drive.run(3)
    states = {one.state for one in drive.last.stores}
    assert states == {"Disconnected"}
    await drive.run(30)
    assert drive.ever(*STORE_NAMES) == set()
    assert {name for name, _ in drive.ever()} <= {
        "pd_no_leader",
        "pd_member_down",
        "observer_blind",
    }
    assert quiet(drive)


async def test_quorum_lost_is_a_finding_of_pd_alone_and_probes_go_on(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.pd.refuse(0, 1)
    drive.world.pd.no_leader(slow=True)
    await drive.run(20)
    assert drive.ever(*STORE_NAMES) == set()
    assert {("pd_no_leader", "pd"), ("pd_member_down", "pd:pd-0")} <= drive.broken()
    assert ("pd_member_down", "pd:pd-2") not in drive.broken()
    await drive.world.kill_store(1)
    assert await drive.until("store_down", "store:1", Broken) <= 2.0


async def test_pd_away_ends_no_outage(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.kill_store(2)
    await drive.run(3)
    await drive.world.pd.refuse()
    await drive.run(30)
    assert isinstance(drive.verdict("store_down", "store:2"), Broken)
    await drive.world.revive(2)
    await drive.run(10)
    assert isinstance(drive.verdict("store_down", "store:2"), Unknown)


async def test_when_everything_refuses_us_no_store_is_called_down(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.pd.refuse()
    for number in drive.world.stores:
        await drive.world.cut_off(number)
    await drive.run(25)
    assert drive.ever("store_down", "quorum_margin", "pd_no_leader") == set()
    assert {("observer_blind", "pd"), ("observer_blind", NODES)} <= drive.broken()


async def test_stores_that_only_we_cannot_reach_are_not_down(start: Start) -> None:
    drive: Drive = await start()
    for number in drive.world.stores:
        await drive.world.cut_off(number)
    await drive.run(40)
    assert drive.ever("store_down", "quorum_margin") == set()
    assert ("observer_blind", NODES) in drive.broken()
    for number in drive.world.stores:
        await drive.world.rejoin(number)
    await drive.run(15)
    assert quiet(drive)
    assert drive.verdict("store_down", "store:1") is HOLDS


async def test_a_store_that_calls_itself_busy_is_told_though_pd_calls_it_up(start: Start) -> None:
    drive: Drive = await start()
    drive.world.stores[1].is_busy = True
    drive.world.touched()
    await drive.run(5)
    assert drive.broken() == {("store_slow", "store:1")}


async def test_slow_requests_are_seen_in_the_nodes_own_metrics(start: Start) -> None:
    drive: Drive = await start(settle_s=35)
    drive.world.stores[2].slow_requests("kv_get", 0.2)
    await drive.run(35)
    assert drive.broken() == {("high_latency", "store:2")}
    drive.world.stores[2].slow_requests("kv_get", 0.0)
    await drive.run(35)
    assert quiet(drive)


async def test_a_slow_scan_pages_nobody(start: Start) -> None:
    drive: Drive = await start(settle_s=35)
    drive.world.stores[2].slow_requests("coprocessor", 1.0)
    await drive.run(35)
    assert quiet(drive)


async def test_a_disk_that_fills_is_told(start: Start) -> None:
    drive: Drive = await start()
    drive.world.stores[3].available = "20GiB"
    drive.world.touched()
    await drive.run(20)
    assert drive.broken() == {("low_disk_space", "store:3")}


async def test_a_store_taken_out_is_removed_by_pds_word(start: Start) -> None:
    drive: Drive = await start(stores=4)
    drive.world.offline(4)
    await drive.run(10)
    drive.world.stores[4].peers = 0
    drive.world.touched()
    await drive.run(3)
    drive.world.tombstone(4)
    await drive.world.kill_store(4)
    await drive.run(5)
    assert "store:4" in drive.last.removed
    assert drive.ever("store_down", "quorum_margin", "observer_blind") == set()
    assert len(drive.last.stores) == 3


async def test_a_store_that_only_vanished_is_not_removed(start: Start) -> None:
    drive: Drive = await start(stores=4)
    drive.world.pd.answers["/store/4"] = as_text("oops", 500)
    await drive.world.stores[4].server.stop()
    drive.world.forget(4)
    await drive.run(10)
    assert drive.last.removed == frozenset()
    assert isinstance(drive.verdict("store_down", "store:4"), Unknown)
    del drive.world.pd.answers["/store/4"]
    await drive.run(5)
    assert drive.last.removed == {"store:4"}


async def test_a_list_that_shrinks_by_half_is_not_all_well(start: Start) -> None:
    drive: Drive = await start(stores=4)
    for number in (3, 4):
        drive.world.pd.answers[f"/store/{number}"] = as_text("oops", 500)
        await drive.world.stores[number].server.stop()
        drive.world.forget(number)
    await drive.run(5)
    assert ("observer_blind", "pd") in drive.broken()
    assert drive.last.removed == frozenset()


async def test_a_hanging_pd_delays_no_probe(start: Start) -> None:
    drive: Drive = await start()
    drive.world.pd.hang()
    began = drive.clock.monotonic()
    for _ in range(10):
        before = drive.clock.monotonic()
        await drive.look()
        assert drive.clock.monotonic() - before <= 0.51
        await drive.clock.advance(max(0.5 - (drive.clock.monotonic() - before), 0.01))
    sights = drive.watched._parts.probing.sights
    assert all(one.last is not None and one.last > began + 4 for one in sights.values())


async def test_the_number_of_requests_does_not_depend_on_the_number_of_stores(
    start: Start,
) -> None:
    counted = []
    for stores in (3, 30):
        drive: Drive = await start(stores=stores)
        before = drive.world.pd.requests
        await drive.run(20)
        counted.append(drive.world.pd.requests - before)
    assert counted[0] == counted[1]
    assert counted[0] <= 70


async def test_a_step_of_the_wall_clock_changes_nothing(start: Start) -> None:
    drive: Drive = await start(settle_s=35)
    for step in (3600, -7200):
        drive.clock.step_wall(step)
        await drive.look()
        assert quiet(drive)
    await drive.world.kill_store(2)
    await drive.run(1)
    drive.clock.step_wall(3600)
    await drive.run(1)
    assert isinstance(drive.verdict("store_down", "store:2"), Broken)


async def test_what_was_down_before_a_restart_of_ours_is_known_after_it(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.kill_store(2)
    await drive.run(3)
    carry = drive.last.carry
    assert set(carry["incidents"]) == {"2"}
    again = Drive(drive.world, drive.clock, subject(drive.world, drive.clock))
    again.watched.recall(carry)
    await again.look()
    assert not isinstance(again.verdict("store_down", "store:2"), type(HOLDS))
    await again.run(2)
    assert isinstance(again.verdict("store_down", "store:2"), Broken)
    await again.watched.close()


async def test_what_is_carried_changes_only_when_something_happens(start: Start) -> None:
    drive: Drive = await start()
    carries = []
    await drive.run(30, lambda: carries.append(drive.last.carry))
    assert all(one is carries[0] for one in carries)


async def test_a_cluster_that_no_store_ever_joined_is_quiet(start: Start) -> None:
    drive: Drive = await start(settle_s=1, stores=0)
    drive.world.pd.not_bootstrapped()
    await drive.run(30)
    assert drive.ever() == set()
    assert drive.last.stores == ()


async def test_a_lost_connection_is_a_reason_to_look_at_once(start: Start) -> None:
    drive: Drive = await start()
    await drive.world.kill_store(2)
    await drive.watched.nudged()
    await drive.look()
    assert isinstance(drive.verdict("store_down", "store:2"), Broken)


async def test_every_invariant_has_words_for_its_user(start: Start) -> None:
    drive: Drive = await start(settle_s=1)
    for one in drive.watched.invariants:
        assert "Why it matters:" in one.doc
        assert "What to do first:" in one.doc
        assert one.source == SELF or one.source in drive.last.readings
