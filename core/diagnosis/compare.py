"""What only shows when nodes are compared: shares of load, versions, how many are silent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from core.diagnosis import lost_peers

Facts = Mapping[tuple[str, str, str], Any]
"""Contents of pieces by kind, entity, and (for readings) name."""
EVICT_LIST = "/scheduler-config/evict-leader-scheduler/list"
HEARD_S = 12.0
HEARD_AFTER_S = 1.0
STALE_S = 120.0
"""A newest sample as old as this, seconds, tells of then and not of now: Prometheus scrapes every 15 s."""
UP_S = 20.0
"""PD calls a store Disconnected once its heartbeat is as old as this, by PD's own clock."""
EVICTED_S = 900.0
"""Leaders that were moved off a store longer ago, seconds, were not moved for its restart."""
CLOCKS_S = 3.0
"""What clocks that are kept by NTP, and a call, may differ by, seconds."""
_LOADS = {
    "qps_ratio": "qps",
    "write_ratio": "write_bytes_per_s",
    "read_ratio": "read_bytes_per_s",
    "cpu_ratio": "cpu_cores",
    "missing_peers_ratio": "missing_peers",
}


def _now(facts: Facts, kind: str, entity: str, field: str) -> Any:
    return ((facts.get((kind, entity, "")) or {}).get("now") or {}).get(field)


def stale(prometheus: Any) -> bool:
    """Whether what Prometheus has is too old to speak of now (its piece's content, or None)."""
    now = prometheus.get("now") if isinstance(prometheus, dict) else None
    age = now.get("sample_age_s") if isinstance(now, dict) else None
    return isinstance(age, int | float) and age >= STALE_S


def _reading(facts: Facts, entity: str, name: str, field: str = "now") -> float | None:
    if field == "now" and stale(facts.get(("prometheus", "prometheus", ""))):
        return None
    value = (facts.get(("reading", entity, name)) or {}).get(field)
    return float(value) if isinstance(value, int | float) else None


def share(facts: Facts, entity: str, others: Sequence[str]) -> dict[str, Any]:
    """One node against the others: ratios, and what takes two sources to tell."""
    told: dict[str, Any] = {
        name: ratio(
            _reading(facts, entity, figure), [_reading(facts, one, figure) for one in others]
        )
        for name, figure in _LOADS.items()
    }
    living = [one for one in others if _now(facts, "store", one, "state") == "Up"]
    leaders = [_now(facts, "store", one, "leaders") for one in living]
    told["leaders_ratio"] = ratio(_now(facts, "store", entity, "leaders"), leaders)
    told["gap_closed"] = _closed(facts, [entity], [*living, entity])
    told["evicted_before_start_s"] = _evicted_before(facts, entity)
    told["leads_nothing"] = _leads_nothing(facts, entity) or None
    told["odd_version"] = _odd(facts, entity, others)
    told["memory_ratio_max"] = _memory(facts, entity)
    told["restarts"] = _restarts(facts, entity)
    if not _clock(facts, [one for kind, one, _ in facts if kind == "store"]):
        told["heard_while_silent_s"] = heard_since(facts, entity)
    told["logged_while_silent_s"] = _logged_since(facts, entity)
    told |= _listing(facts, entity)
    offset = _reading(facts, entity, "clock_offset_s")
    told["clock_offset_abs_s"] = None if offset is None else abs(offset)
    return {key: value for key, value in told.items() if value is not None}


def _closed(facts: Facts, whose: Sequence[str], stores: Sequence[str]) -> float | None:
    """By which part how far these stores' leaders are off the mean has become less since before."""
    gaps = []
    for when in ("before", "now"):
        counts = {one: _leads(facts, one, when) for one in stores}
        known = [one for one in counts.values() if one is not None]
        if len(known) < len(counts) or sum(known) <= 0:
            return None
        gaps.append(sum(abs((counts[one] or 0) - fmean(known)) for one in whose))
    return round(1 - gaps[1] / gaps[0], 3) if gaps[0] > 0 else None


def _leads(facts: Facts, entity: str, when: str) -> float | None:
    told = ((facts.get(("store", entity, "")) or {}).get(when) or {}).get("leaders")
    return float(told) if isinstance(told, int | float) else None


def _evicted_before(facts: Facts, entity: str) -> float | None:
    """How long before its process started somebody asked for its leaders to be moved off it, seconds."""
    began = _now(facts, "store", entity, "started_at")
    changes = (facts.get(("change", entity, "")) or {}).get("changes")
    asked = [
        one["at"]
        for one in changes or ()
        if "evict-leader-scheduler" in str(one.get("words")) and "removed" not in one["words"]
    ]
    before = [began - at for at in asked if began and 0 <= began - at <= EVICTED_S]
    return round(min(before), 1) if before else None


