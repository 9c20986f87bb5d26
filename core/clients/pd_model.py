"""What PD says of itself: members, health, cluster, configuration and placement rules, typed."""

from __future__ import annotations

import msgspec

from core.clients import goformat


class Member(msgspec.Struct, frozen=True, gc=False):
    """A PD member."""

    name: str = ""
    member_id: int = 0
    client_urls: tuple[str, ...] | None = None
    peer_urls: tuple[str, ...] | None = None
    binary_version: str = ""
    leader_priority: int = 0


class MembersHeader(msgspec.Struct, frozen=True, gc=False):
    """Names the cluster; may exceed 2^53."""

    cluster_id: int = 0


class Members(msgspec.Struct, frozen=True, gc=False):
    """Who is in the PD quorum and who leads it."""

    members: tuple[Member, ...] | None
    header: MembersHeader = MembersHeader()
    leader: Member | None = None
    etcd_leader: Member | None = None


class MemberHealth(msgspec.Struct, frozen=True, gc=False):
    """What one PD member thinks of another (by pinging it); absent health is false."""

    name: str = ""
    member_id: int = 0
    client_urls: tuple[str, ...] | None = None
    health: bool = False


class Cluster(msgspec.Struct, frozen=True, gc=False):
    """The cluster's id and the number of peers a region should have."""

    id: int
    max_peer_count: int = 0


class PdStatus(msgspec.Struct, frozen=True, gc=False):
    """One member's own build and start."""

    version: str
    git_hash: str = ""
    start_timestamp: int = 0


class Replicate(msgspec.Struct, frozen=True, gc=False, rename="kebab"):
    """/config/replicate."""

    max_replicas: int
    location_labels: str = ""
    isolation_level: str = ""
    enable_placement_rules: str | bool = "false"

    @property
    def placement_rules(self) -> bool:
        """Whether placement rules, rather than max-replicas, say where peers go."""
        return self.enable_placement_rules in ("true", True)

    @property
    def locations(self) -> tuple[str, ...]:
        """Label keys from the widest place to the narrowest."""
        return tuple(one.strip() for one in self.location_labels.split(",") if one.strip())


class Schedule(msgspec.Struct, frozen=True, gc=False, rename="kebab"):
    """/config/schedule, as far as it decides what an operator should see."""

    max_store_down_time: str = "30m0s"
    leader_schedule_limit: int = 0
    leader_schedule_policy: str = ""
    region_schedule_limit: int = 0
    replica_schedule_limit: int = 0
    low_space_ratio: float = 0.8
    high_space_ratio: float = 0.7
    enable_remove_down_replica: str | bool = "true"

    @property
    def max_store_down_s(self) -> float:
        """After how many seconds of silence PD calls a store Down and replaces its replicas."""
        return goformat.duration(self.max_store_down_time) or 1800.0


class LabelConstraint(msgspec.Struct, frozen=True, gc=False):
    """Part of a placement rule: which stores it means."""

    key: str = ""
    op: str = ""
    values: tuple[str, ...] | None = None


class Rule(msgspec.Struct, frozen=True, gc=False):
    """A placement rule: `count` peers of `role` (voter, leader, follower, learner)."""

    group_id: str = ""
    id: str = ""
    start_key: str = ""
    end_key: str = ""
    role: str = "voter"
    count: int = 0
    is_witness: bool = False
    label_constraints: tuple[LabelConstraint, ...] | None = None
    location_labels: tuple[str, ...] | None = None
    isolation_level: str = ""


class Evicting(msgspec.Struct, frozen=True, gc=False, rename="kebab"):
    """The evict-leader scheduler's own configuration: key ranges by store id (text)."""

    store_id_ranges: dict[str, msgspec.Raw] | None = None
