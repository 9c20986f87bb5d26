"""What PD says of stores, typed: only the fields that we read, with PD's rules of absence.

Go leaves zero values out: an absent `state` is Up (0), an absent slow score was never reported. Nil
slices arrive as null. Unknown fields are ignored, so that four versions of PD fit these records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import msgspec

from core.clients import goformat

NS = 1_000_000_000
# Nanoseconds since 1970 of any real heartbeat are far above the first floor: some proxies and
# stand-ins hand out seconds or milliseconds instead.
_MS_FLOOR, _NS_FLOOR = 10**11, 10**15


class StoreState(StrEnum):
    """PD's own names; `OTHER` is a name that this program does not know."""

    UP = "Up"
    DISCONNECTED = "Disconnected"
    DOWN = "Down"
    OFFLINE = "Offline"
    TOMBSTONE = "Tombstone"
    OTHER = "other"


_STATES = {s.value: s for s in StoreState if s is not StoreState.OTHER}


class NodeState(StrEnum):
    """The finer state that PD 6.0 and later keeps beside `state`."""

    PREPARING = "Preparing"
    SERVING = "Serving"
    REMOVING = "Removing"
    REMOVED = "Removed"
    OTHER = "other"


_NODE_STATES = (NodeState.PREPARING, NodeState.SERVING, NodeState.REMOVING, NodeState.REMOVED)


class Label(msgspec.Struct, frozen=True, gc=False):
    """A placement label."""

    key: str = ""
    value: str = ""


class SlowTrend(msgspec.Struct, frozen=True, gc=False):
    """TiKV's trend of latency (cause) and of throughput (result); 7.5 and later."""

    cause_value: float = 0.0
    cause_rate: float = 0.0
    result_value: float = 0.0
    result_rate: float = 0.0


class StoreMeta(msgspec.Struct, frozen=True, gc=False):
    """What PD knows of a store for good."""

    id: int
    address: str = ""
    state: int = 0
    labels: tuple[Label, ...] | None = None
    version: str = ""
    status_address: str = ""
    start_timestamp: int = 0
    last_heartbeat: int = 0
    node_state: int = 0
    state_name: str = ""


class StoreStatus(msgspec.Struct, frozen=True, gc=False):
    """What the store's last heartbeat said, as far as a verdict or a card needs it.

    Each field costs time in every one of 10,000 stores; the rest is in the raw body (`Pd.get`).
    """

    capacity: str = ""
    available: str = ""
    used_size: str = ""
    leader_count: int = 0
    leader_weight: float = 0.0
    region_count: int = 0
    pending_peer_count: int = 0
    slow_score: int = 0
    slow_trend: SlowTrend | None = None
    network_slow_score: dict[str, float] | None = None
    is_busy: bool = False
    pause_leader_transfer_in: bool = False
    pause_leader_transfer_out: bool = False


_NO_STATUS = StoreStatus()


class Store(msgspec.Struct, frozen=True, gc=False):
    """One store: `store` is its identity and state, `status` its last heartbeat."""

    store: StoreMeta
    status: StoreStatus = _NO_STATUS

    @property
    def id(self) -> int:
        """PD's number for it, never reused."""
        return self.store.id

    @property
    def address(self) -> str:
        """host:port of its gRPC service."""
        return self.store.address

    @property
    def state(self) -> StoreState:
        """PD's name for its state, or OTHER."""
        return _STATES.get(self.store.state_name, StoreState.OTHER)

    @property
    def node_state(self) -> NodeState:
        """Preparing, Serving, Removing, Removed, or OTHER."""
        at = self.store.node_state
        return _NODE_STATES[at] if 0 <= at < len(_NODE_STATES) else NodeState.OTHER

    @property
    def removed(self) -> bool:
        """Whether PD says that it is gone for good."""
        return self.store.state == 2 or self.store.state_name == StoreState.TOMBSTONE

    @property
    def leaving(self) -> bool:
        """Whether an operator asked it to leave."""
        return self.store.state == 1 or self.store.state_name == StoreState.OFFLINE

    @property
    def labels(self) -> Mapping[str, str]:
        """Placement labels by key."""
        return {one.key: one.value for one in self.store.labels or ()}

    @property
    def is_tiflash(self) -> bool:
        """Whether it is a TiFlash node (either form), which holds no voters."""
        return any(
            one.key == "engine" and one.value.startswith("tiflash")
            for one in self.store.labels or ()
        )

    @property
    def capacity_bytes(self) -> float | None:
        """Size of its disk, or None where PD did not say (4 significant digits)."""
        return _size(self.status.capacity)

    @property
    def available_bytes(self) -> float | None:
        """Free on its disk, or None where PD did not say."""
        return _size(self.status.available)

    @property
    def disk_used_ratio(self) -> float | None:
        """1 - available / capacity, 0 to 1; None where PD did not say or said nonsense."""
        capacity, available = self.capacity_bytes, self.available_bytes
        if not capacity or available is None or not 0 <= available <= capacity:
            return None
        return 1.0 - available / capacity

    @property
    def heartbeat_at(self) -> float | None:
        """When PD last heard of it: seconds since the epoch by PD's clock; None if never."""
        raw = self.store.last_heartbeat
        if raw <= 0:
            return None
        return raw / (NS if raw > _NS_FLOOR else 1000 if raw > _MS_FLOOR else 1)

    @property
    def started_at(self) -> int | None:
        """When the TiKV process says that it started: seconds since the epoch; None if unsaid."""
        return self.store.start_timestamp if self.store.start_timestamp > 0 else None


@lru_cache(maxsize=65_536)
def _size(text: str) -> float | None:
    return goformat.size(text)


@dataclass(frozen=True, slots=True)
class Stores:
    """All stores of one answer, one entry an id.

    `notes` says what was odd about the answer (a count that does not match, an id named twice);
    `unreadable` holds the ids (as text, "?" if even that is missing) of entries that could not be
    understood: nothing may be concluded about them, least of all that they left.
    """

    stores: tuple[Store, ...]
    notes: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