def _leads_nothing(facts: Facts, entity: str) -> bool:
    """Whether it lives, by PD's word and by ours, and leads no region: then it serves nobody."""
    age = _now(facts, "store", entity, "heartbeat_age_s")
    lives = age is not None and age <= HEARD_S and _now(facts, "probe", entity, "ok") is True
    return lives and _now(facts, "store", entity, "leaders") == 0


def heard_since(facts: Facts, entity: str) -> float | None:
    """How long after it fell silent to us PD last heard from it, seconds: below 0 if not since.

    A heartbeat from before that says nothing: a store that was just killed has a fresh one, too.
    """
    silent = _now(facts, "probe", entity, "silent_s")
    age = _now(facts, "store", entity, "heartbeat_age_s")
    return None if silent is None or age is None else round(silent - age, 3)


def _logged_since(facts: Facts, entity: str) -> float | None:
    """How long after it fell silent to us its log went on, seconds: below 0 if not."""
    silent = _now(facts, "probe", entity, "silent_s")
    log = facts.get(("log", entity, ""))
    quiet = log.get("quiet_s") if isinstance(log, dict) else None
    return None if silent is None or quiet is None else round(silent - quiet, 3)


def _listing(facts: Facts, entity: str) -> dict[str, Any]:
    """Whether PD lists the store, and whom of those that PD lists its log says to miss."""
    listed = {
        one.partition(":")[2]: str(_now(facts, kind, one, "address") or "")
        for kind, one, _ in facts
        if kind == "store"
    }
    name, _, own = entity.partition(":")
    if not listed or name != "store":
        return {}
    return {"listed": own in listed} | lost_peers.told(facts.get(("log", entity, "")), listed, own)


def _odd(facts: Facts, entity: str, others: Sequence[str]) -> bool | None:
    own = _now(facts, "store", entity, "version")
    versions = Counter(_now(facts, "store", one, "version") for one in others)
    if not own or not versions:
        return None
    common, many = versions.most_common(1)[0]
    return bool(own != common and many * 2 > len(others))


def _memory(facts: Facts, entity: str) -> float | None:
    most = _reading(facts, entity, "memory_bytes", "max")
    limit = _reading(facts, entity, "memory_limit_bytes", "max")  # a limit does not age
    if limit is None:
        limit = _now(facts, "container", entity, "memory_limit_bytes")
    return round(most / limit, 3) if most is not None and limit else None


def _restarts(facts: Facts, entity: str) -> int | None:
    piece = facts.get(("container", entity, ""))
    if piece is None or not piece.get("before"):
        return None
    return int(piece["now"]["restart_count"]) - int(piece["before"]["restart_count"])


def spread(
    facts: Facts, stores: Sequence[str], probed: Sequence[str], members: Sequence[str] = ()
) -> dict[str, Any]:
    """All stores together. What nobody told is left out, so that nothing is concluded from it."""
    states = [_now(facts, "store", one, "state") for one in stores]
    serving = [one for one in states if one not in ("Offline", "Tombstone")]
    told: dict[str, Any] = {"total": len(stores), "leaving": _leaving(facts, stores)}
    told |= _evicting(facts) | _clock(facts, stores)
    told |= _places(facts, [one for one in stores if _now(facts, "store", one, "state") == "Up"])
    if members and stores:
        told |= _pd_differs(facts, stores, members)
    if serving:
        silent = sum(1 for one in serving if one in ("Disconnected", "Down"))
        up = sum(1 for one in serving if one == "Up")
        ages = [_now(facts, "store", one, "heartbeat_age_s") for one in stores]
        heard = sum(1 for one in ages if one is not None and one <= HEARD_S)
        told |= {
            "up": up,
            "down": sum(1 for one in serving if one == "Down"),
            "silent_share": round(silent / len(serving), 3),
            "up_share": round(up / len(serving), 3),
            "heard_share": round(heard / len(stores), 3),
            "versions": len({_now(facts, "store", one, "version") for one in stores}),
        }
        told |= _leaders(facts, stores)
    if probed:
        blind = sum(1 for one in probed if not _now(facts, "probe", one, "ok"))
        told["blind_share"] = round(blind / len(probed), 3)
        # By clocks that differ nothing can be told of before and after.
        since = [] if _clock(facts, stores) else [heard_since(facts, one) for one in probed]
        if blind and any(one is not None for one in since):
            alive = sum(1 for one in since if one is not None and one >= HEARD_AFTER_S)
            told["heard_while_blind_share"] = round(alive / blind, 3)
    told |= _worst(facts, stores, (*stores, *members))
    targets = [one for one in stores if ("reading", one, "up") in facts]
    if targets and not stale(facts.get(("prometheus", "prometheus", ""))):
        missing = sum(1 for one in targets if not _reading(facts, one, "up"))
        told["unscraped_share"] = round(missing / len(targets), 3)
    return told


