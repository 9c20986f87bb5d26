"""What PD says of regions, of operators on them and of hot spots, typed."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


class Peer(msgspec.Struct, frozen=True, gc=False):
    """A replica of a region; absent role is a voter."""

    store_id: int = 0
    id: int = 0
    role: int = 0
    role_name: str = ""
    is_learner: bool = False
    is_witness: bool = False

    @property
    def votes(self) -> bool:
        """Whether it counts for the majority (learners and demoting voters aside)."""
        return not self.is_learner and self.role != 1 and self.role_name != "Learner"


class DownPeer(msgspec.Struct, frozen=True, gc=False):
    """A replica that its leader has not heard of for `down_seconds`."""

    peer: Peer | None = None
    down_seconds: int = 0


class Region(msgspec.Struct, frozen=True, gc=False):
    """A range of keys and where its replicas are."""

    id: int
    peers: tuple[Peer, ...] | None = None
    leader: Peer | None = None
    down_peers: tuple[DownPeer, ...] | None = None
    pending_peers: tuple[Peer, ...] | None = None
    approximate_size: int = 0


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions of one answer; `count` is PD's own figure, `notes` what was odd about it."""

    count: int
    regions: tuple[Region, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operator:
    """A step that PD is taking on a region, read from PD's own sentence.

    `steps` and `brief` are PD's words; `store_ids` the stores that they name; `region_id` is 0
    where the sentence could not be understood; `raw` is the sentence, at most 2,000 characters.
    """

    desc: str
    brief: str
    kind: str
    region_id: int
    store_ids: tuple[int, ...]
    steps: str
    raw: str
    created_at: float | None = None
    finished_at: float | None = None
    duration_s: float | None = None
    status: str = ""


class HotStores(msgspec.Struct, frozen=True, gc=False, rename="kebab"):
    """Flows a second by store id (text)."""

    bytes_write_rate: dict[str, float] | None = None
    bytes_read_rate: dict[str, float] | None = None
    keys_write_rate: dict[str, float] | None = None
    keys_read_rate: dict[str, float] | None = None
    query_write_rate: dict[str, float] | None = None
    query_read_rate: dict[str, float] | None = None
