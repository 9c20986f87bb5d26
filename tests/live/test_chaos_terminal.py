"""Experiments from a terminal, on a twin: may it be taken away, a campaign, and the story."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from core.twin.cluster import Layout
from tests.bot.cli.driving import ROOT, clean_environment

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def twin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Layout]:
    layout = Layout(tmp_path_factory.mktemp("twin"), tie_to=os.getpid())
    try:
        await layout.up()
        yield layout
    finally:
        await layout.down()


@pytest.fixture
def folder(tmp_path: Path, twin: Layout) -> Iterator[Path]:
    """A folder with a configuration that watches the twin and lets it be broken."""
    tmp_path.joinpath("tocsin.toml").write_text(
        f'[[subjects]]\nname = "twin"\nkind = "tikv"\npd = {list(twin.pd_urls)!r}\n'
        f'[subjects.chaos]\nenabled = true\ndrivers = ["twin", "pd"]\ntwin = "{twin.dir}"\n'
    )
    return tmp_path


def tocsin(folder: Path, *words: str, given: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=folder,
        env={**clean_environment(), "PYTHONPATH": str(ROOT)},
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


async def test_whether_a_store_may_be_taken_away_is_answered_without_harm(
    folder: Path, twin: Layout
) -> None:
    code, said, _ = tocsin(folder, "safe", "kill", "1")
    assert (code, said.startswith("Yes: kill store:1 now")) == (0, True)
    assert twin.state("store-1") == "running"
    told = json.loads(tocsin(folder, "safe", "stop", "store-2", "--json")[1])
    assert (told["ok"], told["subject"], told["verb"]) == (True, "twin", "stop")

    twin.pause("store-3")
    try:
        code, said, _ = tocsin(folder, "safe", "kill", "1")
    finally:
        twin.resume("store-3")
    # PD has not noticed yet: what it says is what there is to simulate.
    assert code in (0, 1)
    assert "kill store:1 now" in said

    code, _, said = tocsin(folder, "safe", "kill", "99")
    assert (code, "99 means nothing here" in said) == (1, True)
    code, _, said = tocsin(folder, "safe", "kill", "1", "--subject", "nowhere")
    assert (code, "no subject called 'nowhere'" in said) == (1, True)


async def test_a_campaign_goes_on_where_it_was_and_prints_its_scores(folder: Path) -> None:
    file = folder / "nightly.toml"
    file.write_text(
        'subjects = ["twin"]\nexperiments = ["kill-store"]\n'
        'trials = 1\nduration = "2s"\ncooldown = 0\n'
    )
    code, said, _ = tocsin(folder, "chaos", "campaign", "nightly.toml")
    assert code == 0, said
    assert "1/1 kill-store on twin, trial 1: succeeded" in said

    code, said, _ = tocsin(folder, "chaos", "campaign", "nightly.toml", "--json")
    told = json.loads(said)
    assert (code, told["done"], len(told["runs"])) == (0, 1, 1)
    [row] = told["scores"]
    assert (row["passed"], row["detected"]) == (1, 1)
    assert row["detect_s"]["max"] < 10


async def test_the_story_is_told_from_health_to_summary(tmp_path: Path) -> None:
    code, said, errors = tocsin(tmp_path, "demo", "chaos", given="\n\n\n")

    assert code == 0, said + errors
    stages = re.findall(r"^(\d)\. (.*)$", said, re.MULTILINE)
    assert [n for n, _ in stages] == ["1", "2", "3", "4", "5", "6", "7"]
    assert "PASSED: kill-store on store-" in said
    assert re.search(r"Detected after \d+\.\d s: store_down", said)
    assert re.search(r"\d+ checks taken", said)
    assert "process of store" in said
    assert list(tmp_path.iterdir()) == []


async def test_interrupted_in_the_middle_it_heals_and_leaves_nothing(tmp_path: Path) -> None:
    env = {**clean_environment(), "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", "chaos"),
        cwd=tmp_path,
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"\n\n")  # on with the load, and break it; nobody presses the third
    said = ""
    while "5. Diagnosis" not in said:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line, said
        said += line.decode()
    process.send_signal(signal.SIGINT)
    said += (await asyncio.wait_for(process.stdout.read(), 60)).decode()

    assert await process.wait() == 130
    assert "Healing whatever is broken" in said
    assert "Traceback" not in said
    assert [one for one in tmp_path.iterdir() if one.name.startswith("tocsin-demo")] == []
