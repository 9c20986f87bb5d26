"""What one judgement of liveness looks at, and what it remembers of a store that went away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from core.subjects.sight import Sight
from core.subjects.tikv.model import Store

NEVER = float("-inf")
NO_SIGHT = Sight()


@dataclass(frozen=True, slots=True)
class Death:
    """Docker saw the store's container end at `mono`; `graceful` if it was asked to."""

    mono: float
    said: str
    graceful: bool = False


@dataclass(slots=True)
class Incident:
    """A store that went away, until it is back whole.

    `began` and `back` (since when it is back) are monotonic, `since` is wall time. `by` is what
    told: probe, pd or docker. `mark` is the newest heartbeat that PD had when it began (None: not
    read since). `told`: it was called down. `together`: every store fell silent with it.
    """

    began: float
    since: float
    how: str
    by: str
    announced: bool = False
    leaders: int = 0
    mark: float | None = None
    told: bool = False
    together: bool = False
    back: float | None = None


@dataclass(frozen=True)
class Evidence:
    """Everything that one judgement of liveness looks at.

    `mono` is monotonic now, `at` wall time. `pd_began` is when the newest good answer of PD was
    asked for, `pd_answered` when anything of PD last answered. `announced` holds the stores whose
    restart was announced. (No slots: what follows from it is computed once and kept.)
    """

    at: float
    mono: float
    stores: tuple[Store, ...]
    sights: Mapping[int, Sight]
    probe_s: float
    pd_fresh: bool
    pd_began: float = NEVER
    pd_answered: float = NEVER
    pd_s: float = 2.0
    announced: frozenset[int] = frozenset()
    deaths: Mapping[int, Death] = field(default_factory=dict)

    def sight(self, store: Store) -> Sight:
        """The probes of one store; an empty record if there was none."""
        return self.sights.get(store.who.id, NO_SIGHT)

    @cached_property
    def newest_ok(self) -> float:
        """When any store last answered; minus infinity if none ever did."""
        return max(
            (one.last_ok for one in self.sights.values() if one.last_ok is not None), default=NEVER
        )

    @cached_property
    def silent_hosts(self) -> frozenset[str]:
        """Hosts on which no store answers."""
        hosts: dict[str, bool] = {}
        for store in self.stores:
            host = store.who.host
            hosts[host] = hosts.get(host, True) and self.sight(store).fails > 0
        return frozenset(host for host, silent in hosts.items() if silent)
