"""Healing containers against an engine that lies, hangs in between, or is somebody else's."""

from __future__ import annotations

import asyncio
import os

import pytest

from core.chaos import undo
from core.chaos.undo_docker_life import instant
from tests.docker_engine import ID, LATER, STARTED, FakeEngine, container

PLANNED = "2026-11-21T09:30:00Z"
BEFORE, SINCE = (int((instant(PLANNED) + step) * 1e9) for step in (-60, 60))

CUT = [{"id": "n1", "name": "front", "ip": "10.0.0.3", "endpoint": {"Aliases": ["kv1"]}}]


@pytest.fixture
async def engine(tmp_path):
    async with FakeEngine(str(tmp_path / "d.sock")) as one:
        yield one


async def heal(engine, fault, address=None, **more):
    asked = {
        "driver": "docker",
        "fault": fault,
        "engine": engine.address if address is None else address,
        "engine_id": "E1",
        "id": ID,
        "name": "p-kv1-1",
        "started_at": STARTED,
        "planned_at": PLANNED,
        "returned": True,
        "addresses": {"front": "10.0.0.3"},
        **more,
    }
    return await asyncio.to_thread(undo.heal, asked, 1_000.0)


def is_(engine, status, started=STARTED):
    engine.containers[ID]["State"] |= {"Status": status, "StartedAt": started}


@pytest.mark.parametrize("fault", ["kill", "stop", "restart", "crash", "pause"])
@pytest.mark.parametrize(
    ("status", "started", "ending", "did"),
    [
        ("exited", STARTED, undo.HEALED, ("started",)),
        ("running", LATER, undo.HEALED, ()),
        ("exited", LATER, undo.HEALED, ()),
        ("restarting", STARTED, undo.NOT_YET, ()),
        ("removing", STARTED, undo.NOT_YET, ()),
    ],
)
async def test_what_a_container_is_now_decides_what_is_done(
    engine, fault, status, started, ending, did
):
    is_(engine, status, started)
    found = await heal(engine, fault)
    assert (found.ending, found.did) == (ending, did), found
    assert bool(engine.changes) == bool(did)


@pytest.mark.parametrize("fault", ["kill", "pause", "cut"])
async def test_seen_as_before_it_never_landed_unless_the_call_said_that_it_did(engine, fault):
    more = {"networks": CUT} if fault == "cut" else {}
    assert (await heal(engine, fault, returned=False, **more)).ending == undo.NEVER_LANDED
    assert (await heal(engine, fault, returned=True, **more)).ending == undo.HEALED
    assert engine.changes == []


@pytest.mark.parametrize(
    ("lie", "ending"),
    [
        ((500, "done"), undo.HEALED),
        ((409, "done"), undo.HEALED),
        ((200, "not done"), undo.NOT_YET),
        ((500, "not done"), undo.NOT_YET),
        ((0, "not done"), undo.UNKNOWN),
        ((0, "done"), undo.UNKNOWN),
    ],
)
async def test_healed_is_what_was_seen_and_not_what_the_call_said(engine, lie, ending):
    is_(engine, "paused")
    engine.lies["/unpause"] = lie
    assert (await heal(engine, "pause")).ending == ending
    engine.lies.clear()
    found = await heal(engine, "pause")
    assert found.ending == undo.HEALED
    assert engine.containers[ID]["State"]["Status"] == "running"


async def test_a_start_that_fails_says_why_and_is_tried_again(engine):
    is_(engine, "exited")
    engine.lies["/start"] = (500, "not done")
    found = await heal(engine, "kill")
    assert (found.ending, found.why) == (undo.NOT_YET, "it cannot be started: so it says")
    engine.lies["/start"] = (204, "not done")
    found = await heal(engine, "kill")
    assert found.ending == undo.NOT_YET
    assert "it was started and is exited" in found.why


def event(action, ident=ID, at=SINCE, **said):
    actor = {"ID": ident, "Attributes": said}
    return {"Type": "container", "Action": action, "Actor": actor, "timeNano": at}


EARLIER = event("start", at=BEFORE)


@pytest.mark.parametrize(
    ("fault", "events", "left"),
    [
        ("kill", [event("kill", signal="9"), event("die")], False),
        ("kill", [event("kill", signal="9"), event("kill", signal="15"), event("stop")], True),
        ("crash", [event("kill", signal="9"), event("die")], True),
        ("pause", [event("stop")], True),
        ("pause", [event("stop"), event("start")], False),
        ("pause", [event("kill", signal="HUP")], False),
        ("stop", [event("kill", signal="15"), event("stop")], False),
        ("kill", ["nonsense", 7, None, {"Action": None, "Actor": None}], False),
    ],
)
async def test_somebody_elses_stop_is_told_from_ours_by_the_engines_events(
    engine, fault, events, left
):
    is_(engine, "exited")
    engine.events = [EARLIER, *events]
    found = await heal(engine, fault)
    assert found.ending == undo.HEALED
    assert (found.did == ()) == left
    assert ("left as it is" in found.why) == left


async def test_how_an_engine_ended_what_it_found_when_it_started_anew_is_nobodys_wish(engine):
    """It remembers nothing from before: not our pause, nor anything earlier."""
    is_(engine, "exited")
    engine.events = [event("kill", signal="15"), event("stop"), event("start", ident="cd" * 32)]
    assert (await heal(engine, "pause")).did == ("started",)
    is_(engine, "exited")
    # A full memory has dropped what is older, and is believed.
    engine.events += [event("exec_start", ident="cd" * 32)] * 256
    assert (await heal(engine, "pause")).did == ()


