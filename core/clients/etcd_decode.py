"""From the bytes of etcd's JSON gateway to `etcd_model`; whatever else answers is Garbled.

The gateway writes 64-bit numbers as text, leaves out what is zero or false, and spells keys in two
ways (`dbSize` beside `raft_term`). Versions 3.4 to 3.6 differ only in what they add.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from core.clients.etcd_model import Alarm, Health, Member, MemberList, Status
from core.clients.failures import Garbled, Kind, SourceFailed, quote
from core.clients.http import Reply, endpoint_of

MOST_MEMBERS = 200
"""etcd advises seven members at most; a list beyond this is not one of etcd's."""
_MOST_ERRORS = 50
_MOST = 2**64 - 1
_ALARM = re.compile(r"^(?:memberID:(\d{1,20})\s+)?alarm:([A-Z]{1,20})\s*$")
_NAME = 100
_WANTS_USER = (
    "etcdserver: user name is empty",
    "etcdserver: invalid auth token",
    "etcdserver: permission denied",
)


class _Header(msgspec.Struct, frozen=True):
    cluster_id: str | int = 0
    member_id: str | int = 0
    raft_term: str | int | None = None


class _Member(msgspec.Struct, frozen=True, rename="camel"):
    id: str | int = msgspec.field(name="ID", default=0)
    name: str = ""
    peer_urls: tuple[str, ...] | None = msgspec.field(name="peerURLs", default=None)
    client_urls: tuple[str, ...] | None = msgspec.field(name="clientURLs", default=None)
    is_learner: bool = False


class _Members(msgspec.Struct, frozen=True):
    header: _Header
    members: tuple[_Member, ...] | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    header: _Header
    version: str
    db_size: str | int | None = None
    db_size_in_use: str | int | None = None
    db_size_quota: str | int | None = None
    leader: str | int = 0
    raft_index: str | int | None = None
    raft_term: str | int | None = None
    raft_applied_index: str | int | None = None
    is_learner: bool = False
    errors: tuple[str, ...] | None = None


class _Health(msgspec.Struct, frozen=True):
    health: str | bool
    reason: str = ""


class _Failure(msgspec.Struct, frozen=True):
    error: str = ""
    message: str = ""


def members(reply: Reply) -> MemberList:
    """The members; SourceFailed for an error, Garbled for what no etcd says."""
    said: _Members = _decode(reply, _Members)
    listed = said.members or ()
    if not listed:
        raise Garbled(endpoint_of(reply.url), "a cluster without members")
    if len(listed) > MOST_MEMBERS:
        raise Garbled(endpoint_of(reply.url), f"a cluster of {len(listed):,} members")
    found = tuple(_member(reply, one) for one in listed)
    if len({one.id for one in found}) < len(found):
        raise Garbled(endpoint_of(reply.url), "two members with one id")
    return MemberList(
        cluster_id=_count(reply, said.header.cluster_id),
        said_by=_count(reply, said.header.member_id),
        term=_maybe(reply, said.header.raft_term),
        members=found,
    )


def _member(reply: Reply, one: _Member) -> Member:
    number = _count(reply, one.id)
    if not number:
        raise Garbled(endpoint_of(reply.url), "a member without an id")
    return Member(
        id=number,
        name=quote(one.name, _NAME),
        peer_urls=(one.peer_urls or ())[:10],
        client_urls=(one.client_urls or ())[:10],
        learner=one.is_learner,
    )


def status(reply: Reply) -> Status:
    """A member's status; SourceFailed for an error, Garbled for what no etcd says."""
    said: _Status = _decode(reply, _Status)
    member = _count(reply, said.header.member_id)
    if not member or not said.version:
        raise Garbled(endpoint_of(reply.url), "a status of nobody")
    alarms, errors = _sorted_errors((said.errors or ())[:_MOST_ERRORS])
    return Status(
        cluster_id=_count(reply, said.header.cluster_id),
        member_id=member,
        term=_maybe(reply, said.raft_term),
        leader=_count(reply, said.leader),
        version=quote(said.version, 40),
        index=_maybe(reply, said.raft_index),
        applied=_maybe(reply, said.raft_applied_index),
        db_bytes=_maybe(reply, said.db_size),
        in_use_bytes=_maybe(reply, said.db_size_in_use),
        quota_bytes=_quota(reply, said.db_size_quota),
        learner=said.is_learner,
        alarms=alarms,
        errors=errors,
    )


def _sorted_errors(errors: Iterable[str]) -> tuple[tuple[Alarm, ...], tuple[str, ...]]:
    """Alarms stand among the errors, as text ("memberID:123 alarm:NOSPACE ").

    An alarm about no member in particular has member 0, which the text leaves out: so does CORRUPT
    from 3.5.7 on, where etcd cannot tell whose data is wrong.
    """
    alarms: list[Alarm] = []
    rest: list[str] = []
    for text in errors:
        match = _ALARM.match(text)
        number = int(match[1] or 0) if match else 0
        if match is None or number > _MOST:
            rest.append(quote(text))
        elif match[2] != "NONE":
            alarms.append(Alarm(number, match[2]))
    return tuple(dict.fromkeys(alarms)), tuple(rest)


def health(reply: Reply) -> Health:
    """Well or not (200 or 503, by its own word); SourceFailed for anything else."""
    try:
        said = msgspec.json.decode(reply.body, type=_Health)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise _failed(reply) from None
    return Health(said.health in ("true", True) and reply.status == 200, quote(said.reason))


def _decode(reply: Reply, kind: Any) -> Any:
    if reply.status != 200:
        raise _failed(reply)
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Garbled(endpoint_of(reply.url), f"not an answer of etcd: {error}") from None


def _failed(reply: Reply) -> SourceFailed:
    """An error in etcd's own words where it gives some (a trailer may follow the JSON)."""
    where = endpoint_of(reply.url)
    text = reply.body.partition(b"}")[0] + b"}"
    try:
        said = msgspec.json.decode(text, type=_Failure)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        said = _Failure()
    words = said.message or said.error
    if not words and reply.status == 404:
        words = (
            "no JSON gateway there: is it an etcd of 3.4 or later, and not started with "
            "--enable-grpc-gateway=false?"
        )
    if words in _WANTS_USER:
        words += " (it asks for a user: give a token, headers = {Authorization = ...})"
    if not words and reply.status == 200:
        return Garbled(where, f"not an answer of etcd: {quote(reply.body, 120)}", status=200)
    return SourceFailed(
        where, Kind.HTTP_ERROR, words or quote(reply.body, 120), status=reply.status
    )


def _count(reply: Reply, value: str | int) -> int:
    """A number from 0 to 2**64 - 1, written as text or not; Garbled for anything else."""
    try:
        if isinstance(value, str) and len(value) > 20:
            raise ValueError(value)
        number = int(value)
    except ValueError:
        raise Garbled(endpoint_of(reply.url), f"not a number: {quote(str(value), 40)}") from None
    if not 0 <= number <= _MOST:
        raise Garbled(endpoint_of(reply.url), f"a number out of range: {number}")
    return number


def _quota(reply: Reply, value: str | int | None) -> int | None:
    """As it was set: below 0 switches the quota off, 0 is etcd's default and says nothing."""
    if isinstance(value, str) and value.startswith("-"):
        return -_count(reply, value[1:]) or None
    if isinstance(value, int) and value < 0:
        return max(value, -_MOST)
    return _maybe(reply, value) or None


def _maybe(reply: Reply, value: str | int | None) -> int | None:
    return None if value is None else _count(reply, value)
