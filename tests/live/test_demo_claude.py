"""The demo with a key: a store is killed, and a scripted Claude's diagnosis stands below that of the rules."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.claude_server import KEY, ClaudeServer, Turn, answers, calls, claim
from tests.live.demo import ROOT, START_S, Demo, _ready

pytestmark = pytest.mark.timeout(240)
WITHIN_S = 60.0
CONFIG = '[diagnosis]\nclaude = true\nbase_url = "{url}"\nlarger_model = ""\n'


@asynccontextmanager
async def running(folder: Path, url: str) -> AsyncIterator[Demo]:
    config = folder / "tocsin.toml"
    config.write_text(CONFIG.format(url=url))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TOCSIN", "SLACK"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "local", "--port", "0", "--state", str(folder / "twin")),
        *("--db", str(folder / "tocsin.db"), "--config", str(config)),
        cwd=ROOT,
        env={**kept, "ANTHROPIC_API_KEY": KEY},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield await asyncio.wait_for(_ready(process), START_S)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            await asyncio.wait_for(process.communicate(), 20)


def killed(demo: Demo, name: str) -> None:
    """End one process of the twin by name, with SIGKILL."""
    for pid in demo.children():
        said = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if name.encode() in said:
            os.kill(pid, signal.SIGKILL)
            return
    raise AssertionError(f"no process of {name}")


def rows(demo: Demo, asked: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{demo.db}?mode=ro", uri=True) as db:
        return db.execute(asked).fetchall()


async def until(found: Callable[[], Any]) -> Any:
    for _ in range(int(WITHIN_S / 0.1)):
        got = found()
        if got:
            return got
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come to be")


def follow(body: dict[str, Any]) -> Turn:
    """Looks at PD's schedulers, then cites the status port of whatever the ticket is about."""
    if len(body["messages"]) == 1:
        return calls(("ask_pd", {"path": "/schedulers"}))
    told = body["messages"][0]["content"]
    entity = json.loads(re.search(r"<task-\w+>\n(.*)\n", told[1]["text"])[1])["ticket"]["entity"]
    heads = [json.loads(one) for one in told[0]["text"].splitlines() if one.startswith('{"entity"')]
    [probe] = [one["id"] for one in heads if (one["kind"], one["entity"]) == ("probe", entity)]
    return answers(
        "process_killed",
        entity,
        claim(probe, entity, "now.ok", "equals", False, words="Its status port does not answer."),
        claim("q1", "pd", "status", "equals", 200, words="PD answers."),
        primary="It was ended from outside, says a script.",
    )


async def test_claude_s_diagnosis_stands_in_the_thread_below_that_of_the_rules(
    tmp_path: Path,
) -> None:
    async with ClaudeServer(follow) as claude, running(tmp_path, claude.url) as demo:
        assert claude.bodies == []
        killed(demo, "store-2")
        made = "select made_by, cause, certainty from diagnoses where made_by like 'claude%'"
        [(who, cause, certainty)] = (await until(lambda: rows(demo, made)))[:1]
        posted = "select count(*) from outbox where kind = 'diagnosis' and ts is not null"
        await until(lambda: rows(demo, posted)[0][0] >= 2)
        first = rows(demo, "select made_by from diagnoses order by id limit 1")
        spent = rows(demo, "select outcome, micro_dollars from spending order by id limit 2")
        said = await demo.interrupt()

    assert said == 0
    assert first == [("rules",)]
    assert (who, cause) == ("claude-sonnet-5-5", "process_killed")
    assert certainty in ("likely", "confirmed")
    assert [one[0] for one in spent] == ["ok", "ok"]
    assert all(one[1] > 0 for one in spent)
    assert claude.headers[0]["authorization"] == f"Bearer {KEY}"
    assert not any(b"xoxb-" in one or b"xapp-" in one or KEY.encode() in one for one in claude.raw)
