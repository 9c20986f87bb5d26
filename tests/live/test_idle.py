"""Ten idle minutes of a real-time twin: PD changes its leader, Prometheus restarts, nobody hears."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from core.subjects.tikv.settings import TikvSettings
from tests.live.watching import Prometheus, Watcher, prometheus, running, watching

pytestmark = [pytest.mark.soak, pytest.mark.prometheus, pytest.mark.timeout(1800)]

AWAY_S = 10.0  # a restart on a machine with much to read back; from 20 s on blindness is told


async def _idle(watcher: Watcher, seconds: float) -> None:
    """Nothing is done, and nothing may open."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert not watcher.failed, watcher.failed
        assert await watcher.tickets() == []
        await asyncio.sleep(0.2)


async def _new_pd_leader(watcher: Watcher) -> None:
    before = await watcher.pd_leader()
    await watcher.post("/leader/resign")
    began = time.monotonic()
    while await watcher.pd_leader() == before:
        assert time.monotonic() - began < 60, "PD keeps its leader"
        await asyncio.sleep(0.05)


async def _restart(watcher: Watcher, scraper: Prometheus) -> float:
    began = time.monotonic()
    scraper.kill()
    await _idle(watcher, AWAY_S)
    scraper.start()
    await scraper.ready()
    return time.monotonic() - began


@pytest.mark.parametrize("seconds", [60, 600])
async def test_idle_time_opens_no_ticket(tmp_path: Path, seconds: float) -> None:
    """With everything as shipped. Run the short one alone with `-k "idle and not 600"`."""
    async with (
        running(tmp_path, speed=1.0, regions=60) as twin,
        prometheus(tmp_path / "prometheus", twin, every="5s") as scraper,
        watching(tmp_path, twin, TikvSettings(pd=twin.pd_urls, prometheus=scraper.url)) as watcher,
    ):
        await _idle(watcher, seconds / 3)
        await _new_pd_leader(watcher)
        await _idle(watcher, seconds / 3)
        away_s = await _restart(watcher, scraper)
        await _idle(watcher, seconds / 3)
        last = watcher.watch.last
        assert last is not None
        assert last.broken == 0
        assert last.blind == ()
        print(
            f"  {seconds} s idle, {watcher.ticks} ticks, no ticket; Prometheus away {away_s:.1f} s"
        )
