"""What a user may set for one TiKV cluster. Durations are seconds.

Plain data: `core.config` fills it from the TOML file, tests by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from core.chaos.settings import OFF, SubjectChaos
from core.errors import Invalid
from core.subjects.access import LogPlace, TlsPaths


def _none() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Periods:
    """How often each source is asked.

    A TiKV heartbeats every 10 s, so that asking PD more often than every 2 s shows nothing new; a
    node's /metrics is MB-sized, so 15 s. `placement_s` paces what hardly ever changes (replica
    count, placement rules, tombstones).
    """

    probe_s: float = 0.5
    pd_s: float = 2.0
    metrics_s: float = 15.0
    placement_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("probe_s", "pd_s", "metrics_s", "placement_s"):
            if not 0.05 <= getattr(self, name) <= 86_400:
                raise Invalid(f"The period {name} must lie between 0.05 and 86400 seconds.")


@dataclass(frozen=True, slots=True)
class Guards:
    """Waits that keep a false alarm from opening a ticket; each names where its number comes from.

    `leader_change_s`: for so long after a change of PD leader, or a gap in PD's answers, PD's store
    states are not believed: the new leader knows persisted heartbeats alone (measured on four
    versions of PD). `heartbeat_s`: a store is Disconnected once silent for so long (PD's
    storeDisconnectDuration). `persisted_s`: PD persists heartbeats every 300 s, so that no new
    leader makes a live store look silent for longer. `all_silent_s`: every store Disconnected at
    once is believed after so long. `together_s`: failures that begin within this window count as
    one event, seen from here. `word_s`: how long PD's word on stores that all fell silent together
    is waited for (a heartbeat and a little). `announced_s`: how long an announced restart may stay
    away. `announced_max_s`: an announcement older than this announces nothing. `leaders_s`: leaders
    may take so long to come back before a returned store counts as well. `restart_s`: how long a
    restart stays visible.
    """

    leader_change_s: float = 20.0
    heartbeat_s: float = 20.0
    persisted_s: float = 400.0
    all_silent_s: float = 60.0
    together_s: float = 3.0
    word_s: float = 12.5
    announced_s: float = 120.0
    announced_max_s: float = 3600.0
    leaders_s: float = 300.0
    restart_s: float = 300.0


@dataclass(frozen=True, slots=True)
class TikvSettings:
    """One cluster.

    `pd`: base URLs or host:port of PD members, at least one. `status_addresses` maps a store's
    address (host:port or host) to where its status port can be reached from here.
    `prometheus` is its base URL ("" = none: the nodes' own /metrics are read instead).
    `docker` is an engine's URL ("" = none). `containers` maps a store's address, or its host, to a
    container's name where the host of the address is not that name already. `logs` maps an address
    to its log. `latency_types` are the request types that `high_latency` judges. `invariants` maps
    an invariant's name to what differs from its defaults: severity, hold_s, recover_s, or one of
    its thresholds. `max_open_probes` bounds the sockets to status ports (0 = from the process's
    file limit). `chaos` says whether and how it may be broken on purpose.
    """

    pd: tuple[str, ...]
    tls: TlsPaths | None = None
    prometheus: str = ""
    prometheus_headers: Mapping[str, str] = field(default_factory=_none)
    prometheus_tls: TlsPaths | None = None
    prometheus_matchers: str = ""
    docker: str = ""
    containers: Mapping[str, str] = field(default_factory=_none)
    status_addresses: Mapping[str, str] = field(default_factory=_none)
    logs: Mapping[str, LogPlace] = field(default_factory=_none)
    periods: Periods = field(default_factory=Periods)
    guards: Guards = field(default_factory=Guards)
    wait_s: float = 0.0
    latency_types: tuple[str, ...] = ("kv_get", "kv_prewrite", "kv_commit")
    invariants: Mapping[str, Mapping[str, Any]] = field(default_factory=_none)
    max_open_probes: int = 0
    chaos: SubjectChaos = OFF

    def __post_init__(self) -> None:
        if not self.pd:
            raise Invalid("A TiKV cluster needs at least one PD endpoint: set pd = [...].")
        for one in self.latency_types:
            if not one.replace("_", "").isalnum():
                raise Invalid(f"{one!r} is not a TiKV request type such as kv_get.")

    @property
    def observe_wait_s(self) -> float:
        """How long one observation waits for the reads that it starts, in seconds.

        `wait_s` where set, else 0.45 s or 90 % of a shorter probe period: a hanging source must not
        delay the next look at the stores.
        """
        return self.wait_s or min(0.45, 0.9 * self.periods.probe_s)
