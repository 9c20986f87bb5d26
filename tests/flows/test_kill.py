"""Killed with -9 anywhere between a violation and its card, or a click and its edit: nothing is
lost, nothing is posted twice. Two controls show that the harness can see both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.points import NAMES
from tests.flows.killing import Fate, Nursery, nursery, random_fates, run

DRIVEN = ("ticket.settled", "click.committed")
SEEDS = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nurse() -> AsyncIterator[Nursery]:
    async with nursery() as made:
        yield made


pytestmark = pytest.mark.asyncio(loop_scope="module")


def _fates(point: str, nth: int) -> list[Fate]:
    if point in ("sender.found", "sender.adopted"):
        # These are passed only when there is something to look up.
        return [Fate("sender.called", nth), Fate(point)]
    return [Fate(point, nth)]


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("point", [*NAMES, *DRIVEN])
async def test_killed_at_a_named_point_nothing_is_lost_or_posted_twice(
    nurse: Nursery, tmp_path: Path, point: str, nth: int
) -> None:
    verdict = await run(nurse, tmp_path / "run", _fates(point, nth))
    assert verdict.clean, verdict
    if nth == 1:
        assert verdict.kills >= 1, "the point was never passed"


async def test_killed_at_forty_random_moments_nothing_is_lost_or_posted_twice(
    nurse: Nursery, tmp_path: Path
) -> None:
    kills = 0
    for seed in range(SEEDS):
        verdict = await run(nurse, tmp_path / str(seed), random_fates(seed))
        assert verdict.clean, (seed, verdict)
        kills += verdict.kills
    assert kills >= SEEDS / 2


async def test_killed_five_times_while_recovering_it_still_converges(
    nurse: Nursery, tmp_path: Path
) -> None:
    fates = [Fate("sender.called", 1), *(Fate("sender.found"),) * 4]
    verdict = await run(nurse, tmp_path / "run", fates)
    assert verdict.clean, verdict
    assert verdict.kills == 5


async def test_what_lands_late_is_not_posted_again(nurse: Nursery, tmp_path: Path) -> None:
    late = {"kind": "late", "seconds": 0.2}
    verdict = await run(nurse, tmp_path / "run", [], fault=late, settle_s=0.8)
    assert verdict.clean, verdict


async def test_the_harness_sees_a_sender_that_records_only_afterwards(
    nurse: Nursery, tmp_path: Path
) -> None:
    verdict = await run(nurse, tmp_path / "run", [Fate("sender.called")], record_after=True)
    assert verdict.twice


async def test_the_harness_sees_a_sender_that_does_not_wait_for_late_landings(
    nurse: Nursery, tmp_path: Path
) -> None:
    late = {"kind": "late", "seconds": 0.4}
    verdict = await run(nurse, tmp_path / "run", [], fault=late, settle_s=0.0)
    assert verdict.twice
