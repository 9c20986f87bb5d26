"""Whether we can see at all."""

from __future__ import annotations

from collections.abc import Iterable

from core.durations import span
from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.tikv.invariants.liveness import everyone, stores
from core.subjects.tikv.model import (
    NODES,
    PD,
    PROMETHEUS,
    SELF,
    SOURCE_METRICS,
    SOURCE_PD,
    TikvObservation,
)


def eyes(seen: TikvObservation) -> Iterable[tuple[str, str]]:
    """What we look through: PD, Prometheus, the nodes together, each node not plainly seen."""
    yield PD, PD
    if seen.has_prometheus:
        yield PROMETHEUS, PROMETHEUS
    yield NODES, NODES
    if seen.lives or seen.unprobed or seen.blind:
        for entity, store in stores(seen):
            if not _looked(store.who.id, seen) or entity in seen.blind:
                yield entity, entity


def check_observer_blind(entity: str, seen: TikvObservation, settings: Settings) -> Verdict:
    """PD, Prometheus and the status port of every node can be reached from here.

    Why it matters: what cannot be seen is neither fine nor broken. While this is open, tickets that
    depend on the blind source neither open nor resolve.

    What to do first: try the address from the machine that the bot runs on. A store that still
    sends heartbeats to PD while its status port cannot be reached from here is most likely alive: a
    firewall, an unpublished port, a certificate, or an advertised status address that means nothing
    outside its container (set status_addresses).
    """
    if entity == PD:
        return _pd(seen)
    if entity == PROMETHEUS:
        return _source(seen, SOURCE_METRICS, "Prometheus")
    why = seen.blind.get(entity)
    if why is None:
        if entity == NODES:
            return Unknown("no status port was asked yet") if seen.unprobed else HOLDS
        return HOLDS if _looked(_id(entity), seen) else Unknown("not looked at")
    if entity == NODES:
        return Broken("No status port can be reached", why)
    if NODES in seen.blind:
        return Unknown("no status port can be reached: see there")
    return Broken(f"{seen.title(_id(entity))} cannot be seen from here", why)


def _id(entity: str) -> int:
    return int(entity.partition(":")[2])


def _looked(store_id: int, seen: TikvObservation) -> bool:
    return store_id not in seen.lives and store_id not in seen.unprobed


def _pd(seen: TikvObservation) -> Verdict:
    if seen.shrunk:
        return Broken("PD's list of stores shrank suddenly", seen.shrunk)
    return _source(seen, SOURCE_PD, "PD")


def _source(seen: TikvObservation, source: str, name: str) -> Verdict:
    reading = seen.readings.get(source)
    if reading is None or (reading.seen_at is None and not reading.error):
        return Unknown("not asked yet")
    if reading.fresh(seen.at) and not reading.error:
        return HOLDS
    ago = (
        "never read so far"
        if reading.seen_at is None
        else f"last read {span(seen.at - reading.seen_at)} ago"
    )
    return Broken(
        f"{name} cannot be read",
        f"{reading.error or 'no answer in time'}; {ago}",
    )


OBSERVER_BLIND: Invariant[TikvObservation, str] = Invariant(
    name="observer_blind",
    severity=Severity.WARNING,
    source=SELF,
    hold_s=20.0,
    scope=eyes,
    check=check_observer_blind,
    recover_s=5.0,
    explained_by=("pd_no_leader",),
    everyone=everyone,
)
