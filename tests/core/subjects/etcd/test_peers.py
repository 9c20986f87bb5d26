"""How long it is listened for what the others hear."""

from __future__ import annotations

import asyncio

import pytest

from core.clients.http import Http
from core.clients.node import NodeMetrics
from core.clock import ManualClock
from core.errors import Unavailable
from core.subjects.etcd.model import Who
from core.subjects.etcd.peers import BEATS, FEW_BEATS, Hearsay, Peers
from tests.core.subjects.driving import TURNS
from tests.world_etcd import EtcdWorld


def who(world: EtcdWorld, name: str) -> Who:
    one = world.members[name]
    return Who(one.id, f"member:{name}", name, one.url, one.url)


@pytest.mark.parametrize("heartbeat_s", [0.1, 0.5])
@pytest.mark.parametrize("beats", [BEATS, FEW_BEATS])
async def test_a_slow_heartbeat_is_waited_for(heartbeat_s: float, beats: int) -> None:
    clock = ManualClock()
    async with EtcdWorld() as world:
        http = Http(clock)
        peers = Peers(NodeMetrics(clock, http), clock, heartbeat_s)
        asking = asyncio.ensure_future(
            peers.ask([who(world, "etcd-0"), who(world, "etcd-2")], beats)
        )
        while not asking.done():
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if not asking.done():
                await clock.advance(0.05)
        found = asking.result()
        assert clock.monotonic() - found.began >= beats * heartbeat_s - 0.001
        assert found.hears(world.members["etcd-1"].id, world.leader) is True
        await http.close()


async def test_nobody_to_ask_is_no_word() -> None:
    clock = ManualClock()
    http = Http(clock)
    with pytest.raises(Unavailable):
        await Peers(NodeMetrics(clock, http), clock, 0.1).ask([])
    await http.close()


def test_a_followers_silence_on_another_follower_says_nothing() -> None:
    told = Hearsay(1.0, {0xA: {0xB: 0.0, 0xC: 60.0}})
    assert told.hears(0xB, 0xC) is None
    assert told.hears(0xC, 0xC) is True
    led = Hearsay(1.0, {0xA: {0xB: 0.0}, 0xC: {0xB: 0.0}})
    assert led.hears(0xB, 0xC) is False
