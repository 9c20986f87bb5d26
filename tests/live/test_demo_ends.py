"""What happens to the demo when it is started twice, killed, or finds its port taken."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

from tests.live.demo import alive, running, start


async def _told(process: asyncio.subprocess.Process) -> tuple[int, str]:
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_a_second_demo_is_told_of_the_first_and_a_killed_one_leaves_nothing(
    tmp_path: Path,
) -> None:
    state = tmp_path / "demo" / "twin"
    async with running(state) as first:
        before = Path(first.db).stat().st_ino
        code, words = await _told(await start(state))
        assert (code, "is running already" in words) == (1, True), words
        assert Path(first.db).stat().st_ino == before
        children = first.children()
        first.process.send_signal(signal.SIGKILL)
        await first.process.wait()
    async with running(state) as again:
        assert len(again.children() - children) == 6
        assert not any(alive(pid) for pid in children)


async def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, words = await _told(await start(tmp_path / "twin", port))
    assert (code, words.startswith(f"Port {port} is in use.")) == (1, True), words
    assert "Starting" not in words
