"""How a cluster fared, reading by reading."""

from __future__ import annotations

import math

from core.chaos.model import Sample
from core.subjects.tikv.course import MOST, Course, sample
from core.subjects.tikv.model import NO_METRICS, Latency, Metrics


def seen(**latency: tuple[dict[int, float], dict[int, float]]) -> Metrics:
    return Metrics(latency={name: Latency(rate, p99) for name, (rate, p99) in latency.items()})


def test_requests_are_added_up_and_the_worst_p99_under_load_counts() -> None:
    found = sample(
        7.0,
        seen(
            kv_get=({1: 300.0, 2: 100.0, 3: math.nan}, {1: 0.002, 2: 0.005, 3: math.nan}),
            kv_commit=({1: 0.4, 2: 50.0}, {1: 9.0, 2: 0.004}),
        ),
    )
    assert found == Sample(7.0, 450.4, 0.005)


def test_what_nobody_told_is_not_zero() -> None:
    assert sample(7.0, NO_METRICS) == Sample(7.0)
    assert sample(7.0, seen(kv_get=({1: 0.2}, {1: 0.5}))) == Sample(7.0, 0.2, None)


def test_only_the_newest_readings_are_kept_and_a_failed_one_is_a_gap() -> None:
    course = Course(wanted=True)
    for at in range(MOST + 20):
        course.note(float(at), seen(kv_get=({1: 5.0}, {1: 0.001})))
    course.note(MOST + 20.0, None)

    kept = course.between(0.0, math.inf)
    assert (len(kept), kept[0].at) == (MOST, 21.0)
    assert kept[-1] == Sample(MOST + 20.0)
    assert [one.at for one in course.between(30.0, 32.0)] == [30.0, 31.0, 32.0]


def test_where_nobody_may_break_it_nothing_is_kept() -> None:
    course = Course(wanted=False)
    course.note(1.0, NO_METRICS)
    assert course.between(0.0, math.inf) == ()
