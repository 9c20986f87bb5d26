from __future__ import annotations

from core.invariant import HOLDS, Severity, Unknown
from core.subjects.tikv.model import SOURCE_PING, Member, PdView
from tests.core.subjects.tikv.making import found, judged, observation, verdict


def members(*answers: bool | None) -> tuple[Member, ...]:
    return tuple(
        Member(f"pd-{n}", f"http://pd-{n}:2379", one, "" if one else "refused")
        for n, one in enumerate(answers)
    )


def test_a_member_that_is_gone_is_told_with_what_may_still_be_lost() -> None:
    seen = observation(pd=PdView(members(True, False, True), "pd-0", reached=True))
    one = found("pd_member_down", "pd:pd-1", seen)
    assert one.summary == "refused; 2 of 3 members answer"
    assert one.facts["members that may still be lost"] == "0"
    assert judged("pd_member_down", seen).holds == {"pd:pd-0", "pd:pd-2"}


def test_of_five_members_one_more_may_be_lost() -> None:
    seen = observation(pd=PdView(members(True, False, True, True, True), reached=True))
    one = found("pd_member_down", "pd:pd-1", seen)
    assert one.facts["members that may still be lost"] == "1"


def test_a_member_that_cannot_be_reached_from_here_is_unknown() -> None:
    seen = observation(pd=PdView(members(True, None, True), reached=True))
    assert isinstance(verdict("pd_member_down", "pd:pd-1", seen), Unknown)


def test_members_are_unknown_while_they_are_not_asked() -> None:
    seen = observation(readings={SOURCE_PING: None})
    assert isinstance(verdict("pd_member_down", "pd:pd-0", seen), Unknown)


def test_members_that_answer_hold() -> None:
    assert len(judged("pd_member_down", observation()).holds) == 3


def test_pd_without_a_leader_is_told() -> None:
    view = PdView(members(True, True, False), "pd-2", 7.0, reached=True, leaderless="PD has none")
    one = found("pd_no_leader", "pd", observation(pd=view))
    assert one.summary == "PD has none; for 7 s; 2 of 3 members answer"
    assert one.facts == {"last leader": "pd-2"}


def test_the_shortest_silence_of_the_leader_counts_towards_its_grace() -> None:
    view = PdView(members(True), "pd-0", 0.001, reached=True)
    assert found("pd_no_leader", "pd", observation(pd=view))


def test_pd_with_a_leader_holds() -> None:
    assert verdict("pd_no_leader", "pd", observation()) is HOLDS


def test_a_pd_that_cannot_be_reached_at_all_is_unknown() -> None:
    view = PdView(members(None, None), "pd-0", 60.0, reached=False)
    assert isinstance(verdict("pd_no_leader", "pd", observation(pd=view)), Unknown)


def test_an_election_is_waited_for() -> None:
    """Elections take 11 to 14 seconds, measured."""
    one = judged("pd_no_leader", observation()).invariant
    assert (one.hold_s, one.severity) == (20.0, Severity.CRITICAL)
    assert judged("pd_member_down", observation()).invariant.hold_s == 5.0
