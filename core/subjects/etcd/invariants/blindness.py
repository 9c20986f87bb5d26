"""Whether we can see at all."""

from __future__ import annotations

from collections.abc import Iterable

from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.etcd.model import (
    ETCD,
    METRICS,
    PROMETHEUS,
    SELF,
    SOURCE_MEMBERS,
    SOURCE_METRICS,
    EtcdObservation,
    Life,
)

_NAMES = {ETCD: "etcd", PROMETHEUS: "Prometheus", METRICS: "The members' /metrics"}


def eyes(seen: EtcdObservation) -> Iterable[tuple[str, str]]:
    """Each thing that we look through: etcd as a whole, what gives figures, each member."""
    yield ETCD, ETCD
    figures = PROMETHEUS if seen.has_prometheus else METRICS
    yield figures, figures
    for one in seen.members:
        yield one.entity, one.entity


def check_observer_blind(entity: str, seen: EtcdObservation, settings: Settings) -> Verdict:
    """Every member, and Prometheus, can be reached from here.

    Why it matters: what cannot be seen is neither fine nor broken. While this is open, tickets that
    depend on the blind source neither open nor resolve.

    What to do first: try the address from the machine that the bot runs on. A member from which the
    others hear is alive: a firewall, an unpublished port, a certificate, or an advertised client
    URL that means nothing outside its container (list its endpoint, or set addresses).
    """
    why = seen.blind.get(entity)
    if entity in _NAMES:
        return _source(entity, why, seen)
    if ETCD in seen.blind and seen.blind[ETCD] and not seen.said:
        return Unknown("no member can be reached: see there")
    who = next((one for one in seen.members if one.entity == entity), None)
    life = seen.lives.get(who.id) if who is not None else None
    if who is None or life is None:
        return Unknown("not looked at")
    if why is not None:
        return Broken(f"{who.title} cannot be seen from here", why)
    return Unknown("it is down") if life.life in (Life.DOWN, Life.NEW) else HOLDS


def _source(entity: str, why: str | None, seen: EtcdObservation) -> Verdict:
    if why is not None:
        return Broken(f"{_NAMES[entity]} cannot be read", why)
    reading = seen.readings[SOURCE_MEMBERS if entity == ETCD else SOURCE_METRICS]
    return HOLDS if reading.seen_at is not None else Unknown("not asked yet")


OBSERVER_BLIND: Invariant[EtcdObservation, str] = Invariant(
    name="observer_blind",
    severity=Severity.WARNING,
    source=SELF,
    hold_s=20.0,
    scope=eyes,
    check=check_observer_blind,
    recover_s=5.0,
    explained_by=("member_down",),
)
