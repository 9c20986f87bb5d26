"""The clients of one cluster, held together: what is asked, and what is closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field

from core.clients.docker import DockerClient
from core.clients.http import Http
from core.clients.logs import LogSource
from core.subjects.etcd.breaking import Breaking
from core.subjects.etcd.check import Checks
from core.subjects.etcd.explain import Explainer
from core.subjects.etcd.figures import Figures, OwnFigures, PrometheusFigures
from core.subjects.etcd.model import Who
from core.subjects.etcd.peers import Peers
from core.subjects.etcd.reads import EtcdReads
from core.subjects.etcd.roster import Roster
from core.subjects.probing import Probing


@dataclass(slots=True)
class Parts:
    """The clients. `prometheus` None: figures come from the members' own /metrics (`own`).

    `news` is set when a member's connection has ended, or when more is known of one whose has.
    """

    roster: Roster
    news: asyncio.Event
    reads: EtcdReads
    probing: Probing
    peers: Peers
    own: OwnFigures
    prometheus: PrometheusFigures | None
    https: tuple[Http, ...]
    checks: Checks
    breaking: Breaking
    explainer: Explainer
    docker: DockerClient | None = None
    logs: Mapping[str, LogSource] = field(default_factory=dict)

    async def figures(self, members: Sequence[Who]) -> Figures:
        """Every member's figures; Unavailable if there are none to be had."""
        if self.prometheus is None:
            return await self.own.read(members)
        return await self.prometheus.read(members)

    async def nudged(self) -> None:
        """Returns when there is news, once for each."""
        await self.news.wait()
        self.news.clear()

    async def unless_news(self, work: Awaitable[None]) -> bool:
        """Do it to its end (True), or until there is news: then it is cancelled (False)."""
        doing = asyncio.ensure_future(work)
        hearing = asyncio.ensure_future(self.news.wait())
        try:
            await asyncio.wait((doing, hearing), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                return False
            doing.result()
            return True
        finally:
            for one in (doing, hearing):
                one.cancel()
            await asyncio.gather(doing, hearing, return_exceptions=True)

    async def close(self) -> None:
        """Close every connection."""
        await self.probing.close()
        if self.docker is not None:
            await self.docker.close()
        for driver in self.breaking.drivers:
            await driver.close()
        for one in self.https:
            await one.close()
