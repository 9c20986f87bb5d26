"""What members said, one against the other."""

from __future__ import annotations

import pytest

from core.clients.etcd import Etcd
from core.clients.etcd_model import Status
from core.clients.http import Http
from core.clock import ManualClock
from core.subjects.etcd.model import Said
from core.subjects.etcd.reads import EtcdReads
from core.subjects.etcd.roster import Roster

LEADER, FOLLOWER = 1, 2


def said(member: int, index: int, applied: int, asked: float, at: float, leader: int = 1) -> Said:
    status = Status(
        *(7, member, 3, leader, "3.4.23", index, applied, None, None, None),
        learner=False,
        alarms=(),
        errors=(),
    )
    return Said(status, None, asked, at)


@pytest.fixture
def reads() -> EtcdReads:
    clock = ManualClock()
    roster = Roster(("http://e:1",), {}, {}, tls=False)
    return EtcdReads(Etcd(Http(clock)), roster, clock)


def test_what_was_written_between_two_questions_is_no_lag(reads: EtcdReads) -> None:
    reads.before[LEADER] = said(LEADER, 5_000, 5_000, asked=8.9, at=9.0)
    reads.said[LEADER] = said(LEADER, 60_000, 60_000, asked=10.0, at=10.2)
    reads.said[FOLLOWER] = said(FOLLOWER, 5_100, 5_100, asked=10.0, at=10.05)
    assert reads.lags(reads.said)[FOLLOWER] == 0


def test_a_lag_is_told_against_the_leader_as_it_was_before(reads: EtcdReads) -> None:
    reads.before[LEADER] = said(LEADER, 50_000, 50_000, asked=8.9, at=9.0)
    reads.said[LEADER] = said(LEADER, 60_000, 60_000, asked=10.0, at=10.2)
    reads.said[FOLLOWER] = said(FOLLOWER, 50_000, 5_000, asked=10.0, at=10.05)
    assert reads.lags(reads.said)[FOLLOWER] == 45_000


def test_without_a_leader_or_an_index_no_lag_is_told(reads: EtcdReads) -> None:
    reads.said[FOLLOWER] = said(FOLLOWER, 5_000, 5_000, asked=10.0, at=10.05)
    assert reads.lags(reads.said) == {}
    reads.said[LEADER] = said(LEADER, 60_000, 60_000, asked=10.0, at=10.2)
    assert FOLLOWER not in reads.lags(reads.said), "the leader was not asked before"


def test_old_words_are_not_fresh(reads: EtcdReads) -> None:
    reads.said[LEADER] = said(LEADER, 1, 1, asked=9.9, at=10.0)
    assert set(reads.fresh(11.9, 1.0)) == {LEADER}
    assert reads.fresh(12.1, 1.0) == {}
