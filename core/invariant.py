"""What must be true, and what was found: invariants, verdicts, and the pure step that judges.

A verdict has three values. *Holds* and *broken* are things that were seen; *unknown* says why nothing
could be seen, and neither opens nor closes anything.

Times are seconds since the epoch (UTC); durations are seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

import msgspec


class Severity(StrEnum):
    """How urgent a broken invariant is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info up to 2 for critical, for comparing."""
        return _RANKS[self]


_RANKS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


@dataclass(frozen=True, slots=True)
class Holds:
    """It was looked at, and it is as it should be."""


@dataclass(frozen=True, slots=True)
class Broken:
    """It was looked at, and it is not as it should be.

    `title` names what is wrong and with what, for a person ("Store 4 (tikv-2:20160) is down").
    `summary` says what was seen, in one line. `value`, `threshold` and `unit` are what was
    measured and what it was held against, where there is such a figure. `severity` is given only
    where this finding differs from its invariant's own. `facts` are further readings by name, for
    the card's fields ("would break majority": "store 1, store 5").
    """

    title: str
    summary: str
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    severity: Severity | None = None
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Unknown:
    """It could not be seen; `reason` says why."""

    reason: str


Verdict = Holds | Broken | Unknown
HOLDS = Holds()


@dataclass(frozen=True, slots=True)
class Reading:
    """When a source was last read, and how.

    `seen_at` is when the newest good answer came (None: never); `period_s` is how often the source
    is asked; `error` says what went wrong since, "" if nothing. A reading older than two of its
    own periods counts as not seen.
    """

    seen_at: float | None
    period_s: float
    error: str = ""

    def fresh(self, now: float) -> bool:
        """Whether this still speaks for the present."""
        return self.seen_at is not None and now - self.seen_at <= 2 * self.period_s


class Seen(Protocol):
    """What judging needs of an observation, whatever its subject."""

    @property
    def readings(self) -> Mapping[str, Reading]:
        """By name of source."""
        ...


O = TypeVar("O", bound=Seen)  # noqa: E741 - the letter is the field's own for an observation
T = TypeVar("T")

Settings = Mapping[str, Any]
NO_SETTINGS: Settings = MappingProxyType({})


def nobody(_: Any) -> frozenset[str]:
    """No one holds without having been looked at."""
    return frozenset()


@dataclass(frozen=True, slots=True)
class Invariant(Generic[O, T]):
    """A named claim about an observation, checked for each entity in its scope.

    `source` names the reading whose age decides whether the claim can be judged at all.
    `hold_s`: how long it must be seen broken before a ticket opens. `recover_s`: how long it must
    be seen holding before the ticket resolves by itself. `settings` are its thresholds by name,
    each of which a user may override. `explained_by` names the invariants of the same subject
    whose open ticket makes this one a symptom.

    Where an observation tells suspects apart by itself, `scope` may name those alone: then
    `everyone` names all of whom the claim is made, and whoever `scope` leaves out holds. Ten
    thousand healthy stores are then one set instead of as many looks.
    """

    name: str
    severity: Severity
    source: str
    hold_s: float
    scope: Callable[[O], Iterable[tuple[str, T]]]
    check: Callable[[T, O, Settings], Verdict]
    recover_s: float = 0.0
    settings: Settings = field(default_factory=lambda: NO_SETTINGS)
    explained_by: tuple[str, ...] = ()
    everyone: Callable[[O], frozenset[str]] = nobody

    @property
    def doc(self) -> str:
        """What it claims, in words: the docstring of its check."""
        return (self.check.__doc__ or "").strip()


@dataclass(frozen=True, slots=True)
class Judged:
    """What one invariant said of everything in its scope, at one reading.

    `at` is the time of the reading and `period_s` its pace. `holds` lists the entities that were
    seen in order; `unknown` maps the others to the reason. An entity in none of the three was not
    looked at, which is unknown too.
    """

    invariant: Invariant[Any, Any]
    at: float
    period_s: float
    broken: Mapping[str, Broken]
    unknown: Mapping[str, str]
    holds: frozenset[str]

    def verdict(self, entity: str) -> Verdict:
        """The verdict on one entity; unknown if it was not looked at."""
        if entity in self.broken:
            return self.broken[entity]
        if entity in self.holds:
            return HOLDS
        return Unknown(self.unknown.get(entity, "not seen in this observation"))


def judge(invariants: Iterable[Invariant[O, Any]], observation: O, now: float) -> Iterator[Judged]:
    """Check each invariant against the observation; a stale source makes all of it unknown."""
    for one in invariants:
        reading = observation.readings.get(one.source)
        if reading is None or reading.seen_at is None or not reading.fresh(now):
            yield Judged(one, now, 0.0, {}, {}, frozenset())
            continue
        yield _judge_one(one, observation, reading.seen_at, reading.period_s)


def _judge_one(invariant: Invariant[O, Any], observation: O, at: float, period_s: float) -> Judged:
    broken: dict[str, Broken] = {}
    unknown: dict[str, str] = {}
    holds: list[str] = []
    check, settings = invariant.check, invariant.settings
    for entity, thing in invariant.scope(observation):
        verdict = check(thing, observation, settings)
        if verdict is HOLDS:
            holds.append(entity)
        elif isinstance(verdict, Broken):
            broken[entity] = verdict
        elif isinstance(verdict, Unknown):
            unknown[entity] = verdict.reason
        else:
            holds.append(entity)
    well = invariant.everyone(observation).difference(broken, unknown).union(holds)
    return Judged(invariant, at, period_s, broken, unknown, well)


class Violation(msgspec.Struct, frozen=True, gc=False):
    """A broken verdict on one entity of one subject, with when and at what pace it was seen.

    `fingerprint` is what makes two sightings the same trouble: never text. It is made here, once: ten
    thousand are asked for theirs many times in one tick. (For them it is a Struct, too.)
    """

    subject: str
    invariant: str
    entity: str
    severity: Severity
    found: Broken
    at: float
    period_s: float
    hold_s: float
    fingerprint: str = ""

    def __post_init__(self) -> None:
        made = fingerprint(self.subject, self.invariant, self.entity)
        msgspec.structs.force_setattr(self, "fingerprint", made)


def fingerprint(subject: str, invariant: str, entity: str) -> str:
    """The key under which a violation and its ticket are known."""
    return f"{subject}/{invariant}/{entity}"
