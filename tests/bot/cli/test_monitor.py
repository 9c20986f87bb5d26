"""`tocsin monitor run`: watching a scripted cluster from a terminal."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.bot.cli.driving import Surroundings, lines_until, stopped

HEARTBEAT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  prod +all passing")


async def test_it_watches_tells_and_ends_cleanly_on_ctrl_c(around: Surroundings) -> None:
    path = str(around.config(slack="", routes="", more='periods = {metrics = "1s"}'))
    process = around.bench.start("monitor", "run", "-i", "1", "-c", path)
    text = await asyncio.to_thread(lines_until, process, "open tickets: none")
    assert "Watching prod. Ctrl-C ends." in text
    text = await asyncio.to_thread(lines_until, process, "prod             all passing")
    assert HEARTBEAT.search(text)
    await around.world.kill_store(2)
    text = await asyncio.to_thread(lines_until, process, "ticket 1 opened: critical, Store 2")
    await asyncio.to_thread(lines_until, process, "open tickets: 2 critical")
    found = await asyncio.to_thread(
        around.bench.json, "tickets", "list", "-j", "--severity", "critical"
    )
    assert {one["entity"] for one in found} >= {"store:2"}
    await around.world.revive(2)
    await asyncio.to_thread(lines_until, process, "resolved after")
    code, out, err = await stopped(process)
    assert (code, out.splitlines()[-1], err) == (0, "Stopped.", "")


async def test_a_heartbeat_line_comes_each_cycle(around: Surroundings) -> None:
    process = around.bench.start(
        "monitor", "run", "--interval", "0.5",
        env={"PD_ENDPOINT": ",".join(around.world.pd.urls)},
    )  # fmt: skip
    text = await asyncio.to_thread(lines_until, process, "open tickets: none")
    for _ in range(3):
        text += await asyncio.to_thread(lines_until, process, "open tickets: none")
    assert len(re.findall(r"\d  tikv +none broken", text)) >= 3
    assert (await stopped(process))[0] == 0


async def test_pd_that_is_down_at_the_start_is_watched_until_it_answers(
    around: Surroundings,
) -> None:
    await around.world.pd.refuse()
    path = str(around.config(slack="", routes="", more='periods = {metrics = "1s"}'))
    process = around.bench.start("monitor", "run", "-i", "0.5", "-c", path)
    text = await asyncio.to_thread(lines_until, process, "not seen:")
    assert "prod             all passing" not in text
    await around.world.pd.ok()
    await asyncio.to_thread(lines_until, process, "prod             all passing")
    code, _, err = await stopped(process)
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "There is nothing to watch: give --pd"),
        (("--prometheus", "http://p:9090"), "give --pd too"),
        (("--interval", "0"), "Invalid value"),
        (("--interval", "soon"), "Invalid value"),
        (("--pd", "http://"), "is not an address"),
        (("--pd", ","), "PD"),
    ],
)
def test_what_cannot_be_watched_is_exit_2(empty, args: tuple[str, ...], said: str) -> None:
    assert said in empty.refused(2, "monitor", "run", *args)
    assert not empty.db.exists()
