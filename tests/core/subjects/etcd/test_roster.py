"""Who is known under which word, and where each is asked; whatever a list may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clients.etcd_model import Member, MemberList
from core.errors import Invalid
from core.subjects.etcd.breaking import addresses
from core.subjects.etcd.roster import Roster


def roster(*endpoints: str, **changes: dict[str, str]) -> Roster:
    return Roster(
        endpoints or ("http://e1:2379",),
        changes.get("addresses", {}),
        changes.get("metrics", {}),
        tls=False,
    )


def listed(*members: Member, cluster: int = 1) -> MemberList:
    return MemberList(cluster, members[0].id if members else 0, 2, members)


def member(number: int, name: str, *urls: str) -> Member:
    return Member(number, name, (), urls)


def urls_of(made: Roster) -> dict[str, str | None]:
    return {one.name: one.url for one in made.members}


def test_an_endpoint_that_answers_as_a_member_is_that_member() -> None:
    made = roster("http://127.0.0.1:32770", "http://127.0.0.1:32771")
    made.take(listed(member(1, "a", "http://a:2379"), member(2, "b", "http://b:2379")))
    made.learn(1, "http://127.0.0.1:32771")
    # The other endpoint can only be the other member, though it has not answered yet.
    assert urls_of(made) == {"a": "http://127.0.0.1:32771", "b": "http://127.0.0.1:32770"}


def test_an_advertised_address_never_takes_the_place_of_an_endpoint() -> None:
    made = roster("http://here:1")
    made.take(listed(member(1, "a", "http://a:2379")))
    made.learn(1, "http://here:1")
    made.learn(1, "http://a:2379")
    assert urls_of(made) == {"a": "http://here:1"}


def test_an_endpoint_that_is_another_member_now_moves() -> None:
    made = roster("http://here:1", "http://here:2")
    made.take(listed(member(1, "a"), member(2, "b")))
    made.learn(1, "http://here:1")
    made.learn(2, "http://here:1")
    assert urls_of(made)["b"] == "http://here:1"
    assert urls_of(made)["a"] == "http://here:2"


def test_what_the_user_says_comes_first() -> None:
    made = roster("http://here:1", addresses={"a": "there:9"}, metrics={"a": "http://there:8080"})
    made.learn(1, "http://here:1")
    made.take(listed(member(1, "a", "http://a:2379")))
    (one,) = made.members
    assert (one.url, one.metrics_url) == ("http://there:9", "http://there:8080")


def test_an_address_that_means_its_own_machine_or_several_members_is_no_address() -> None:
    made = roster("http://far:2379")
    made.take(
        listed(
            member(1, "a", "http://localhost:2379"),
            member(2, "b", "http://0.0.0.0:2379", "http://b:2379"),
            member(3, "c", "http://both:2379"),
            member(4, "d", "http://both:2379"),
        )
    )
    assert urls_of(made) == {"a": None, "b": "http://b:2379", "c": None, "d": None}
    local = roster("http://127.0.0.1:2379")
    local.take(listed(member(1, "a", "http://localhost:2379")))
    assert urls_of(local)["a"] == "http://127.0.0.1:2379", "one endpoint, one member"


def test_names_that_are_missing_hostile_or_shared_are_replaced_by_ids() -> None:
    made = roster()
    made.take(
        listed(
            member(0xA1, "same"),
            member(0xA2, "same"),
            member(0xA3, "x/../<!channel>"),
            member(0xA4, ""),
            member(0xA5, "good-1.example_2"),
        )
    )
    assert {one.entity for one in made.members} == {
        "member:a1",
        "member:a2",
        "member:a3",
        "member:a4",
        "member:good-1.example_2",
    }


def test_a_member_that_gets_its_name_leaves_its_id_behind() -> None:
    made = roster()
    made.take(listed(member(0xA1, "a"), member(0xA2, "")))
    made.take(listed(member(0xA1, "a"), member(0xA2, "b")))
    assert made.removed == {"member:a2"}


def test_what_was_learned_of_one_cluster_is_not_used_for_another() -> None:
    made = roster("http://here:1", "http://here:2", "http://here:3")
    made.take(listed(member(1, "a"), cluster=1))
    made.learn(1, "http://here:1")
    made.take(listed(member(1, "a"), cluster=2))
    assert urls_of(made) == {"a": None}
    assert made.removed == frozenset()


@pytest.mark.parametrize("bad", ["ftp://a", "http://", "http://u:p@a:1", "http://a:99999", "a b:c"])
def test_an_address_that_cannot_be_is_refused(bad: str) -> None:
    with pytest.raises(Invalid):
        roster(bad)
    with pytest.raises(Invalid):
        roster(addresses={"a": bad})


MEMBERS = st.lists(
    st.builds(
        Member,
        id=st.integers(1, 6),
        name=st.text(max_size=8) | st.sampled_from(["a", "b"]),
        peer_urls=st.lists(st.text(max_size=12), max_size=2).map(tuple),
        client_urls=st.lists(
            st.text(max_size=12)
            | st.sampled_from(["http://a:1", "http://[::1", "https://x", "http://a:b", "//"]),
            max_size=2,
        ).map(tuple),
        learner=st.booleans(),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.id,
)


@given(st.lists(MEMBERS, min_size=1, max_size=4), st.integers(1, 6))
def test_whatever_is_listed_every_member_has_one_word_of_its_own(
    lists: list[list[Member]], learned: int
) -> None:
    made = roster("http://e1:1", "http://e2:1")
    for some in lists:
        made.take(listed(*some))
        made.learn(learned, "http://e1:1")
        entities = [one.entity for one in made.members]
        assert len(set(entities)) == len(some)
        assert not made.removed & set(entities)
        assert all(one.isascii() and "/" not in one for one in entities)
        urls = [one.url for one in made.members if one.url is not None]
        assert all(url.startswith("http") for url in urls)
        for one in made.members:
            assert addresses(one)[0] == one.name
    again = roster("http://e1:1", "http://e2:1")
    again.load(made.dump())
    assert again.cluster_id == made.cluster_id
