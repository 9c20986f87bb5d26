"""What evidence of one cluster is gathered with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.clients.http import Http
from core.clients.logs import LogSource
from core.clients.node import NodeMetrics
from core.clients.pd import Pd
from core.clients.prometheus import Prometheus
from core.clock import Clock
from core.subjects.tikv.containers import Containers


@dataclass(frozen=True, slots=True)
class Means:
    """The clients of one cluster; None for what is not configured. `logs` is by node's address."""

    clock: Clock
    pd: Pd
    node_http: Http
    nodes: NodeMetrics
    prometheus: Prometheus | None
    matchers: str
    types: tuple[str, ...]
    containers: Containers | None
    logs: Mapping[str, LogSource]
