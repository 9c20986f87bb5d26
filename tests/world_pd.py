"""The scripted PD: several members on real ports, one state, and every way of failing."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tests.stub_http import HANG, RESET, Request, Response, StubServer, as_json, as_text
from tests.world_store import BEAT_S, FakeStore

API = "/pd/api/v1"
LOCAL = ("/status", "/health", "/ping", "/version")
REDIRECT_FAILED = as_text("[PD:apiutil:ErrRedirect]redirect failed\n", 500)
NO_LEADER = as_text("[PD:apiutil:ErrRedirectNoLeader]redirect finds no leader\n", 503)
NOT_BOOTSTRAPPED = as_json(
    "[PD:cluster:ErrNotBootstrapped]TiKV cluster not bootstrapped, please start TiKV first", 500
)
HTML = Response(200, b"<html><body>Please log in</body></html>", "text/html")
STARTING = as_text("server not started\n", 500)


class FakePd:
    """Members 0, 1, ...; every fault takes the members that it strikes, none for all."""

    def __init__(self, world: Any, many: int, regions: int) -> None:
        self.world = world
        self.members = [StubServer(self._handler(number)) for number in range(many)]
        self.names = [f"pd-{number}" for number in range(many)]
        self.leader: int | None = 0
        self.version = "v8.5.7"
        self.cluster_id = 7710555336054515568  # above 2^53, as real ones are
        self.member_ids = [14318340322766640597 + number for number in range(many)]
        self.max_store_down_s = 1800.0
        self.max_replicas = 3
        self.location_labels = ""
        self.placement_rules: list[dict[str, Any]] | None = None
        self.n_regions = regions
        self.regions: list[dict[str, Any]] | None = None  # None: spread evenly
        self.checks: dict[str, list[dict[str, Any]]] = {}  # "miss-peer" -> regions, if scripted
        self.evicting: set[int] = set()
        self.paused: dict[str, float] = {}
        self.schedulers = ["balance-leader-scheduler", "balance-region-scheduler"]
        self.operators: list[str] = []
        self.answers: dict[str, Any] = {}  # path below /pd/api/v1 -> Response, scripted by a test
        self._faults: dict[int, Any] = {}
        self._leaderless: Any = None
        self._built: tuple[Any, bytes] = (None, b"")

    @property
    def urls(self) -> list[str]:
        return [one.url for one in self.members]

    @property
    def requests(self) -> int:
        """How many requests all members have had."""
        return sum(one.count for one in self.members)

    async def start(self) -> None:
        for one in self.members:
            await one.start()

    async def stop(self) -> None:
        for one in self.members:
            await one.stop()

    # Faults. `ok` ends them all.
    async def ok(self) -> None:
        """Every member runs, and there is a leader."""
        self._faults, self._leaderless = {}, None
        self.leader = 0 if self.leader is None else self.leader
        await self.start()

    async def refuse(self, *which: int) -> None:
        """Killed: connections are refused."""
        for number in which or range(len(self.members)):
            await self.members[number].stop()

    def no_leader(self, *, slow: bool = False) -> None:
        """Election: forwarded routes fail at once (500), or with `slow` after 3 s (503)."""
        self._leaderless = NO_LEADER if slow else REDIRECT_FAILED

    def hang(self, *which: int) -> None:
        self._fault(HANG, which)

    def reset(self, *which: int) -> None:
        self._fault(RESET, which)

    def html(self, *which: int) -> None:
        self._fault(HTML, which)

    def half_json(self, *which: int) -> None:
        self._fault(Response(200, b'{"count": 3, "stores": [{"store": {"id'), which)

    def empty(self, *which: int) -> None:
        self._fault(Response(200, b""), which)

    def starting(self, *which: int) -> None:
        self._fault(STARTING, which)

    def answering(self, response: Any, *which: int) -> None:
        """Whatever a test thinks up, on every route."""
        self._fault(response, which)

    def not_bootstrapped(self) -> None:
        self._leaderless = NOT_BOOTSTRAPPED

    def _fault(self, fault: Any, which: tuple[int, ...]) -> None:
        for number in which or range(len(self.members)):
            self._faults[number] = fault

    def change_leader(self, to: int, *, forget: bool = True) -> None:
        """A new leader, which at first knows only the heartbeats that were persisted (`forget`)."""
        self.leader, self._leaderless = to, None
        if forget:
            for store in self.world.stores.values():
                store.forget_beats()
        self.world.touched()

    def _handler(self, number: int) -> Any:
        def handle(request: Request) -> Any:
            return self._respond(number, request)

        return handle

    def _respond(self, number: int, request: Request) -> Any:
        fault = self._faults.get(number)
        if fault is not None:
            return fault
        path = request.path.removeprefix(API)
        if path not in LOCAL and self._leaderless is not None:
            if self._leaderless is NO_LEADER:
                return self._after(3.0, NO_LEADER)
            return self._leaderless
        if path in self.answers:
            return self.answers[path]
        if request.method != "GET":
            return self._change(request, path)
        return self._read(number, path, request)

    async def _after(self, seconds: float, response: Any) -> Any:
        await self.world.clock.sleep(seconds)
        return response

    def _read(self, number: int, path: str, request: Request) -> Any:
        if path == "/stores":
            return Response(200, self._stores_body(request.query.get("state", [])))
        if path.startswith("/store/"):
            return self._store(path.removeprefix("/store/"))
        if path.startswith("/regions/store/"):
            return self._listed(self._of_store(int(path.rpartition("/")[2])))
        if path.startswith("/regions/check/"):
            return self._listed(self._check(path.rpartition("/")[2]))
        if path == "/metrics":
            return Response(200, self._metrics(number).encode(), "text/plain; version=0.0.4")
        plain = self._plain().get(path)
        return as_text("404 page not found\n", 404) if plain is None else plain()

    def _plain(self) -> dict[str, Any]:
        return {
            "/ping": lambda: Response(200, b"", ""),
            "/status": lambda: as_json({"version": self.version, "start_timestamp": 1795253559}),
            "/version": lambda: as_json({"version": self.version}),
            "/health": lambda: as_json(
                [self._member(n, health=self._healthy(n)) for n in self._all()]
            ),
            "/members": self._members,
            "/leader": lambda: as_json(self._member(self.leader or 0)),
            "/cluster": lambda: as_json({"id": self.cluster_id, "max_peer_count": 3}),
            "/cluster/status": lambda: as_json({"is_initialized": True}),
            "/config/replicate": lambda: as_json(
                {
                    "max-replicas": self.max_replicas,
                    "location-labels": self.location_labels,
                    "enable-placement-rules": "true",
                    "isolation-level": "",
                }
            ),
            "/config/schedule": lambda: as_json(
                {"max-store-down-time": f"{self.max_store_down_s:.0f}s", "low-space-ratio": 0.8}
            ),
            "/config/rules": lambda: as_json(self._rules()),
            "/schedulers": lambda: as_json(self._schedulers()),
            "/scheduler-config/evict-leader-scheduler/list": self._evict_list,
            "/operators": lambda: as_json(self.operators),
            "/operators/records": lambda: as_json(
                "[PD:operator:ErrOperatorNotFound]operator not found", 500
            ),
            "/regions/count": lambda: as_json({"count": len(self._regions()), "regions": None}),
            "/hotspot/regions/write": lambda: as_json({"as_peer": {}, "as_leader": {}}),
            "/hotspot/regions/read": lambda: as_json({"as_peer": {}, "as_leader": {}}),
            "/hotspot/stores": lambda: as_json({"bytes-write-rate": {}}),
        }

    def _all(self) -> range:
        return range(len(self.members))

    def _member(self, number: int, **extra: Any) -> dict[str, Any]:
        return {
            "name": self.names[number],
            "member_id": self.member_ids[number],
            "client_urls": [self.members[number].url],
            "binary_version": self.version,
            **extra,
        }

    def _healthy(self, number: int) -> bool:
        return self.members[number].listening and number not in self._faults

    def _members(self) -> Response:
        leader = self._member(self.leader or 0)
        return as_json(
            {
                "header": {"cluster_id": self.cluster_id},
                "members": [self._member(number) for number in self._all()],
                "leader": leader,
                "etcd_leader": leader,
            }
        )

    def _rules(self) -> list[dict[str, Any]]:
        default = {"group_id": "pd", "id": "default", "role": "voter", "count": self.max_replicas}
        return [default] if self.placement_rules is None else self.placement_rules

    def _schedulers(self) -> list[str]:
        return self.schedulers + (["evict-leader-scheduler"] if self.evicting else [])

    def _evict_list(self) -> Response:
        if not self.evicting:
            return as_text("404 page not found\n", 404)
        ranges = {str(one): [{"start-key": "", "end-key": ""}] for one in sorted(self.evicting)}
        return as_json({"store-id-ranges": ranges, "batch": 3})

    # Stores. The body is built once per heartbeat and change, and served as bytes.
    def _stores_body(self, states: list[str]) -> bytes:
        key = (self.world.changes, self.world.now // BEAT_S, tuple(states), self._edges())
        if self._built[0] != key:
            wanted = {int(one) for one in states} or {0, 1}
            bodies = [s.body() for s in self.world.stores.values() if s.state in wanted]
            packed = msgspec.json.encode({"count": len(bodies), "stores": bodies})
            self._built = (key, msgspec.json.format(packed, indent=2))
        return self._built[1]

    def _edges(self) -> tuple[str, ...]:
        """States of the stores whose state changes between heartbeats: the silent ones."""
        stores = self.world.stores.values()
        return tuple(s.state_name for s in stores if s.beats_until is not None or s.persisted)

    def _store(self, number: str) -> Response:
        store: FakeStore | None = self.world.stores.get(int(number)) if number.isdigit() else None
        if store is None:
            return as_json(f"[PD:core:ErrStoreNotFound]store {number} not found", 404)
        return as_json(store.body())

    # Regions.
    def _regions(self) -> list[dict[str, Any]]:
        if self.regions is not None:
            return self.regions
        ids = [s.id for s in self.world.stores.values() if s.state != 2]
        found = []
        for number in range(self.n_regions if ids else 0):
            many = min(self.max_replicas, len(ids))
            on = [ids[(number + step) % len(ids)] for step in range(many)]
            found.append(region(1000 + number * 10, on))
        return found

    def _of_store(self, number: int) -> list[dict[str, Any]]:
        return [
            one for one in self._regions() if any(p["store_id"] == number for p in one["peers"])
        ]

    def _check(self, what: str) -> list[dict[str, Any]]:
        if what in self.checks:
            return self.checks[what]
        silent = {
            "down-peer": [s.id for s in self._stores() if self.world.now - s.last_beat > 600],
            "offline-peer": [s.id for s in self._stores() if s.state == 1],
        }.get(what, [])
        found = {one["id"]: one for number in silent for one in self._of_store(number)}
        return list(found.values())

    def _stores(self) -> list[FakeStore]:
        return list(self.world.stores.values())

    @staticmethod
    def _listed(regions: list[dict[str, Any]]) -> Response:
        text = json.dumps({"count": len(regions), "regions": regions}, separators=(",", ":"))
        return Response(200, text.encode(), "application/octet-stream")

    def _metrics(self, number: int) -> str:
        leads = number == (self.leader or 0)
        kinds = ("miss-peer", "extra-peer", "down-peer", "pending-peer", "offline-peer")
        lines = ["# TYPE etcd_server_is_leader gauge", f"etcd_server_is_leader {int(leads)}"]
        if leads:
            lines.append("# TYPE pd_regions_status gauge")
            lines += [
                f'pd_regions_status{{type="{one}-region-count"}} {len(self._check(one))}'
                for one in kinds
            ]
        return "\n".join(lines) + "\n"

    # Changes, with PD's own words.
    def _change(self, request: Request, path: str) -> Response:
        if path.startswith("/leader/transfer/"):
            name = path.rpartition("/")[2]
            if name not in self.names:
                return as_json(f"not found, pd: {name}", 404)
            self.change_leader(self.names.index(name))
            return as_json("The transfer command is submitted.")
        if path == "/leader/resign":
            self.change_leader(((self.leader or 0) + 1) % len(self.members))
            return as_json("The resign command is submitted.")
        if path == "/schedulers" and request.method == "POST":
            return self._add_scheduler(request.json)
        if path.startswith("/schedulers/"):
            return self._scheduler(request, path.rpartition("/")[2])
        return as_text("404 page not found\n", 404)

    def _add_scheduler(self, asked: dict[str, Any]) -> Response:
        number = asked.get("store_id", 0)
        if asked.get("name") != "evict-leader-scheduler":
            return as_json("unknown scheduler", 400)
        if number not in self.world.stores:
            return as_json(f"[PD:core:ErrStoreNotFound]store {number} not found", 500)
        again = number in self.evicting
        self.evicting.add(number)
        words = "The scheduler has been applied to the store." if again else ""
        return as_json(words or "The scheduler is created.")

    def _scheduler(self, request: Request, name: str) -> Response:
        if request.method == "DELETE":
            number = int(name.removeprefix("evict-leader-scheduler-") or 0)
            if number not in self.evicting:
                return Response(404, b"null\n")
            self.evicting.discard(number)
            return Response(200, b"null\n")
        if name not in self._schedulers():
            return as_json("[PD:scheduler:ErrSchedulerNotFound]scheduler not found", 500)
        self.paused[name] = self.world.now + float(request.json.get("delay", 0))
        return as_json("Pause or resume the scheduler successfully.")


def region(number: int, on: list[int], **extra: Any) -> dict[str, Any]:
    """A region with a voter on each of these stores, led by the first."""
    peers = [
        {"role_name": "Voter", "id": number + 1 + place, "store_id": store}
        for place, store in enumerate(on)
    ]
    return {"id": number, "peers": peers, "leader": peers[0], "approximate_size": 96, **extra}
