"""A real Prometheus scrapes the twin and feeds the subject; then it dies and comes back."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from core.subjects.tikv.settings import Periods
from tests.live.watching import Watcher, fast, holds, prometheus, running, watching

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(240)]

PACE = Periods(probe_s=0.25, pd_s=0.5, metrics_s=1.0, placement_s=2.0)
SLOW_FOR_S = 1.5


async def _figures(watcher: Watcher) -> None:
    """Wait until Prometheus gives a figure of every kind for every store."""

    def whole() -> bool:
        seen = watcher.subject.last
        return (
            seen is not None
            and seen.regions is not None
            and len(seen.metrics.disk_used) == 3
            and (gets := seen.metrics.latency.get("kv_get")) is not None
            and sum(rate > 1 for rate in gets.rate.values()) == 3
            and sum(math.isfinite(p99_s) for p99_s in gets.p99_s.values()) == 3
        )

    await watcher.holds(whole, "figures of all stores")


async def test_figures_come_from_prometheus_and_its_death_resolves_nothing(tmp_path: Path) -> None:
    slow = holds(
        high_latency={"hold_s": SLOW_FOR_S, "recover_s": 1.0},
        observer_blind={"hold_s": 2.5, "recover_s": 0.5},
    )
    async with (
        running(tmp_path) as twin,
        prometheus(tmp_path / "prometheus", twin) as scraper,
        watching(
            tmp_path,
            twin,
            fast(twin, prometheus=scraper.url, periods=PACE, invariants=slow),
        ) as watcher,
    ):
        await _figures(watcher)
        # It began to watch before Prometheus had seen anything.
        assert await watcher.ever() <= {("observer_blind", "prometheus")}
        await watcher.quiet()

        began = time.monotonic()
        await twin.switch("store-1", latency_ms={"kv_get": 300})
        latency = await watcher.opens("high_latency", "store:1")
        latency_s = time.monotonic() - began
        assert latency_s >= SLOW_FOR_S
        assert latency.severity == "warning"
        assert "kv_get" in latency.summary

        began = time.monotonic()
        await twin.switch("store-2", disk_fill_pct=85)
        disk = await watcher.opens("low_disk_space", "store:2")
        disk_s = time.monotonic() - began
        assert disk.detail.value == pytest.approx(85, abs=2)
        await twin.switch("store-2", disk_fill_pct=None)
        await watcher.until(
            lambda found: ("low_disk_space", "store:2") not in found, "the disk has room again"
        )
        open_before = set(await watcher.open())
        assert open_before == {("high_latency", "store:1")}

        began = time.monotonic()
        scraper.kill()
        await twin.reset("store-1")
        blind = await watcher.opens("observer_blind", "prometheus")
        blind_s = time.monotonic() - began
        assert "Prometheus cannot be read" in blind.title
        await watcher.passes(2.0)
        assert set(await watcher.open()) == open_before | {("observer_blind", "prometheus")}
        assert (await watcher.open())["high_latency", "store:1"].id == latency.id

        began, tickets = time.monotonic(), len(await watcher.tickets())
        scraper.start()
        await scraper.ready()
        await watcher.until(
            lambda found: ("observer_blind", "prometheus") not in found, "Prometheus is seen again"
        )
        seen_s = time.monotonic() - began
        await _figures(watcher)
        await watcher.passes(2.0)
        assert len(await watcher.tickets()) == tickets
        assert set(await watcher.open()) <= open_before
        print(
            f"  latency {latency_s:.1f} s, disk {disk_s:.1f} s, blind {blind_s:.1f} s, "
            f"seen again {seen_s:.1f} s"
        )
