"""The truth table of liveness: what probes, PD and Docker say, and what follows from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from core.subjects.sight import Look, Sight
from core.subjects.tikv.evidence import Death, Evidence
from core.subjects.tikv.fusion import Fusion
from core.subjects.tikv.model import DISCONNECTED, DOWN, OFFLINE, Life, Liveness, Store
from core.subjects.tikv.settings import Guards
from core.subjects.tikv.trust import Trust
from tests.core.subjects.tikv.making import store

WALL = 1_800_000_000.0


class Table:
    """Three stores that have been well for a minute; each test changes what it is about."""

    def __init__(self, many: int = 3) -> None:
        self.mono = 1000.0
        self.guards = Guards()
        self.trust = Trust(self.guards)
        self.fusion = Fusion(self.guards, self.trust)
        self.stores: dict[int, Store] = {n: store(n) for n in range(1, many + 1)}
        self.sights: dict[int, Sight] = {n: Sight() for n in self.stores}
        self.announced: frozenset[int] = frozenset()
        self.deaths: dict[int, Death] = {}
        self.pd_fresh = True
        self.pd_answered = self.mono
        self.beating = set(self.stores)
        self.looks: dict[int, Look] = dict.fromkeys(self.stores, Look.OK)
        self.trust.note_leader("pd-0", self.mono)
        self.run(60)

    @property
    def at(self) -> float:
        return WALL + self.mono

    def tick(self, seconds: float = 0.5, *, confirm: bool = True) -> dict[int, Liveness]:
        self.mono += seconds
        for key, look in self.looks.items():
            double = 2 if look is Look.REFUSED and confirm else 1
            self.sights[key].note(look, f"is {look}", self.mono, count=double)
        for key in self.beating:
            beat = self.at // 10 * 10
            if beat > (self.stores[key].heartbeat_at or 0):
                self.stores[key] = structs.replace(self.stores[key], heartbeat_at=beat)
        listed = tuple(self.stores.values())
        if self.pd_fresh:
            self.pd_answered = self.mono
            self.trust.note_stores(listed, self.mono, self.at)
        return self.fusion.lives(self.evidence(listed))

    def evidence(self, listed: tuple[Store, ...]) -> Evidence:
        return Evidence(
            at=self.at,
            mono=self.mono,
            stores=listed,
            sights=self.sights,
            probe_s=0.5,
            pd_fresh=self.pd_fresh,
            pd_began=self.mono if self.pd_fresh else self.mono - 60,
            pd_answered=self.pd_answered,
            announced=self.announced,
            deaths=self.deaths,
        )

    def run(self, seconds: float) -> dict[int, Liveness]:
        lives: dict[int, Liveness] = {}
        for _ in range(int(seconds * 2)):
            lives = self.tick()
        return lives

    def change(self, key: int, **changes: Any) -> None:
        self.stores[key] = structs.replace(self.stores[key], **changes)

    def kill(self, key: int, look: Look = Look.REFUSED) -> None:
        self.looks[key] = look
        self.beating.discard(key)

    def start(self, key: int) -> None:
        self.looks[key] = Look.OK
        self.beating.add(key)

    def blind(self, *keys: int, look: Look = Look.HUNG) -> None:
        """We cannot reach them; they are well."""
        for key in keys or self.stores:
            self.looks[key] = look


def test_stores_that_answer_and_beat_are_up() -> None:
    assert Table().tick() == {}


def test_a_refused_store_is_down_at_once() -> None:
    table = Table()
    table.kill(2)
    lives = table.tick()
    assert {key: one.life for key, one in lives.items()} == {2: Life.DOWN}
    assert lives[2].away
    assert lives[2].leaders == 20


def test_one_failed_probe_is_not_enough() -> None:
    table = Table()
    table.kill(2, Look.HUNG)
    assert table.tick()[2].life is Life.UNSEEN
    assert table.tick()[2].life is Life.DOWN


def test_a_single_hiccup_leaves_nothing_behind() -> None:
    table = Table()
    table.looks[2] = Look.HUNG
    table.tick()
    table.looks[2] = Look.OK
    assert table.tick() == {}
    assert not table.fusion.incidents


def test_a_store_dies_while_pd_is_away_and_another_store_answers() -> None:
    table = Table()
    table.pd_fresh = False
    table.pd_answered -= 60
    table.kill(2)
    assert table.tick()[2].life is Life.DOWN


def test_when_nothing_at_all_answers_we_are_blind() -> None:
    table = Table()
    table.pd_fresh = False
    table.pd_answered -= 60
    table.blind()
    table.tick()
    lives = table.run(120)
    assert {one.life for one in lives.values()} == {Life.BLIND}
    assert not table.fusion.incidents


def test_all_stores_at_once_while_pd_hears_their_heartbeats_is_our_own_fault() -> None:
    table = Table()
    table.blind()
    for _ in range(240):
        lives = table.tick()
        assert not {one.life for one in lives.values()} - {Life.BLIND, Life.UNSEEN}
    table.blind(look=Look.OK)
    table.run(5)
    assert table.tick() == {}


def test_all_stores_at_once_without_heartbeats_are_down_once_pd_can_tell() -> None:
    table = Table()
    for key in table.stores:
        table.kill(key)
    waited = 0.0
    while {one.life for one in table.tick().values()} != {Life.DOWN}:
        waited += 0.5
        assert waited < 30
    assert waited >= 12


def test_the_last_two_of_three_stores_die_one_after_the_other() -> None:
    table = Table()
    for key in (1, 2, 3):
        table.kill(key)
        assert table.tick()[key].life is Life.DOWN
        table.run(20)


def test_a_lone_store_is_down_at_once() -> None:
    table = Table(many=1)
    table.kill(1)
    assert table.tick()[1].life is Life.DOWN


def test_a_host_that_we_cannot_reach_is_not_an_outage_once_pd_hears_its_stores() -> None:
    table = Table(many=4)
    for key in (1, 2):
        table.stores[key] = store(key, host="a")
        table.looks[key] = Look.HUNG
    table.tick()
    assert table.tick()[1].life is Life.DOWN
    lives = table.run(25)
    assert {key: one.life for key, one in lives.items()} == {1: Life.BLIND, 2: Life.BLIND}


def test_a_silent_status_port_beside_a_live_neighbour_is_a_store_cut_off() -> None:
    table = Table()
    for key in (1, 2):
        table.stores[key] = store(key, host="a")
    table.looks[1] = Look.REFUSED
    assert table.tick()[1].life is Life.DOWN
    assert table.run(25)[1].life is Life.CUT_OFF


def test_a_store_that_never_answered_proves_nothing_by_silence() -> None:
    table = Table()
    table.sights[2] = Sight()
    table.looks[2] = Look.REFUSED
    assert table.run(60) == {}


def test_pd_alone_is_enough_where_no_probe_is_possible() -> None:
    table = Table()
    table.sights[2] = Sight()
    table.looks[2] = Look.BLIND
    table.beating.discard(2)
    assert table.run(15) == {}
    table.change(2, state=DISCONNECTED)
    assert table.run(15)[2].life is Life.DOWN
    assert table.fusion.incidents[2].by == "pd"


def test_what_pd_alone_told_ends_with_pd_alone() -> None:
    table = Table()
    table.looks[2] = Look.BLIND
    table.beating.discard(2)
    table.change(2, state=DISCONNECTED)
    table.run(25)
    table.beating.add(2)
    table.change(2, state="Up")
    table.run(12)
    assert table.tick() == {}


@pytest.mark.parametrize("state", [DISCONNECTED, DOWN])
def test_a_store_that_answers_us_but_not_pd_is_cut_off(state: str) -> None:
    table = Table()
    table.beating.discard(2)
    table.change(2, state=state)
    lives = table.run(25)
    assert lives[2].life is Life.CUT_OFF
    assert not lives[2].away


def test_after_a_change_of_pds_leader_its_states_are_not_believed() -> None:
    table = Table()
    table.trust.note_leader("pd-1", table.mono)
    for key in table.stores:
        table.change(key, state=DISCONNECTED, heartbeat_at=table.at - 200)
    table.beating.clear()
    for _ in range(36):
        assert {one.life for one in table.tick().values()} == {Life.UNSEEN}
    table.beating.update(table.stores)
    for key in table.stores:
        table.change(key, state="Up")
    assert table.tick() == {}


def test_every_store_disconnected_at_once_is_believed_only_when_it_lasts() -> None:
    table = Table()
    table.looks = dict.fromkeys(table.stores, Look.BLIND)
    table.beating.clear()
    for key in table.stores:
        table.change(key, state=DISCONNECTED)
    for _ in range(110):
        assert {one.life for one in table.tick().values()} == {Life.UNSEEN}
    assert {one.life for one in table.run(15).values()} == {Life.DOWN}


def test_a_store_silent_for_longer_than_pd_persists_is_believed_at_once() -> None:
    table = Table()
    table.looks[2] = Look.BLIND
    table.beating.discard(2)
    table.change(2, state=DISCONNECTED, heartbeat_at=table.at - 500)
    table.trust.note_leader("pd-1", table.mono)
    assert table.tick()[2].life is Life.DOWN


def test_a_store_that_pd_heard_from_lately_is_not_silent() -> None:
    table = Table()
    table.looks[2] = Look.BLIND
    table.change(2, state=DISCONNECTED)
    assert table.tick()[2].life is Life.UNSEEN


def test_a_leaving_store_that_goes_silent_is_not_down() -> None:
    table = Table()
    table.change(2, leaving=True, state=OFFLINE)
    table.kill(2)
    lives = table.run(30)
    assert lives[2].life is Life.LEAVING
    assert lives[2].away


def test_a_leaving_store_that_answers_is_up() -> None:
    table = Table()
    table.change(2, leaving=True, state=OFFLINE)
    assert table.run(5) == {}


def test_an_announced_restart_may_take_two_minutes() -> None:
    table = Table()
    table.announced = frozenset({2})
    table.kill(2)
    lives = table.tick()
    assert lives[2].life is Life.AWAY
    assert lives[2].away
    assert table.run(119)[2].life is Life.AWAY
    late = table.run(2)[2]
    assert (late.life, late.overdue) == (Life.DOWN, True)


def test_an_announced_restart_that_comes_back_in_time_was_never_an_outage() -> None:
    table = Table()
    table.announced = frozenset({2})
    table.kill(2)
    table.run(30)
    table.start(2)
    table.run(15)
    assert table.tick() == {}
    assert not table.fusion.closed


def test_docker_tells_of_a_death_before_any_probe() -> None:
    table = Table()
    table.deaths[2] = Death(table.mono + 0.6, "its container ended with exit code 137")
    lives = table.tick()
    assert lives[2].life is Life.DOWN
    assert "137" in lives[2].how


def test_a_graceful_stop_announces_itself() -> None:
    table = Table()
    table.deaths[2] = Death(table.mono + 0.6, "its container was stopped", graceful=True)
    assert table.tick()[2].life is Life.AWAY


def test_an_old_death_of_a_store_that_answers_again_means_nothing() -> None:
    table = Table()
    table.deaths[2] = Death(table.mono - 5, "its container ended")
    assert table.tick() == {}


def test_a_store_that_came_back_counts_once_everything_is_back() -> None:
    table = Table()
    table.kill(2)
    table.run(30)
    table.change(2, leaders=0, state=DISCONNECTED)
    table.start(2)
    seen = [table.tick()[2] for _ in range(3)]
    assert {one.life for one in seen} == {Life.RECOVERING}
    assert [one.away for one in seen] == [True, True, False]
    table.change(2, state="Up")
    table.run(12)
    waiting = table.tick()[2]
    assert waiting.how == "recovering: 0 of its 20 leaders are back"
    table.change(2, leaders=16)
    assert table.tick() == {}
    assert 2 in table.fusion.closed


def test_leaders_that_do_not_come_back_are_waited_for_five_minutes() -> None:
    table = Table()
    table.kill(2)
    table.run(5)
    table.change(2, leaders=0)
    table.start(2)
    assert table.run(280)[2].life is Life.RECOVERING
    assert table.run(40) == {}


def test_a_store_with_few_leaders_does_not_wait_for_them() -> None:
    table = Table()
    table.change(2, leaders=9)
    table.kill(2)
    table.run(5)
    table.change(2, leaders=0)
    table.start(2)
    assert table.run(20) == {}


def test_pd_up_alone_does_not_end_an_outage() -> None:
    """A hung TiKV sends forced heartbeats: Up is not health."""
    table = Table()
    for key in (1, 2):
        table.stores[key] = store(key, host="a")
    table.looks[2] = Look.HUNG
    table.run(60)
    assert 2 in table.fusion.incidents


def test_a_probe_alone_does_not_end_an_outage() -> None:
    table = Table()
    table.kill(2)
    table.run(30)
    table.looks[2] = Look.OK
    assert table.run(60)[2].life is Life.RECOVERING


def test_whoever_answers_on_a_dead_stores_port_is_not_the_store_until_pd_hears_from_it() -> None:
    """Addresses are given anew, and a status port does not say whose it is."""
    table = Table()
    table.kill(2)
    table.run(30)
    table.change(2, state=DISCONNECTED)
    table.looks[2] = Look.OK
    for _ in range(120):
        assert table.tick()[2].away
    found = table.run(60)[2]
    assert (found.life, found.away) == (Life.DOWN, True)
    assert found.how.endswith("its status port answers again, perhaps for another process")


def test_a_store_that_pd_hears_again_is_itself() -> None:
    table = Table()
    table.kill(2)
    table.run(150)
    table.change(2, state=DISCONNECTED, leaders=0)
    table.looks[2] = Look.OK
    assert table.run(5)[2].life is Life.DOWN
    table.start(2)
    table.change(2, state="Up")
    found = table.run(11)[2]
    assert (found.life, found.away) == (Life.RECOVERING, False)


def test_pd_away_ends_no_outage() -> None:
    table = Table()
    table.kill(2)
    table.run(5)
    table.pd_fresh = False
    table.pd_answered -= 60
    table.start(2)
    assert table.run(120)[2].life is Life.RECOVERING


def test_a_store_that_refuses_while_it_replays_its_log_stays_the_same_outage() -> None:
    table = Table()
    table.kill(2)
    table.run(10)
    since = table.fusion.incidents[2].since
    table.beating.add(2)
    for key in (1, 2):
        one = table.stores[key]
        table.stores[key] = structs.replace(one, who=replace(one.who, host="a"))
    table.run(30)
    assert table.fusion.incidents[2].since == since
    table.looks[2] = Look.OK
    assert table.run(5) == {}


def test_what_is_gone_for_good_is_forgotten() -> None:
    table = Table()
    table.kill(2)
    table.tick()
    table.fusion.forget(frozenset({2}))
    assert not table.fusion.incidents


def test_the_last_store_that_a_new_pd_leader_waits_for_is_not_down() -> None:
    """Its neighbours sent their next heartbeat already: it is the only one still Disconnected."""
    table = Table()
    table.looks[2] = Look.BLIND
    table.beating.discard(2)
    table.change(2, state=DISCONNECTED, heartbeat_at=table.at - 200)
    table.trust.note_leader("pd-1", table.mono)
    for _ in range(39):
        assert table.tick()[2].life is Life.UNSEEN
    assert table.run(2)[2].life is Life.DOWN


def test_three_probes_are_needed_though_pd_has_heard_from_it_already() -> None:
    table = Table()
    table.kill(2)
    table.run(5)
    table.change(2, heartbeat_at=table.at + 5)
    table.start(2)
    assert [table.tick().get(2) is None for _ in range(3)] == [False, False, True]
