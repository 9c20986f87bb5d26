"""Fail-over, and what a failed search is called: P-1, P-2 and P-3 of the test catalogue."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from core.clients.failures import (
    Kind,
    PdGarbled,
    PdHangs,
    PdNoLeader,
    PdNotBootstrapped,
    PdRefused,
    PdUnreachable,
)
from core.clients.http import Http, Limits
from core.clients.pd import Pd
from core.clock import ManualClock
from core.errors import Invalid, Unavailable
from tests.stub_http import Response, as_json, as_text
from tests.world import World, until

STORES = "/pd/api/v1/stores"


@pytest.fixture
async def clock():
    return ManualClock()


@pytest.fixture
async def world(clock):
    async with World(clock, prometheus=False) as one:
        yield one


@pytest.fixture
async def pd(world, clock):
    client = Pd(world.pd.urls, clock, Http(clock, limits=Limits(max_bytes=1_000_000)))
    yield client
    await client.close()


def asked(world):
    """How many requests each member has had since the last look."""
    found = [one.count for one in world.pd.members]
    for one in world.pd.members:
        one.count = 0
    return found


async def drive(clock, work, seconds=20.0):
    """Run to the end, moving the clock whenever everything waits for it."""
    task = asyncio.ensure_future(work)
    for _ in range(int(seconds * 10)):
        before = clock.sleepers
        await asyncio.sleep(0.003)
        if task.done():
            break
        if clock.sleepers == before:
            await clock.advance(0.1)
    return await task


async def test_the_client_stays_with_the_member_that_answered(pd, world):
    await world.pd.refuse(0)
    await pd.stores()
    asked(world)
    for _ in range(4):
        await pd.stores()
    assert asked(world) == [0, 4, 0]


@pytest.mark.parametrize("fault", ["html", "half_json", "empty", "starting", "reset"])
async def test_a_member_that_talks_nonsense_is_passed_over(pd, world, fault):
    getattr(world.pd, fault)(0, 1)
    assert len((await pd.stores()).stores) == 3
    assert pd.transport.preferred == world.pd.urls[2]


async def test_a_member_that_hangs_is_passed_over_after_a_second_and_not_asked_first_again(
    pd, world, clock
):
    world.pd.hang(0)
    began = clock.monotonic()
    assert len((await drive(clock, pd.stores())).stores) == 3
    assert 1.0 <= clock.monotonic() - began < 1.6
    asked(world)
    await pd.stores()
    assert asked(world) == [0, 1, 0]


async def test_a_slow_first_answer_still_counts_when_the_others_fail(pd, world, clock):
    async def slow():
        await clock.sleep(2.5)
        return Response(200, b'{"count":0,"stores":[]}')

    world.pd.members[0].handler = lambda request: slow()
    await world.pd.refuse(1, 2)
    assert (await drive(clock, pd.stores())).stores == ()


async def test_during_an_election_it_says_that_there_is_no_leader(pd, world):
    world.pd.no_leader()
    with pytest.raises(PdNoLeader) as caught:
        await pd.stores()
    assert "ErrRedirect" in caught.value.text
    assert len(caught.value.failures) == 3
    assert all(one.ok for one in await pd.ping_all())


async def test_no_leader_after_three_seconds_is_no_leader_too(pd, world, clock):
    world.pd.no_leader(slow=True)
    with pytest.raises(PdNoLeader):
        await drive(clock, pd.stores())


async def test_when_all_refuse_it_says_unreachable_and_names_each(pd, world):
    await world.pd.refuse()
    with pytest.raises(PdUnreachable) as caught:
        await pd.stores()
    assert not isinstance(caught.value, PdHangs)
    assert all(url in caught.value.text for url in world.pd.urls)
    assert [one.kind for one in caught.value.failures] == [Kind.REFUSED] * 3


async def test_when_all_hang_it_says_so_within_seven_seconds(pd, world, clock):
    world.pd.hang()
    began = clock.monotonic()
    with pytest.raises(PdHangs):
        await drive(clock, pd.stores())
    assert clock.monotonic() - began < 7


async def test_a_paused_leader_behind_silent_members_is_a_hang_even_if_one_is_dead(
    pd, world, clock
):
    await world.pd.refuse(0)
    world.pd.hang(1, 2)
    with pytest.raises(PdHangs):
        await drive(clock, pd.stores())


@pytest.mark.parametrize("fault", ["html", "half_json", "empty"])
async def test_when_nobody_makes_sense_it_says_garbled(pd, world, fault):
    getattr(world.pd, fault)()
    with pytest.raises(PdGarbled):
        await pd.stores()


async def test_a_cluster_that_no_tikv_joined_is_not_bootstrapped_and_one_member_says_enough(
    pd, world
):
    world.pd.not_bootstrapped()
    with pytest.raises(PdNotBootstrapped, match="no TiKV has ever joined"):
        await pd.stores()
    assert sum(asked(world)) == 1


async def test_a_definite_refusal_is_not_asked_again_elsewhere(pd, world):
    words = {"code": 17, "msg": "store removed", "data": None}
    world.pd.answers["/stores"] = as_json(words, 410)
    with pytest.raises(PdRefused, match="store removed") as caught:
        await pd.stores()
    assert caught.value.status == 410
    assert sum(asked(world)) == 1


async def test_pds_own_code_is_kept_apart_from_its_words(pd, world):
    world.pd.answers["/stores"] = as_json("[PD:core:ErrStoreRemoved]store 4 has been removed", 410)
    with pytest.raises(PdRefused) as caught:
        await pd.stores()
    assert caught.value.code == "PD:core:ErrStoreRemoved"


async def test_a_rate_limited_member_is_passed_over(pd, world):
    world.pd.answering(as_text("rate limit exceeded", 429), 0)
    assert len((await pd.stores()).stores) == 3


async def test_a_panic_of_six_kilobytes_is_quoted_in_two_hundred_characters(pd, world):
    world.pd.answering(as_text("PANIC: runtime error\ngoroutine 760\x07\n" + "x" * 6000, 500))
    with pytest.raises(PdRefused) as caught:
        await pd.stores()
    assert "\x07" not in caught.value.text
    assert "\n" not in caught.value.text
    assert all(len(one.detail) <= 200 for one in caught.value.failures)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{}",
        b"[]",
        b"null",
        b"true",
        b'"a string"',
        b'{"count": 3}',
        b'{"stores": 7, "count": 1}',
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"<html>",
        b'{"count":1,"stores":[{"store":{"id":1}}]',
    ],
)
async def test_a_body_that_is_no_list_of_stores_is_garbled_and_never_an_empty_cluster(
    pd, world, body
):
    world.pd.answering(Response(200, body))
    with pytest.raises(PdGarbled):
        await pd.stores()


async def test_a_redirect_means_that_something_else_answers(pd, world):
    world.pd.answering(Response(302, b"", "", {"Location": "https://login"}))
    with pytest.raises(PdGarbled):
        await pd.stores()


async def test_a_wrong_content_type_does_not_matter(pd, world):
    world.pd.answering(Response(200, b'{"count":0,"stores":null}', "application/octet-stream"))
    assert (await pd.stores()).stores == ()


async def test_a_gzip_bomb_costs_no_more_than_the_cap(pd, world):
    bomb = gzip.compress(b"0" * 30_000_000)
    world.pd.answering(Response(200, bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(PdGarbled):
        await pd.stores()


async def test_a_body_that_drips_for_ever_ends_with_the_time_limit(pd, world, clock):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"
    world.pd.answering(head)
    with pytest.raises(PdHangs):
        await drive(clock, pd.stores())


async def test_any_failure_is_unavailable_so_that_nothing_is_concluded_from_it(pd, world):
    world.pd.html()
    with pytest.raises(Unavailable):
        await pd.stores()


async def test_the_caller_is_named_to_pd(world, clock):
    http = Http(clock, headers={"X-Caller-ID": "tocsin"})
    client = Pd(world.pd.urls, clock, http)
    await client.stores()
    assert world.pd.members[0].requests[-1].headers["x-caller-id"] == "tocsin"
    await client.close()


async def test_a_cancelled_read_leaves_no_task_behind(pd, world, clock):
    world.pd.hang()
    before = asyncio.all_tasks()
    task = asyncio.ensure_future(pd.stores())
    await until(lambda: world.pd.requests > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not asyncio.all_tasks() - before)


def test_no_endpoint_or_a_bad_one_is_refused_at_once(clock):
    for bad in ([], [""], ["ftp://pd"], ["http://user:secret@pd"]):
        with pytest.raises(Invalid):
            Pd(bad, clock, Http(clock))


async def test_evidence_is_read_from_the_list_of_read_paths_only(pd):
    assert (await pd.get("/stores")).status == 200
    for path in (
        "/admin/cache/regions",
        "/regions",
        "/stores/../admin",
        "/config\n",
        "/store/1/label",
    ):
        with pytest.raises(Invalid):
            await pd.get(path)
