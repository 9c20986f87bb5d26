"""Does everything that a cluster is watched through answer? Asked once, for `check-config --live`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.clients.docker import DockerClient
from core.clients.etcd import Etcd
from core.clients.etcd_model import Status, hexadecimal
from core.clients.logs import LogSource
from core.clients.node import NodeMetrics
from core.clients.prometheus import Prometheus
from core.durations import span
from core.errors import TocsinError
from core.findings import Finding
from core.subjects.asking import Findings
from core.subjects.etcd.figures import QUOTA, STALE_S, PrometheusFigures
from core.subjects.etcd.reads import EtcdReads
from core.subjects.etcd.roster import Roster


@dataclass(frozen=True, slots=True)
class Checks:
    """The clients of one cluster, asked one after the other. `name` is the subject's."""

    name: str
    client: Etcd
    reads: EtcdReads
    roster: Roster
    nodes: NodeMetrics
    prometheus: tuple[Prometheus, PrometheusFigures] | None = None
    docker: DockerClient | None = None
    logs: Mapping[str, LogSource] = field(default_factory=dict)

    async def run(self) -> list[Finding]:
        """Every question once; a source that fails is a finding."""
        said = await self._endpoints()
        found = [*said.values(), *await self._membership()]
        if self.prometheus is None:
            found += await self._metrics()
        else:
            found += await self._prometheus(*self.prometheus)
        found += await self._say.docker(self.docker)
        return found + await self._say.logs(self.logs)

    @property
    def _say(self) -> Findings:
        return Findings(self.name)

    async def _endpoints(self) -> dict[str, Finding]:
        urls = self.roster.endpoints
        return dict(zip(urls, await asyncio.gather(*map(self._endpoint, urls)), strict=True))

    async def _endpoint(self, url: str) -> Finding:
        fix = "is it running, is the address right, may this machine connect to it (tls)?"
        try:
            status: Status = await self.client.status(url)
        except TocsinError as error:
            return self._say.bad(f"etcd {url}", error.text, fix)
        told = f"member {hexadecimal(status.member_id)}, {status.version}"
        if not status.leader:
            return self._say.bad(f"etcd {url}", f"{told}, knows no leader", "are most members up?")
        return self._say.good(f"etcd {url}", told)

    async def _membership(self) -> list[Finding]:
        try:
            self.roster.take(await self.reads.members(()))
        except TocsinError as error:
            return [self._say.bad("members", error.text, "at least one endpoint must answer")]
        if self.reads.problem:
            return [self._say.bad("members", self.reads.problem, "take it out of `endpoints`")]
        lost = [one.name for one in self.roster.members if one.url is None]
        if lost:
            fix = 'name where it answers: addresses = {NAME = "HOST:2379"}, or list its endpoint'
            return [self._say.bad("members", f"{', '.join(lost)}: no address from here", fix)]
        return [self._say.good("members", ", ".join(one.name for one in self.roster.members))]

    async def _metrics(self) -> list[Finding]:
        fix = "if --listen-metrics-urls is set, say where: metrics_addresses = {NAME = ...}"
        asked = [one for one in self.roster.members if one.metrics_url is not None]
        found = []
        for one in asked:
            try:
                scrape = await self.nodes.scrape(one.metrics_url or "", (QUOTA,))
            except TocsinError as error:
                found.append(self._say.bad(f"{one.name} /metrics", error.text, fix))
                continue
            if QUOTA not in scrape.samples:
                found.append(self._say.bad(f"{one.name} /metrics", "none of etcd's series", fix))
        if asked and not found:
            found = [self._say.good("members' /metrics", f"all {len(asked)} answer")]
        return found

    async def _prometheus(self, client: Prometheus, figures: PrometheusFigures) -> list[Finding]:
        fix = "check `prometheus` (and prometheus_headers, prometheus_tls, prometheus_matchers)"
        try:
            age = await client.newest_sample_age()
            read = await figures.read(self.roster.members)
        except TocsinError as error:
            return [self._say.bad("Prometheus", error.text, fix)]
        missing = [one.name for one in self.roster.members if one.id not in read.members]
        if missing:
            told = f"no series of {', '.join(missing)}"
            return [
                self._say.bad("Prometheus", told, "scrape the client port (2379) of each member")
            ]
        if age is not None and age > STALE_S:
            return [self._say.bad("Prometheus", f"its newest sample is {span(age)} old", fix)]
        return [self._say.good("Prometheus", f"has series of all {len(read.members)} members")]
