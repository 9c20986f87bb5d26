"""Settings in, a watched etcd cluster out."""

from __future__ import annotations

import asyncio

from core.chaos.drivers.build import drivers
from core.clients.docker import DockerClient
from core.clients.etcd import Etcd
from core.clients.http import Http, Limits
from core.clients.node import NodeMetrics
from core.clients.probe import Prober
from core.clients.prometheus import Prometheus
from core.clock import Clock
from core.subjects.access import certificates, log_sources
from core.subjects.etcd.breaking import Breaking
from core.subjects.etcd.check import Checks
from core.subjects.etcd.explain import Explainer, Means
from core.subjects.etcd.figures import OwnFigures, PrometheusFigures
from core.subjects.etcd.parts import Parts
from core.subjects.etcd.peers import Peers
from core.subjects.etcd.reads import EtcdReads
from core.subjects.etcd.roster import Roster
from core.subjects.etcd.settings import EtcdSettings
from core.subjects.etcd.subject import EtcdSubject
from core.subjects.probing import Probing
from core.tasks import OnError

PROBED = "/version"
"""What a member answers from memory, with or without a quorum, on every version."""
NO_ADDRESS = "advertises an address that means nothing outside its own machine"
_LIMITS = Limits(connect_s=1.0, total_s=2.0)
"""A living member answers in milliseconds; what hangs is told by the probes."""


def etcd(name: str, settings: EtcdSettings, clock: Clock, on_error: OnError) -> EtcdSubject:
    """A subject of kind etcd; Invalid for endpoints, certificates or invariants that cannot be."""
    tls = certificates(settings.tls)
    roster = Roster(
        settings.endpoints,
        settings.addresses,
        settings.metrics_addresses,
        tls=tls is not None,
    )
    http, node_http = Http(clock, tls=tls, limits=_LIMITS), Http(clock, tls=tls)
    https = [http, node_http]
    client = Etcd(http, headers=settings.headers)
    nodes = NodeMetrics(clock, node_http)
    reads = EtcdReads(client, roster, clock)
    checked = _prometheus(settings, clock, https)
    docker = DockerClient(clock, settings.docker) if settings.docker else None
    logs = log_sources(settings.logs, docker)
    breaking = _breaking(settings, clock, client, reads, roster)
    news = asyncio.Event()
    probing = Probing(Prober(clock, tls=tls, path=PROBED, lost=news), clock, NO_ADDRESS)
    means = Means(clock, breaking.names, settings.chaos.project, docker, checked, logs)
    parts = Parts(
        roster=roster,
        news=news,
        reads=reads,
        probing=probing,
        peers=Peers(nodes, clock, settings.heartbeat_s),
        own=OwnFigures(nodes),
        prometheus=None if checked is None else checked[1],
        https=tuple(https),
        checks=Checks(name, client, reads, roster, nodes, checked, docker, logs),
        breaking=breaking,
        explainer=Explainer(means, lambda: probing.sights),
        docker=docker,
        logs=logs,
    )
    return EtcdSubject(name, settings, clock, parts, on_error)


def _breaking(
    settings: EtcdSettings, clock: Clock, client: Etcd, reads: EtcdReads, roster: Roster
) -> Breaking:
    breaking = Breaking(client, reads, roster, settings.containers)
    breaking.drivers = drivers(settings.chaos, clock, breaking.entities, settings.docker)
    return breaking


def _prometheus(
    settings: EtcdSettings, clock: Clock, https: list[Http]
) -> tuple[Prometheus, PrometheusFigures] | None:
    """The Prometheus that is configured; its connections are added to those to be closed."""
    if not settings.prometheus:
        return None
    http = Http(clock, tls=certificates(settings.prometheus_tls))
    https.append(http)
    client = Prometheus(settings.prometheus, clock, http, headers=settings.prometheus_headers)
    figures = PrometheusFigures(client, settings.prometheus_matchers, settings.periods.metrics_s)
    return client, figures
