"""What etcd says of itself, typed. Numbers that it did not say are None, never 0.

Ids are etcd's own 64-bit numbers; on people's screens they are hexadecimal, as `etcdctl` writes
them.
"""

from __future__ import annotations

from dataclasses import dataclass

NO_LEADER = "etcdserver: no leader"
"""How a member says, in the errors of its status, that it knows no leader."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member as the cluster knows it. An added member that never started has no name."""

    id: int
    name: str
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()
    learner: bool = False


@dataclass(frozen=True, slots=True)
class MemberList:
    """The membership as one member knows it; `term` is its Raft term then (None: not said)."""

    cluster_id: int
    said_by: int
    term: int | None
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that the cluster has raised ("NOSPACE", "CORRUPT") and the member it is about.

    `member_id` is 0 where it is about no member in particular.
    """

    member_id: int
    kind: str


@dataclass(frozen=True, slots=True)
class Status:
    """One member's own word on itself (POST /v3/maintenance/status, answered without a quorum).

    `leader` is 0 where it knows none. `index` is its newest log entry's, `applied` the one up to
    which its store has come. `db_bytes` is the file's size, `in_use_bytes` without free pages;
    `quota_bytes` is said from 3.6 on, negative where there is no quota. `errors` are its own words, alarms left out.
    """

    cluster_id: int
    member_id: int
    term: int | None
    leader: int
    version: str
    index: int | None
    applied: int | None
    db_bytes: int | None
    in_use_bytes: int | None
    quota_bytes: int | None
    learner: bool
    alarms: tuple[Alarm, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """GET /health: whether a read through Raft succeeds there; `reason` in etcd's words."""

    ok: bool
    reason: str = ""


def hexadecimal(number: int) -> str:
    """An id as etcdctl writes it."""
    return f"{number:x}"
