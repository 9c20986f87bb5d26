from __future__ import annotations

import pytest

from core.invariant import HOLDS, Broken, Reading, Unknown
from core.subjects.tikv.model import NODES, SELF, SOURCE_METRICS, SOURCE_PD, Life, Liveness
from tests.core.subjects.tikv.making import NOW, found, judged, observation, verdict


def test_a_pd_that_cannot_be_read_is_told() -> None:
    seen = observation(readings={SOURCE_PD: Reading(NOW - 30, 2.0, "pd1:2379 refused")})
    one = found("observer_blind", "pd", seen)
    assert one.title == "PD cannot be read"
    assert one.summary == "pd1:2379 refused; last read 30 s ago"


@pytest.mark.parametrize(("age_s", "broken"), [(4.0, False), (4.01, True)])
def test_a_reading_counts_for_two_periods(age_s: float, broken: bool) -> None:
    seen = observation(readings={SOURCE_PD: Reading(NOW - age_s, 2.0)})
    assert isinstance(verdict("observer_blind", "pd", seen), Broken) is broken


def test_a_source_that_was_not_asked_yet_is_unknown() -> None:
    seen = observation(readings={SOURCE_PD: Reading(None, 2.0)})
    assert isinstance(verdict("observer_blind", "pd", seen), Unknown)


def test_a_source_that_never_answered_is_told() -> None:
    seen = observation(readings={SOURCE_PD: Reading(None, 2.0, "refused")})
    assert "never read so far" in found("observer_blind", "pd", seen).summary


def test_prometheus_counts_only_where_there_is_one() -> None:
    aged = {SOURCE_METRICS: Reading(NOW - 60, 15.0, "503")}
    assert "prometheus" not in judged("observer_blind", observation(readings=aged)).broken
    seen = observation(readings=aged, has_prometheus=True)
    assert found("observer_blind", "prometheus", seen).title == "Prometheus cannot be read"


def test_a_node_that_cannot_be_reached_is_told() -> None:
    seen = observation(blind={"store:2": "no such name"})
    one = found("observer_blind", "store:2", seen)
    assert one.title == "Store 2 (tikv-2:20160) cannot be seen from here"
    assert verdict("observer_blind", "store:1", seen) is HOLDS


def test_when_no_node_can_be_reached_that_is_one_finding() -> None:
    blind = {f"store:{n}": "no such name" for n in (1, 2, 3)} | {NODES: "none of 3"}
    one = judged("observer_blind", observation(blind=blind))
    assert set(one.broken) == {NODES}
    assert set(one.unknown) == {"store:1", "store:2", "store:3"}


def test_a_node_that_was_not_looked_at_does_not_count_as_seen() -> None:
    seen = observation(unprobed=frozenset({1}))
    assert isinstance(verdict("observer_blind", "store:1", seen), Unknown)
    assert isinstance(verdict("observer_blind", NODES, seen), Unknown)
    down = observation(lives={1: Liveness(Life.DOWN, "gone", NOW, away=True)})
    assert isinstance(verdict("observer_blind", "store:1", down), Unknown)


def test_a_list_of_stores_that_shrank_is_told_and_all_is_not_well() -> None:
    one = found("observer_blind", "pd", observation(shrunk="PD lists 1 stores"))
    assert one.title == "PD's list of stores shrank suddenly"


def test_everything_in_sight_holds() -> None:
    one = judged("observer_blind", observation(has_prometheus=True))
    assert one.holds == {"pd", "prometheus", "nodes", "store:1", "store:2", "store:3"}


def test_without_an_observation_even_blindness_is_unknown() -> None:
    assert isinstance(verdict("observer_blind", "pd", observation(readings={SELF: None})), Unknown)
