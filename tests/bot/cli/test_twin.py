"""`tocsin twin ...` and `tocsin local`: processes of this machine, started, faulted and ended."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.bot.cli.driving import Bench, lines_until, stopped, wait_for


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def children_of(folder: Path) -> list[int]:
    """Processes that name this folder in their command line."""
    found = subprocess.run(
        ["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 1) for line in found.stdout.splitlines()[1:]]
    return [int(pid) for pid, args in rows if str(folder) in args and int(pid) != os.getpid()]


def test_a_twin_is_started_looked_at_faulted_and_ended(empty: Bench) -> None:
    at = ("--state", str(empty.folder / "twin"))

    def states() -> dict[str, str]:
        return {one["name"]: one["state"] for one in empty.json("twin", "status", "-j", *at)}

    urls = empty.good("twin", "up", "--stores", "3", "--pds", "1", *at).strip()
    try:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", urls)
        rows = empty.json("twin", "status", "--json", *at)
        assert [list(one) for one in rows] == [
            ["name", "kind", "state", "pid", "url", "detail"]
        ] * 4
        pids = [one["pid"] for one in rows]
        assert set(states().values()) == {"running"}
        empty.good("twin", "kill", "store-2", *at)
        assert states()["store-2"] == "stopped"
        empty.good("twin", "pause", "store-1", *at)
        wait_for(lambda: states()["store-1"] == "paused")
        empty.good("twin", "start", "store-1", *at)
        empty.good("twin", "start", "store-2", *at)
        wait_for(lambda: set(states().values()) == {"running"})
        empty.good("twin", "stop", "store-3", *at)
        wait_for(lambda: states()["store-3"] == "stopped")
        empty.good("twin", "load", "50", *at)
        assert f"PD: {urls}" in empty.good("twin", "status", *at)
        assert "there are pd-0" in empty.refused(1, "twin", "kill", "store-99", *at)
        assert "is not running" in empty.refused(1, "twin", "kill", "store-3", *at)
    finally:
        empty.good("twin", "down", *at)
    assert not any(alive(pid) for pid in pids)
    assert set(states().values()) == {"stopped"}


@pytest.mark.parametrize("verb", [("status",), ("kill", "store-1"), ("down",), ("load", "5")])
def test_without_a_twin_it_says_how_to_make_one(empty: Bench, verb: tuple[str, ...]) -> None:
    folder = empty.folder / "else"
    folder.mkdir()
    (folder / "lock").touch()
    assert "`tocsin twin up`" in empty.refused(1, "twin", *verb, "--state", str(folder))
    assert [one.name for one in folder.iterdir()] == ["lock"]


def test_a_broken_layout_is_one_line(empty: Bench) -> None:
    folder = empty.folder / "twin"
    folder.mkdir()
    (folder / "layout.json").write_text("{half")
    empty.refused(1, "twin", "status", "--state", str(folder))
    empty.refused(1, "twin", "up", "--version", "v0", "--state", str(empty.folder / "other"))


async def test_the_local_workspace_starts_refuses_a_second_and_leaves_no_child(
    empty: Bench,
) -> None:
    state = str(empty.folder / "twin")
    process = empty.start("local", "--port", "0", "--state", state)
    text = await asyncio.to_thread(lines_until, process, "Ctrl-C ends everything")
    url = re.search(r"Open  (http://127\.0\.0\.1:\d+)", text)
    assert url

    def there() -> None:
        with urllib.request.urlopen(url[1], timeout=10) as page:
            assert b"<html" in page.read().lower()
        code, _, err = empty.ended("local", "--port", "0", "--state", state)
        assert code == 1
        assert "tocsin local (pid" in err
        rows = empty.json("twin", "status", "-j", "--state", state)
        assert {one["state"] for one in rows} == {"running"}

    await asyncio.to_thread(there)
    running = children_of(Path(state))
    assert len(running) >= 6
    code, out, err = await stopped(process)
    assert code == 0, err
    assert "the twin's processes have ended" in out
    assert "Traceback" not in err
    wait_for(lambda: not any(alive(pid) for pid in running if pid != process.pid))


def test_a_port_that_is_taken_is_said(empty: Bench) -> None:
    import socket

    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        code, _, err = empty.ended("local", "-p", port, "--state", str(empty.folder / "twin"))
    assert code == 1
    assert f"Port {port} is in use" in err
    assert json.dumps(children_of(empty.folder / "twin")) == "[]"