def _clock(facts: Facts, stores: Sequence[str]) -> dict[str, float]:
    """How far the watcher's clock is off PD's, seconds, where PD's own words show it: the stores that it
    calls Up were all heard from within UP_S by its clock, and never in its future."""
    ages = [
        age
        for one in stores
        if _now(facts, "store", one, "state") == "Up"
        and isinstance(age := _now(facts, "store", one, "heartbeat_age_s"), int | float)
    ]
    least = min(ages, default=0.0)
    if -CLOCKS_S < least < UP_S + CLOCKS_S:
        return {}
    told = {"clock_ahead_s" if least > 0 else "clock_behind_s": round(abs(least), 1)}
    prometheus = (facts.get(("prometheus", "prometheus", "")) or {}).get("now") or {}
    sample = prometheus.get("sample_age_s")
    if isinstance(sample, int | float):
        told["sample_age_beyond_clock_s"] = round(sample - least, 1)
    return told


def _leaders(facts: Facts, stores: Sequence[str]) -> dict[str, Any]:
    counts = [float(_now(facts, "store", one, "leaders") or 0) for one in stores]
    mean = sum(counts) / len(counts)
    closed = _closed(facts, stores, stores)
    told = {} if closed is None else {"gap_closed": closed}
    return told | ({"leaders_max_ratio": round(max(counts) / mean, 3)} if mean > 0 else {})


def _leaving(facts: Facts, stores: Sequence[str]) -> int:
    """How many stores were asked to leave and still hold regions."""
    return sum(
        1
        for one in stores
        if _now(facts, "store", one, "state") == "Offline" and _now(facts, "store", one, "regions")
    )


def _pd_differs(facts: Facts, stores: Sequence[str], members: Sequence[str]) -> dict[str, bool]:
    """Whether no PD member runs the version of any store; nothing where none told its version."""
    said = [_now(facts, "member", one, "version") for one in members]
    ours = {str(one).removeprefix("v") for one in said if one}
    theirs = {_now(facts, "store", one, "version") for one in stores}
    return {"pd_differs": not ours & theirs} if ours else {}


def _worst(facts: Facts, stores: Sequence[str], nodes: Sequence[str]) -> dict[str, Any]:
    """The slowest store and the worst clock: only where every one of them was measured."""
    told: dict[str, Any] = {}
    slow = [_reading(facts, one, "p99_s") for one in stores]
    off = [_reading(facts, one, "clock_offset_s") for one in nodes]
    if slow and all(one is not None for one in slow):
        told["worst_p99_s"] = max(one for one in slow if one is not None)
    if off and all(one is not None for one in off):
        told["worst_clock_offset_s"] = max(abs(one) for one in off if one is not None)
    return told


def _evicting(facts: Facts) -> dict[str, Any]:
    """Off how many stores somebody asked PD to move leaders."""
    body = (facts.get(("pd", "pd", EVICT_LIST)) or {}).get("body")
    ranges = body.get("store-id-ranges") if isinstance(body, dict) else None
    return {"evicting": len(ranges)} if isinstance(ranges, dict) else {}


def _places(facts: Facts, up: Sequence[str]) -> dict[str, Any]:
    """How many stores and places that are up there are fewer than replicas asked for."""
    body = (facts.get(("pd", "pd", "/config/replicate")) or {}).get("body")
    if not isinstance(body, dict) or not isinstance(body.get("max-replicas"), int):
        return {}
    if not any(kind == "store" for kind, _, _ in facts):
        return {}
    replicas = body["max-replicas"]
    told: dict[str, Any] = {"replicas": replicas, "short": replicas - len(up)}
    level = body.get("isolation-level") or ""
    if level:
        places = {(_now(facts, "store", one, "labels") or {}).get(level) for one in up}
        told["unplaced"] = replicas - len(places - {None})
    return told


def ratio(own: float | None, others: Sequence[float | None]) -> float | None:
    """How many times the mean of the others this is; None where that cannot be told."""
    known = [one for one in others if one is not None]
    if own is None or not known or fmean(known) <= 0:
        return None
    return round(own / fmean(known), 3)
