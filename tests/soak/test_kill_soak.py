"""A thousand seeded ends with -9 between a violation and its card, and a click and its edit."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.flows.killing import Nursery, nursery, random_fates, run

RUNS = int(os.environ.get("SOAK_KILLS", "1000"))

pytestmark = [pytest.mark.soak, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(0)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nurse() -> AsyncIterator[Nursery]:
    async with nursery() as made:
        yield made


async def test_killed_at_a_thousand_random_moments_nothing_is_lost_or_posted_twice(
    nurse: Nursery, tmp_path: Path
) -> None:
    kills, runs, lost, twice = 0, 0, [], []
    seed = 1000
    while kills < RUNS:
        verdict = await run(nurse, tmp_path / str(seed), random_fates(seed))
        kills, runs, seed = kills + verdict.kills, runs + 1, seed + 1
        lost += [(seed - 1, what) for what in verdict.lost]
        twice += [(seed - 1, what) for what in verdict.twice]
    print(f"{kills} kills in {runs} runs: {len(lost)} lost, {len(twice)} twice")
    assert not lost
    assert not twice
