from __future__ import annotations

import pytest

from core.invariant import HOLDS, Broken, Reading, Unknown
from core.subjects.tikv.model import SOURCE_PD, Restart
from tests.core.subjects.tikv.making import NOW, found, observation, store, verdict


def leaders(*counts: int) -> list[object]:
    return [store(n, leaders=count) for n, count in enumerate(counts, 1)]


@pytest.mark.parametrize(
    ("counts", "broken"),
    [
        ((100, 100, 100), False),
        ((125, 100, 75), False),
        ((126, 100, 74), True),
        ((300, 0, 0), True),
    ],
)
def test_leaders_further_apart_than_half_the_mean_are_told(
    counts: tuple[int, ...], broken: bool
) -> None:
    said = verdict("leader_imbalance", "cluster", observation(*leaders(*counts)))
    assert isinstance(said, Broken) is broken


def test_the_finding_names_both_ends() -> None:
    seen = observation(*leaders(300, 20, 10), schedulers=frozenset())
    one = found("leader_imbalance", "cluster", seen)
    assert one.facts == {
        "most": "Store 1 (tikv-1:20160): 300",
        "fewest": "Store 3 (tikv-3:20160): 10",
        "balance-leader-scheduler": "not loaded",
    }


def test_weights_are_taken_into_account() -> None:
    seen = observation(store(1, leaders=200, leader_weight=2.0), store(2, leaders=100))
    assert verdict("leader_imbalance", "cluster", seen) is HOLDS


def test_small_clusters_do_not_count() -> None:
    assert verdict("leader_imbalance", "cluster", observation(*leaders(50, 0, 0))) is HOLDS


def test_stores_that_cannot_take_leaders_do_not_count() -> None:
    base = [store(1, leaders=100), store(2, leaders=100)]
    for other in (
        store(3, leaders=0, evicting=True),
        store(3, leaders=0, leaving=True, state="Offline"),
        store(3, leaders=0, busy=True),
        store(3, leaders=0, slow_score=100),
        store(3, leaders=0, leader_weight=0.0),
        store(3, leaders=0, tiflash=True),
    ):
        assert verdict("leader_imbalance", "cluster", observation(*base, other)) is HOLDS
    third = store(3, leaders=0)
    seen = observation(*base, third, restarts={3: Restart(NOW - 9, True)})
    assert verdict("leader_imbalance", "cluster", seen) is HOLDS
    evicted = observation(*base, third, evicting=frozenset({3}))
    assert verdict("leader_imbalance", "cluster", evicted) is HOLDS


def test_leaders_that_rules_pin_are_unknown() -> None:
    seen = observation(*leaders(300, 0, 0), pinned_leaders=True)
    assert isinstance(verdict("leader_imbalance", "cluster", seen), Unknown)


def test_an_old_list_of_stores_is_unknown() -> None:
    seen = observation(*leaders(300, 0, 0), readings={SOURCE_PD: Reading(NOW - 9, 2.0)})
    assert isinstance(verdict("leader_imbalance", "cluster", seen), Unknown)
