from __future__ import annotations

import pytest

from core.clients.failures import Kind, PdHangs, PdNoLeader, PdUnreachable
from core.clients.pd import Ping
from core.clients.pd_model import Member, Members
from core.errors import TocsinError
from core.subjects.tikv.model import PdView
from core.subjects.tikv.pd_reads import Pings
from core.subjects.tikv.pd_view import view

LISTED = tuple(Member(f"pd-{n}", n + 1, (f"http://pd-{n}:2379",)) for n in range(3))


def look(
    *kinds: Kind,
    health: dict[str, bool] | None = None,
    silent_s: float = 0.0,
    failure: TocsinError | None = None,
    store_answered: bool = True,
) -> PdView:
    pings = {f"pd-{n}": Ping(f"http://pd-{n}:2379", kind, 0.01) for n, kind in enumerate(kinds)}
    return view(
        Members(LISTED, leader=LISTED[0]),
        Pings(pings, health or {}),
        silent_s=silent_s,
        failure=failure,
        bootstrapped=True,
        store_answered=store_answered,
    )


def answers(seen: PdView) -> list[bool | None]:
    return [one.answers for one in seen.members]


def test_members_speak_for_themselves() -> None:
    assert answers(look(Kind.OK, Kind.OK, Kind.OK)) == [True, True, True]
    assert answers(look(Kind.OK, Kind.OK)) == [True, True, None]


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.RESET, Kind.TIMEOUT, Kind.UNREACHABLE])
def test_a_silent_member_beside_others_that_answer_is_down(kind: Kind) -> None:
    assert answers(look(Kind.OK, kind, Kind.OK)) == [True, False, True]


def test_the_other_members_know_better_than_we() -> None:
    """An advertised address may mean nothing outside its container network."""
    seen = look(Kind.OK, Kind.DNS, Kind.DNS, health={"pd-1": True, "pd-2": False})
    assert answers(seen) == [True, True, False]


def test_a_name_that_does_not_resolve_proves_nothing() -> None:
    assert answers(look(Kind.OK, Kind.DNS, Kind.TLS_ERROR)) == [True, None, None]


def test_cut_off_from_everything_we_accuse_nobody() -> None:
    seen = look(Kind.TIMEOUT, Kind.TIMEOUT, Kind.TIMEOUT, store_answered=False, silent_s=30)
    assert answers(seen) == [None, None, None]
    assert not seen.reached


def test_all_members_refusing_while_stores_answer_is_an_outage_of_pd() -> None:
    seen = look(Kind.REFUSED, Kind.REFUSED, Kind.REFUSED, silent_s=30, failure=PdUnreachable("x"))
    assert seen.reached
    assert seen.leaderless == "every PD member refuses connections"


def test_the_words_follow_what_was_seen() -> None:
    none = look(Kind.OK, silent_s=3, failure=PdNoLeader("no leader"))
    assert none.leaderless == "PD says that it has no leader"
    hangs = look(Kind.OK, silent_s=3, failure=PdHangs("hangs"))
    assert hangs.leaderless == "PD takes requests and does not answer them"
    assert look(Kind.OK).leaderless == ""
