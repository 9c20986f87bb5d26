"""A scripted etcd cluster over real HTTP: members that say what they are told to say.

Answers have the form that etcd 3.4.23 gives (64-bit numbers as text, what is zero left out, alarms
among the errors of the status).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.stub_http import HANG, Request, Response, StubServer, as_json, as_text

CLUSTER_ID = 2591492842302393877
BOUNDS = ("0.001", "0.002", "0.004", "0.008", "0.016", "0.032", "0.256", "1.024", "+Inf")


@dataclass
class FakeMember:
    """One member. `knows_leader` False: it is cut off from the others. `quick_s` is its disk."""

    world: EtcdWorld
    id: int
    name: str
    server: StubServer = field(init=False)
    up: bool = True
    started: bool = True
    learner: bool = False
    knows_leader: bool = True
    version: str = "3.4.23"
    behind: int = 0
    db_bytes: int = 20 << 20
    in_use_bytes: int = 10 << 20
    quota_bytes: int = 100 << 20
    fsync_s: float = 0.002
    commit_s: float = 0.004
    writes: int = 0
    says: dict[str, Any] = field(default_factory=dict)
    without_metrics: bool = False

    def __post_init__(self) -> None:
        self.server = StubServer(self.respond)
        self.server.keep_requests = False
        self.buckets: dict[str, dict[str, int]] = {"fsync": {}, "commit": {}}

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def silent(self) -> bool:
        """Whether it sends nothing to anybody: killed, or hung."""
        return not self.up or self.server.answer is HANG

    def respond(self, request: Request) -> Any:
        if request.path in self.says:
            return self.says[request.path]
        routes = {
            "/version": lambda: as_json({"etcdserver": self.version, "etcdcluster": "3.4.0"}),
            "/health": self._health,
            "/metrics": self._metrics,
            "/v3/cluster/member/list": self._members,
            "/v3/maintenance/status": self._status,
        }
        route = routes.get(request.path)
        return route() if route is not None else as_text("404 page not found", 404)

    def _health(self) -> Response:
        good = self.leader != 0 and not self.world.alarms
        return as_json({"health": "true" if good else "false"}, 200 if good else 503)

    @property
    def leader(self) -> int:
        return self.world.leader if self.knows_leader else 0

    def _header(self) -> dict[str, str]:
        return {
            "cluster_id": str(self.world.cluster_id),
            "member_id": str(self.id),
            "raft_term": str(self.world.term),
        }

    def _members(self) -> Response:
        listed = [one for one in self.world.members.values() if one.id not in self.world.gone]
        return as_json({"header": self._header(), "members": [one.listed() for one in listed]})

    def listed(self) -> dict[str, Any]:
        found: dict[str, Any] = {"ID": str(self.id), "peerURLs": [f"http://{self.name}:2380"]}
        if self.started:
            found |= {"name": self.name, "clientURLs": self.world.advertised(self)}
        if self.learner:
            found["isLearner"] = True
        return found

    def _status(self) -> Response:
        found: dict[str, Any] = {
            "header": self._header(),
            "version": self.version,
            "dbSize": str(self.db_bytes),
            "dbSizeInUse": str(self.in_use_bytes),
            "raftIndex": str(self.world.index),
            "raftTerm": str(self.world.term),
            "raftAppliedIndex": str(self.world.index - self.behind),
        }
        # What is zero is left out of this text, too: an alarm about no member in particular.
        errors = [
            f"memberID:{one} alarm:{kind} " if one else f"alarm:{kind} "
            for one, kind in self.world.alarms
        ]
        if self.leader:
            found["leader"] = str(self.leader)
        else:
            errors.append("etcdserver: no leader")
        if errors:
            found["errors"] = errors
        return as_json(found)

    def _metrics(self) -> Response:
        if self.without_metrics:
            return as_text("404 page not found", 404)
        self.write(20)
        lines = [f"etcd_server_quota_backend_bytes {self.quota_bytes}"]
        for name, key in (
            ("etcd_disk_backend_commit_duration_seconds", "commit"),
            ("etcd_disk_wal_fsync_duration_seconds", "fsync"),
        ):
            lines += [f'{name}_bucket{{le="{le}"}} {self.buckets[key].get(le, 0)}' for le in BOUNDS]
            lines.append(f"{name}_count {self.writes}")
        self.world.beat()
        lines += [
            f'etcd_network_peer_received_bytes_total{{From="{key:x}"}} {value}'
            for key, value in self.world.received(self).items()
        ]
        lines += ["etcd_server_proposals_failed_total 0", "etcd_server_proposals_pending 1"]
        return as_text("\n".join(sorted(lines)) + "\n")

    def write(self, many: int) -> None:
        """So many writes at the disk's present pace."""
        self.writes += many
        for key, took in (("fsync", self.fsync_s), ("commit", self.commit_s)):
            for le in BOUNDS:
                if took <= float(le):
                    self.buckets[key][le] = self.buckets[key].get(le, 0) + many


class EtcdWorld:
    """`many` members, named etcd-0, etcd-1, ...; etcd-0 leads.

    `uncounted`: for so many scrapes more the others still count what a dead member had sent.
    """

    def __init__(self, many: int = 3) -> None:
        self.cluster_id = CLUSTER_ID
        self.term = 2
        self.index = 100_000
        self.alarms: list[tuple[int, str]] = []
        self.gone: set[int] = set()
        self.members = {f"etcd-{n}": FakeMember(self, 0xA000 + n, f"etcd-{n}") for n in range(many)}
        self.leader = 0xA000
        self.beats: dict[int, int] = {}
        self.uncounted: dict[int, int] = {}
        self.hide_addresses = False

    async def __aenter__(self) -> EtcdWorld:
        for one in self.members.values():
            await one.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self.members.values():
            await one.server.stop()

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(one.url for one in self.members.values())

    def advertised(self, member: FakeMember) -> list[str]:
        """Client URLs in the list; inside containers they mean nothing out here."""
        return [f"http://{member.name}.invalid:2379" if self.hide_addresses else member.url]

    def beat(self) -> None:
        """Time for another heartbeat from everyone who can send one."""
        for one in self.members.values():
            left = self.uncounted.get(one.id, 0)
            self.uncounted[one.id] = max(left - 1, 0)
            if left or (not one.silent and one.knows_leader):
                self.beats[one.id] = self.beats.get(one.id, 0) + 50

    def received(self, by: FakeMember) -> dict[int, int]:
        """Followers hear from the leader, the leader from everybody."""
        others = (one for one in self.members.values() if one is not by)
        leads = by.id == self.leader
        return {
            one.id: self.beats.get(one.id, 0) if leads or one.id == self.leader else 0
            for one in others
        }

    async def kill(self, name: str) -> None:
        """SIGKILL: its port refuses."""
        self.members[name].up = False
        await self.members[name].server.stop()

    def pause(self, name: str) -> None:
        """SIGSTOP: its port takes connections and never answers."""
        self.members[name].server.answer = HANG

    def vanish(self, name: str) -> None:
        """Its address is gone with it: connections end, and new ones are never answered."""
        self.members[name].server.answer = HANG
        for one in list(self.members[name].server.open):
            one.transport.abort()

    async def revive(self, name: str) -> None:
        self.members[name].server.answer = None
        self.members[name].up = True
        await self.members[name].server.start()

    async def unreachable(self, name: str) -> None:
        """Only we cannot reach it; the others do."""
        await self.members[name].server.stop()

    def elect(self, name: str | None) -> None:
        """A new term; None: nobody wins."""
        self.term += 1
        self.leader = self.members[name].id if name is not None else 0
