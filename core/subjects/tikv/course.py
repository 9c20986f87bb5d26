"""How much was asked of a cluster and how slowly it answered, reading by reading: for a picture of it."""

from __future__ import annotations

import math
from collections import deque

from core.chaos.model import Sample
from core.subjects.tikv.model import Metrics

MOST = 480
"""Readings that are kept: two hours at one every 15 s."""
FEW_PER_S = 1.0
"""A store and type with fewer requests has no p99 worth drawing: one slow request would be it."""


class Course:
    """The figures of the whole cluster at each of the latest readings, where anybody may want them."""

    def __init__(self, *, wanted: bool) -> None:
        self._wanted = wanted
        self._kept: deque[Sample] = deque(maxlen=MOST)

    def note(self, at: float, seen: Metrics | None) -> None:
        """Keep one reading; None: the figures could not be read."""
        if self._wanted:
            self._kept.append(Sample(at) if seen is None else sample(at, seen))

    def between(self, since: float, until: float) -> tuple[Sample, ...]:
        """The readings of that stretch of time, oldest first."""
        return tuple(one for one in self._kept if since <= one.at <= until)


def sample(at: float, seen: Metrics) -> Sample:
    """Requests a second of the types that are judged, over all stores that told theirs, and the worst
    p99 of any of them under real load (seconds); None for what nobody told."""
    rates = [rate for one in seen.latency.values() for rate in one.rate.values()]
    told = [rate for rate in rates if math.isfinite(rate)]
    slow = [
        p99
        for one in seen.latency.values()
        for key, p99 in one.p99_s.items()
        if math.isfinite(p99) and one.rate.get(key, 0.0) >= FEW_PER_S
    ]
    return Sample(at, sum(told) if told else None, max(slow, default=None))
