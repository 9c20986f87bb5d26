"""Killed with -9 at random moments of experiments, again and again: nothing ever stays broken."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flows import test_chaos_kill as kill
from tests.flows.test_chaos_kill import Rig

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(3600),
    pytest.mark.asyncio(loop_scope="module"),
]
shared, rig = kill.shared, kill.rig
TIMES = int(os.environ.get("CHAOS_KILLS", "100"))
FAULTS = ("kill", "pause", "cut", "partition", "delay", "fill_disk", "evict_leaders")


async def test_killed_at_random_moments_nothing_ever_stays_broken(rig: Rig, tmp_path: Path) -> None:
    kills = 0
    for seed in range(TIMES):
        chance = random.Random(seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        one = replace(rig, folder=folder)
        fault = chance.choice(FAULTS)
        for _ in range(chance.randint(1, 3)):
            code, _ = await one.run(
                kill_after_s=chance.uniform(0.2, 3.0), ask=True, fault=fault, duration_s=0.5
            )
            kills += code != 0

        code, _ = await one.run(fault=fault)

        assert code == 0
        assert await one.residue() == [], (seed, fault)
        await kill.until(kill._none(one.sentinels), 20.0, "its healer still runs")
    print(f"\n  {TIMES} experiments, {kills} kills, nothing left broken")
    assert kills >= TIMES / 2
