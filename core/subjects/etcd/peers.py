"""What members hear of each other: asked only while one of them does not answer us.

A member's counter of bytes received from another grows with every heartbeat (each 100 ms unless
set otherwise): two looks at it tell a member that hangs from one that only we cannot reach, in half
a second. The connection between members says so only after 5 s (rafthttp's read timeout; 4.5 s
measured).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.clients.failures import SourceFailed
from core.clients.metrics_text import Scrape
from core.clients.node import NodeMetrics
from core.clock import Clock
from core.errors import Unavailable
from core.subjects.etcd.model import Who

_RECEIVED = "etcd_network_peer_received_bytes_total"
BEATS = 6
"""So many heartbeats lie between the two looks."""
FEW_BEATS = 3
"""Enough where a connection has ended as well: that is half the proof already."""
_MOST_ASKED = 8


@dataclass(frozen=True, slots=True)
class Hearsay:
    """By reporter, how many bytes came from each other member while we looked.

    `began` is the monotonic time of the first look.
    """

    began: float
    grown: Mapping[int, Mapping[int, float]] = field(default_factory=dict)

    def hears(self, member: int, leader: int) -> bool | None:
        """Whether anybody hears from that member; None if nobody can tell.

        Followers hear from the leader alone, so that a follower's silence on another follower says
        nothing: then it takes the leader's word.
        """
        others = {key: one for key, one in self.grown.items() if key != member}
        if any(one.get(member, 0.0) > 0 for one in others.values()):
            return True
        if leader in (0, member):
            return False if others else None
        return False if leader in others else None


class Peers:
    """Asks members that answer what they hear of the others, which beat every `heartbeat_s`."""

    def __init__(self, client: NodeMetrics, clock: Clock, heartbeat_s: float) -> None:
        self._client = client
        self._clock = clock
        self._heartbeat_s = heartbeat_s

    async def ask(self, reporters: Sequence[Who], beats: int = BEATS) -> Hearsay:
        """Two looks at each reporter, so many beats apart; Unavailable if none can be asked."""
        began = self._clock.monotonic()
        asked = [one for one in reporters if one.metrics_url is not None][:_MOST_ASKED]
        first = await self._scrapes(asked)
        if not first:
            raise Unavailable("no other member can be asked what it hears")
        await self._clock.sleep(beats * self._heartbeat_s)
        second = await self._scrapes([one for one in asked if one.id in first])
        return Hearsay(began, {key: _grown(first[key], after) for key, after in second.items()})

    async def _scrapes(self, asked: Sequence[Who]) -> dict[int, Scrape]:
        found = await asyncio.gather(*(self._scrape(one) for one in asked))
        return {who.id: one for who, one in zip(asked, found, strict=True) if one is not None}

    async def _scrape(self, who: Who) -> Scrape | None:
        try:
            found = await self._client.scrape(who.metrics_url or "", (_RECEIVED,))
        except SourceFailed:
            return None
        return found if _RECEIVED in found.samples else None


def _grown(before: Scrape, after: Scrape) -> dict[int, float]:
    old, new = before.sum_by(_RECEIVED, "From"), after.sum_by(_RECEIVED, "From")
    found: dict[int, float] = {}
    for (label,), value in new.items():
        try:
            found[int(label, 16)] = value - old.get((label,), 0.0)
        except ValueError:
            continue
    return found
