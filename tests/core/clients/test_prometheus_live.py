"""The client against a real Prometheus that scrapes scripted stores."""

from __future__ import annotations

import asyncio
import math
import shutil
import socket

import pytest

from core.clients.failures import SourceFailed
from core.clients.http import Http
from core.clients.prometheus import Prometheus, PromRefused
from core.clock import SystemClock
from tests.world import World

pytestmark = pytest.mark.prometheus

CONFIG = """
global: {{scrape_interval: 200ms, evaluation_interval: 200ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: tikv
    static_configs: [{{targets: [{targets}]}}]
"""
RULES = """
groups:
  - name: g
    rules:
      - {alert: Down, expr: up == 0, for: 1h, labels: {level: critical}}
      - {record: job:up, expr: sum by (job) (up)}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def eventually(ask, good, limit_s=20.0):
    async with asyncio.timeout(limit_s):
        while True:
            try:
                found = await ask()
            except SourceFailed:
                found = None
            if found is not None and good(found):
                return found
            await asyncio.sleep(0.05)


@pytest.fixture
async def world():
    async with World(SystemClock(), prometheus=False) as one:
        yield one


@pytest.fixture
async def prom(world, tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    targets = ", ".join(f"'{url.removeprefix('http://')}'" for url in world.status_urls.values())
    (tmp_path / "p.yml").write_text(CONFIG.format(rules=rules, targets=targets))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        shutil.which("prometheus") or "prometheus",
        f"--config.file={tmp_path / 'p.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
        stderr=asyncio.subprocess.DEVNULL,
    )
    client = Prometheus(f"127.0.0.1:{port}", SystemClock(), Http(SystemClock()))
    try:
        await eventually(client.ready, bool)
        yield client
    finally:
        await client.close()
        process.terminate()
        await process.wait()


async def test_what_a_real_prometheus_answers_is_understood(prom, world):
    up = await eventually(lambda: prom.query("up"), lambda found: len(found.series) == 3)
    assert set(up.by("job").values()) == {1.0}
    assert not up.partial

    await world.kill_store(2)
    await eventually(lambda: prom.query("up == 0"), lambda found: len(found.series) == 1)
    targets = await eventually(
        prom.targets, lambda found: any(one.health == "down" for one in found)
    )
    assert {one.interval_s for one in targets} == {0.2}
    assert all(one.last_scrape_at for one in targets)

    alerts = await eventually(prom.alerts, lambda found: len(found) == 1)
    assert (alerts[0].state, alerts[0].labels["level"]) == ("pending", "critical")
    rules = {one.name: one for one in await prom.rules()}
    assert (rules["Down"].kind, rules["Down"].duration_s) == ("alerting", 3600)
    assert rules["job:up"].kind == "recording"

    assert (await prom.query("no_such_metric")).series == ()
    assert math.isnan((await prom.query("vector(0) / 0")).series[0].value)
    assert (await prom.query("1 / 0")).series[0].value == math.inf
    assert (await prom.query('"hello"')).text == "hello"
    assert len(await prom.series("up")) == 3
    assert 0 <= await prom.newest_sample_age() < 5
    assert await prom.newest_sample_age("no_such_metric") is None

    at = world.now
    found = await prom.query_range("up", at - 5, at, 0.5)
    assert found.kind == "matrix"
    assert found.series[0].points
    long = await prom.query("sum(up) + 0 * (" + " + ".join(["count(up)"] * 300) + ")")
    assert long.series[0].value == 2

    with pytest.raises(PromRefused) as caught:
        await prom.query("up{")
    assert (caught.value.status, caught.value.error_type) == (400, "bad_data")
    with pytest.raises(PromRefused) as caught:
        await prom.query("up * on(job) up")
    assert (caught.value.status, caught.value.error_type) == (422, "execution")
