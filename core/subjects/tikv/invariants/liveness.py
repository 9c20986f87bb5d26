"""Whether stores serve, and whether they were restarted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from core.durations import span
from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.tikv.model import CLUSTER, SELF, Life, Liveness, Store, TikvObservation


def stores(seen: TikvObservation) -> Iterable[tuple[str, Store]]:
    """Every store that is not gone."""
    return zip(seen.entities, seen.stores, strict=True)


def everyone(seen: TikvObservation) -> frozenset[str]:
    """The entities of all stores."""
    return seen.everyone


def doubtful(seen: TikvObservation) -> Iterable[tuple[str, Store]]:
    """The stores that are not plainly up."""
    return [one for one in stores(seen) if one[1].who.id in seen.lives] if seen.lives else ()


def check_store_down(store: Store, seen: TikvObservation, settings: Settings) -> Verdict:
    """Every store answers, and PD hears from it.

    Why it matters: a third of all keys (with three stores) has no leader for 10 to 20 seconds, and
    every region with a replica there is one step nearer to losing its majority.

    What to do first: look whether the process or its machine died (container state, `dmesg`, the
    store's log), start it again, and do not take down another store before it is back. After 30
    minutes PD begins to replace its replicas elsewhere.

    A restart that was announced (evict-leader scheduler, or a graceful stop) may take 120 seconds
    before it counts. After it came back the ticket stays open until PD has heard from it anew and
    its leaders are back.
    """
    life = seen.lives.get(store.who.id)
    if life is None:
        return HOLDS
    if life.life is Life.DOWN:
        return _down(store, seen, life)
    if life.life is Life.CUT_OFF:
        return Broken(
            f"{store.who.title} is cut off from PD",
            life.how,
            severity=Severity.WARNING,
            facts=_facts(store, seen, life),
        )
    return Unknown(life.how)


def _down(store: Store, seen: TikvObservation, life: Liveness) -> Broken:
    severity = None
    if life.overdue:
        lost_more = seen.margin.value is not None and seen.margin.value < 0
        others = any(
            other.life is Life.DOWN and not other.overdue
            for key, other in seen.lives.items()
            if key != store.who.id
        )
        severity = Severity.CRITICAL if lost_more or others else Severity.WARNING
    return Broken(
        f"{store.who.title} is down",
        _how_long(life.how, seen.at - life.since),
        severity=severity,
        facts=_facts(store, seen, life),
    )


def _how_long(how: str, seconds: float) -> str:
    """What is seen, and since when unless it has only begun."""
    return f"down for {span(seconds)}: {how}" if seconds >= 1.0 else how


def _facts(store: Store, seen: TikvObservation, life: Liveness) -> dict[str, str]:
    facts = {"PD says": store.state, "regions": str(store.regions)}
    if life.leaders:
        facts["leaders before"] = str(life.leaders)
    if store.heartbeat_at is not None:
        facts["last heartbeat"] = f"{datetime.fromtimestamp(store.heartbeat_at, UTC):%H:%M:%S} UTC"
    if seen.margin.value is not None:
        facts["quorum margin"] = _may_still_lose(seen.margin.value, at_most=seen.margin.at_most)
    return facts


def _may_still_lose(margin: int, *, at_most: bool) -> str:
    if margin < 0:
        return "lost: some regions have no majority"
    if margin == 0:
        return "0: no other store may be lost"
    return f"{'at most ' if at_most else ''}{margin} more may be lost"


STORE_DOWN: Invariant[TikvObservation, Store] = Invariant(
    name="store_down",
    severity=Severity.CRITICAL,
    source=SELF,
    hold_s=0.0,
    scope=doubtful,
    check=check_store_down,
    everyone=everyone,
)


def cluster_and_restarted(seen: TikvObservation) -> Iterable[tuple[str, Store | None]]:
    """The cluster as a whole, then each store that was restarted lately."""
    yield CLUSTER, None
    if seen.restarts:
        yield from (one for one in stores(seen) if one[1].who.id in seen.restarts)


def check_store_restarted(
    store: Store | None, seen: TikvObservation, settings: Settings
) -> Verdict:
    """No store's process was replaced within the last five minutes.

    Why it matters: a store that restarts by itself (a crash that the supervisor healed, the OOM
    killer) loses its leaders for a moment and its caches for minutes; more than one of these in a
    day is a fault that has not been found yet.

    What to do first: read the end of the log before the restart; compare memory with its limit.

    Restarts that were announced (evict-leader scheduler first) are counted together, as one rolling
    restart of the cluster. A restart that was seen as an outage already is told by store_down alone.
    """
    if store is None:
        return _rolling(seen)
    restart = seen.restarts.get(store.who.id)
    if restart is None or restart.announced:
        return HOLDS
    before = restart.uptime_before_s
    ran = f", after running for {span(before)}" if before is not None and before > 0 else ""
    return Broken(
        f"{store.who.title} was restarted",
        f"its process was replaced {span(seen.at - restart.at)} ago{ran}; it was not announced",
        facts={"PD says": store.state, "leaders": str(store.leaders)},
    )


def _rolling(seen: TikvObservation) -> Verdict:
    if not seen.restarts:
        return HOLDS
    done = sorted(key for key, restart in seen.restarts.items() if restart.announced)
    if not done:
        return HOLDS
    names = ", ".join(str(one) for one in done[:20])
    return Broken(
        f"{len(done)} of {len(seen.stores)} stores restarted",
        f"announced restarts of store {names}{' and more' if len(done) > 20 else ''}",
        value=float(len(done)),
        unit="stores",
    )


STORE_RESTARTED: Invariant[TikvObservation, Store | None] = Invariant(
    name="store_restarted",
    severity=Severity.INFO,
    source=SELF,
    hold_s=0.0,
    scope=cluster_and_restarted,
    check=check_store_restarted,
    explained_by=("store_down",),
    everyone=everyone,
)
