"""How many more stores may be lost: quorum arithmetic on where replicas are.

A region lives while more than half of its voters do. Regions that have a replica on a missing
store decide; the others have the full margin of their replica count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.subjects.tikv.model import Life, Liveness, Margin, Store

# Roles of a peer (metapb.PeerRole).
VOTER, LEARNER, INCOMING, DEMOTING = 0, 1, 2, 3

Peers = tuple[tuple[int, int], ...]
"""One region's peers: (store id, role)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What the configuration asks for: voters a region; whether rules say where leaders go."""

    voters: int
    pinned_leaders: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A placement rule, as far as it matters here."""

    start: str
    end: str
    role: str
    count: int


@dataclass(frozen=True, slots=True)
class Bodies:
    """Regions with a peer on one of `stores`; not `complete` where some could not be read."""

    stores: frozenset[int]
    regions: tuple[Peers, ...]
    complete: bool


def wanted(max_replicas: int, rules: Sequence[Rule]) -> Placement:
    """What the cluster is asked to keep; with rules, the range with fewest voters decides."""
    by_range: dict[tuple[str, str], int] = {}
    for rule in rules:
        if rule.role in ("voter", "leader", "follower"):
            key = (rule.start, rule.end)
            by_range[key] = by_range.get(key, 0) + rule.count
    counts = [count for count in by_range.values() if count > 0]
    pinned = any(rule.role in ("leader", "follower") for rule in rules)
    return Placement(min(counts) if counts else max_replicas, pinned)


def margin(
    placement: Placement | None,
    stores: Iterable[Store],
    lives: Mapping[int, Liveness],
    bodies: Bodies | None,
) -> Margin:
    """The margin now, as exactly as can be told."""
    if placement is None or placement.voters < 1:
        return Margin(None, why="PD's replica count has not been read")
    holding = sorted((one for one in stores if not one.who.tiflash), key=_id)
    if not holding:
        return Margin(None, why="PD lists no store")
    base = (placement.voters - 1) // 2
    whole = (min(placement.voters, len(holding)) - 1) // 2
    missing = tuple(
        one.who.id
        for one in holding
        if one.regions > 0 and (life := lives.get(one.who.id)) is not None and life.away
    )
    if not missing:
        return _none_missing(base, whole, holding, lives)
    if len(holding) <= placement.voters:
        return _everywhere(base, whole, missing, holding)
    if bodies is not None and bodies.stores == frozenset(missing):
        return _counted(base, whole, missing, bodies)
    return Margin(
        whole - 1,
        base,
        why="the regions of the missing stores have not been read",
        at_most=len(missing) > 1,
        missing=missing,
    )


def _none_missing(
    base: int, whole: int, holding: Sequence[Store], lives: Mapping[int, Liveness]
) -> Margin:
    hidden = [
        one.who.id
        for one in holding
        if (life := lives.get(one.who.id)) is not None and life.life in (Life.UNSEEN, Life.BLIND)
    ]
    breakers = tuple(one.who.id for one in holding) if whole == 0 else ()
    if hidden:
        names = ", ".join(f"store {one}" for one in hidden[:5])
        return Margin(whole, base, why=f"not seen: {names}", at_most=True, breakers=breakers)
    return Margin(whole, base, breakers=breakers)


def _everywhere(
    base: int, whole: int, missing: tuple[int, ...], holding: Sequence[Store]
) -> Margin:
    """No more stores than replicas: every region has a peer on every store."""
    value = whole - len(missing)
    left = tuple(one.who.id for one in holding if one.who.id not in missing)
    lost = max((one.regions for one in holding), default=0) if value < 0 else 0
    return Margin(value, base, breakers=left if value == 0 else (), lost=lost, missing=missing)


def _counted(base: int, whole: int, missing: tuple[int, ...], bodies: Bodies) -> Margin:
    gone = frozenset(missing)
    value, lost, breakers = whole, 0, set[int]()
    for peers in bodies.regions:
        left = region_margin(peers, gone)
        value = min(value, left)
        if left < 0:
            lost += 1
        elif left == 0:
            breakers.update(key for key, role in peers if role != LEARNER and key not in gone)
    if not bodies.complete:
        value = min(value, whole - 1)
    return Margin(
        value,
        base,
        why="" if bodies.complete else "not every region of the missing stores could be read",
        at_most=not bodies.complete,
        breakers=tuple(sorted(breakers)) if value == 0 else (),
        lost=lost,
        missing=missing,
    )


def _id(store: Store) -> int:
    return store.who.id


def region_margin(peers: Peers, gone: frozenset[int]) -> int:
    """How many more voters this region may lose; below 0 it has lost its majority.

    In a joint change of membership both the old and the new voters need a majority.
    """
    old = [key for key, role in peers if role in (VOTER, DEMOTING)]
    new = [key for key, role in peers if role in (VOTER, INCOMING)]
    return min(_left(voters, gone) for voters in (old, new))


def _left(voters: Sequence[int], gone: frozenset[int]) -> int:
    alive = sum(key not in gone for key in voters)
    return alive - (len(voters) // 2 + 1)
