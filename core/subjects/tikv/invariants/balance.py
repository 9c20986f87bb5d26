"""Whether load is spread."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.tikv.model import CLUSTER, SOURCE_PD, UP, Store, TikvObservation
from core.subjects.words import percent


def cluster(seen: TikvObservation) -> Iterable[tuple[str, tuple[Store, ...]]]:
    """All stores together."""
    return ((CLUSTER, seen.stores),)


def check_leader_imbalance(
    stores: tuple[Store, ...], seen: TikvObservation, settings: Settings
) -> Verdict:
    """Leaders are spread over the stores in proportion to their weights.

    Broken when the store with most leaders and the one with fewest (each divided by its weight) lie
    further apart than half of the average. Stores that are leaving, silent, slow, lately restarted
    or being evicted do not count, nor do clusters with fewer than 20 leaders a store.

    Why it matters: leaders serve the reads and order the writes; a store with too many is the one
    that slows down first.

    What to do first: see that balance-leader-scheduler runs and is not paused, and whether somebody
    left an evict-leader scheduler behind.
    """
    if seen.pinned_leaders:
        return Unknown("placement rules say where leaders go")
    fit = [one for one in stores if _counts(one, seen, settings)]
    if len(fit) < 2:
        return HOLDS
    if sum(one.leaders for one in fit) / len(fit) < settings["min_leaders"]:
        return HOLDS
    scores = [(one.leaders / one.leader_weight, one) for one in fit]
    mean = sum(score for score, _ in scores) / len(scores)
    most, least = max(scores, key=_score), min(scores, key=_score)
    spread = (most[0] - least[0]) / mean if mean else 0.0
    if spread <= settings["spread"]:
        return HOLDS
    facts = {
        "most": f"{most[1].who.title}: {most[1].leaders}",
        "fewest": f"{least[1].who.title}: {least[1].leaders}",
    }
    if seen.schedulers is not None and "balance-leader-scheduler" not in seen.schedulers:
        facts["balance-leader-scheduler"] = "not loaded"
    return Broken(
        "Leaders are spread unevenly",
        f"from {least[1].leaders} to {most[1].leaders} leaders a store, {percent(spread)} apart",
        value=round(spread * 100, 1),
        threshold=settings["spread"] * 100,
        unit="%",
        facts=facts,
    )


def _score(one: tuple[float, Store]) -> float:
    return one[0]


def _counts(store: Store, seen: TikvObservation, settings: Settings) -> bool:
    return (
        store.state == UP
        and not (store.leaving or store.evicting or store.busy or store.who.tiflash)
        and store.slow_score < settings["slow_score"]
        and store.leader_weight > 0
        and store.who.id not in seen.lives
        and store.who.id not in seen.restarts
        and store.who.id not in seen.evicting
    )


LEADER_IMBALANCE: Invariant[TikvObservation, tuple[Store, ...]] = Invariant(
    name="leader_imbalance",
    severity=Severity.INFO,
    source=SOURCE_PD,
    hold_s=300.0,
    scope=cluster,
    check=check_leader_imbalance,
    recover_s=60.0,
    settings=MappingProxyType({"spread": 0.5, "min_leaders": 20.0, "slow_score": 80.0}),
    explained_by=("store_down",),
)
