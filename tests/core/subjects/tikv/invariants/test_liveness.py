from __future__ import annotations

from core.invariant import HOLDS, Broken, Severity, Unknown
from core.subjects.tikv.model import SELF, Life, Liveness, Margin, Restart
from tests.core.subjects.tikv.making import NOW, found, judged, observation, store, verdict


def life(kind: Life, how: str = "its status port refuses connections", **more: object) -> Liveness:
    return Liveness(kind, how, NOW - 12, **more)  # type: ignore[arg-type]  # a test's shorthand


def test_a_store_that_is_gone_is_down_and_the_finding_names_it() -> None:
    seen = observation(lives={2: life(Life.DOWN, leaders=20)}, margin=Margin(0, 1))
    one = found("store_down", "store:2", seen)
    assert one.title == "Store 2 (tikv-2:20160) is down"
    assert one.summary == "down for 12 s: its status port refuses connections"
    assert one.facts["leaders before"] == "20"
    assert one.facts["quorum margin"] == "0: no other store may be lost"
    assert one.severity is None


def test_stores_that_are_up_hold() -> None:
    seen = observation()
    assert judged("store_down", seen).holds == {"store:1", "store:2", "store:3"}


def test_a_store_that_cannot_be_seen_is_neither_down_nor_up() -> None:
    for kind in (Life.UNSEEN, Life.BLIND, Life.AWAY, Life.RECOVERING, Life.LEAVING):
        seen = observation(lives={2: life(kind, "because")})
        assert verdict("store_down", "store:2", seen) == Unknown("because")


def test_a_store_that_only_pd_misses_is_a_warning() -> None:
    one = found("store_down", "store:1", observation(lives={1: life(Life.CUT_OFF)}))
    assert one.severity is Severity.WARNING
    assert "cut off" in one.title


def test_an_announced_restart_that_takes_too_long_is_a_warning() -> None:
    seen = observation(lives={1: life(Life.DOWN, overdue=True)}, margin=Margin(0, 1))
    assert found("store_down", "store:1", seen).severity is Severity.WARNING


def test_an_announced_restart_that_takes_too_long_is_critical_once_a_majority_is_lost() -> None:
    seen = observation(lives={1: life(Life.DOWN, overdue=True)}, margin=Margin(-1, 1))
    assert found("store_down", "store:1", seen).severity is Severity.CRITICAL


def test_an_announced_restart_that_takes_too_long_is_critical_while_another_store_is_down() -> None:
    lives = {1: life(Life.DOWN, overdue=True), 2: life(Life.DOWN)}
    assert found("store_down", "store:1", observation(lives=lives)).severity is Severity.CRITICAL


def test_store_down_pages_at_once() -> None:
    one = judged("store_down", observation()).invariant
    assert (one.hold_s, one.severity) == (0.0, Severity.CRITICAL)


def test_without_an_observation_nothing_is_said_of_stores() -> None:
    one = judged("store_down", observation(readings={SELF: None}))
    assert isinstance(one.verdict("store:1"), Unknown)
    assert not one.holds


def test_an_unannounced_restart_is_told_of_the_store() -> None:
    seen = observation(restarts={3: Restart(NOW - 40, False, 7200.0)})
    one = found("store_restarted", "store:3", seen)
    assert one.title == "Store 3 (tikv-3:20160) was restarted"
    assert "40 s ago, after running for 2 h" in one.summary
    assert verdict("store_restarted", "cluster", seen) is HOLDS


def test_announced_restarts_are_one_finding_of_the_cluster() -> None:
    seen = observation(restarts={1: Restart(NOW - 40, True), 3: Restart(NOW - 9, True)})
    one = judged("store_restarted", seen)
    assert list(one.broken) == ["cluster"]
    assert one.broken["cluster"].title == "2 of 3 stores restarted"


def test_without_restarts_nothing_is_told() -> None:
    one = judged("store_restarted", observation())
    assert one.holds == {"cluster", "store:1", "store:2", "store:3"}


def test_restarts_are_unknown_where_nothing_was_observed() -> None:
    seen = observation(readings={SELF: None})
    assert isinstance(verdict("store_restarted", "cluster", seen), Unknown)


def test_a_title_uses_the_name_that_the_store_has() -> None:
    named = store(4, title="Store 4 (h4)")
    seen = observation(named, lives={4: life(Life.DOWN)})
    assert isinstance(verdict("store_down", "store:4", seen), Broken)
    assert found("store_down", "store:4", seen).title == "Store 4 (h4) is down"
