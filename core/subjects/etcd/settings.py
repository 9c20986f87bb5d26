"""What a user may set for one etcd cluster. Durations are seconds.

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

    A member's status is answered from its memory (0.2 ms), so every second; the list of members
    changes by hand only; /metrics is some 150 kB a member, so 15 s, as a Prometheus scrapes.
    """

    probe_s: float = 0.5
    status_s: float = 1.0
    members_s: float = 5.0
    metrics_s: float = 15.0

    def __post_init__(self) -> None:
        for name in ("probe_s", "status_s", "members_s", "metrics_s"):
            if not 0.05 <= getattr(self, name) <= 86_400:
                raise Invalid(f"The period {name} must lie between 0.05 and 86400 seconds.")


@dataclass(frozen=True, slots=True)
class EtcdSettings:
    """One cluster.

    `endpoints`: client URLs (or host:port) at which members answer from here, best all of them:
    each says which member it is, so that published ports need no further words. `addresses` maps a
    member's name to such a URL where that is not enough, `metrics_addresses` to where its /metrics
    is if it has a port of its own (`--listen-metrics-urls`). `headers` go with every request to
    members. `prometheus` is its base URL ("" = none: the members' own /metrics are read instead).
    `docker` is an engine's URL ("" = none), `containers` maps a member's name to a container's name
    where no compose service is called so. `logs` maps a member's name to its log. `invariants`
    maps an invariant's name to what differs from its defaults. `chaos` says whether and how it may
    be broken on purpose. `heartbeat_s` is the members' `--heartbeat-interval`. `observe_wait_s` is
    how long one look waits for its reads.
    """

    endpoints: tuple[str, ...]
    tls: TlsPaths | None = None
    headers: Mapping[str, str] = field(default_factory=_none)
    addresses: Mapping[str, str] = field(default_factory=_none)
    metrics_addresses: Mapping[str, str] = field(default_factory=_none)
    prometheus: str = ""
    prometheus_headers: Mapping[str, str] = field(default_factory=_none)
    prometheus_tls: TlsPaths | None = None
    prometheus_matchers: str = ""
    docker: str = ""
    containers: Mapping[str, str] = field(default_factory=_none)
    logs: Mapping[str, LogPlace] = field(default_factory=_none)
    periods: Periods = field(default_factory=Periods)
    heartbeat_s: float = 0.1
    wait_s: float = 0.0
    invariants: Mapping[str, Mapping[str, Any]] = field(default_factory=_none)
    chaos: SubjectChaos = OFF

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise Invalid("An etcd cluster needs at least one endpoint: set endpoints = [...].")
        if not 0.01 <= self.heartbeat_s <= 10.0:
            raise Invalid("The heartbeat must lie between 0.01 and 10 seconds.")

    @property
    def observe_wait_s(self) -> float:
        """How long one observation waits for the reads that it starts, in seconds.

        `wait_s` where set, else 0.45 s or 90 % of a shorter probe period: a hanging member must not
        delay the next look at the others.
        """
        return self.wait_s or min(0.45, 0.9 * self.periods.probe_s)
