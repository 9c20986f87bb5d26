from __future__ import annotations

import math

import pytest

from core.invariant import HOLDS, Broken, Reading, Unknown
from core.subjects.tikv.model import DISCONNECTED, SOURCE_METRICS, Latency, Metrics
from tests.core.subjects.tikv.making import NOW, found, observation, store, verdict


def latency(**by_type: tuple[float, float]) -> Metrics:
    """Of store 1: p99 in seconds and rate by request type."""
    columns = {name: Latency({1: rate}, {1: p99}) for name, (p99, rate) in by_type.items()}
    return Metrics(latency=columns)


@pytest.mark.parametrize(("score", "broken"), [(79, False), (80, True), (100, True)])
def test_a_slow_score_counts_from_eighty(score: int, broken: bool) -> None:
    said = verdict("store_slow", "store:1", observation(store(1, slow_score=score)))
    assert isinstance(said, Broken) is broken


def test_a_busy_store_that_pd_calls_up_is_told() -> None:
    """A store that hangs on its disk sends heartbeats all the same: Up is not health."""
    one = found("store_slow", "store:1", observation(store(1, busy=True)))
    assert "busy" in one.title


def test_a_store_that_never_reported_a_score_is_not_slow() -> None:
    assert verdict("store_slow", "store:1", observation(store(1, slow_score=0))) is HOLDS


def test_the_score_of_a_silent_store_is_unknown() -> None:
    seen = observation(store(1, state=DISCONNECTED, slow_score=100))
    assert isinstance(verdict("store_slow", "store:1", seen), Unknown)


@pytest.mark.parametrize(("p99_s", "broken"), [(0.0999, False), (0.1, False), (0.1001, True)])
def test_latency_counts_above_a_tenth_of_a_second(p99_s: float, broken: bool) -> None:
    seen = observation(metrics=latency(kv_get=(p99_s, 50.0)))
    assert isinstance(verdict("high_latency", "store:1", seen), Broken) is broken


def test_the_slowest_type_is_named_and_all_are_listed() -> None:
    seen = observation(
        metrics=latency(kv_get=(0.12, 50.0), kv_prewrite=(0.85, 9.0), kv_commit=(0.002, 9.0))
    )
    one = found("high_latency", "store:1", seen)
    assert one.title == "Store 1 (tikv-1:20160) answers kv_prewrite slowly"
    assert (one.value, one.threshold, one.unit) == (850.0, 100.0, "ms")
    assert set(one.facts) == {"p99 kv_get", "p99 kv_prewrite", "p99 kv_commit"}


@pytest.mark.parametrize(("rate", "broken"), [(0.99, False), (1.0, True)])
def test_too_few_requests_page_nobody(rate: float, broken: bool) -> None:
    seen = observation(metrics=latency(kv_get=(3.0, rate)))
    assert isinstance(verdict("high_latency", "store:1", seen), Broken) is broken


def test_quick_requests_hold() -> None:
    seen = observation(metrics=latency(kv_get=(0.004, 50.0)))
    assert verdict("high_latency", "store:1", seen) is HOLDS


@pytest.mark.parametrize(
    "figures",
    [
        Metrics(),
        Metrics(latency={"kv_get": Latency({2: 50.0}, {2: 0.004})}),
        Metrics(latency={"kv_get": Latency({1: 50.0})}),
        latency(kv_get=(math.nan, 50.0)),
        latency(kv_get=(math.inf, 50.0)),
        latency(kv_get=(0.004, math.nan), kv_commit=(math.nan, 3.0)),
    ],
)
def test_latency_without_figures_is_unknown(figures: Metrics) -> None:
    seen = observation(metrics=figures)
    assert isinstance(verdict("high_latency", "store:1", seen), Unknown)


def test_old_figures_are_unknown() -> None:
    seen = observation(
        metrics=latency(kv_get=(3.0, 50.0)),
        readings={SOURCE_METRICS: Reading(NOW - 31, 15.0)},
    )
    assert isinstance(verdict("high_latency", "store:1", seen), Unknown)


def test_limits_of_latency_can_be_set() -> None:
    seen = observation(metrics=latency(kv_get=(0.3, 50.0)))
    assert verdict("high_latency", "store:1", seen, {"high_latency": {"p99_ms": 500}}) is HOLDS
