"""The etcd subject breaks its own real members through Docker, and heals them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.chaos import undo
from core.chaos.model import Fault, Plan
from core.chaos.settings import SubjectChaos
from core.errors import Refused
from tests.live.containers import SOCKET
from tests.live.etcd_cluster import etcd_image, leader, running
from tests.live.test_etcd import MARGIN, watched

pytestmark = [pytest.mark.docker, pytest.mark.etcd, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def image_name() -> Iterator[str]:
    with etcd_image() as name:
        yield name


async def healed(plan: Plan, limit_s: float = 20.0) -> undo.Healed:
    """Undo it until that is final."""
    asked = {**plan.undo, "returned": True, "lands_until": time.time()}
    async with asyncio.timeout(limit_s):
        while not (found := await asyncio.to_thread(undo.heal, asked, time.time())).final:
            await asyncio.sleep(0.05)
    return found


async def test_a_member_is_broken_told_healed_and_nothing_that_breaks_the_quorum_is_allowed(
    image_name: str, tmp_path: Path
) -> None:
    async with running(image_name) as cluster:
        chaos = SubjectChaos(
            enabled=True,
            drivers=("docker",),
            docker=f"unix://{SOCKET}",
            project=cluster.site.project,
        )
        async with watched(tmp_path, cluster, chaos=chaos) as seen:
            subject = seen.subject.inner
            (driver,) = subject.drivers()
            targets = await driver.targets()
            assert {one.entity for one in targets} == {f"member:{one}" for one in cluster.members}
            lead = f"member:{await leader(cluster)}"
            assert await subject.resolve("leader", 1, frozenset()) == (lead,)

            for fault in (Fault.KILL, Fault.PAUSE):
                (victim,) = await subject.resolve("follower", 7, frozenset())
                before = await subject.margin(frozenset((victim,)))
                assert (before.ok, before.words) == (True, "margin 1 -> 0")
                plan = await driver.plan(fault, await driver.find(victim), {}, 30.0)
                await driver.inject(plan)
                await seen.opens("member_down", victim)
                other = await subject.margin(frozenset((lead,)))
                assert (other.ok, other.words) == (False, "margin 0 -> majority lost")
                assert (await healed(plan)).ending == undo.HEALED
                await seen.quiet()
                assert {("member_down", victim), MARGIN} <= await seen.ever()

            with pytest.raises(Refused):
                await driver.find("member:etcd-9")
        await asyncio.gather(*(one.close() for one in subject.drivers() if hasattr(one, "close")))
