"""The first placement of a cluster: PD and stores each derive the same one from the layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.twin.spec import Spec

FIRST_TERM = 6  # raft's first elected term in TiKV
REPLICAS = 3


@dataclass(slots=True)
class Region:
    """A region: `peers` maps store id to peer id; `term` orders claims of leadership."""

    id: int
    start: str
    end: str
    conf_ver: int
    version: int
    peers: dict[int, int]
    leader: int
    term: int

    def to_json(self) -> list[Any]:
        peers = [[store, peer] for store, peer in self.peers.items()]
        return [
            self.id,
            self.start,
            self.end,
            self.conf_ver,
            self.version,
            peers,
            self.leader,
            self.term,
        ]

    @classmethod
    def from_json(cls, row: list[Any]) -> Region:
        peers = dict(row[5])
        return cls(row[0], row[1], row[2], row[3], row[4], peers, row[6], row[7])


def key(index: int) -> str:
    """Region boundaries: hexadecimal of "t00000001", ..."""
    return f"t{index:08d}".encode().hex().upper()


def regions(spec: Spec) -> dict[int, Region]:
    """`spec.regions` regions of three voters over the founding stores, leaders in turn."""
    stores = [store.id for store in spec.stores[: spec.founders]]
    if not stores:
        return {}
    made: dict[int, Region] = {}
    for index in range(spec.regions):
        region_id = 1000 + 10 * index
        holders = [stores[(index + k) % len(stores)] for k in range(min(REPLICAS, len(stores)))]
        made[region_id] = Region(
            id=region_id,
            start=key(index) if index else "",
            end=key(index + 1) if index < spec.regions - 1 else "",
            conf_ver=5,
            version=spec.regions + 1,
            peers={store: region_id + 1 + k for k, store in enumerate(holders)},
            leader=holders[0],
            term=FIRST_TERM,
        )
    return made


def heat(region_id: int) -> float:
    """How much of the load a region draws, around 1.0: keys are never equally hot."""
    return 0.7 + 0.6 * ((region_id * 2654435761 >> 7) % 100) / 99
