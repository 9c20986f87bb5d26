"""One scripted TiKV: its status port, its metrics, and what PD says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.stub_http import Request, Response, StubServer

BEAT_S = 10.0
DISCONNECTED_S = 20.0
BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
REQUESTS = ("kv_get", "kv_prewrite", "kv_commit", "coprocessor")
_OK = Response(200, b"", "").encode()


class Counter:
    """A counter that grows at a rate that may be changed, by the world's time."""

    def __init__(self, world: Any, rate: float = 0.0) -> None:
        self._world, self._rate, self._base, self._since = world, rate, 0.0, world.now

    @property
    def value(self) -> float:
        return self._base + self._rate * (self._world.now - self._since)

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._base, self._since, self._rate = self.value, self._world.now, rate


class FakeStore:
    def __init__(self, world: Any, number: int, *, shared: bool) -> None:
        self.world, self.id, self.shared = world, number, shared
        self.server = StubServer(self._handle)
        self.address = f"127.0.0.1:{20160 + number}" if number < 40000 else f"10.0.0.1:{number}"
        self.version = "8.5.7"
        self.labels = {"host": f"h{number}", "zone": f"z{(number - 1) % 3 + 1}"}
        self.alive, self.paused, self.unreachable = True, False, False
        self.state, self.node_state = 0, 1
        self.started = int(world.now) - 3600
        self.beats_until: float | None = None  # None: still beating
        self.beats_from = 0.0  # no beat before this counts
        self.persisted: float | None = None  # what a new PD leader knew until the next beat
        self.persisted_until = 0.0
        self.capacity, self.available = "100GiB", "95GiB"
        self.slow_score, self.is_busy = 1, False
        self.leaders, self.peers = 20, 60
        self.extra: dict[str, Any] = {}  # more status fields, as PD would add them
        self.failing: int = 0  # HTTP status that /status answers with instead of 200
        # As answered per request type, and the share of requests slower than 100 ms.
        self.qps = {one: Counter(world, 100.0) for one in REQUESTS}
        self.slow_share = dict.fromkeys(REQUESTS, 0.0)
        self._slow = {one: Counter(world, 0.0) for one in REQUESTS}
        self.cpu = Counter(world, 0.5)

    @property
    def status_url(self) -> str:
        base = f"http://127.0.0.1:{self.server.port}"
        return f"{base}/s/{self.id}" if self.shared else base

    def slow_requests(self, request_type: str, share: float) -> None:
        """From now on this share of these requests takes more than 100 ms (at most 500 ms)."""
        self.slow_share[request_type] = share
        self._slow[request_type].rate = self.qps[request_type].rate * share

    def die(self) -> None:
        if self.beats_until is None:
            self.beats_until = self.world.now
        self.alive = False

    def live(self, *, restarted: bool) -> None:
        self.alive, self.beats_until, self.beats_from = True, None, self.world.now
        if restarted:
            self.started = int(self.world.now)

    @property
    def last_beat(self) -> float:
        """When PD last heard of it: beats come every 10 s, and at once after a start."""
        end = self.world.now if self.beats_until is None else self.beats_until
        if self.persisted is not None and end < self.persisted_until:
            return self.persisted
        return max(end // BEAT_S * BEAT_S, min(self.beats_from, end))

    def forget_beats(self) -> None:
        """A new PD leader knows heartbeats as they were persisted: every 5 min, until the next."""
        self.persisted = min(self.world.now // 300 * 300 - 1, self.last_beat)
        self.persisted_until = (self.world.now // BEAT_S + 1) * BEAT_S

    @property
    def state_name(self) -> str:
        if self.state == 2:
            return "Tombstone"
        if self.state == 1:
            return "Offline"
        age = self.world.now - self.last_beat
        if age > self.world.pd.max_store_down_s:
            return "Down"
        return "Disconnected" if age > DISCONNECTED_S else "Up"

    def body(self) -> dict[str, Any]:
        """The entry of /stores, with PD's rules of absence."""
        beat = self.last_beat
        store: dict[str, Any] = {
            "id": self.id,
            "address": self.address,
            "labels": [{"key": k, "value": v} for k, v in self.labels.items()],
            "version": self.version,
            "peer_address": self.address,
            "status_address": f"127.0.0.1:{self.server.port}",
            "git_hash": "0" * 40,
            "start_timestamp": self.started,
            "deploy_path": "/opt/tikv/bin",
            "last_heartbeat": int(beat * 1000) * 1_000_000,
            "node_state": {1: 2, 2: 3}.get(self.state, self.node_state),
            "state_name": self.state_name,
        }
        if self.state:
            store["state"] = self.state
        status: dict[str, Any] = {
            "capacity": self.capacity,
            "available": self.available,
            "used_size": "2.5GiB",
            "leader_count": self.leaders,
            "leader_weight": 1,
            "leader_score": self.leaders,
            "leader_size": self.leaders * 96,
            "region_count": self.peers,
            "region_weight": 1,
            "region_score": 26964.41,
            "region_size": self.peers * 96,
            "slow_score": self.slow_score,
            "start_ts": _rfc3339(self.started),
            "last_heartbeat_ts": _rfc3339(beat),
            "uptime": f"{max(beat - self.started, 0):.3f}s",
            **({"is_busy": True} if self.is_busy else {}),
            **self.extra,
        }
        return {"store": store, "status": status}

    def _handle(self, request: Request) -> Any:
        return self.respond(request.path)

    def respond(self, path: str) -> Any:
        if path == "/status":
            return _OK if not self.failing else Response(self.failing, b"", "")
        if path == "/metrics":
            return Response(200, self.metrics().encode(), "text/plain; version=0.0.4")
        return Response(404, b"", "")

    def metrics(self) -> str:
        """TiKV's text, of the families that the product reads."""
        lines = [
            "# HELP process_start_time_seconds Start time.",
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {self.started}",
            "# TYPE process_cpu_seconds_total counter",
            f"process_cpu_seconds_total {self.cpu.value}",
            "# TYPE tikv_grpc_msg_duration_seconds histogram",
        ]
        for one in REQUESTS:
            count, slow = self.qps[one].value, self._slow[one].value
            name, label = "tikv_grpc_msg_duration_seconds", f'type="{one}",priority="medium"'
            for bound in BOUNDS:
                within = count - slow if bound < 0.5 else count
                within = 0.0 if bound < 0.005 else within
                lines.append(f'{name}_bucket{{{label},le="{bound}"}} {within}')
            lines.append(f'{name}_bucket{{{label},le="+Inf"}} {count}')
            lines.append(f"{name}_sum{{{label}}} {count * 0.004 + slow * 0.3}")
            lines.append(f"{name}_count{{{label}}} {count}")
        lines.append("# TYPE tikv_raftstore_region_count gauge")
        lines.append(f'tikv_raftstore_region_count{{type="leader"}} {self.leaders}')
        lines.append(f'tikv_raftstore_region_count{{type="region"}} {self.peers}')
        lines.append("# TYPE tikv_store_size_bytes gauge")
        for kind, text in (("capacity", self.capacity), ("available", self.available)):
            value = float(text.removesuffix("GiB")) * 1024**3 if text.endswith("GiB") else 0
            lines.append(f'tikv_store_size_bytes{{type="{kind}"}} {value}')
        return "\n".join(lines) + "\n"


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
