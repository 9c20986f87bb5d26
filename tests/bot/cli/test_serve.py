"""`tocsin serve` and `tocsin test-ticket` as processes, on a workspace of this machine."""

from __future__ import annotations

import asyncio
import socket
import sys
import urllib.request
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.wiring import run
from core.clock import SystemClock
from core.config import Environment, load
from tests.bot.cli.driving import Surroundings, stopped
from tests.flows.stage import seen
from tests.world import until


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SLACK_BOT_TOKEN": ""}, "The bot token is missing: set SLACK_BOT_TOKEN"),
        ({"SLACK_BOT_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN is not a bot token"),
        ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, "is not one of Slack's tokens for this app"),
        ({"SLACK_APP_TOKEN": ""}, "set SLACK_APP_TOKEN"),
        ({"SLACK_APP_TOKEN": "xoxb-1"}, "SLACK_APP_TOKEN is not"),
        ({"SLACK_APP_TOKEN": "xapp-wrong"}, "The app-level token (SLACK_APP_TOKEN) is not one of"),
    ],
)
async def test_tokens_that_cannot_be_right_end_it_with_2(
    around: Surroundings, env: dict[str, str], said: str
) -> None:
    path = str(around.config())
    if "wrong" not in str(env):
        given = {**around.tokens, **env}
        result = await asyncio.to_thread(around.bench.run, "serve", "-c", path, **given)
        code, out, err = result.exit_code, result.stdout, result.stderr
    else:
        # Slack itself must be asked.
        code, out, err = await around.ended("serve", "-c", path, **env)
    assert code == 2, err
    assert said in " ".join(err.split())
    assert "Traceback" not in out + err
    assert all(token not in out + err for token in around.tokens.values())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"subjects": ""}, "There is nothing to watch"),
        ({"routes": ""}, "add [[routes]]"),
        ({"slack": "[slack]\nmode = 'http'"}, "SLACK_SIGNING_SECRET"),
        ({"log": "[log]\nlevle = 'info'"}, "did you mean 'level'?"),
    ],
)
async def test_a_configuration_that_cannot_be_right_ends_it_with_2(
    around: Surroundings, changed: dict[str, str], said: str
) -> None:
    path = str(around.config(**changed))
    result = await asyncio.to_thread(around.bench.run, "serve", "-c", path, **around.tokens)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert not around.bench.db.exists()


async def test_it_serves_drills_refuses_a_second_and_ends_cleanly(around: Surroundings) -> None:
    path = str(around.config(http=f"[http]\nport = {_free_port()}"))
    process = await around.started("Connected to", "serve", "-c", path)
    await _a_second_is_refused(around, path, process.pid)
    await _others_work_beside_it(around)
    await _a_drill_arrives_and_is_cleared(around, path)
    code, out, err = await stopped(process)
    assert (code, out.strip()) == (0, "Stopped."), err
    assert "Traceback" not in err
    assert all(token not in out + err for token in around.tokens.values())


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


async def _a_second_is_refused(around: Surroundings, path: str, first: int) -> None:
    code, _, err = await around.ended("serve", "-c", path)
    assert code == 1
    assert f"tocsin serve (pid {first} on" in err
    assert "already uses this database" in err
    assert "Traceback" not in err


async def _others_work_beside_it(around: Surroundings) -> None:
    def there() -> None:
        bench = around.bench
        assert bench.json("tickets", "list", "-j") == []
        assert "bytes." in bench.good("backup", str(bench.folder / "live.db"))
        assert "already uses this database" in bench.refused(1, "migrate")
        assert "already uses" in bench.refused(1, "monitor", "run", "--pd", "127.0.0.1:1")

    await asyncio.to_thread(there)


async def _a_drill_arrives_and_is_cleared(around: Surroundings, path: str) -> None:
    code, out, err = await around.ended("test-ticket", "-c", path, "--subject", "prod")
    assert code == 0, err
    assert "marked as a test of prod" in out
    assert "Its card has arrived in Slack. Resolved again." in out
    posts = around.ws.posts("storage-alerts")
    [card] = [m for m in posts if m.root in ("", m.ts) and "TEST" in seen(m)]
    await until(lambda: "esolved" in seen(card), 20)
    assert "TEST: this is only a test" in seen(card)
    posted = "".join(repr(call) for call in around.ws.calls("chat.postMessage"))
    assert around.called in posted, "the first form of the card mentions whom its route names"
    assert await asyncio.to_thread(around.bench.json, "tickets", "list", "-j") == []


async def test_a_drill_without_a_bot_says_so_and_leaves_nothing_open(around: Surroundings) -> None:
    path = str(around.config())

    def there() -> str:
        around.bench.good("migrate")
        said = around.bench.refused(1, "test-ticket", "-c", path, "--wait", "1")
        assert around.bench.json("tickets", "list", "-j") == []
        around.bench.refused(2, "test-ticket", "-c", path, "--severity", "fatal")
        around.bench.refused(2, "test-ticket", "-c", str(Path("/no/file")))
        return said

    assert "Is the bot running?" in await asyncio.to_thread(there)


async def test_health_is_told_to_whoever_asks(around: Surroundings) -> None:
    port = _free_port()
    path = str(around.config(http=f"[http]\nport = {port}"))
    process = await around.started("Connected to", "serve", "-c", path)

    def ask(page: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=10) as answer:
            return str(answer.read().decode())

    async def well() -> bool:
        try:
            return '"ok"' in await asyncio.to_thread(ask, "/healthz")
        except OSError:
            return False

    async with asyncio.timeout(30):
        while not await well():
            await asyncio.sleep(0.05)
    assert "tocsin_" in await asyncio.to_thread(ask, "/metrics")
    code, _, err = await stopped(process)
    assert code == 0, err


async def test_where_it_cannot_listen_is_said(around: Surroundings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for table, why in (
            (f"port = {port}", f"127.0.0.1:{port}: another program listens there."),
            ('host = "192.0.2.1"\nport = 0', "cannot assign requested address."),
        ):
            code, out, err = await around.ended(
                "serve", "-c", str(around.config(http=f"[http]\n{table}"))
            )
            assert code == 2, err
            assert why in " ".join(err.split())
            assert "Set host and port in [http]" in err
            assert "Traceback" not in out + err


async def test_our_own_watch_knows_whether_slack_reaches_us(around: Surroundings) -> None:
    path = around.config()
    env = Environment(
        slack_bot_token=SecretStr(around.server.bot_token),
        slack_app_token=SecretStr(around.server.app_token),
    )
    config = load(path, env=env, database=str(around.bench.db))
    before = sys.getswitchinterval()
    try:
        async with run(config, SystemClock(), "tocsin serve") as running:
            sockets = running.hearing.sockets
            assert sockets is not None
            async with asyncio.timeout(60):
                while not (await running.core.own.observe()).connected:
                    await asyncio.sleep(0.05)
                await sockets.stop()
                while (await running.core.own.observe()).connected != 0:
                    await asyncio.sleep(0.05)
    finally:
        sys.setswitchinterval(before)
