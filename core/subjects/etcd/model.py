"""What one look at an etcd cluster found: plain frozen facts, and what could not be seen.

Times are seconds since the epoch; sizes bytes; durations seconds. Entities are stable words:
`member:<name>` (`member:<id>` where the name is missing or not unique), `cluster`, `etcd`,
`prometheus` (`metrics` where members are scraped instead), and alarms by their kind (`NOSPACE`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from core.clients.etcd_model import Alarm, Health, Status
from core.subject import Observation

CLUSTER = "cluster"
ETCD = "etcd"
PROMETHEUS = "prometheus"
METRICS = "metrics"

# Names of readings: the key under which the age of each source is found.
SELF = "observer"
SOURCE_PROBE = "probe"
SOURCE_MEMBERS = "members"
SOURCE_STATUS = "status"
SOURCE_METRICS = "metrics"
SOURCE_PEERS = "peers"

NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Who:
    """What of a member hardly ever changes. `url` is where it answers from here, None if unknown.

    `started` is False for a member that was added and has never run; `learner` does not vote.
    """

    id: int
    entity: str
    name: str
    url: str | None
    metrics_url: str | None
    client_urls: tuple[str, ...] = ()
    peer_urls: tuple[str, ...] = ()
    learner: bool = False
    started: bool = True

    @property
    def title(self) -> str:
        """For a person."""
        return f"etcd member {self.name}"


class Life(StrEnum):
    """What is known of a member's process.

    `UP` it answers. `UNSEEN` it does not answer us, and other members hear from it. `DOWN` it is
    gone. `CUT_OFF` it answers, and has no leader while others have one. `NEW` it was added and has
    never started. `UNKNOWN` nothing can be said.
    """

    UP = "up"
    UNSEEN = "unseen"
    DOWN = "down"
    CUT_OFF = "cut off"
    NEW = "new"
    UNKNOWN = "unknown"


LOST = frozenset((Life.DOWN, Life.CUT_OFF, Life.NEW))
"""Lives that do not count towards a majority."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """A member's life, since when (wall time), and how that is known."""

    life: Life
    since: float
    how: str


@dataclass(frozen=True, slots=True)
class Said:
    """What a member said of itself, and when the question was asked and answered (monotonic)."""

    status: Status
    health: Health | None
    asked: float
    at: float


@dataclass(frozen=True, slots=True)
class Quorum:
    """Whether enough voters are left. `up` answer or are heard of, `unknown` may be either.

    `base` is the margin with every voter up (3 members: 1).
    """

    voters: int
    up: int
    unknown: int

    @property
    def majority(self) -> int:
        """Voters that must agree on every write."""
        return self.voters // 2 + 1

    @property
    def base(self) -> int:
        """How many may be lost of the whole cluster."""
        return self.voters - self.majority

    @property
    def least(self) -> int:
        """How many more may be lost for sure (negative: no majority)."""
        return self.up - self.majority

    @property
    def most(self) -> int:
        """How many more may be lost if all that cannot be seen is well."""
        return self.up + self.unknown - self.majority


@dataclass(frozen=True, slots=True)
class Leadership:
    """Who leads. `leader` 0: nobody, or nobody says.

    `silent_s`: for how long no member has known a leader (0: one does). `reached`: at least one
    voter could be asked, or all are known to be down. `changes` counts changes of leader within
    `window_s`, as seen from here.
    """

    leader: int = 0
    term: int | None = None
    silent_s: float = 0.0
    reached: bool = False
    changes: int = 0
    window_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MemberFigures:
    """One member's figures; None is "not known". Latencies are 99th percentiles, NaN never stands.
    `quota_bytes` below 0: its database has no quota.

    `fsync_rate`, `commit_rate`: how many a second. `failed_15m`: proposals that failed in the last
    15 minutes. `rtt_p99_s` by the other member's id.
    """

    fsync_p99_s: float | None = None
    fsync_rate: float | None = None
    commit_p99_s: float | None = None
    commit_rate: float | None = None
    pending: float | None = None
    failed_rate: float | None = None
    quota_bytes: float | None = None
    rtt_p99_s: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))


NO_FIGURES = MemberFigures()


@dataclass(frozen=True, slots=True)
class EtcdObservation(Observation):
    """One look. `said` holds fresh words alone; `lags` how many entries a member is behind.

    `alarms` None: nobody could be asked. `blind` says by entity what cannot be seen and why.
    """

    members: tuple[Who, ...] = ()
    lives: Mapping[int, Liveness] = field(default_factory=dict)
    said: Mapping[int, Said] = field(default_factory=dict)
    figures: Mapping[int, MemberFigures] = field(default_factory=dict)
    quorum: Quorum | None = None
    leadership: Leadership = Leadership()
    alarms: tuple[Alarm, ...] | None = None
    known_alarms: frozenset[str] = frozenset()
    lags: Mapping[int, int] = field(default_factory=dict)
    blind: Mapping[str, str] = field(default_factory=dict)
    has_prometheus: bool = False

    def name_of(self, member_id: int) -> str:
        """A member's name, or its id in hexadecimal."""
        for one in self.members:
            if one.id == member_id:
                return one.name
        return f"{member_id:x}"

    def about(self, kind: str) -> list[str]:
        """Whom alarms of that kind are about, by name; "no member in particular" where etcd says so."""
        found = {one.member_id for one in self.alarms or () if one.kind == kind}
        return sorted(self.name_of(one) if one else "no member in particular" for one in found)
