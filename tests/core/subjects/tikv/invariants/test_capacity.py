from __future__ import annotations

import pytest

from core.invariant import HOLDS, Broken, Reading, Unknown
from core.subjects.tikv.model import SOURCE_PD, Metrics
from tests.core.subjects.tikv.making import NOW, found, observation, store, verdict


@pytest.mark.parametrize(("used", "broken"), [(0.69, False), (0.7, False), (0.701, True)])
def test_a_disk_counts_above_seventy_percent(used: float, broken: bool) -> None:
    said = verdict("low_disk_space", "store:1", observation(store(1, disk_used=used)))
    assert isinstance(said, Broken) is broken


def test_the_finding_gives_the_figures() -> None:
    one = found("low_disk_space", "store:1", observation(store(1, disk_used=0.9)))
    assert (one.value, one.threshold, one.unit) == (90.0, 70.0, "%")
    assert one.facts == {"capacity": "100.0 GiB"}


def test_metrics_are_believed_before_pd() -> None:
    seen = observation(store(1, disk_used=0.1), metrics=Metrics(disk_used={1: 0.95}))
    assert found("low_disk_space", "store:1", seen).value == 95.0


def test_a_disk_of_unknown_size_is_unknown() -> None:
    """After a change of PD's leader capacity reads "0B" until the next heartbeat."""
    seen = observation(store(1, disk_used=None, capacity=0.0))
    assert isinstance(verdict("low_disk_space", "store:1", seen), Unknown)


def test_old_figures_of_pd_are_unknown() -> None:
    seen = observation(store(1, disk_used=0.9), readings={SOURCE_PD: Reading(NOW - 60, 2.0)})
    assert isinstance(verdict("low_disk_space", "store:1", seen), Unknown)


def test_a_disk_with_room_holds() -> None:
    assert verdict("low_disk_space", "store:1", observation()) is HOLDS
