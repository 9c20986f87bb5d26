"""A member falls silent: who is asked, what is waited for, and what is told how soon."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from core.invariant import Broken, Holds
from core.subjects.etcd.lives import Incident, Lives
from core.subjects.etcd.model import Life, Who
from core.subjects.etcd.silence import Silence
from core.subjects.sight import Look, Sight
from tests.core.subjects.driving import TURNS
from tests.core.subjects.etcd.conftest import Start
from tests.core.subjects.etcd.driving import Drive
from tests.stub_http import HANG
from tests.world_etcd import EtcdWorld

DOWN = ("member_down", "member:etcd-1")


async def told_after(drive: Drive, name: str = "etcd-1", limit_s: float = 10.0) -> float:
    """Looks whenever there is news, as the monitor does, until that member is down; how long."""
    began = drive.clock.monotonic()
    while not isinstance(drive.verdict("member_down", f"member:{name}"), Broken):
        assert drive.clock.monotonic() - began < limit_s
        early = asyncio.ensure_future(drive.watched.nudged())
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if not early.done():
            await drive.clock.advance(0.02)
        early.cancel()
        await asyncio.gather(early, return_exceptions=True)
        await drive.look()
    return drive.clock.monotonic() - began


async def test_a_killed_member_is_told_as_soon_as_the_others_have_been_asked(start: Start) -> None:
    drive = await start()
    await drive.world.kill("etcd-1")
    assert await told_after(drive) <= 0.9
    assert "no other member hears from it" in str(drive.verdict(*DOWN))


async def test_a_killed_leader_is_told_as_soon_though_nobody_leads(start: Start) -> None:
    drive = await start()
    for one in drive.world.members.values():
        one.says["/health"] = HANG  # as it does until somebody leads again
    await drive.world.kill("etcd-0")
    drive.world.elect(None)
    assert await told_after(drive, "etcd-0") <= 0.9


async def test_a_look_under_way_is_cut_short_by_a_death(start: Start) -> None:
    drive = await start()
    for one in drive.world.members.values():
        one.says["/v3/maintenance/status"] = HANG
    await drive.clock.advance(1.0)
    look = asyncio.ensure_future(drive.watched.observe())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert not look.done()
    await drive.world.kill("etcd-1")
    began = drive.clock.monotonic()
    while not look.done():
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if not look.done():
            await drive.clock.advance(0.02)
    assert drive.clock.monotonic() - began <= 0.3


async def test_what_the_others_count_late_is_no_word_against_its_death(start: Start) -> None:
    drive = await start()
    drive.world.vanish("etcd-1")
    drive.world.uncounted[drive.world.members["etcd-1"].id] = 7
    assert await told_after(drive) <= 1.9


async def test_a_wall_that_refuses_us_is_no_death_and_is_told_as_one_that_we_do_not_see(
    start: Start,
) -> None:
    drive = await start()
    await drive.world.unreachable("etcd-1")
    await drive.run(25)
    assert not drive.ever("member_down", "quorum_margin")
    assert drive.verdict(*DOWN) == Holds()
    assert ("observer_blind", "member:etcd-1") in drive.broken()


async def test_a_port_that_refuses_counts_by_itself_where_the_others_cannot_tell(
    start: Start,
) -> None:
    async def hide(world: EtcdWorld) -> None:
        for one in world.members.values():
            one.without_metrics = True

    drive = await start(before=hide)
    await drive.world.kill("etcd-1")
    assert 1.0 <= await told_after(drive) <= 2.0


async def test_a_member_alone_that_refuses_is_down_at_once(start: Start) -> None:
    drive = await start(members=1)
    await drive.world.kill("etcd-0")
    assert await told_after(drive, "etcd-0") <= 0.9


async def test_who_leads_is_known_though_health_hangs(start: Start) -> None:
    drive = await start()
    for one in drive.world.members.values():
        one.says["/health"] = HANG
    drive.world.elect("etcd-2")
    await drive.run(2.0)
    assert drive.last.leadership.leader == drive.world.members["etcd-2"].id
    assert all(one.status.term == drive.world.term for one in drive.last.said.values())


@pytest.mark.parametrize(
    ("sight", "news"),
    [
        (Sight(), False),
        (Sight(look=Look.OK, last=9.0, last_ok=9.0), True),
        (Sight(look=Look.HUNG, fails=1, first_fail=9.5, last=9.5), True),
        (Sight(look=Look.REFUSED, fails=9, first_fail=7.9, last=10.0), False),
        (Sight(look=Look.BLIND, detail="fails the TLS handshake", last=10.0), False),
    ],
)
def test_an_ended_connection_is_news_for_a_moment_and_never_where_something_else_answers(
    sight: Sight, news: bool
) -> None:
    who = Who(7, "member:etcd-1", "etcd-1", "https://etcd-1:2379", None)
    probing: Any = SimpleNamespace(sights={7: sight}, ended=lambda _: True)
    roster: Any = SimpleNamespace(members=(who,))
    lives = Lives()
    silence = Silence(roster, probing, lives)
    assert silence.is_news(10.0) is news
    assert silence.untold() == {7}
    lives.incidents[7] = Incident(9.5, 9.5, Life.DOWN, "it refuses connections")
    assert not silence.is_news(10.0), "what was told is none"
