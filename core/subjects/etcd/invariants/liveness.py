"""Whether members run, and how far the cluster is from losing its majority."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from core.durations import span
from core.invariant import HOLDS, Broken, Invariant, Settings, Severity, Unknown, Verdict
from core.subjects.etcd.model import CLUSTER, LOST, SELF, EtcdObservation, Life, Quorum, Who
from core.subjects.words import some


def members(seen: EtcdObservation) -> Iterable[tuple[str, Who]]:
    """Every member, learners too."""
    return ((one.entity, one) for one in seen.members)


def check_member_down(who: Who, seen: EtcdObservation, settings: Settings) -> Verdict:
    """Every member answers, and is part of the cluster.

    Judged at once: etcd's own alert (etcdMembersDown) waits 20 minutes, since it cannot tell a
    member that is away from one that Prometheus failed to scrape; here a refused connection, or
    silence while other members answer and hear nothing of it either, has already told them apart.
    Critical for a voter; a warning for a learner, and for a member that was added and never
    started.

    Why it matters: three members bear the loss of one; the next stops every write.

    What to do first: look whether the process or its machine died (container state, `dmesg`, the
    member's log), start it again. Do not remove it before another is up: removing changes the
    majority. Cut off: look at the peer port (2380) between the members.
    """
    life = seen.lives.get(who.id)
    if life is None or life.life is Life.UNKNOWN:
        return Unknown("it was not looked at" if life is None else life.how)
    if life.life in (Life.UP, Life.UNSEEN):
        return HOLDS
    severity = Severity.WARNING if who.learner or life.life is Life.NEW else None
    return Broken(
        {
            Life.DOWN: f"{who.title} is down",
            Life.CUT_OFF: f"{who.title} is cut off from the others",
        }.get(life.life, f"{who.title} has never started"),
        _how_long(life.how, seen.at - life.since),
        severity=severity,
        facts=_facts(who, seen),
    )


def _how_long(how: str, seconds: float) -> str:
    return f"for {span(seconds)}: {how}" if seconds >= 1.0 else how


def _facts(who: Who, seen: EtcdObservation) -> dict[str, str]:
    facts = {"address": who.url or "unknown from here"}
    if who.learner:
        facts["role"] = "learner: it does not vote"
    if seen.leadership.leader:
        facts["leader"] = seen.name_of(seen.leadership.leader)
    if seen.quorum is not None:
        facts["quorum margin"] = _margin(seen.quorum)
    return facts


def _margin(quorum: Quorum) -> str:
    if quorum.most < 0:
        return "lost: no majority"
    if quorum.least == quorum.most:
        return (
            f"{quorum.most} more may be lost" if quorum.most else "0: no other member may be lost"
        )
    return f"at most {quorum.most} more may be lost"


MEMBER_DOWN: Invariant[EtcdObservation, Who] = Invariant(
    name="member_down",
    severity=Severity.CRITICAL,
    source=SELF,
    hold_s=0.0,
    scope=members,
    check=check_member_down,
    recover_s=1.0,
)


def cluster(seen: EtcdObservation) -> Iterable[tuple[str, Quorum | None]]:
    """The voters as a whole."""
    return ((CLUSTER, seen.quorum),)


def check_quorum_margin(
    quorum: Quorum | None, seen: EtcdObservation, settings: Settings
) -> Verdict:
    """At least one more voting member may be lost with a majority left.

    Of n voters n/2+1 must agree on every write: three bear one loss, five bear two; learners do not
    count, and a member that was added but never started counts as lost. A cluster of one or two
    members has nothing to lose and is judged by whether it has its majority.

    Why it matters: at 0 the next loss stops all writes and linearizable reads; below 0 they have
    stopped.

    What to do first: bring the missing members back; keep hands, deployments and experiments off
    the others. Below 0 never force a new cluster while a missing member may come back.
    """
    if quorum is None:
        return Unknown("the members are not known")
    limit = min(settings["margin"], quorum.base)
    if quorum.least >= limit:
        return HOLDS
    if quorum.most >= limit:
        return Unknown(f"{quorum.unknown} of {quorum.voters} voters cannot be seen")
    lost = [
        one.name
        for one in seen.members
        if not one.learner and one.id in seen.lives and seen.lives[one.id].life in LOST
    ]
    gone = quorum.most < 0
    at_most = "" if quorum.least == quorum.most else "at most "
    return Broken(
        "etcd has lost its majority" if gone else "The next member lost breaks the majority",
        f"{quorum.up} of {quorum.voters} voters are up, {quorum.majority} must be; "
        f"missing: {some(lost)}",
        value=float(quorum.most),
        threshold=float(limit),
        unit="members",
        facts={"missing": some(lost), "margin": f"{at_most}{quorum.most}"},
    )


QUORUM_MARGIN: Invariant[EtcdObservation, Quorum | None] = Invariant(
    name="quorum_margin",
    severity=Severity.CRITICAL,
    source=SELF,
    hold_s=0.0,
    scope=cluster,
    check=check_quorum_margin,
    recover_s=1.0,
    settings=MappingProxyType({"margin": 1.0}),
    explained_by=("member_down",),
)
