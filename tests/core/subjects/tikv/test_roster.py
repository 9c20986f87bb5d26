from __future__ import annotations

from core.subjects.tikv.roster import ASK_MOST, Roster
from tests.core.subjects.tikv.making import store


def listed(*ids: int) -> frozenset[int]:
    return frozenset(ids)


def test_a_store_that_is_missing_has_not_left() -> None:
    roster = Roster()
    roster.note(listed(1, 2, 3), 0)
    roster.note(listed(1, 2), 0)
    assert roster.removed == frozenset()
    assert roster.shrunk == ""
    assert roster.missing_from((1, 2)) == (3,)


def test_what_pd_proves_gone_is_removed() -> None:
    roster = Roster()
    roster.note(listed(1, 2, 3), 0)
    assert roster.prove_gone([3]) == {3}
    assert roster.prove_gone([3]) == frozenset()
    assert roster.removed == {"store:3"}
    assert roster.missing_from((1, 2)) == ()


def test_a_list_that_halves_is_suspicious_until_every_store_is_accounted_for() -> None:
    roster = Roster()
    roster.note(listed(1, 2, 3, 4), 0)
    roster.note(listed(1, 2), 0)
    assert "lists 2 stores" in roster.shrunk
    roster.note(listed(1, 2, 3), 0)
    assert roster.shrunk
    roster.prove_gone([4])
    assert roster.shrunk == ""


def test_an_empty_list_is_suspicious_for_as_long_as_it_lasts() -> None:
    roster = Roster()
    roster.note(listed(1), 0)
    for _ in range(3):
        roster.note(listed(), 0)
        assert roster.shrunk
    roster.note(listed(1), 0)
    assert roster.shrunk == ""


def test_entries_that_could_not_be_read_did_not_vanish() -> None:
    roster = Roster()
    roster.note(listed(1, 2, 3, 4), 0)
    roster.note(listed(1, 2), 2)
    assert roster.shrunk == ""


def test_a_restart_of_ours_does_not_hide_a_shrunken_list() -> None:
    roster = Roster()
    roster.recall([1, 2, 3, 4])
    roster.note(listed(1), 0)
    assert roster.shrunk


def test_a_tombstone_that_comes_back_after_a_leader_change_does_not_count() -> None:
    roster = Roster()
    roster.note(listed(1, 2), 0)
    roster.prove_gone([2])
    ghost = store(2, state="Disconnected")
    assert roster.admit([store(1), ghost]) == (store(1),)
    assert len(roster.admit([store(1), store(2)])) == 2


def test_only_a_few_are_asked_about_at_once() -> None:
    roster = Roster()
    roster.note(frozenset(range(100)), 0)
    assert len(roster.missing_from(())) == ASK_MOST
