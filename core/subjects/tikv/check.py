"""Does everything that a cluster is watched through answer? Asked once, for `check-config --live`.

Each answer is a finding with its fix. Of many alike (status ports, logs) only those that fail are
told one by one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.clients.docker import DockerClient
from core.clients.failures import Kind, SourceFailed
from core.clients.logs import LogSource
from core.clients.node import NodeMetrics
from core.clients.pd import Pd
from core.clients.probe import Prober
from core.clients.prometheus import Prometheus
from core.durations import span
from core.errors import TocsinError
from core.findings import Finding
from core.subjects.asking import Findings
from core.subjects.probing import said
from core.subjects.tikv.figures import STALE_S, Names, PrometheusFigures
from core.subjects.tikv.model import Store
from core.subjects.tikv.pd_reads import PdReads, StoreList
from core.subjects.tikv.scrapes import WANTED
from core.subjects.words import millis

SERIES: Mapping[str, tuple[str, str]] = {
    "disk": ("low_disk_space", "scrape every TiKV status port (20180)"),
    "rate": ("high_latency", "scrape the status ports at least every 30 s; needs some traffic"),
    "p99": ("high_latency", "scrape the status ports at least every 30 s; needs some traffic"),
    "qps": ("QPS, as evidence", "scrape the status ports at least every 30 s; needs some traffic"),
    "cpu": ("CPU, as evidence", "scrape the status ports at least every 30 s"),
    "regions": ("region_health", "scrape every PD too (port 2379)"),
}
"""Which invariant each query of core.subjects.tikv.figures feeds, and what makes it answer."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The clients of one cluster, asked one after the other. `name` is the subject's."""

    name: str
    pd: Pd
    reads: PdReads
    prober: Prober
    nodes: NodeMetrics
    prometheus: tuple[Prometheus, PrometheusFigures] | None = None
    docker: DockerClient | None = None
    logs: Mapping[str, LogSource] = field(default_factory=dict)

    async def run(self) -> list[Finding]:
        """Every question once; a source that fails is a finding."""
        found = [*await self._members(), *await self._leader()]
        stores, listed = await self._stores()
        found += listed
        found += await self._status_ports(stores)
        if self.prometheus is None:
            found += await self._node_metrics(stores)
        else:
            found += await self._prometheus(*self.prometheus, stores)
        found += await self._say.docker(self.docker)
        return found + await self._say.logs(self.logs)

    @property
    def _say(self) -> Findings:
        return Findings(self.name)

    async def _members(self) -> list[Finding]:
        fix = "is it running, is the address right, may this machine connect to it? Check `pd`"
        return [
            self._say.good(f"PD {one.url}", f"answers in {millis(one.latency_s)}")
            if one.ok
            else self._say.bad(
                f"PD {one.url}", SourceFailed(one.url, one.kind, one.detail).text, fix
            )
            for one in await self.pd.ping_all()
        ]

    async def _leader(self) -> list[Finding]:
        try:
            members, version = await asyncio.gather(self.pd.members(), self.pd.version())
        except TocsinError as error:
            fix = "most PD members must run and reach each other: look at PD's logs"
            return [self._say.bad("PD leader", error.text, fix)]
        many = len(members.members or ())
        if members.leader is None or not members.leader.name:
            return [self._say.bad("PD leader", f"{many} members, none leads", "look at PD's logs")]
        return [self._say.good("PD leader", f"{members.leader.name} of {many} members, {version}")]

    async def _stores(self) -> tuple[Sequence[Store], list[Finding]]:
        try:
            listed: StoreList = await self.reads.stores()
        except TocsinError as error:
            return (), [self._say.bad("stores", error.text, "PD must have a leader first")]
        if not listed.bootstrapped or not listed.stores:
            return (), [self._say.bad("stores", "no TiKV has joined yet", "start the TiKV stores")]
        if listed.unreadable:
            told = f"{listed.unreadable} of PD's entries cannot be read"
            return listed.stores, [
                self._say.bad("stores", told, "is this a release of PD we know?")
            ]
        return listed.stores, [self._say.good("stores", f"PD lists {len(listed.stores):,}")]

    async def _status_ports(self, stores: Sequence[Store]) -> list[Finding]:
        urls = {one.who.id: one.who.status_url for one in stores}
        results = await self.prober.probe_all({url for url in urls.values() if url is not None})
        bad = []
        for one in stores:
            url = one.who.status_url
            result = None if url is None else results.get(url)
            if result is None:
                fix = f'add it: status_addresses = {{"{one.who.address}" = "HOST:20180"}}'
                bad.append(self._say.bad(one.who.title, "its status port cannot be told", fix))
            elif result.kind is not Kind.OK:
                fix = "is it running? If the port is published elsewhere, set status_addresses"
                bad.append(self._say.bad(one.who.title, f"{url} {said(result)}", fix))
        return self._say.many("status ports", len(stores), bad)

    async def _node_metrics(self, stores: Sequence[Store]) -> list[Finding]:
        fix = "without a Prometheus, latency and disk come from here: open the status port to us"
        slots, bad = asyncio.Semaphore(8), []

        async def ask(one: Store) -> None:
            async with slots:
                try:
                    await self.nodes.scrape(one.who.status_url or "", WANTED)
                except TocsinError as error:
                    bad.append(self._say.bad(f"{one.who.title} /metrics", error.text, fix))

        asked = [one for one in stores if one.who.status_url is not None and not one.who.tiflash]
        await asyncio.gather(*(ask(one) for one in asked))
        return self._say.many("nodes' /metrics", len(asked), bad)

    async def _prometheus(
        self, client: Prometheus, figures: PrometheusFigures, stores: Sequence[Store]
    ) -> list[Finding]:
        try:
            age = await client.newest_sample_age()
            queries = figures.queries | figures.evidence
            answers = await asyncio.gather(*(client.query(queries[key]) for key in SERIES))
        except TocsinError as error:
            fix = "check `prometheus` (and prometheus_headers, prometheus_tls): address, login, TLS"
            return [self._say.bad("Prometheus", error.text, fix)]
        found = [self._scraping(client.base, age)]
        for key, answer in zip(SERIES, answers, strict=True):
            feeds, fix = SERIES[key]
            what = f"series for {feeds} ({key})"
            many = len(answer.series)
            found.append(
                self._say.good(what, f"{many:,} series")
                if many
                else self._say.bad(what, "none", fix)
            )
        disks = answers[tuple(SERIES).index("disk")].series
        return found + self._unseen(stores, {one.labels.get("instance", "") for one in disks})

    def _scraping(self, base: str, age: float | None) -> Finding:
        if age is None:
            return self._say.bad(f"Prometheus {base}", "it scrapes nothing", "give it scrape jobs")
        if age > STALE_S:
            fix = "it has stopped scraping: look at its targets page"
            return self._say.bad(f"Prometheus {base}", f"its newest sample is {span(age)} old", fix)
        return self._say.good(f"Prometheus {base}", "scrapes")

    def _unseen(self, stores: Sequence[Store], instances: Iterable[str]) -> list[Finding]:
        """Stores without a series: not scraped, or under a name that means no store to us."""
        given = {one for one in instances if one}
        if not given:
            return []
        names = Names(one.who for one in stores)
        matched = {names.store(one) for one in given}
        strange = sorted(one for one in given if names.store(one) is None)[:3]
        hint = f" (instances that fit no store: {', '.join(strange)})" if strange else ""
        fix = "scrape it; its `instance` label must be the status port's address" + hint
        bad = [
            self._say.bad(one.who.title, "Prometheus has no series of it", fix)
            for one in stores
            if one.who.id not in matched and not one.who.tiflash
        ]
        return self._say.many("stores in Prometheus", len(stores), bad)
