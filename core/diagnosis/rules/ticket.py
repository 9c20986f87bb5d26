"""What a ticket is about, in words that rules know: by its invariant, else by what it says and measures."""

from __future__ import annotations

import re
from functools import lru_cache

from core.diagnosis.claims import reach
from core.diagnosis.model import Snapshot

FIGURES = frozenset(
    (
        *("high_latency", "store_slow", "write_latency", "hot_store", "hot_region", "high_cpu"),
        *("raft_log_lag", "memory", "requests"),
    )
)
"""Tickets about a figure of a node, which comes out of Prometheus where there is one."""
LIFE = frozenset(("store_down", "process_gone", "pd_member_down", "member_down", "observer_blind"))
"""Tickets about whether something lives, or is seen to."""
MEASURED = "measured"
"""A ticket about a figure that nobody here knows by its name: nothing that was seen clears it."""
UNKNOWN = "unknown"
"""A ticket of words that nobody here knows, about no figure either."""
NO_DATA = "no data"
"""A ticket about a figure that is not there, rather than about what it was."""
KNOWN = frozenset(
    (
        *("store_down", "quorum_margin", "pd_no_leader", "pd_member_down", "store_restarted"),
        *("store_slow", "high_latency", "low_disk_space", "region_health", "leader_imbalance"),
        *("observer_blind", "member_down", "no_leader", "leader_changes", "fsync_slow"),
        *("db_size_quota", "alarm_active", "member_lagging", "version_skew", "prometheus_down"),
        *("prometheus_stale", "process_gone", "hot_store", "hot_region", "high_cpu"),
        *("raft_log_lag", "clock_step", "write_latency", "scheduler_left", "pd_leader_change"),
        *("log_lines", "memory", "requests"),
    )
)
# Each pattern is looked for in the words of an invariant that is not known, underscores as spaces.
_PATTERNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\bpd\b.*\b(leader|tso)|\btso\b|timestamp", ("pd_no_leader", "pd_leader_change")),
    (r"\bpd\b.*\b(member|quorum|down|silent|dead|gone|health)", ("pd_member_down",)),
    (r"latenc|slow|\bp99|\bp95|duration|\bwait|response time|busy", ("high_latency", "store_slow")),
    (r"\bqps\b|errors?\b|throughput|requests? (rate|drop|fail)|fail(ed|ure)", ("requests",)),
    (r"leaders?\b.*(balanc|uneven|spread|skew|count|few|zero)|balance", ("leader_imbalance",)),
    (r"version|upgrade", ("version_skew",)),
    (r"clock|time (skew|step|offset|drift)|\bntp\b", ("clock_step",)),
    (r"\bspace\b|capacity|disk (full|usage|used|free)|\bfull\b", ("low_disk_space",)),
    (r"\bcpu\b", ("high_cpu", "hot_store")),
    (r"\bhot\b|hotspot", ("hot_store", "hot_region")),
    (r"\blag\b|behind", ("raft_log_lag",)),
    (r"memory|\brss\b|\bmem\b|\boom\b", ("memory",)),
    (r"region|peer|replica|placement|quorum", ("region_health", "quorum_margin")),
    (r"restart|uptime|crash|flapp", ("store_restarted",)),
    (r"\bstale\b|prometheus|scrape|metrics", ("prometheus_down", "prometheus_stale")),
    (r"\blogs?\b|warnings?", ("log_lines",)),
    (
        r"silent|\bdown\b|disconnect|unreach|\bdead\b|\bgone\b|heartbeat|offline|alive|liveness"
        r"|not answer|stopped answering|\blost\b|missing store|\bup\b|not ready",
        ("store_down",),
    ),
)
_UNITS = {
    "s": "high_latency",
    "ms": "high_latency",
    "us": "high_latency",
    "µs": "high_latency",
    "lines": "log_lines",
    "lines/min": "log_lines",
    "cores": "high_cpu",
    "leaders": "leader_imbalance",
    "entries": "raft_log_lag",
    "versions": "version_skew",
}


def kinds(snapshot: Snapshot) -> frozenset[str]:
    """The ticket's own invariant, and those that are known here and that it is like."""
    piece = snapshot.piece("ticket", snapshot.entity)
    told = piece.content if piece is not None and piece.ok else {}
    summary, unit, value = (reach(told, one) for one in ("summary", "unit", "value"))
    return _alike(
        snapshot.invariant,
        f"{snapshot.title} {summary if isinstance(summary, str) else ''}"[:400],
        unit if isinstance(unit, str) else "",
        isinstance(value, int | float),
        snapshot.entity.startswith("pd"),
    )


@lru_cache(maxsize=256)
def _alike(invariant: str, words: str, unit: str, valued: bool, pd: bool) -> frozenset[str]:
    found = {invariant} if invariant in KNOWN else _read(invariant) or _read(words)
    if not valued and re.search(r"\bno data\b|nodata|no samples|absent", words.lower()):
        found.add(NO_DATA)
    if not found and unit in _UNITS:
        found = {_UNITS[unit]}
    if not found:
        found = {MEASURED if valued else UNKNOWN}
    if pd and "store_down" in found and invariant not in KNOWN:
        found = (found - {"store_down"}) | {"pd_member_down"}
    return frozenset((invariant, *found))


def _read(words: str) -> set[str]:
    said = re.sub(r"[_\W]+", " ", words.lower())
    return {one for pattern, names in _PATTERNS if re.search(pattern, said) for one in names}
