"""PD's schedulers and checkers: balance and evict leaders, replace and move replicas, bury stores."""

from __future__ import annotations

from core.twin.clock import Pace, mono, wall_ns
from core.twin.log import Log
from core.twin.pd.cluster import OFFLINE, PREPARING, REMOVED, SERVING, TOMBSTONE, UP, Cluster
from core.twin.pd.operators import Operators, lead, move
from core.twin.seed import REPLICAS, Region
from core.twin.spec import Spec

STEP_S = 1.0  # one round of every scheduler
JOB_S = 10.0  # metricsCollectionJobInterval: node states and metric gauges
RESEND_S = 2.0
EVICT_BATCH = 3
REGION_BATCH = 4
CHECKERS = ("learner", "replica", "rule", "split", "merge", "joint-state", "priority")


class Scheduler:
    """Runs on the leader alone; creates operators and pushes them to region leaders."""

    def __init__(
        self, spec: Spec, cluster: Cluster, operators: Operators, pace: Pace, log: Log
    ) -> None:
        self._spec, self._pace, self._log = spec, pace, log
        self.cluster, self.operators = cluster, operators
        self.paused: dict[str, tuple[int, int]] = {}
        self.checkers_paused: dict[str, float] = {}
        self.slow_evicted: int | None = None
        self._emptied: dict[int, float] = {}
        self._next_job = 0.0

    def load(self) -> None:
        """Start as new leader: operators, pauses and records lived in the old one's memory."""
        self.operators.clear()
        self.paused.clear()
        self.checkers_paused.clear()
        self._emptied.clear()
        self.slow_evicted = None

    # Which schedulers there are ---------------------------------------------------------------
    def names(self) -> list[str]:
        """All schedulers, the defaults first."""
        kept = self.cluster.document.value["schedulers"]
        names = list(self.cluster.version.schedulers if kept is None else kept)
        there = [kind for kind in ("evict", "grant") if self.cluster.document.value[kind]]
        return names + [f"{kind}-leader-scheduler" for kind in there]

    def is_paused(self, name: str) -> bool:
        until = self.paused.get(name)
        return until is not None and until[1] > wall_ns()

    def checker_paused(self, name: str) -> bool:
        return self.checkers_paused.get(name, 0.0) > mono()

    def active(self, name: str) -> bool:
        return name in self.names() and not self.is_paused(name)

    # Rounds -----------------------------------------------------------------------------------
    def round(self) -> bool:
        """One round; True when something must be persisted."""
        if not self.cluster.bootstrapped:
            return False
        self.operators.expire()
        dirty = self._evict_slow()
        for evict in (
            self._evict_leaders,
            self._balance_leaders,
            self._repair,
            self._balance_regions,
        ):
            evict()
        dirty = self._bury() or dirty
        if mono() >= self._next_job:
            self._next_job = mono() + self._pace.span(JOB_S)
            dirty = self._serve_new_stores() or dirty
        return dirty

    def evicting(self) -> set[int]:
        """Stores that may hold no leaders."""
        found = set()
        if self.active("evict-leader-scheduler"):
            found = {int(sid) for sid in self.cluster.document.value["evict"]}
        if self.slow_evicted is not None:
            found.add(self.slow_evicted)
        for sid, live in self.cluster.live.items():
            if live.stats and live.stats.get("is_stopping") and str(sid) in self.cluster.stores:
                found.add(sid)
        return found | {
            int(sid) for sid, meta in self.cluster.stores.items() if meta["state"] == OFFLINE
        }

    def _limit(self, name: str) -> int:
        return int(self.cluster.config.get(f"schedule.{name}-schedule-limit"))

    def _targets(self, region: Region, banned: set[int]) -> list[int]:
        leaders, _ = self.cluster.counts()
        flow = self.cluster.flows.get(region.id)
        pending = flow.pending if flow else ()
        return sorted(
            (
                store
                for store in region.peers
                if store != region.leader
                and store not in banned
                and store not in pending
                and self.cluster.alive(store)
            ),
            key=lambda store: leaders.get(store, 0),
        )

    def _evict_leaders(self) -> None:
        banned = self.evicting()
        for store in banned:
            budget = EVICT_BATCH
            desc = self._evictor(store)
            for region in self.cluster.leaders(store):
                targets = self._targets(region, banned)
                if budget and targets and region.id not in self.operators.running:
                    self._lead(desc, region, targets[0])
                    budget -= 1

    def _evictor(self, store: int) -> str:
        live = self.cluster.live.get(store)
        if store == self.slow_evicted:
            return "evict-slow-store-scheduler"
        if live is not None and live.stats and live.stats.get("is_stopping"):
            return "evict-stopping-store-scheduler"
        return "evict-leader-scheduler"

    def _balance_leaders(self) -> None:
        if not self.active("balance-leader-scheduler"):
            return
        banned = self.evicting()
        leaders, _ = self.cluster.counts()
        room = self._limit("leader") - self.operators.count("balance-leader-scheduler")
        for region in sorted(
            self.cluster.regions.values(), key=lambda r: -leaders.get(r.leader, 0)
        ):
            if room <= 0:
                return
            targets = self._targets(region, banned)
            if not targets or region.id in self.operators.running:
                continue
            if leaders.get(region.leader, 0) - leaders.get(targets[0], 0) > 1:
                self._lead("balance-leader-scheduler", region, targets[0])
                leaders[region.leader] -= 1
                leaders[targets[0]] = leaders.get(targets[0], 0) + 1
                room -= 1

    def _lead(self, desc: str, region: Region, to: int) -> None:
        self.operators.add(lead(desc, region, to, self._pace, self._size(region)))

    def _size(self, region: Region) -> int:
        flow = self.cluster.flows.get(region.id)
        return flow.size_mib if flow else 0

    def _repair(self) -> None:
        """Replace peers on Down and Offline stores, add missing ones, as the rule checker does."""
        if self.checker_paused("replica") or self.checker_paused("rule"):
            return
        room = self._limit("replica") - len(self.operators.running)
        wanted = int(self.cluster.config.get("replication.max-replicas"))
        for region in self.cluster.regions.values():
            if room <= 0:
                return
            gone = [store for store in region.peers if self._lost(store)]
            if region.id in self.operators.running or not (gone or len(region.peers) < wanted):
                continue
            room -= self._replace(region, gone[0] if gone else None)

    def _lost(self, store: int) -> bool:
        return store in self.cluster.live and self.cluster.state_name(store) in (
            "Down",
            "Offline",
            "Tombstone",
        )

    def _replace(self, region: Region, gone: int | None) -> int:
        target = self._roomiest(region)
        if target is None:
            return 0
        peers = {store: peer for store, peer in region.peers.items() if store != gone}
        peers[target] = self.cluster.next_id()
        offline = gone is not None and self.cluster.state_name(gone) == "Offline"
        desc = "replace-rule-offline-peer" if offline else "replace-rule-down-peer"
        desc = desc if gone is not None else "add-rule-peer"
        kinds = ("replica", "region")
        size = self._size(region)
        return int(self.operators.add(move(desc, region, peers, self._pace, size, kinds)))

    def _roomiest(self, region: Region) -> int | None:
        _, held = self.cluster.counts()
        free = [
            int(sid)
            for sid in self.cluster.stores
            if int(sid) not in region.peers and self.cluster.alive(int(sid))
        ]
        return min(free, key=lambda store: held.get(store, 0), default=None)

    def _balance_regions(self) -> None:
        if not self.active("balance-region-scheduler"):
            return
        alive = [int(sid) for sid in self.cluster.stores if self.cluster.alive(int(sid))]
        if len(alive) <= REPLICAS:
            return
        _, held = self.cluster.counts()
        room = REGION_BATCH - self.operators.count("balance-region-scheduler")
        low = min(alive, key=lambda store: held.get(store, 0))
        for region in tuple(self.cluster.regions.values()):
            source = max(region.peers, key=lambda store: held.get(store, 0))
            even = held.get(source, 0) - held.get(low, 0) <= 2
            if room <= 0 or even or low in region.peers or region.id in self.operators.running:
                continue
            peers = {store: peer for store, peer in region.peers.items() if store != source}
            peers[low] = self.cluster.next_id()
            size = self._size(region)
            self.operators.add(
                move("balance-region-scheduler", region, peers, self._pace, size, ("region",))
            )
            held[source] -= 1
            held[low] = held.get(low, 0) + 1
            room -= 1

    def _evict_slow(self) -> bool:
        """evict-slow-store-scheduler: one store at a time, at slow score 100."""
        if not self.active("evict-slow-store-scheduler"):
            return False
        slow = [
            sid
            for sid, live in self.cluster.live.items()
            if live.stats and live.stats["slow_score"] >= 100
        ]
        if self.slow_evicted is not None:
            live = self.cluster.live.get(self.slow_evicted)
            if live is None or live.stats is None or live.stats["slow_score"] <= 1:
                self._log.info(
                    "evict_slow_store.go:300",
                    "slow store has been recovered",
                    store_id=self.slow_evicted,
                )
                self.slow_evicted = None
        elif len(slow) == 1:
            self.slow_evicted = slow[0]
            self._log.info(
                "evict_slow_store.go:316",
                "detected slow store, start to evict leaders",
                store_id=slow[0],
            )
        return False

    def _bury(self) -> bool:
        """An Offline store without regions becomes Tombstone (7-8 s after DELETE, measured)."""
        buried = False
        for sid, meta in self.cluster.stores.items():
            if meta["state"] != OFFLINE or self.cluster.held(int(sid)):
                self._emptied.pop(int(sid), None)
                continue
            since = self._emptied.setdefault(int(sid), mono())
            if mono() - since > self._pace.span(7.0):
                meta.update({"state": TOMBSTONE, "node_state": REMOVED})
                self._log.warn("cluster.go:1790", "store has been Tombstone", store_id=sid)
                buried = True
        return buried

    def _serve_new_stores(self) -> bool:
        changed = False
        for meta in self.cluster.stores.values():
            if meta["state"] == UP and meta["node_state"] == PREPARING:
                meta["node_state"] = SERVING
                changed = True
        return changed
