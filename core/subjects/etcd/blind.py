"""What cannot be seen of an etcd cluster, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.durations import span
from core.invariant import Reading
from core.subjects.etcd.model import (
    ETCD,
    METRICS,
    PROMETHEUS,
    SOURCE_MEMBERS,
    SOURCE_METRICS,
    Life,
    Liveness,
    Who,
)


def blindness(
    members: Sequence[Who],
    lives: Mapping[int, Liveness],
    readings: Mapping[str, Reading],
    at: float,
    *,
    problem: str,
    has_prometheus: bool,
    failed: Mapping[int, str],
) -> dict[str, str]:
    """By entity, why it cannot be seen; what is not in it is seen, or was not asked yet.

    `problem` is what is wrong with the endpoints, `failed` whose own /metrics cannot be read.
    """
    found: dict[str, str] = {}
    whole = problem or _source(readings[SOURCE_MEMBERS], at)
    if whole:
        found[ETCD] = whole
    metrics = _source(readings[SOURCE_METRICS], at)
    if metrics:
        found[PROMETHEUS if has_prometheus else METRICS] = metrics
    for one in members:
        life = lives.get(one.id)
        if life is None:
            continue
        if life.life in (Life.UNSEEN, Life.UNKNOWN):
            found[one.entity] = life.how
        elif life.life is Life.UP and one.id in failed:
            found[one.entity] = f"its /metrics cannot be read: {failed[one.id]}"
    return found


def _source(reading: Reading, at: float) -> str:
    if reading.seen_at is None:
        return f"{reading.error}; never read so far" if reading.error else ""
    if reading.fresh(at) and not reading.error:
        return ""
    return f"{reading.error or 'no answer in time'}; last read {span(at - reading.seen_at)} ago"
