from __future__ import annotations

from core.subjects.tikv.evidence import Incident
from core.subjects.tikv.restarts import Announcements, Restarts, told_down
from core.subjects.tikv.settings import Guards
from tests.core.subjects.tikv.making import NOW, store

NONE: frozenset[int] = frozenset()


def restarted(announced: frozenset[int] = NONE, told: frozenset[int] = NONE) -> Restarts:
    one = Restarts(Guards())
    one.note([store(1, started_at=int(NOW) - 900)], 100.0, NOW, NONE, NONE)
    one.note([store(1, started_at=int(NOW))], 110.0, NOW + 10, announced, told)
    return one


def test_a_new_start_time_is_a_restart() -> None:
    found = restarted().visible(110.0)[1]
    assert (found.announced, found.uptime_before_s) == (False, 900.0)


def test_the_first_start_time_is_no_restart() -> None:
    one = Restarts(Guards())
    one.note([store(1)], 100.0, NOW, NONE, NONE)
    assert one.visible(100.0) == {}


def test_a_store_that_was_called_down_is_not_told_again() -> None:
    assert restarted(told=frozenset({1})).visible(110.0) == {}


def test_a_restart_clears_after_five_minutes() -> None:
    one = restarted()
    assert one.visible(409.0)
    assert one.visible(410.0) == {}


def test_a_rolling_restart_stays_until_its_last_store_is_old() -> None:
    one = restarted(announced=frozenset({1}))
    later = [store(1, started_at=int(NOW)), store(2)]
    one.note(later, 120.0, NOW + 20, NONE, NONE)
    later[1] = store(2, started_at=int(NOW) + 200)
    one.note(later, 310.0, NOW + 210, frozenset({2}), NONE)
    assert set(one.visible(500.0)) == {1, 2}
    assert one.visible(610.0) == {}


def test_a_rolling_restart_goes_on_while_the_next_store_is_drained() -> None:
    one = restarted(announced=frozenset({1}))
    assert set(one.visible(3000.0, rolling=True)) == {1}
    assert one.visible(3001.0) == {}
    assert restarted().visible(500.0, rolling=True) == {}


def test_a_restart_of_long_ago_is_no_news() -> None:
    one = Restarts(Guards())
    one.started[1] = int(NOW) - 9000
    one.note([store(1, started_at=int(NOW) - 3600)], 5.0, NOW, NONE, NONE)
    assert one.visible(5.0) == {}


def test_a_store_without_a_start_time_says_nothing() -> None:
    one = Restarts(Guards())
    one.note([store(1, started_at=None)], 100.0, NOW, NONE, NONE)
    assert one.started == {}


def test_what_is_evicted_is_announced_and_for_a_moment_after() -> None:
    one = Announcements(Guards())
    one.note([4], 100.0)
    assert one.within(100.0) == {4}
    assert one.within(131.0) == NONE
    assert one.within(131.0, 300.0) == {4}


def test_an_eviction_left_behind_announces_nothing() -> None:
    one = Announcements(Guards())
    for mono in range(0, 3700, 2):
        one.note([4], float(mono))
    assert one.within(3698.0) == NONE


def test_who_was_called_down_is_remembered_for_a_while() -> None:
    down = Incident(0.0, NOW, "gone", "probe", told=True)
    away = Incident(0.0, NOW, "away", "probe")
    assert told_down({1: down, 2: away}, {3: 50.0, 4: 10.0}, 100.0, 60.0) == {1, 3}
