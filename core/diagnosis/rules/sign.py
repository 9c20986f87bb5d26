"""What rules are written in: signs that may be seen, and the causes that they speak for or against."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from core.diagnosis.causes import CAUSES
from core.diagnosis.claims import Outcome, ask, reach
from core.diagnosis.compare import stale
from core.diagnosis.model import Check, Claim, Op, Piece, Predicate, Snapshot, Weight
from core.diagnosis.rules.ticket import kinds
from core.diagnosis.rules.wording import worded

SELF = "self"
RECENT_S = 900.0
"""How long before its ticket something may have happened and still be its cause, seconds."""
DURING_S = 120.0
"""How long before its ticket a trouble may have begun that nobody saw begin, seconds."""
STARTING_S = 10.0
"""How long after its start a process may miss others without being cut off, seconds."""
SLACK_S = 10.0
"""How much clocks of nodes may differ, and how long before it was noticed a silence may have begun, seconds."""
_ADDRESS = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,120}")


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that may be seen in the evidence about an entity.

    `points`: what it adds to the cause when it is seen (below 0: it speaks against). `about` is whose
    evidence is asked, the candidate's own unless another is named ("pd:*": any whose name so begins). `source` picks a piece (the name
    of a reading, a PD path). `recent`: only what happened lately counts; `during`: only what happened
    since the entity fell silent, or (where it answers) about when the ticket opened. `direct`: it shows
    the cause itself, rather than something that the cause would bring. `only_if`: it counts only where
    of each of these groups one is seen, too (what bears it out); `unless`: not where any of these is.
    `within_s`: what `recent` reaches back, seconds, where that is not a quarter of an hour.
    """

    points: int
    kind: str
    path: str
    op: Op
    value: Any
    words: str
    about: str = SELF
    source: str = ""
    where: str = ""
    recent: bool = False
    direct: bool = False
    during: bool = False
    only_if: tuple[tuple[Sign, ...], ...] = ()
    unless: tuple[Sign, ...] = ()
    within_s: float = RECENT_S


