"""The cluster as the PD leader knows it: stores, regions, their heartbeats and states."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.twin.clock import Pace, mono, wall_ns
from core.twin.golang import parse_duration
from core.twin.log import Log
from core.twin.pd.config import Config
from core.twin.pd.document import Document
from core.twin.seed import Region, regions
from core.twin.spec import Spec
from core.twin.versions import Version

DISCONNECTED_S = 20.0  # storeDisconnectDuration
UNHEALTHY_S = 600.0
PERSIST_S = 300.0  # heartbeat times reach etcd every 5 min only
PREPARING, SERVING, REMOVING, REMOVED = range(4)
UP, OFFLINE, TOMBSTONE = range(3)


@dataclass(slots=True)
class Live:
    """What only the present leader knows of a store; gone after a leader change."""

    heartbeat_ns: int
    stats: dict[str, Any] | None = None
    persisted_at: float = -1e9


@dataclass(slots=True)
class Flow:
    """What a region's leader last reported beside its placement."""

    down: dict[int, float] = field(default_factory=dict)
    pending: tuple[int, ...] = ()
    written_bytes: int = 0
    read_bytes: int = 0
    written_keys: int = 0
    read_keys: int = 0
    size_mib: int = 0
    keys: int = 0
    write_qps: float = 0.0
    read_qps: float = 0.0
    cpu: float = 0.0


class Cluster:
    """Stores and regions; `load` is called when this member becomes leader."""

    def __init__(
        self, spec: Spec, version: Version, pace: Pace, document: Document, config: Config, log: Log
    ) -> None:
        self.spec, self.version, self.pace = spec, version, pace
        self.document, self.config, self.log = document, config, log
        self.live: dict[int, Live] = {}
        self.regions: dict[int, Region] = {}
        self.flows: dict[int, Flow] = {}
        self.dirty = False

    @property
    def bootstrapped(self) -> bool:
        return bool(self.document.value["bootstrapped_ns"])

    @property
    def stores(self) -> dict[str, dict[str, Any]]:
        """Store metas by id (a string, as etcd would key them)."""
        found: dict[str, dict[str, Any]] = self.document.value["stores"]
        return found

    def load(self) -> None:
        """Start as new leader: heartbeats are as old as their last persisted stamp."""
        self.live = {int(sid): Live(meta["heartbeat_ns"]) for sid, meta in self.stores.items()}
        rows = self.document.value["regions"].values()
        self.regions = {row[0]: Region.from_json(row) for row in rows}
        self.flows = {region_id: Flow() for region_id in self.regions}

    def flush(self) -> bool:
        """Bring changed regions into the document; True when there was a change."""
        if not self.dirty:
            return False
        self.dirty = False
        self.document.value["regions"] = {
            str(region.id): region.to_json() for region in self.regions.values()
        }
        return True

    # Heartbeats -------------------------------------------------------------------------------
    def store_heartbeat(self, meta: dict[str, Any], stats: dict[str, Any]) -> tuple[bool, bool]:
        """Take a store's heartbeat; returns (accepted, something must be persisted)."""
        sid = str(meta["id"])
        if meta["id"] in self.document.value["purged"]:
            return False, False
        changed = not self.bootstrapped or sid not in self.stores
        if not self.bootstrapped:
            self._bootstrap()
        known = self.stores.setdefault(sid, self._new_store(meta))
        if known["state"] == TOMBSTONE:
            return False, changed
        changed = changed or known["start_timestamp"] != meta["start_timestamp"]
        known.update(
            {k: meta[k] for k in ("address", "status_address", "start_timestamp", "version")}
        )
        live = self.live.setdefault(meta["id"], Live(0))
        live.heartbeat_ns, live.stats = wall_ns(), stats
        if changed or mono() - live.persisted_at > self.pace.span(PERSIST_S):
            live.persisted_at, changed = mono(), True
            known["heartbeat_ns"] = live.heartbeat_ns
        return True, changed

    def _bootstrap(self) -> None:
        self.document.value["bootstrapped_ns"] = wall_ns()
        self.regions = regions(self.spec)
        self.flows = {region_id: Flow() for region_id in self.regions}
        self.dirty = True
        self.flush()
        self.log.info(
            "server.go:760", "bootstrap cluster ok", **{"cluster-id": self.spec.cluster_id}
        )

    def _new_store(self, meta: dict[str, Any]) -> dict[str, Any]:
        founder = meta["id"] in {s.id for s in self.spec.stores[: self.spec.founders]}
        return {
            **meta,
            "state": UP,
            "node_state": SERVING if founder else PREPARING,
            "heartbeat_ns": 0,
            "leader_weight": 1.0,
            "region_weight": 1.0,
            "limit": {"add-peer": 15, "remove-peer": 15},
            "destroyed": False,
        }

    def region_heartbeat(self, row: dict[str, Any]) -> bool:
        """Take one region's report; stale terms and epochs are ignored. True when it moved."""
        fresh = Region.from_json(row["region"])
        known = self.regions.get(fresh.id)
        if known and (fresh.term, fresh.conf_ver) < (known.term, known.conf_ver):
            return False
        moved = known is None or known.leader != fresh.leader or known.peers != fresh.peers
        self.regions[fresh.id] = fresh
        self.flows[fresh.id] = Flow(
            down={int(store): since for store, since in row["down"].items()},
            pending=tuple(row["pending"]),
            **row["flow"],
        )
        self.dirty = self.dirty or moved
        return moved

    # States -----------------------------------------------------------------------------------
    def age_s(self, store_id: int) -> float:
        """Seconds since the last heartbeat, in the time of a real cluster."""
        live = self.live.get(store_id)
        return (wall_ns() - live.heartbeat_ns) / 1e9 * self.pace.speed if live else 1e12

    def state_name(self, store_id: int) -> str:
        state = self.stores[str(store_id)]["state"]
        if state != UP:
            return "Offline" if state == OFFLINE else "Tombstone"
        age = self.age_s(store_id)
        if age > self.down_after_s():
            return "Down"
        return "Disconnected" if age > DISCONNECTED_S else "Up"

    def down_after_s(self) -> float:
        return parse_duration(str(self.config.get("schedule.max-store-down-time")))

    def alive(self, store_id: int) -> bool:
        """May it receive leaders or peers: in service and heard of lately."""
        meta = self.stores.get(str(store_id))
        if meta is None or self.state_name(store_id) != "Up":
            return False
        live = self.live[store_id]
        slow = live.stats is not None and live.stats["slow_score"] >= 80
        stopping = live.stats is not None and live.stats.get("is_stopping", False)
        return live.stats is not None and not slow and not stopping

    def leaders(self, store_id: int) -> list[Region]:
        return [region for region in self.regions.values() if region.leader == store_id]

    def held(self, store_id: int) -> list[Region]:
        return [region for region in self.regions.values() if store_id in region.peers]

    def counts(self) -> tuple[dict[int, int], dict[int, int]]:
        """Leaders and regions by store id, in one pass."""
        leaders: dict[int, int] = {}
        held: dict[int, int] = {}
        for region in self.regions.values():
            leaders[region.leader] = leaders.get(region.leader, 0) + 1
            for store in region.peers:
                held[store] = held.get(store, 0) + 1
        return leaders, held

    def next_id(self) -> int:
        self.document.value["next_id"] += 1
        return int(self.document.value["next_id"])
