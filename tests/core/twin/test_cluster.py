"""Starting, signalling and ending the processes of a twin."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from core.twin.cluster import Layout, TwinError
from core.twin.process import same, send, start_time
from core.twin.spec import write_json

SQUAT = (
    "import socket,sys; s=socket.create_server(('127.0.0.1',int(sys.argv[1])));"
    "print('up',flush=True); input()"
)


def bystander(*words):
    """A process that is not ours, waiting for a line."""
    code = words or ("input()",)
    return subprocess.Popen(
        [sys.executable, "-c", *code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


async def test_a_restart_keeps_ports_ids_and_what_pd_knew(world):
    twin = await world.up(speed=20, regions=12)
    before = twin.spec
    first = await world.get(f"{twin.pd_urls[0]}/pd/api/v1/cluster")
    await twin.down()
    assert [twin.state(name) for name in twin.names] == ["stopped"] * 6
    again = Layout(twin.dir, pds=1, stores=1, version="v6.5.12", tie_to=os.getpid())
    assert again.spec == before
    await again.up()
    assert await world.get(f"{again.pd_urls[0]}/pd/api/v1/cluster") == first
    body = await world.get(f"{again.pd_urls[0]}/pd/api/v1/stores")
    assert {row["store"]["id"] for row in body["stores"]} == {1, 2, 3}


async def test_the_state_directory_is_its_owners_alone(world):
    twin = world.layout(pds=1, stores=1)
    assert twin.dir.stat().st_mode & 0o777 == 0o700
    deeper = Layout(twin.dir / "state" / "twin", pds=1, stores=1, tie_to=os.getpid())
    assert deeper.dir.parent.stat().st_mode & 0o777 == 0o700
    assert (twin.dir / "layout.json").stat().st_mode & 0o777 == 0o600


async def test_down_leaves_no_process_and_may_be_repeated(world):
    twin = await world.up(pds=1, stores=2, speed=20, regions=4)
    pids = {one.name: one.pid for one in await twin.status()}
    twin.kill("store-1")
    twin.pause("store-2")
    await twin.down()
    await twin.down()
    assert all(start_time(pid) is None for pid in pids.values())

    async def collected():
        twin.state("store-1")
        return not any(Path(f"/proc/{pid}").exists() for pid in pids.values())

    await world.until(collected, what="no zombie of ours")


async def test_a_process_whose_pid_was_reused_is_never_signalled(world):
    twin = world.layout(pds=1, stores=1)
    stranger = bystander()
    try:
        record = {"pid": stranger.pid, "start": "1", "at": 0}
        write_json(twin.dir / "run" / "store-1.json", record)
        assert twin.state("store-1") == "stopped"
        with pytest.raises(TwinError, match="store-1 is not running"):
            twin.kill("store-1")
        await twin.down()
        assert stranger.poll() is None
        assert same(stranger.pid, start_time(stranger.pid))
        assert not send(stranger.pid, "1", signal.SIGKILL)
    finally:
        stranger.communicate(b"\n")


async def test_the_twin_ends_with_the_process_it_is_tied_to(world):
    owner = bystander()
    twin = Layout(world._folder / "tied", pds=1, stores=1, regions=2, speed=20, tie_to=owner.pid)
    try:
        await twin.up()
        twin.kill("store-1")
        Layout(twin.dir).start("store-1")  # as a later command would, which ends at once
        owner.communicate(b"\n")

        async def gone():
            return all(twin.state(name) == "stopped" for name in twin.names)

        await world.until(gone, what="the twin's end")
    finally:
        await twin.down()


async def test_pause_resume_kill_and_start_are_what_the_panel_shows(world):
    twin = await world.up(pds=1, stores=3, speed=20, regions=6)
    twin.pause("store-2")
    twin.kill("store-3")

    async def stopped():
        return twin.state("store-3") == "stopped"

    await world.until(stopped, what="the kill")
    panel = await twin.panel()
    rows = {item["name"]: item for item in panel["items"]}
    assert {name: row["state"] for name, row in rows.items()} == {
        "pd-0": "running",
        "store-1": "running",
        "store-2": "paused",
        "store-3": "stopped",
    }
    assert rows["store-1"]["verbs"] == ["kill", "pause", "stop"]
    assert rows["store-2"]["verbs"] == ["resume", "kill"]
    assert rows["store-3"]["verbs"] == ["start"]
    assert rows["pd-0"]["detail"] == "leader"
    assert rows["store-1"]["detail"].startswith("Up · ")
    twin.start("store-2")
    twin.start("store-3")
    await twin.healthy()
    assert [twin.state(name) for name in twin.names] == ["running"] * 4


@pytest.mark.parametrize("verb", ["kill", "pause", "resume", "start", "stop"])
async def test_an_unknown_name_is_refused_with_the_known_ones(world, verb):
    twin = world.layout(pds=1, stores=1)
    with pytest.raises(TwinError, match="no process named store-9; there are pd-0, store-1"):
        twin.do("store-9", verb)


async def test_an_unknown_verb_and_a_wrong_switch_are_refused(world):
    twin = await world.up(pds=1, stores=1, regions=2, speed=20)
    with pytest.raises(TwinError, match="unknown verb dance"):
        twin.do("store-1", "dance")
    with pytest.raises(TwinError, match="unknown switch nonsense"):
        await twin.switch("store-1", nonsense=1)
    with pytest.raises(TwinError, match="slow_score takes a number"):
        await twin.switch("store-1", slow_score="many")
    with pytest.raises(TwinError, match="pd-0 is a PD member"):
        await twin.switch("pd-0", slow_score=1)


async def test_a_page_of_another_site_cannot_turn_switches(world):
    twin = await world.up(pds=1, stores=1, regions=2, speed=20)
    url = f"{twin.url('store-1')}/twin/switch"
    status, _, _ = await world.ask(url, "PUT", data=b'{"slow_score": 100}')
    assert status == 403
    assert (await world.get(url))["slow_score"] == 1


async def test_a_port_that_is_taken_is_said_at_once(world):
    twin = world.layout(pds=1, stores=1)
    port = str(twin.spec.pds[0].client_port)
    squatter = bystander(SQUAT, port)
    try:
        assert squatter.stdout.readline() == b"up\n"
        with pytest.raises(TwinError, match="pd-0 ended at its start"):
            await twin.up()
    finally:
        squatter.communicate(b"\n")


async def test_logs_are_in_the_unified_format_and_a_kill_leaves_no_word(world):
    twin = await world.up(pds=1, stores=3, speed=20, regions=6)
    line = (
        r"^\[\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3} \+00:00\] \[(INFO|WARN|ERROR)\] \[[\w.:]+\] \["
    )
    for name in twin.names:
        for text in twin.log(name).read_text().splitlines():
            assert re.match(line, text), text
    size = twin.log("store-1").stat().st_size
    twin.pause("store-1")
    size = twin.log("store-1").stat().st_size
    twin.kill("store-1")

    async def noticed():
        return "RPC batch_raft fail" in twin.log("store-2").read_text()

    await world.until(noticed, what="the survivors' complaint")
    assert twin.log("store-1").stat().st_size == size
    twin.stop("store-2")

    async def ended():
        return twin.state("store-2") == "stopped"

    await world.until(ended, what="the end of store-2")
    assert "receive signal 15, stopping server..." in twin.log("store-2").read_text()
