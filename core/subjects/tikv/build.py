"""Settings in, a watched TiKV cluster out."""

from __future__ import annotations

from core.chaos.drivers.build import drivers
from core.clients.docker import DockerClient
from core.clients.http import MIB, Http, Limits
from core.clients.node import NodeMetrics
from core.clients.pd import Pd
from core.clients.probe import Prober
from core.clients.prometheus import Prometheus
from core.clock import Clock
from core.subjects.access import certificates, log_sources
from core.subjects.probing import Probing
from core.subjects.tikv.breaking import Breaking
from core.subjects.tikv.check import Checks
from core.subjects.tikv.containers import Containers
from core.subjects.tikv.explain_means import Means
from core.subjects.tikv.figures import PrometheusFigures
from core.subjects.tikv.parts import Parts
from core.subjects.tikv.pd_reads import Identities, PdReads
from core.subjects.tikv.scrapes import NodeFigures
from core.subjects.tikv.settings import TikvSettings
from core.subjects.tikv.subject import TikvSubject
from core.tasks import OnError

CALLER = "tocsin"
EVIDENCE_BYTES = 8 * MIB
"""A query that matches more is refused: reading it would hold everybody up."""
NO_ADDRESS = "its status address means nothing outside its own machine"


def tikv(name: str, settings: TikvSettings, clock: Clock, on_error: OnError) -> TikvSubject:
    """A subject of kind tikv; Invalid for endpoints, certificates or invariants that cannot be."""
    tls = certificates(settings.tls)
    scheme = "https" if tls is not None else "http"
    pd_http = Http(clock, tls=tls, headers={"X-Caller-ID": CALLER})
    node_http = Http(clock, tls=tls)
    https = [pd_http, node_http]
    identities = Identities(scheme, settings.status_addresses)
    checked = _prometheus(settings, clock, https)
    docker = DockerClient(clock, settings.docker) if settings.docker else None
    prober = Prober(clock, tls=tls, max_open=settings.max_open_probes)
    pd, nodes = Pd(_endpoints(settings, scheme), clock, pd_http), NodeMetrics(clock, node_http)
    reads, logs = PdReads(pd, identities, clock), log_sources(settings.logs, docker)
    containers = Containers(docker, settings.containers, clock) if docker is not None else None
    asked = _asked(settings, clock, https)
    parts = Parts(
        pd=reads,
        probing=Probing(prober, clock, NO_ADDRESS),
        identities=identities,
        nodes=NodeFigures(nodes, settings.latency_types, clock),
        prometheus=None if checked is None else checked[1],
        https=tuple(https),
        checks=Checks(name, pd, reads, prober, nodes, checked, docker, logs),
        means=Means(
            clock=clock,
            pd=pd,
            node_http=node_http,
            nodes=nodes,
            prometheus=asked,
            matchers=settings.prometheus_matchers,
            types=settings.latency_types,
            containers=containers,
            logs=logs,
        ),
        breaking=_breaking(settings, clock, pd, reads, prober),
        containers=containers,
    )
    return TikvSubject(name, settings, clock, parts, on_error)


def _breaking(
    settings: TikvSettings, clock: Clock, pd: Pd, reads: PdReads, prober: Prober
) -> Breaking:
    """How it may be broken; nothing by which it could be unless it opts in."""
    breaking = Breaking(reads, prober, settings.containers)
    paths = settings.tls
    tls = None if paths is None else {"ca": paths.ca, "cert": paths.cert, "key": paths.key}
    breaking.drivers = drivers(settings.chaos, clock, breaking.entities, settings.docker, pd, tls)
    return breaking


def _prometheus(
    settings: TikvSettings, clock: Clock, https: list[Http]
) -> tuple[Prometheus, PrometheusFigures] | None:
    """The Prometheus that is configured; its connections are added to those to be closed."""
    if not settings.prometheus:
        return None
    http = Http(clock, tls=certificates(settings.prometheus_tls))
    https.append(http)
    client = Prometheus(settings.prometheus, clock, http, headers=settings.prometheus_headers)
    figures = PrometheusFigures(
        client,
        settings.latency_types,
        settings.prometheus_matchers,
        settings.periods.metrics_s,
        clock,
    )
    return client, figures


def _asked(settings: TikvSettings, clock: Clock, https: list[Http]) -> Prometheus | None:
    """The same Prometheus as a source of evidence, whose answers must be small."""
    if not settings.prometheus:
        return None
    small = Limits(max_bytes=EVIDENCE_BYTES)
    http = Http(clock, tls=certificates(settings.prometheus_tls), limits=small)
    https.append(http)
    return Prometheus(settings.prometheus, clock, http, headers=settings.prometheus_headers)


def _endpoints(settings: TikvSettings, scheme: str) -> tuple[str, ...]:
    """Endpoints without a scheme follow the certificates: with them they are https."""
    return tuple(one if "://" in one else f"{scheme}://{one}" for one in settings.pd)