async def test_what_happened_to_others_is_not_what_happened_to_it(engine):
    is_(engine, "exited")
    engine.events = [EARLIER, event("stop", ident="cd" * 32)]
    assert (await heal(engine, "pause")).did == ("started",)


async def test_where_the_engine_remembers_nothing_what_ran_before_runs_again(engine):
    is_(engine, "exited")
    engine.lies["/events"] = (500, "not done")
    assert (await heal(engine, "pause")).did == ("started",)


async def test_what_died_of_a_lasting_fault_is_started_too(engine):
    is_(engine, "exited", LATER)
    engine.containers[ID]["NetworkSettings"]["Networks"] = {}
    found = await heal(engine, "cut", networks=CUT)
    assert found.did == ("reconnected to front", "started")


async def test_a_removed_network_is_not_waited_for(engine):
    engine.containers[ID]["NetworkSettings"]["Networks"] = {}
    engine.lies["/networks/n1"] = (404, "not done")
    found = await heal(engine, "cut", networks=CUT, returned=False)
    assert (found.ending, found.why) == (undo.NEVER_LANDED, "the network front was removed")


async def test_a_reconnect_that_is_refused_is_not_healed(engine):
    engine.containers[ID]["NetworkSettings"]["Networks"] = {}
    engine.lies["/connect"] = (403, "not done")
    found = await heal(engine, "cut", networks=CUT)
    assert (found.ending, found.why) == (undo.NOT_YET, "network front: so it says")
    engine.lies["/connect"] = (200, "not done")
    assert (await heal(engine, "cut", networks=CUT)).ending == undo.NOT_YET


async def test_limits_go_back_only_where_they_are_still_ours(engine):
    ours = {"by": "engine", "set": {"NanoCpus": 5}, "limits": {"NanoCpus": 9}}
    engine.containers[ID]["HostConfig"]["NanoCpus"] = 5
    engine.lies["/update"] = (200, "not done")
    assert (await heal(engine, "limit_cpu", **ours)).ending == undo.NOT_YET
    engine.lies.clear()
    assert (await heal(engine, "limit_cpu", **ours)).ending == undo.HEALED
    assert engine.containers[ID]["HostConfig"]["NanoCpus"] == 9
    engine.containers[ID]["HostConfig"]["NanoCpus"] = 7
    assert (await heal(engine, "limit_cpu", **ours)).did == ()
    assert engine.containers[ID]["HostConfig"]["NanoCpus"] == 7


async def test_a_container_that_is_gone_takes_its_harm_along_but_not_to_another_engine(engine):
    engine.containers.clear()
    assert (await heal(engine, "pause")).ending == undo.VANISHED
    found = await heal(engine, "pause", engine_id="E2")
    assert (found.ending, "another engine" in found.why) == (undo.UNKNOWN, True)


@pytest.mark.parametrize("address", ["unix:///no/such.sock", "tcp://127.0.0.1:1", "ftp://x", ""])
async def test_an_engine_out_of_reach_is_unknown_and_never_healed(engine, address):
    found = await heal(engine, "kill", address)
    assert (found.ending, found.did) == (undo.UNKNOWN, ())


async def test_what_cannot_be_understood_is_unknown(engine):
    assert (await heal(engine, "melt")).ending == undo.UNKNOWN
    engine.containers[ID] = container(State={"Status": "running"})
    engine.lies[f"/containers/{ID}/json"] = (200, "not done")
    assert (await heal(engine, "cut")).ending == undo.UNKNOWN


def test_times_are_read_to_the_nanosecond_and_in_any_zone():
    assert instant("2026-11-21T09:00:00.123456789Z") == pytest.approx(1795251600.1234567)
    assert instant("2026-11-21T10:00:00+01:00") == 1795251600.0
    assert instant("2026-11-21T08:30:00-00:30") == 1795251600.0
    assert instant("soon") == 0.0


def disk(folder, **more):
    found = os.stat(folder)
    inode = [found.st_dev, found.st_ino]
    return {"by": "host", "folder": str(folder), "name": ".tocsin-x", "inode": inode, **more}


async def test_exactly_the_one_file_is_removed_from_a_folder_of_this_host(engine, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / ".tocsin-x").write_text("ours")
    (folder / "theirs").write_text("theirs")
    found = await heal(engine, "fill_disk", **disk(folder))
    assert (found.ending, found.did) == (undo.HEALED, ("removed .tocsin-x",))
    assert [one.name for one in folder.iterdir()] == ["theirs"]
    assert (await heal(engine, "fill_disk", **disk(folder))).did == ()


async def test_a_folder_that_is_another_one_now_is_left_alone(engine, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    asked = disk(folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".tocsin-x").write_text("not ours")
    folder.rmdir()
    assert (await heal(engine, "fill_disk", **asked)).ending == undo.VANISHED
    (tmp_path / "other").rename(folder)
    assert (await heal(engine, "fill_disk", **asked)).ending == undo.VANISHED
    assert (folder / ".tocsin-x").exists()


async def test_a_link_in_the_place_of_the_file_is_not_followed(engine, tmp_path):
    folder, far = tmp_path / "data", tmp_path / "far"
    folder.mkdir()
    far.write_text("far")
    (folder / ".tocsin-x").symlink_to(far)
    assert (await heal(engine, "fill_disk", **disk(folder))).did == ()
    assert far.exists()
