"""Whether disks keep up, and whether followers do."""

from __future__ import annotations

from types import MappingProxyType

from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.etcd.invariants.liveness import members
from core.subjects.etcd.model import (
    NO_FIGURES,
    SOURCE_METRICS,
    SOURCE_STATUS,
    EtcdObservation,
    Life,
    MemberFigures,
    Who,
)
from core.subjects.words import millis

_RATE = 0.2
"""Writes a second below which a percentile says nothing: three in a scrape of 15 s."""


def check_fsync_slow(who: Who, seen: EtcdObservation, settings: Settings) -> Verdict:
    """The disk syncs the write-ahead log within 10 ms and commits the backend within 25 ms (p99).

    Both numbers are etcd's own (its documentation on metrics and its FAQ: "the 99th percentile
    should be less than 10 ms", and 25 ms). Above them it is told as info; as a warning from 500 ms
    and 250 ms, where etcd's own alerts begin (etcdHighFsyncDurations, etcdHighCommitDurations).
    Judged while there are writes enough for a percentile.

    Why it matters: every write waits for it, and a leader whose disk stalls misses its heartbeats:
    elections follow.

    What to do first: look who else uses that disk, whether it is a network disk or burst credits
    ran out, and whether a defragmentation or a backup is running.
    """
    figures = seen.figures.get(who.id, NO_FIGURES)
    judged = [
        ("wal fsync", figures.fsync_p99_s, figures.fsync_rate, "fsync"),
        ("backend commit", figures.commit_p99_s, figures.commit_rate, "commit"),
    ]
    slow: list[tuple[str, float, float, bool]] = []
    known = False
    for words, p99, rate, key in judged:
        if rate is not None and (rate < _RATE or p99 is not None):
            known = True
        if p99 is None or (rate or 0.0) < _RATE:
            continue
        value = p99 * 1000
        if value > settings[f"{key}_ms"]:
            slow.append((words, p99, settings[f"{key}_ms"], value > settings[f"{key}_warn_ms"]))
    if slow:
        return _slow(who, slow, figures)
    return HOLDS if known else Unknown("its disk's latencies are not known")


def _slow(who: Who, slow: list[tuple[str, float, float, bool]], figures: MemberFigures) -> Verdict:
    worst = max(slow, key=lambda one: (one[3], one[1] / one[2] if one[2] else one[1]))
    facts = {words: f"{millis(p99)} (p99)" for words, p99, _, _ in slow}
    if figures.pending is not None:
        facts["proposals pending"] = f"{figures.pending:.0f}"
    told = "; ".join(
        f"{words} {millis(p99)}, should be {limit:g} ms" for words, p99, limit, _ in slow
    )
    return Broken(
        f"{who.title} has a slow disk",
        f"99th percentiles: {told}",
        value=round(worst[1] * 1000, 1),
        threshold=worst[2],
        unit="ms",
        severity=None if any(one[3] for one in slow) else Severity.INFO,
        facts=facts,
    )


FSYNC_SLOW: Invariant[EtcdObservation, Who] = Invariant(
    name="fsync_slow",
    severity=Severity.WARNING,
    source=SOURCE_METRICS,
    hold_s=60.0,
    scope=members,
    check=check_fsync_slow,
    recover_s=60.0,
    settings=MappingProxyType(
        {
            "fsync_ms": 10.0,
            "commit_ms": 25.0,
            "fsync_warn_ms": 500.0,
            "commit_warn_ms": 250.0,
        }
    ),
    explained_by=("member_down",),
)


def check_member_lagging(who: Who, seen: EtcdObservation, settings: Settings) -> Verdict:
    """No member is more than 5,000 entries behind the leader's log.

    5,000 is where etcd itself gives way: with so many entries committed and not applied it refuses
    requests ("too many requests"), and it keeps so many for followers that lag; one that is further
    behind needs a whole snapshot. Told as info of a learner, which begins with nothing.

    Why it matters: a lagging member answers serializable reads from the past, and is no help if
    another one dies.

    What to do first: look at that member's disk (wal fsync, backend commit), its CPU and the round
    trip to the leader. After a restart or a replacement it catches up by itself.
    """
    life = seen.lives.get(who.id)
    lag = seen.lags.get(who.id)
    if lag is None:
        gone = life is not None and life.life in (Life.DOWN, Life.NEW)
        return Unknown("it is down" if gone else "how far behind it is, is not known")
    limit = settings["entries"]
    if lag <= limit:
        return HOLDS
    return Broken(
        f"{who.title} lags behind the leader",
        f"its store is at least {lag:,} log entries behind",
        value=float(lag),
        threshold=float(limit),
        unit="entries",
        # A learner is behind by its nature until it has caught up; nobody depends on it.
        severity=Severity.INFO if who.learner else None,
        facts={"role": "learner" if who.learner else "voter"},
    )


MEMBER_LAGGING: Invariant[EtcdObservation, Who] = Invariant(
    name="member_lagging",
    severity=Severity.WARNING,
    source=SOURCE_STATUS,
    hold_s=30.0,
    scope=members,
    check=check_member_lagging,
    recover_s=5.0,
    settings=MappingProxyType({"entries": 5000.0}),
    explained_by=("member_down", "fsync_slow"),
)
