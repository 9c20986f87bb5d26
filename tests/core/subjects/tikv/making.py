"""Stores and observations by hand, healthy unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.invariant import Broken, Invariant, Judged, Reading, Verdict, judge
from core.subjects.tikv import model
from core.subjects.tikv.catalog import invariants
from core.subjects.tikv.model import Identity, Margin, Member, PdView, Store, TikvObservation

NOW = 1_800_000_000.0


def store(number: int = 1, **changes: Any) -> Store:
    address = f"tikv-{number}:20160"
    who = {
        "id": number,
        "entity": f"store:{number}",
        "address": address,
        "title": f"Store {number} ({address})",
        "host": f"tikv-{number}",
        "status_url": f"http://tikv-{number}:20180",
        "labels": {},
        "tiflash": False,
    }
    who |= {key: changes.pop(key) for key in list(changes) if key in who}
    fields: dict[str, Any] = {
        "state": model.UP,
        "leaving": False,
        "heartbeat_at": NOW - 3,
        "started_at": int(NOW) - 86_400,
        "leaders": 20,
        "leader_weight": 1.0,
        "regions": 60,
        "capacity": 100.0 * 2**30,
        "disk_used": 0.05,
        "slow_score": 1,
        "busy": False,
        "evicting": False,
    }
    return Store(who=Identity(**who), **(fields | changes))


def observation(*stores: Store, **changes: Any) -> TikvObservation:
    """Three healthy stores, three healthy PD members and fresh sources, but for `changes`."""
    listed = stores or (store(1), store(2), store(3))
    at = changes.pop("at", NOW)
    aged: Mapping[str, Reading | None] = changes.pop("readings", {})
    readings = {
        name: Reading(at, period)
        for name, period in (
            (model.SELF, 0.5),
            (model.SOURCE_PD, 2.0),
            (model.SOURCE_PING, 2.0),
            (model.SOURCE_METRICS, 15.0),
            (model.SOURCE_REGIONS, 15.0),
            (model.SOURCE_DISK, 15.0),
        )
    }
    fields: dict[str, Any] = {
        "subject": "prod",
        "at": at,
        "readings": {k: v for k, v in {**readings, **aged}.items() if v is not None},
        "stores": listed,
        "entities": tuple(one.who.entity for one in listed),
        "everyone": frozenset(one.who.entity for one in listed),
        "pd": PdView(
            members=tuple(Member(f"pd-{n}", f"http://pd-{n}:2379", True) for n in range(3)),
            leader="pd-0",
            reached=True,
        ),
        "margin": Margin(1, 1),
        "regions": model.RegionCounts(0, 0, 0, 0, 60),
    }
    return TikvObservation(**(fields | changes))


def judged(
    name: str, seen: TikvObservation, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> Judged:
    """What one invariant says of the observation."""
    chosen: Invariant[Any, Any] = next(
        one for one in invariants(overrides or {}) if one.name == name
    )
    return next(judge([chosen], seen, seen.at))


def verdict(
    name: str,
    entity: str,
    seen: TikvObservation,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> Verdict:
    return judged(name, seen, overrides).verdict(entity)


def found(name: str, entity: str, seen: TikvObservation) -> Broken:
    """The finding, where there has to be one."""
    one = verdict(name, entity, seen)
    assert isinstance(one, Broken), one
    return one
