"""Whether data has enough replicas."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.tikv.model import (
    CLUSTER,
    SELF,
    SOURCE_REGIONS,
    Margin,
    RegionCounts,
    TikvObservation,
)
from core.subjects.words import some


def cluster_margin(seen: TikvObservation) -> Iterable[tuple[str, Margin]]:
    """The cluster's margin."""
    return ((CLUSTER, seen.margin),)


def check_quorum_margin(margin: Margin, seen: TikvObservation, settings: Settings) -> Verdict:
    """At least one more store may be lost with every region keeping its majority.

    With three replicas a healthy cluster has a margin of 1. At 0 the next loss stops some keys;
    below 0 some regions have lost their majority: their keys can be neither read nor written.

    Why it matters: this is the distance to an outage, whatever the number of stores.

    What to do first: bring the missing stores back; keep hands, deployments and experiments off the
    stores that the ticket names. Below 0 never remove a store: what is left may be the only copy.

    A store that is away in an announced restart does not open this by itself.
    """
    value = margin.value
    if value is None:
        return Unknown(margin.why or "the margin cannot be told")
    limit = settings["margin"]
    if margin.base is not None:
        # A cluster that keeps one replica on purpose has nothing to lose.
        limit = min(limit, margin.base)
    if value >= limit:
        return Unknown(margin.why) if margin.at_most else HOLDS
    if value >= 0 and _all_announced(margin, seen):
        return Unknown(f"announced restart of {_named(margin.missing)}")
    facts = {"missing": _named(margin.missing)}
    if margin.breakers:
        facts["would break majority"] = _named(margin.breakers)
    return Broken(
        _title(margin),
        _summary(margin),
        value=float(value),
        threshold=float(limit),
        unit="stores",
        facts=facts,
    )


def _title(margin: Margin) -> str:
    if margin.value is not None and margin.value < 0:
        return "Some regions have lost their majority"
    return "The next store lost breaks a majority"


def _summary(margin: Margin) -> str:
    at_most = "at most " if margin.at_most else ""
    text = f"quorum margin is {at_most}{margin.value}"
    if margin.base is not None:
        text += f", {margin.base} when whole"
    if margin.lost:
        text += f"; {margin.lost} regions without a majority"
    if margin.missing:
        text += f"; missing: {_named(margin.missing)}"
    return text


def _named(ids: tuple[int, ...]) -> str:
    return some([f"store {one}" for one in ids], 10) if ids else "none"


def _all_announced(margin: Margin, seen: TikvObservation) -> bool:
    found = [seen.lives.get(one) for one in margin.missing]
    return bool(found) and all(one is not None and one.excused for one in found)


QUORUM_MARGIN: Invariant[TikvObservation, Margin] = Invariant(
    name="quorum_margin",
    severity=Severity.CRITICAL,
    source=SELF,
    hold_s=0.0,
    scope=cluster_margin,
    check=check_quorum_margin,
    settings=MappingProxyType({"margin": 1.0}),
    explained_by=("store_down",),
)


def cluster_regions(seen: TikvObservation) -> Iterable[tuple[str, RegionCounts | None]]:
    """The cluster's counts of regions in trouble."""
    return ((CLUSTER, seen.regions),)


def check_region_health(
    counts: RegionCounts | None, seen: TikvObservation, settings: Settings
) -> Verdict:
    """No region has a peer that is down, missing, left on a store that is gone, or far behind.

    Down: silent for ten minutes. Missing: fewer peers than the rules ask for. Offline: a peer on a
    store that was told to leave, while no store is leaving. Pending: a peer that waits for a
    snapshot; some are normal while data moves, so more than 100 and more than a tenth of all
    regions count (on small clusters the tenth decides). Learners and extra peers are part of every
    move and never count.

    Why it matters: such regions have fewer good copies than you asked for.

    What to do first: bring missing stores back, or see why PD cannot replace their peers (no store
    with room, location labels that leave no place, a paused scheduler).
    """
    if counts is None:
        return Unknown("PD's counts of regions are not known")
    pending_limit = settings["pending"]
    if counts.regions is not None:
        pending_limit = min(pending_limit, settings["pending_share"] * counts.regions)
    leaving = counts.leaving or any(store.leaving for store in seen.stores)
    found = {
        "down": counts.down if counts.down > settings["down"] else 0,
        "missing": counts.miss if counts.miss > settings["miss"] else 0,
        "offline": counts.offline if counts.offline > settings["offline"] and not leaving else 0,
        "pending": counts.pending if counts.pending > pending_limit else 0,
    }
    bad = {name: count for name, count in found.items() if count}
    if not bad:
        return HOLDS
    listed = ", ".join(f"{count} with {name} peers" for name, count in bad.items())
    return Broken(
        "Regions have unhealthy peers",
        f"regions: {listed}",
        value=float(max(bad.values())),
        threshold=0.0,
        unit="regions",
        facts={f"{name} peers": str(count) for name, count in bad.items()},
    )


REGION_HEALTH: Invariant[TikvObservation, RegionCounts | None] = Invariant(
    name="region_health",
    severity=Severity.WARNING,
    source=SOURCE_REGIONS,
    hold_s=60.0,
    scope=cluster_regions,
    check=check_region_health,
    recover_s=30.0,
    settings=MappingProxyType(
        {"down": 0.0, "miss": 0.0, "offline": 0.0, "pending": 100.0, "pending_share": 0.1}
    ),
    explained_by=("store_down",),
)
