from __future__ import annotations

import pytest

from core.invariant import HOLDS, Broken, Unknown
from core.subjects.tikv.model import SOURCE_REGIONS, Life, Liveness, Margin, RegionCounts
from tests.core.subjects.tikv.making import NOW, found, observation, store, verdict


@pytest.mark.parametrize(("value", "broken"), [(2, False), (1, False), (0, True), (-1, True)])
def test_a_margin_below_one_counts(value: int, broken: bool) -> None:
    said = verdict("quorum_margin", "cluster", observation(margin=Margin(value, 2)))
    assert isinstance(said, Broken) is broken


def test_at_zero_the_stores_are_named_whose_loss_would_break_it() -> None:
    seen = observation(margin=Margin(0, 1, breakers=(1, 5), missing=(4,)))
    one = found("quorum_margin", "cluster", seen)
    assert one.title == "The next store lost breaks a majority"
    assert one.facts == {"missing": "store 4", "would break majority": "store 1, store 5"}


def test_below_zero_a_majority_is_lost() -> None:
    seen = observation(margin=Margin(-1, 1, lost=12, missing=(4, 5)))
    one = found("quorum_margin", "cluster", seen)
    assert one.title == "Some regions have lost their majority"
    assert "12 regions without a majority" in one.summary


def test_a_margin_that_cannot_be_told_is_unknown() -> None:
    seen = observation(margin=Margin(None, why="no placement"))
    assert verdict("quorum_margin", "cluster", seen) == Unknown("no placement")


def test_a_margin_that_may_be_lower_does_not_hold() -> None:
    seen = observation(margin=Margin(1, 1, at_most=True, why="not seen: store 2"))
    assert verdict("quorum_margin", "cluster", seen) == Unknown("not seen: store 2")


def test_a_margin_of_at_most_zero_is_broken_all_the_same() -> None:
    seen = observation(margin=Margin(0, 1, at_most=True, missing=(1, 2)))
    assert "at most 0" in found("quorum_margin", "cluster", seen).summary


def test_a_cluster_with_one_replica_on_purpose_has_nothing_to_lose() -> None:
    assert verdict("quorum_margin", "cluster", observation(margin=Margin(0, 0))) is HOLDS


def test_a_store_away_in_an_announced_restart_opens_nothing() -> None:
    lives = {4: Liveness(Life.AWAY, "announced restart", NOW - 5, away=True, excused=True)}
    seen = observation(margin=Margin(0, 1, missing=(4,)), lives=lives)
    assert isinstance(verdict("quorum_margin", "cluster", seen), Unknown)
    lost = observation(margin=Margin(-1, 1, missing=(4,)), lives=lives)
    assert isinstance(verdict("quorum_margin", "cluster", lost), Broken)


@pytest.mark.parametrize(
    ("counts", "word"),
    [
        (RegionCounts(1, 0, 0, 0, 60), "down"),
        (RegionCounts(0, 7, 0, 0, 60), "pending"),
        (RegionCounts(0, 101, 0, 0, 100_000), "pending"),
        (RegionCounts(0, 0, 1, 0, 60), "missing"),
        (RegionCounts(0, 0, 0, 1, 60), "offline"),
    ],
)
def test_each_sort_of_unhealthy_peer_is_told(counts: RegionCounts, word: str) -> None:
    one = found("region_health", "cluster", observation(regions=counts))
    assert f"with {word} peers" in one.summary
    assert list(one.facts) == [f"{word} peers"]


@pytest.mark.parametrize(
    "counts",
    [
        RegionCounts(0, 0, 0, 0, 60),
        RegionCounts(0, 6, 0, 0, 60),
        RegionCounts(0, 100, 0, 0, 100_000),
        RegionCounts(0, 100, 0, 0, None),
    ],
)
def test_regions_that_are_well_or_moving_hold(counts: RegionCounts) -> None:
    assert verdict("region_health", "cluster", observation(regions=counts)) is HOLDS


def test_offline_peers_are_part_of_taking_a_store_out() -> None:
    counts = RegionCounts(0, 0, 0, 9, 60)
    seen = observation(store(1), store(2, state="Offline", leaving=True), regions=counts)
    assert verdict("region_health", "cluster", seen) is HOLDS


def test_counts_that_nobody_gave_are_unknown() -> None:
    seen = observation(regions=None)
    assert isinstance(verdict("region_health", "cluster", seen), Unknown)
    stale = observation(regions=RegionCounts(9, 0, 0, 0), readings={SOURCE_REGIONS: None})
    assert isinstance(verdict("region_health", "cluster", stale), Unknown)
