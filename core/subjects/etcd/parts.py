"""The clients of one cluster, held together: what is asked, and what is closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
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
    """The clients. `prometheus` None: figures come from the members' own /metrics (`own`)."""

    roster: Roster
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
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def figures(self, members: Sequence[Who]) -> Figures:
        """Every member's figures; Unavailable if there are none to be had."""
        if self.prometheus is None:
            return await self.own.read(members)
        return await self.prometheus.read(members)

    async def nudged(self) -> None:
        """Returns when a member's connection ended, or when more is known of one whose has."""
        waits = [asyncio.ensure_future(one) for one in (self.probing.nudged(), self.news.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        self.news.clear()

    async def close(self) -> None:
        """Close every connection."""
        await self.probing.close()
        if self.docker is not None:
            await self.docker.close()
        for driver in self.breaking.drivers:
            await driver.close()
        for one in self.https:
            await one.close()
