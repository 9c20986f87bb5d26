"""What one look at a TiKV cluster found: plain frozen facts, and what could not be seen.

Times are seconds since the epoch; sizes bytes; ratios 0 to 1. Entities are stable words:
`store:<id>`, `pd:<name>`, `cluster`, `pd`, `prometheus`, `nodes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import msgspec

from core.subject import Observation

CLUSTER = "cluster"
PD = "pd"
PROMETHEUS = "prometheus"
NODES = "nodes"

# Names of readings: the key under which the age of each source is found.
SELF = "observer"
SOURCE_PROBE = "probe"
SOURCE_PD = "pd"
SOURCE_MEMBERS = "members"
SOURCE_PING = "ping"
SOURCE_PLACEMENT = "placement"
SOURCE_METRICS = "metrics"
SOURCE_REGIONS = "regions"
SOURCE_SCHEDULERS = "schedulers"
SOURCE_DISK = "disk"

UP, DISCONNECTED, DOWN, OFFLINE, TOMBSTONE = "Up", "Disconnected", "Down", "Offline", "Tombstone"
SILENT = frozenset((DISCONNECTED, DOWN))


def store_entity(store_id: int) -> str:
    """The entity of a store."""
    return f"store:{store_id}"


def pd_entity(name: str) -> str:
    """The entity of a PD member."""
    return f"pd:{name}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What of a store hardly ever changes; `host` is its label `host`, else its address's host."""

    id: int
    entity: str
    address: str
    title: str
    host: str
    status_url: str | None
    labels: Mapping[str, str]
    tiflash: bool


# Made anew for each store at each reading of PD, so a plain struct: a dataclass costs 17 times as
# much, and the garbage collector walks through it.
class Store(msgspec.Struct, frozen=True, gc=False):
    """A store in PD's words. None is "PD did not say"."""

    who: Identity
    state: str
    leaving: bool
    heartbeat_at: float | None
    started_at: int | None
    leaders: int
    leader_weight: float
    regions: int
    capacity: float | None
    disk_used: float | None
    slow_score: int
    busy: bool
    evicting: bool

    @property
    def id(self) -> int:
        """PD's number for it."""
        return self.who.id


class Life(StrEnum):
    """What the fusion of probe, PD and Docker makes of a store that is not plainly up."""

    UNSEEN = "unseen"
    BLIND = "blind"
    AWAY = "away"
    DOWN = "down"
    CUT_OFF = "cut off"
    RECOVERING = "recovering"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Liveness:
    """Why a store is not plainly up; `since` is when the trouble began, `how` says it in a line.

    `away` tells whether it serves nothing right now (its replicas do not count for a majority).
    `excused`: its restart was announced, and is not overdue. `overdue`: it was, and takes too long. `leaders` is how many regions it
    led before.
    """

    life: Life
    how: str
    since: float
    away: bool = False
    excused: bool = False
    overdue: bool = False
    leaders: int = 0


@dataclass(frozen=True, slots=True)
class Restart:
    """A store's process was replaced, and it was never seen down; `at` is when that was seen."""

    at: float
    announced: bool
    uptime_before_s: float | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A PD member. `answers`: True, False, or None where it cannot be told; `said` why."""

    name: str
    url: str
    answers: bool | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class PdView:
    """What is known of PD itself.

    `leader` is "" where no member names one; `silent_s` for how long no leader has answered;
    `answering` how many members answer a ping. `reached`: whether anything of PD answered lately.
    `leaderless`: PD's own words for having no leader, where it says so.
    """

    members: tuple[Member, ...] = ()
    leader: str = ""
    silent_s: float = 0.0
    reached: bool = False
    leaderless: str = ""
    bootstrapped: bool = True
    notes: tuple[str, ...] = ()


ByStore = Mapping[int, float]
"""One figure of many stores, by id; a store that is not in it has none."""
NO_FIGURES: ByStore = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Latency:
    """One request type: 99th percentile in seconds (NaN: none), requests a second."""

    rate: ByStore
    p99_s: ByStore = field(default_factory=lambda: NO_FIGURES)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What stores measure themselves, a column a figure: a record a store would be 10,000 of them.

    `disk_used` is a share (0 to 1), `latency` by request type.
    """

    disk_used: ByStore = field(default_factory=lambda: NO_FIGURES)
    latency: Mapping[str, Latency] = field(default_factory=lambda: MappingProxyType({}))


NO_METRICS = Metrics()


@dataclass(frozen=True, slots=True)
class RegionCounts:
    """How many regions have peers in each sort of trouble; `regions` in all, None if not known.

    `leaving`: some store was on its way out when they were counted.
    """

    down: int
    pending: int
    miss: int
    offline: int
    regions: int | None = None
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Margin:
    """How many more stores may be lost with every region keeping its majority.

    `value` None: it cannot be told, `why` says why not. `at_most`: the true figure may be lower.
    `breakers`: ids of stores of which one more loss would break a majority. `lost`: how many
    regions have lost theirs already (0 where not counted). `missing`: ids that count as lost.
    """

    value: int | None
    base: int | None = None
    why: str = ""
    at_most: bool = False
    breakers: tuple[int, ...] = ()
    lost: int = 0
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TikvObservation(Observation):
    """A TiKV cluster at one instant.

    `stores` holds every store but tombstones, in PD's order; `entities` names them in that order,
    `everyone` in none.
    `lives` holds only stores that are not plainly up. `unprobed` are stores whose status port was
    not asked yet. `blind` maps an entity that cannot be reached from here to the reason. `shrunk`
    says what is odd about a store list that suddenly lost many entries, "" if nothing.
    """

    stores: tuple[Store, ...] = ()
    entities: tuple[str, ...] = ()
    everyone: frozenset[str] = frozenset()
    lives: Mapping[int, Liveness] = field(default_factory=lambda: MappingProxyType({}))
    restarts: Mapping[int, Restart] = field(default_factory=lambda: MappingProxyType({}))
    evicting: frozenset[int] = frozenset()
    schedulers: frozenset[str] | None = None
    pd: PdView = PdView()
    metrics: Metrics = NO_METRICS
    regions: RegionCounts | None = None
    margin: Margin = Margin(None, why="placement has not been read yet")
    unprobed: frozenset[int] = frozenset()
    blind: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    has_prometheus: bool = False
    shrunk: str = ""
    pinned_leaders: bool = False

    def fresh(self, source: str) -> bool:
        """Whether that source still speaks for the present."""
        reading = self.readings.get(source)
        return reading is not None and reading.fresh(self.at)

    def title(self, store_id: int) -> str:
        """A store's name for a person, even if it is no longer listed."""
        for store in self.stores:
            if store.who.id == store_id:
                return store.who.title
        return f"Store {store_id}"
