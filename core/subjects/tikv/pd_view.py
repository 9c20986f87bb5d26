"""What is known of PD itself: its members, its leader, and whether anything of it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.clients import pd_model
from core.clients.failures import Kind, PdHangs, PdNoLeader, PdRefused
from core.clients.pd import Ping
from core.errors import TocsinError
from core.subjects.sources import Source
from core.subjects.tikv.evidence import NEVER
from core.subjects.tikv.model import Member, PdView
from core.subjects.tikv.pd_reads import Pings

_GONE = (Kind.REFUSED, Kind.RESET)
_SAID = {
    Kind.REFUSED: "it refuses connections",
    Kind.RESET: "it closes connections",
    Kind.TIMEOUT: "it takes connections and does not answer",
    Kind.UNREACHABLE: "it cannot be reached from here",
    Kind.DNS: "its address does not resolve here",
    Kind.TLS_ERROR: "the TLS handshake with it fails",
}
_SILENT = (*_GONE, Kind.TIMEOUT, Kind.UNREACHABLE)


def view(
    members: pd_model.Members | None,
    pings: Pings | None,
    *,
    silent_s: float,
    failure: TocsinError | None,
    bootstrapped: bool,
    store_answered: bool,
) -> PdView:
    """PD as of the newest answers.

    `silent_s`: for how long no leader has answered (0: it does). `failure` is what the last failed
    read said. `store_answered`: some store answered lately, so that we are not cut off from all.
    """
    by_name = pings.by_name if pings is not None else {}
    listed = (members.members or ()) if members is not None else ()
    answering = sum(one.ok for one in by_name.values())
    all_refuse = bool(by_name) and all(one.kind in _GONE for one in by_name.values())
    said = isinstance(failure, PdNoLeader | PdRefused)
    leader = members.leader.name if members is not None and members.leader is not None else ""
    return PdView(
        members=tuple(
            _member(one, by_name.get(one.name), pings, answering + store_answered) for one in listed
        ),
        leader=leader,
        silent_s=silent_s,
        reached=answering > 0 or said or (all_refuse and store_answered),
        leaderless=_leaderless(failure, all_refuse=all_refuse) if silent_s > 0 else "",
        bootstrapped=bootstrapped,
    )


def answered_at(asked: Sequence[Source[Any]], ping: Source[Pings]) -> float:
    """When anything of PD last gave a good answer (monotonic); minus infinity if never."""
    times = [one.seen_at for one in asked]
    if ping.value is not None and any(one.ok for one in ping.value.by_name.values()):
        times.append(ping.seen_at)
    return max((one for one in times if one is not None), default=NEVER)


def silent_s(asked: Sequence[Source[Any]], mono: float, began: float) -> float:
    """For how long no PD leader has answered what only a leader can; 0 while one does.

    `began` is when this program began to ask.
    """
    if any(not one.error and one.fresh(mono) for one in asked):
        return 0.0
    seen = [one.seen_at for one in asked if one.seen_at is not None]
    return max(mono - max(seen, default=began), 0.001)


def _leaderless(failure: TocsinError | None, *, all_refuse: bool) -> str:
    if all_refuse:
        return "every PD member refuses connections"
    if isinstance(failure, PdHangs):
        return "PD takes requests and does not answer them"
    if isinstance(failure, PdNoLeader):
        return "PD says that it has no leader"
    return "PD answers no request that needs its leader"


def _member(member: pd_model.Member, ping: Ping | None, pings: Pings | None, others: int) -> Member:
    url = (member.client_urls or ("",))[0]
    if ping is None or pings is None:
        return Member(member.name, url, None, "it was not asked yet")
    if ping.ok:
        return Member(member.name, url, True)
    health = pings.health.get(member.name)
    said = _SAID.get(ping.kind) or f"its answer is no answer ({ping.detail or ping.kind})"
    if health is not None:
        heard = "the other members reach it" if health else "the other members do not reach it"
        return Member(member.name, url, health, f"{said}; {heard}")
    if others and ping.kind in _SILENT:
        return Member(member.name, url, False, said)
    return Member(member.name, url, None, said)
