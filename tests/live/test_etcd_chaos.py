"""The etcd subject breaks its own real members through Docker, and heals them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.chaos import undo
from core.chaos.model import Fault, Plan
from core.chaos.settings import SubjectChaos
from core.clock import SystemClock
from core.diagnosis.evidence import gather
from core.diagnosis.model import Certainty, Reason, Snapshot
from core.diagnosis.rules.decide import diagnose
from core.errors import Refused, TocsinError
from core.subjects.access import LogPlace
from core.tickets.model import Ticket
from tests.live.containers import SOCKET
from tests.live.etcd_cluster import etcd_image, leader, running, scraped
from tests.live.test_etcd import MARGIN, comes, watched
from tests.live.watching import LIMIT_S, Watcher

pytestmark = [
    pytest.mark.docker,
    pytest.mark.etcd,
    pytest.mark.prometheus,
    pytest.mark.timeout(180),
]


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


async def margin(subject: Any, without: frozenset[str], wanted: tuple[bool, str]) -> None:
    """Wait until the simulation says so: each question is asked of living members."""

    async def same() -> bool:
        try:
            found = await subject.margin(without)
        except TocsinError:
            return False  # nobody answered in time, just now
        return (found.ok, found.words) == wanted

    await comes(same, wanted[1])


async def explained(seen: Watcher, ticket: Ticket, wanted: tuple[str, str]) -> Snapshot:
    """The evidence, once every source answers and it confirms that: the engine's and Prometheus's
    word on it may come after ours."""
    subject, said = seen.subject.inner, ""
    try:
        async with asyncio.timeout(LIMIT_S):
            while True:
                evidence = await gather(seen.db, SystemClock(), subject, ticket, Reason.OPENED)
                made = diagnose(evidence)
                silent = [one.kind for one in evidence.pieces if not one.ok]
                sure = made.certainty is Certainty.CONFIRMED
                if sure and not silent and (made.cause, made.entity) == wanted:
                    return evidence
                said = f"{made.cause} {made.entity} {made.certainty}; no answer: {silent}"
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{wanted} was never confirmed: {said}") from None


async def test_a_member_is_broken_told_explained_healed_and_nothing_that_breaks_the_quorum_is_allowed(
    image_name: str, tmp_path: Path
) -> None:
    async with running(image_name) as cluster, scraped(tmp_path / "p", cluster) as scraper:
        chaos = SubjectChaos(
            enabled=True,
            drivers=("docker",),
            docker=f"unix://{SOCKET}",
            project=cluster.site.project,
        )
        logs = {one: LogPlace(container=cluster.container(one)) for one in cluster.members}
        engine = f"unix://{SOCKET}"
        sources = {"docker": engine, "logs": logs, "prometheus": scraper.url}
        async with watched(tmp_path, cluster, chaos=chaos, **sources) as seen:
            subject = seen.subject.inner
            (driver,) = subject.drivers()
            targets = await driver.targets()
            entities = frozenset(f"member:{one}" for one in cluster.members)
            assert {one.entity for one in targets} == entities
            lead = f"member:{await leader(cluster)}"
            assert await subject.resolve("leader", 1, frozenset()) == (lead,)

            told: list[str] = []
            first, second = await subject.resolve("each:member", 1, entities - {lead})
            # A member each, the leader last: what befell one before would count against.
            for fault, cause, victim in (
                (Fault.KILL, "process_killed", first),
                (Fault.PAUSE, "process_hung", second),
                (Fault.CUT, "network_cut_two_way", lead),
            ):
                await margin(subject, frozenset((victim,)), (True, "margin 1 -> 0"))
                plan = await driver.plan(fault, await driver.find(victim), {}, 30.0)
                began = time.time()
                await driver.inject(plan)
                ticket = await seen.opens("member_down", victim)
                rest = entities - {victim, second if victim == first else first}
                await margin(subject, rest, (False, "margin 0 -> majority lost"))
                evidence = await explained(seen, ticket, (cause, victim))
                assert "chaos" not in str([one.content for one in evidence.pieces])
                assert (await healed(plan)).ending == undo.HEALED
                await seen.quiet()
                assert {("member_down", victim), MARGIN} <= await seen.ever()
                told.append(f"{fault} {ticket.opened_at - began:.2f} s")

            assert await seen.ever() >= {("member_down", one) for one in entities} | {MARGIN}
            print("  told after " + ", ".join(told))
            with pytest.raises(Refused):
                await driver.find("member:etcd-9")
        await asyncio.gather(*(one.close() for one in subject.drivers() if hasattr(one, "close")))
