"""A real etcd in real containers, scraped by a real Prometheus: tickets open, and close again.

Members that are killed, paused and cut off are in test_etcd_chaos.py. How long an election, a look
or a write takes is the machine's affair: each state is waited for, and what a starved member may
cause beside it is allowed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.clients.failures import SourceFailed
from core.subjects.etcd.build import etcd
from core.subjects.etcd.settings import EtcdSettings, Periods
from core.tickets.model import Ticket
from tests.live.etcd_cluster import Cluster, etcd_image, leader, put, running, scraped
from tests.live.watching import LIMIT_S, Watcher, monitored

pytestmark = [
    pytest.mark.docker,
    pytest.mark.etcd,
    pytest.mark.prometheus,
    pytest.mark.timeout(240),
]

HOLDS: dict[str, dict[str, Any]] = {
    "observer_blind": {"hold_s": 6.0, "recover_s": 0.5},
    # A busy test machine syncs as it can: what is slow here is of no concern.
    "fsync_slow": {"fsync_ms": 1e6, "commit_ms": 1e6},
}
MARGIN = ("quorum_margin", "cluster")


@pytest.fixture(scope="module")
def image_name() -> Iterator[str]:
    with etcd_image() as name:
        yield name


@asynccontextmanager
async def watched(folder: Path, cluster: Cluster, **changes: Any) -> AsyncIterator[Watcher]:
    """The monitor on the cluster, once it has seen that all is well."""
    usual = {
        "endpoints": cluster.urls,
        "periods": Periods(metrics_s=1.0, members_s=1.0),
        "invariants": HOLDS,
    }
    settings = EtcdSettings(**(usual | changes))
    async with monitored(
        folder, lambda clock, failed: etcd("conf", settings, clock, failed)
    ) as one:
        await one.holds(lambda: one.subject.last is not None and one.subject.last.said, "a look")
        await one.quiet()
        yield one


async def in_thread(work: Any, *words: Any) -> None:
    """Do it without holding up the monitor."""
    await asyncio.to_thread(work, *words)


async def comes(found: Callable[[], Awaitable[Any]], what: str, limit_s: float = LIMIT_S) -> Any:
    """Ask again and again until there is something; what it is (`what` names it if it never comes)."""
    try:
        async with asyncio.timeout(limit_s):
            while not (one := await found()):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {limit_s:g} s: {what}") from None
    return one


async def answers(watcher: Watcher) -> None:
    """Wait until the live check finds nothing wrong."""

    async def good() -> bool:
        return all(one.ok for one in await watcher.subject.inner.check())

    await comes(good, "every source answers")


async def says(
    watcher: Watcher, invariant: str, entity: str, good: Callable[[Ticket], bool]
) -> Ticket:
    """The open ticket, once it says so."""

    async def found() -> Ticket | None:
        one = (await watcher.open()).get((invariant, entity))
        return one if one is not None and good(one) else None

    return await comes(found, f"{invariant} {entity}")


async def test_figures_come_from_prometheus_and_from_the_members_alike(
    image_name: str, tmp_path: Path
) -> None:
    async with running(image_name) as cluster, scraped(tmp_path / "p", cluster) as scraper:
        for name, changes in (("scraped", {"prometheus": scraper.url}), ("own", {})):
            folder = tmp_path / name
            folder.mkdir()
            async with watched(folder, cluster, **changes) as watcher:

                def whole(watcher: Watcher = watcher) -> bool:
                    found = watcher.subject.last.figures
                    return len(found) == 3 and all(
                        one.fsync_p99_s and one.commit_p99_s and one.quota_bytes == 1 << 30
                        for one in found.values()
                    )

                writing = asyncio.ensure_future(keep_writing(cluster))
                try:
                    await watcher.holds(whole, f"figures of every member ({name})")
                finally:
                    writing.cancel()
                await answers(watcher)


async def keep_writing(cluster: Cluster) -> None:
    turn = 0
    while True:
        turn += 1
        with contextlib.suppress(SourceFailed):  # a write that is late or refused is none
            await put(cluster.urls[0], f"k{turn % 50}", b"x" * 100)
        await asyncio.sleep(0.05)


async def test_a_lost_majority_and_a_dead_leader_are_told_apart(
    image_name: str, tmp_path: Path
) -> None:
    quick = {**HOLDS, "no_leader": {"hold_s": 3.0}}
    async with running(image_name) as cluster, watched(tmp_path, cluster, invariants=quick) as seen:
        lead = await leader(cluster)
        await in_thread(cluster.kill, lead)
        await seen.opens("member_down", f"member:{lead}")
        new = await leader(cluster)
        assert new != lead
        # Somebody leads again: whether the election was short enough to be told of is its affair.
        await seen.until(lambda found: ("no_leader", "etcd") not in found, "somebody leads")
        margin = (await seen.open())[MARGIN]
        assert margin.title == "The next member lost breaks the majority"

        await in_thread(cluster.kill, new)
        await says(seen, "no_leader", "etcd", lambda one: "1 of 3 voters answer" in one.summary)
        margin = await says(seen, *MARGIN, lambda one: one.detail.value == -1.0)
        assert margin.title == "etcd has lost its majority"
        await in_thread(cluster.start, lead)
        await in_thread(cluster.start, new)
        await seen.quiet()


async def test_a_full_database_raises_its_alarm_and_making_room_ends_it(
    image_name: str, tmp_path: Path
) -> None:
    async with running(image_name, quota=16 << 20) as cluster, watched(tmp_path, cluster) as seen:
        body, lead = os.urandom(400_000), await leader(cluster)
        for turn in range(60):
            if await put(cluster.url(lead), f"k{turn % 3}", body) != 200:
                break
        else:
            pytest.fail("the quota was never reached")
        alarm = await seen.opens("alarm_active", "NOSPACE")
        assert alarm.severity == "critical"
        await says(
            seen,
            "db_size_quota",
            f"member:{lead}",
            lambda one: one.severity == "critical" and one.detail.value >= 95,
        )

        await asyncio.to_thread(cluster.ctl, lead, "compact", str(revision(cluster, lead)))
        for name in cluster.members:
            await asyncio.to_thread(cluster.ctl, name, "defrag")
        await seen.until(
            lambda found: set(found) == {("alarm_active", "NOSPACE")}, "only the alarm is left"
        )
        await asyncio.to_thread(cluster.ctl, lead, "alarm", "disarm")
        await seen.quiet()


def revision(cluster: Cluster, name: str) -> int:
    said = json.loads(cluster.ctl(name, "endpoint", "status", "-w", "json"))
    return int(said[0]["Status"]["header"]["revision"])


async def test_a_member_restarts_and_one_that_is_taken_out_closes_its_tickets_as_removed(
    image_name: str, tmp_path: Path
) -> None:
    async with running(image_name) as cluster, watched(tmp_path, cluster) as seen:
        lead = await leader(cluster)
        other, victim = (name for name in cluster.members if name != lead)
        await in_thread(cluster.restart, other)
        await seen.quiet()
        # It may be back before anybody looks twice: then its start is seen, not its absence. If it
        # was missed, the margin was smaller meanwhile, and that is said on its card, not beside it.
        away = {one.invariant: one for one in await seen.tickets()}
        if margin := away.get("quorum_margin"):
            assert margin.explained_by == away["member_down"].id
        await in_thread(cluster.kill, victim)
        await seen.opens("member_down", f"member:{victim}")
        listed = cluster.ctl(lead, "member", "list")
        number = next(line.split(",")[0] for line in listed.splitlines() if f" {victim}," in line)
        await asyncio.to_thread(cluster.ctl, lead, "member", "remove", number)
        await seen.until(lambda found: not found, "its ticket is closed")
        gone = [one for one in await seen.tickets() if one.entity == f"member:{victim}"]
        down = [one for one in gone if one.invariant == "member_down"]
        assert down[-1].resolution == "removed"
