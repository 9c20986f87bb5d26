"""What Docker saw happen to the stores' containers, as it happens.

A container that ends is known some 50 ms later (measured), before any probe; a stop that began with
a graceful signal announces itself. Without an engine this simply sees nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from core.clients.docker import DockerClient
from core.clients.docker_model import Container, ContainerEvent
from core.clock import Clock
from core.errors import TocsinError
from core.subjects.tikv.evidence import Death
from core.subjects.tikv.model import Store

_AGAIN_S = 5.0
_LOST_S = 60.0
_REMEMBERED = 1_000
# SIGTERM, SIGINT and SIGQUIT, as numbers and as names: what an orderly stop begins with.
_GRACEFUL = frozenset(("15", "2", "3", "SIGTERM", "SIGINT", "SIGQUIT"))
_GRACEFUL_S = 60.0


class Containers:
    """Follows the engine's events. `names` maps a store's address or host to a container's name."""

    def __init__(self, client: DockerClient, names: Mapping[str, str], clock: Clock) -> None:
        self._client = client
        self._names = names
        self._clock = clock
        self._by_id: dict[str, Container] = {}
        self._first: dict[str, Container] = {}
        self._ends: dict[str, Death] = {}
        self._asked: dict[str, float] = {}
        self._happened = asyncio.Event()
        self._recent: deque[ContainerEvent] = deque(maxlen=_REMEMBERED)
        self.problem = ""

    async def follow(self) -> None:
        """Runs until it is cancelled: a broken stream is taken up again where it ended."""
        since: float | None = None
        while True:
            try:
                await self.look()
                self.problem = ""
                async for event in self._client.events(since):
                    since = event.at
                    self.note(event)
            except TocsinError as error:
                self.problem = error.text
            await self._clock.sleep(_AGAIN_S)

    def note(self, event: ContainerEvent) -> None:
        """One event of the engine's."""
        if not event.action.startswith("exec_"):  # health checks run one every few seconds
            self._recent.append(event)
        if event.kind != "container":
            return
        mono = self._clock.monotonic()
        if event.action == "kill" and event.signal in _GRACEFUL:
            self._asked[event.id] = mono
        elif event.action in ("start", "unpause"):
            self._ends.pop(event.id, None)
            self._asked.pop(event.id, None)
        elif event.action in ("die", "oom"):
            self._ends[event.id] = Death(mono, _said(event), self._graceful(event.id, mono))
            self._happened.set()

    def _graceful(self, container: str, mono: float) -> bool:
        return mono - self._asked.get(container, float("-inf")) <= _GRACEFUL_S

    async def nudged(self) -> None:
        """Returns once a container ended."""
        await self._happened.wait()
        self._happened.clear()

    def deaths(self, stores: Sequence[Store]) -> dict[int, Death]:
        """Stores whose container is seen to have ended, by id; old news is dropped."""
        if not self._ends:
            return {}
        mono = self._clock.monotonic()
        for key in [one for one, end in self._ends.items() if mono - end.mono > _LOST_S]:
            del self._ends[key]
        found: dict[int, Death] = {}
        for container, death in self._ends.items():
            named = [one for one in stores if self._is(container, one)]
            # Two stores that one name could mean are told apart by their probes.
            if len(named) == 1:
                found[named[0].who.id] = death
        return found

    def _is(self, container: str, store: Store) -> bool:
        known = self._by_id.get(container)
        return known is not None and self._goes_by(known, store.who.address)

    def _goes_by(self, known: Container, address: str) -> bool:
        host = address.rpartition(":")[0] or address
        name = self._names.get(address) or self._names.get(host)
        return known.name == name if name else known.goes_by(host)

    def of(self, address: str) -> Container | None:
        """The one container, as last listed, that a node's address means; None for none or several."""
        found = [one for one in self._by_id.values() if self._goes_by(one, address)]
        return found[0] if len(found) == 1 else None

    def first(self, container: str) -> Container | None:
        """A container as it was when it was first listed."""
        return self._first.get(container)

    async def look(self) -> None:
        """List the containers anew; Unavailable if the engine cannot be asked."""
        self._by_id = {one.id: one for one in await self._client.containers()}
        gone = self._first.keys() - self._by_id.keys()
        self._first = {**self._by_id, **self._first}
        for key in gone:
            del self._first[key]

    async def inspect(self, container: str) -> Container:
        """How one container is now; NotFound if it is gone."""
        return await self._client.container(container)

    async def happened(self, since: float, until: float) -> tuple[ContainerEvent, ...]:
        """All events of a stretch of time: those that were followed, and what the engine kept."""
        kept = {(one.at, one.kind, one.action, one.id): one for one in self._recent}
        for one in await self._client.past_events(since, until):
            kept.setdefault((one.at, one.kind, one.action, one.id), one)
        return tuple(sorted((one for one in kept.values() if one.at >= since), key=_when))

    async def close(self) -> None:
        """Let go of the engine."""
        await self._client.close()


def _when(event: ContainerEvent) -> float:
    return event.at


def _said(event: ContainerEvent) -> str:
    name = event.name or event.id[:12]
    if event.action == "oom":
        return f"its container {name} ran out of memory"
    code = "" if event.exit_code is None else f" with exit code {event.exit_code}"
    return f"its container {name} ended{code}"
