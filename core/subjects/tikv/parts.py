"""The clients of one cluster, held together: what is asked, and what is closed at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.clients.http import Http
from core.subjects.tikv.evidence import Death
from core.subjects.tikv.figures import Figures, Names, PrometheusFigures
from core.subjects.tikv.model import Store
from core.subjects.tikv.pd_reads import Identities, PdReads
from core.subjects.tikv.probing import Probing
from core.subjects.tikv.scrapes import NodeFigures


@dataclass(slots=True)
class Parts:
    """`prometheus` None: figures come from the nodes' own /metrics (`nodes`)."""

    pd: PdReads
    probing: Probing
    identities: Identities
    nodes: NodeFigures
    prometheus: PrometheusFigures | None
    https: tuple[Http, ...]
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
        await self.probing.nudged()

    def deaths(self, stores: Sequence[Store]) -> Mapping[int, Death]:
        """Stores whose container was seen to end."""
        return {}

    async def close(self) -> None:
        """Close every connection."""
        await self.probing.close()
        for one in self.https:
            await one.close()
