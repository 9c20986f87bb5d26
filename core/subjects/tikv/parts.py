"""The clients of one cluster, held together: what is asked, and what is closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.clients.http import Http
from core.subjects.probing import Probing
from core.subjects.tikv.breaking import Breaking
from core.subjects.tikv.check import Checks
from core.subjects.tikv.containers import Containers
from core.subjects.tikv.evidence import Death
from core.subjects.tikv.explain_means import Means
from core.subjects.tikv.figures import Figures, Names, PrometheusFigures
from core.subjects.tikv.model import Store
from core.subjects.tikv.pd_reads import Identities, PdReads
from core.subjects.tikv.scrapes import NodeFigures


@dataclass(slots=True)
class Parts:
    """The clients.

    `prometheus` None: figures come from the nodes' own /metrics (`nodes`). `containers` None: no
    engine was configured. `means` is what evidence is gathered with.
    """

    pd: PdReads
    probing: Probing
    identities: Identities
    nodes: NodeFigures
    prometheus: PrometheusFigures | None
    https: tuple[Http, ...]
    checks: Checks
    means: Means
    breaking: Breaking
    containers: Containers | None = None
    _names: tuple[int, Names] | None = field(default=None, init=False)

    async def figures(self, stores: Sequence[Store]) -> Figures:
        """Every store's figures; Unavailable if there are none to be had."""
        if self.prometheus is None:
            return await self.nodes.read(stores)
        return await self.prometheus.read(stores, self._named(stores))

    def _named(self, stores: Sequence[Store]) -> Names:
        version = self.identities.version
        if self._names is None or self._names[0] != version:
            self._names = (version, Names(one.who for one in stores))
        return self._names[1]

    async def nudged(self) -> None:
        """Returns when something may have happened."""
        if self.containers is None:
            await self.probing.nudged()
            return
        waits = [
            asyncio.ensure_future(one) for one in (self.probing.nudged(), self.containers.nudged())
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def deaths(self, stores: Sequence[Store]) -> Mapping[int, Death]:
        """Stores whose container was seen to end."""
        return {} if self.containers is None else self.containers.deaths(stores)

    async def close(self) -> None:
        """Close every connection."""
        await self.probing.close()
        if self.containers is not None:
            await self.containers.close()
        for driver in self.breaking.drivers:
            await driver.close()
        for one in self.https:
            await one.close()
