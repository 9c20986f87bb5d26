from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.subjects.tikv.model import Life, Liveness
from core.subjects.tikv.placement import (
    DEMOTING,
    INCOMING,
    LEARNER,
    VOTER,
    Bodies,
    Peers,
    Placement,
    Rule,
    margin,
    region_margin,
    wanted,
)
from tests.core.subjects.tikv.making import NOW, store

THREE = Placement(3)


def away(*ids: int) -> dict[int, Liveness]:
    return {key: Liveness(Life.DOWN, "gone", NOW, away=True) for key in ids}


def voters(*ids: int) -> Peers:
    return tuple((key, VOTER) for key in ids)


def test_three_replicas_make_a_margin_of_one_and_five_of_two() -> None:
    stores = [store(n) for n in range(1, 7)]
    assert margin(THREE, stores, {}, None).value == 1
    assert margin(Placement(5), stores, {}, None).value == 2
    assert margin(Placement(1), stores, {}, None).value == 0


def test_without_placement_or_stores_nothing_is_known() -> None:
    assert margin(None, [store()], {}, None).value is None
    assert margin(THREE, [], {}, None).value is None


def test_on_as_many_stores_as_replicas_no_region_has_to_be_read() -> None:
    stores = [store(n) for n in (1, 4, 5)]
    one = margin(THREE, stores, away(4), None)
    assert (one.value, one.breakers, one.at_most) == (0, (1, 5), False)
    two = margin(THREE, stores, away(4, 5), None)
    assert (two.value, two.lost) == (-1, 60)


def test_fewer_stores_than_replicas_have_no_margin() -> None:
    one = margin(THREE, [store(1), store(2)], {}, None)
    assert (one.value, one.base, one.breakers) == (0, 1, (1, 2))


def test_a_lost_store_without_replicas_changes_nothing() -> None:
    stores = [store(n) for n in range(1, 5)] + [store(9, regions=0)]
    assert margin(THREE, stores, away(9), None).value == 1


def test_tiflash_holds_no_voters() -> None:
    stores = [store(1), store(2), store(3), store(4, tiflash=True)]
    assert margin(THREE, stores, away(4), None).value == 1


def test_two_lost_stores_may_share_a_region_or_not() -> None:
    stores = [store(n) for n in range(1, 7)]
    unread = margin(THREE, stores, away(1, 2), None)
    assert (unread.value, unread.at_most) == (0, True)
    apart = Bodies(frozenset({1, 2}), (voters(1, 3, 4), voters(2, 5, 6)), True)
    one = margin(THREE, stores, away(1, 2), apart)
    assert (one.value, one.breakers, one.lost) == (0, (3, 4, 5, 6), 0)
    shared = Bodies(frozenset({1, 2}), (voters(1, 2, 3), voters(1, 3, 4)), True)
    two = margin(THREE, stores, away(1, 2), shared)
    assert (two.value, two.lost) == (-1, 1)


def test_regions_of_another_set_of_missing_stores_do_not_count() -> None:
    stores = [store(n) for n in range(1, 7)]
    old = Bodies(frozenset({1}), (), True)
    assert margin(THREE, stores, away(1, 2), old).at_most


def test_regions_that_were_cut_off_leave_the_margin_open_below() -> None:
    stores = [store(n) for n in range(1, 7)]
    cut = Bodies(frozenset({1, 2}), (voters(1, 3, 4),), False)
    one = margin(THREE, stores, away(1, 2), cut)
    assert (one.value, one.at_most) == (0, True)


def test_a_store_that_cannot_be_seen_makes_the_margin_uncertain() -> None:
    lives = {2: Liveness(Life.UNSEEN, "no word", NOW)}
    one = margin(THREE, [store(n) for n in (1, 2, 3)], lives, None)
    assert one.at_most
    assert "store 2" in one.why


def test_learners_have_no_vote_and_a_joint_change_needs_both_majorities() -> None:
    assert region_margin(((1, VOTER), (2, VOTER), (3, VOTER), (4, LEARNER)), frozenset({4})) == 1
    joint = ((1, VOTER), (2, VOTER), (3, DEMOTING), (4, INCOMING))
    assert region_margin(joint, frozenset()) == 1
    assert region_margin(joint, frozenset({3})) == 0


def test_rules_decide_by_the_range_with_fewest_voters() -> None:
    rules = [
        Rule("", "", "voter", 3),
        Rule("", "", "learner", 1),
        Rule("74", "75", "leader", 1),
        Rule("74", "75", "follower", 4),
    ]
    assert wanted(3, rules) == Placement(3, pinned_leaders=True)
    assert wanted(5, []) == Placement(5)
    assert wanted(3, [Rule("", "", "voter", 5)]) == Placement(5)


@given(
    st.integers(1, 9).flatmap(
        lambda many: st.tuples(
            st.just(tuple((key, VOTER) for key in range(many))),
            st.sets(st.integers(0, many - 1)),
        )
    )
)
def test_a_region_lives_exactly_while_its_margin_is_not_negative(
    given_: tuple[Peers, set[int]],
) -> None:
    peers, gone = given_
    alive = len(peers) - len(gone)
    assert (region_margin(peers, frozenset(gone)) >= 0) is (2 * alive > len(peers))