@dataclass(frozen=True, slots=True)
class Rule:
    """When a cause is so: of whom, what must be seen, what must not, and what weighs.

    Each group of `must` needs one sign seen; any sign of `must_not` that is seen rules the cause out.
    `tickets` are the kinds of ticket that this cause is wont to open; for one of `not_for` the rule
    is not asked, and where `asked_for` names some, for no other.
    """

    cause: str
    scope: Callable[[Snapshot], tuple[str, ...]]
    must: tuple[tuple[Sign, ...], ...]
    signs: tuple[Sign, ...] = ()
    must_not: tuple[Sign, ...] = ()
    tickets: frozenset[str] = frozenset()
    not_for: frozenset[str] = frozenset()
    asked_for: frozenset[str] = frozenset()

    def fits(self, snapshot: Snapshot) -> bool:
        """Whether the rule is asked for a ticket of this kind."""
        some = kinds(snapshot)
        return not some & self.not_for and (not self.asked_for or bool(some & self.asked_for))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A cause for an entity, as far as the evidence carries it.

    `possible`: everything that must be seen was, and nothing that must not.
    """

    cause: str
    entity: str
    points: int
    direct: bool
    possible: bool
    supporting: tuple[Claim, ...]
    contradicting: tuple[Claim, ...]
    relevant: int = 0
    fits: bool = False

    @property
    def rank(self) -> float:
        """For comparing candidates: what was seen, how much it concerns the ticket, how deep it lies."""
        return min(self.points, 100) + self.relevant + CAUSES[self.cause].root / 2


def against(sign: Sign, points: int) -> Sign:
    """The same thing seen, as something that speaks against."""
    return replace(sign, points=-points, direct=False)


def stores(snapshot: Snapshot) -> tuple[str, ...]:
    """Every store that PD or anything else told of."""
    return tuple(one for one in snapshot.entities if one.startswith("store:"))


def nodes(snapshot: Snapshot) -> tuple[str, ...]:
    """Every store, PD member and member of etcd."""
    return tuple(one for one in snapshot.entities if one.startswith(("store:", "pd:", "member:")))


def members(snapshot: Snapshot) -> tuple[str, ...]:
    """Every PD member."""
    return tuple(one for one in snapshot.entities if one.startswith("pd:"))


def only(entity: str) -> Callable[[Snapshot], tuple[str, ...]]:
    """A scope of one."""
    return lambda _: (entity,)


def title(snapshot: Snapshot, entity: str) -> str:
    """The entity for a person: with its address where PD told it."""
    kind, _, name = entity.partition(":")
    if kind == "store":
        piece = snapshot.piece("store", entity)
        address = reach(piece.content, "now.address") if piece is not None and piece.ok else ""
        # PD repeats what a store called itself: only what looks like an address is shown.
        good = isinstance(address, str) and _ADDRESS.fullmatch(address)
        return f"store {name} ({address})" if good else f"store {name}"
    said = {
        "cluster": "the cluster",
        "nodes": "the stores",
        "pd": "PD",
        "prometheus": "Prometheus",
        "etcd": "etcd",
    }
    if kind == "member" and name:
        return f"etcd member {name}"
    return f"PD member {name}" if kind == "pd" and name else said.get(entity, entity)


def seen(sign: Sign, snapshot: Snapshot, entity: str) -> Claim | None:
    """The claim that this sign makes of the entity; None if its check does not hold."""
    key = (id(sign), entity)
    known = snapshot.memo.get(key)
    # The sign is kept with what came of it: no other one can have its id meanwhile.
    if known is None:
        known = snapshot.memo[key] = (sign, _looked(sign, snapshot, entity))
    found: Claim | None = known[1]
    return found


def _looked(sign: Sign, snapshot: Snapshot, entity: str) -> Claim | None:
    pieces = _asked(sign, snapshot, entity)
    window = _window(sign, snapshot, entity)
    predicate = Predicate(
        _filled(sign.path, entity), sign.op, sign.value, _filled(sign.where, entity)
    )
    for piece in pieces:
        if not piece.ok or (sign.source and piece.source != sign.source):
            continue
        if sign.kind == "reading" and sign.path in ("now", "falls") and _then(snapshot):
            continue
        outcome, value = ask(predicate, piece.content, window)
        if outcome is Outcome.HOLDS and _borne_out(sign, snapshot, entity):
            check = Check(piece.entity, predicate, evidence=piece.id, window=window)
            words = worded(sign.words, value, title(snapshot, entity))
            return Claim(words, check, Weight.SUPPORTING, snapshot.digest_of(piece))
    return None


def _then(snapshot: Snapshot) -> bool:
    """Whether the figures are of then: the newest that Prometheus has is old."""
    piece = snapshot.piece("prometheus", "prometheus")
    return piece is not None and piece.ok and stale(piece.content)


def _borne_out(sign: Sign, snapshot: Snapshot, entity: str) -> bool:
    if any(seen(one, snapshot, entity) is not None for one in sign.unless):
        return False
    return all(
        any(seen(one, snapshot, entity) is not None for one in group) for group in sign.only_if
    )


def _window(sign: Sign, snapshot: Snapshot, entity: str) -> tuple[float, float] | None:
    if not sign.recent and not sign.during:
        return None
    if not sign.during:
        return snapshot.opened_at - sign.within_s, snapshot.taken_at
    start = snapshot.opened_at - DURING_S
    silent = _number(snapshot.piece("probe", entity), "now.silent_s")
    if silent is not None:
        start = snapshot.taken_at - silent - SLACK_S
    began = _began(snapshot, entity)
    if began is not None:
        # A process that starts reaches nobody yet, and says so.
        start = max(start, began + STARTING_S)
    return min(start, snapshot.taken_at), snapshot.taken_at


def _began(snapshot: Snapshot, entity: str) -> float | None:
    """When its process started last: by its own figure, or by what PD was told; a figure may be of
    the process before."""
    uptime = _number(snapshot.piece("reading", entity, "uptime_s"), "now")
    told = _number(snapshot.piece("store", entity), "now.started_at")
    known = [one for one in (told, uptime and snapshot.taken_at - uptime) if one]
    return max(known, default=None)


def _number(piece: Piece | None, path: str) -> float | None:
    value = reach(piece.content, path) if piece is not None and piece.ok else None
    return float(value) if isinstance(value, int | float) else None


def _asked(sign: Sign, snapshot: Snapshot, entity: str) -> tuple[Piece, ...]:
    if sign.about == SELF:
        return snapshot.of(sign.kind, entity)
    if not sign.about.endswith("*"):
        return snapshot.of(sign.kind, sign.about)
    start = sign.about[:-1]
    some = [one for one in snapshot.entities if one.startswith(start)]
    return tuple(piece for one in some for piece in snapshot.of(sign.kind, one))


def _filled(path: str, entity: str) -> str:
    return path.replace("{id}", entity.partition(":")[2])


def consider(rule: Rule, snapshot: Snapshot, entity: str) -> Candidate:
    """What the evidence says of one cause for one entity."""
    held: list[tuple[Sign, Claim]] = []
    possible = True
    for group in rule.must:
        got = [(one, claim) for one in group if (claim := seen(one, snapshot, entity))]
        possible = possible and bool(got)
        held += got
    held += [(one, claim) for one in rule.signs if (claim := seen(one, snapshot, entity))]
    against = [(one, claim) for one in rule.must_not if (claim := seen(one, snapshot, entity))]
    possible = possible and not against
    speaking = sorted((one for one in held if one[0].points >= 0), key=_first)
    against += [one for one in held if one[0].points < 0]
    return Candidate(
        cause=rule.cause,
        entity=entity,
        points=sum(one.points for one, _ in held),
        direct=any(one.direct for one, _ in speaking),
        possible=possible,
        supporting=_once(claim for _, claim in speaking),
        contradicting=_once(
            Claim(claim.words, claim.check, Weight.CONTRADICTING, claim.seal)
            for _, claim in against
        ),
        relevant=_relevance(rule, snapshot, entity),
        fits=bool(kinds(snapshot) & rule.tickets),
    )


def _first(held: tuple[Sign, Claim]) -> tuple[bool, int]:
    return (not held[0].direct, -held[0].points)


def _once(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    unique: dict[str, Claim] = {}
    for one in claims:
        unique.setdefault(one.words, one)
    return tuple(unique.values())


def _relevance(rule: Rule, snapshot: Snapshot, entity: str) -> int:
    fits = 15 if kinds(snapshot) & rule.tickets else 0
    return fits + (15 if entity == snapshot.entity else 0)
