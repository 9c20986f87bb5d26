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
from core.clock import SystemClock
from core.diagnosis.evidence import gather
from core.diagnosis.model import Certainty, Reason
from core.diagnosis.rules.decide import diagnose
from core.errors import Refused
from core.subjects.etcd.settings import LogSource
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


async def test_a_member_is_broken_told_explained_healed_and_nothing_that_breaks_the_quorum_is_allowed(
    image_name: str, tmp_path: Path
) -> None:
    async with running(image_name) as cluster:
        chaos = SubjectChaos(
            enabled=True,
            drivers=("docker",),
            docker=f"unix://{SOCKET}",
            project=cluster.site.project,
        )
        logs = {one: LogSource(container=cluster.container(one)) for one in cluster.members}
        engine = f"unix://{SOCKET}"
        async with watched(tmp_path, cluster, chaos=chaos, docker=engine, logs=logs) as seen:
            subject = seen.subject.inner
            (driver,) = subject.drivers()
            targets = await driver.targets()
            assert {one.entity for one in targets} == {f"member:{one}" for one in cluster.members}
            lead = f"member:{await leader(cluster)}"
            assert await subject.resolve("leader", 1, frozenset()) == (lead,)

            for fault, cause in (
                (Fault.KILL, "process_killed"),
                (Fault.PAUSE, "process_hung"),
                (Fault.CUT, "network_cut_two_way"),
            ):
                (victim,) = await subject.resolve("follower", 7, frozenset())
                before = await subject.margin(frozenset((victim,)))
                assert (before.ok, before.words) == (True, "margin 1 -> 0")
                plan = await driver.plan(fault, await driver.find(victim), {}, 30.0)
                await driver.inject(plan)
                ticket = await seen.opens("member_down", victim)
                other = await subject.margin(frozenset((lead,)))
                assert (other.ok, other.words) == (False, "margin 0 -> majority lost")
                # The engine's word on it may come a moment after ours.
                await seen.passes(1.0)
                evidence = await gather(seen.db, SystemClock(), subject, ticket, Reason.OPENED)
                made = diagnose(evidence)
                assert (made.cause, made.entity) == (cause, victim), made
                # An earlier fault of the same member is still in its events, and counts against.
                assert made.certainty is not Certainty.INCONCLUSIVE, made
                assert made.certainty is Certainty.CONFIRMED or fault is not Fault.KILL, made
                assert not [one for one in evidence.pieces if not one.ok], "every source answers"
                assert "chaos" not in str([one.content for one in evidence.pieces])
                assert (await healed(plan)).ending == undo.HEALED
                await seen.quiet()
                assert {("member_down", victim), MARGIN} <= await seen.ever()

            with pytest.raises(Refused):
                await driver.find("member:etcd-9")
        await asyncio.gather(*(one.close() for one in subject.drivers() if hasattr(one, "close")))
