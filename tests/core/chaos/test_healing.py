"""The detached healer: it comes up before anything is broken, waits, heals, and goes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.chaos import sentinel, undo
from core.chaos.healing import Healers
from core.clock import SystemClock
from core.errors import Refused
from core.runs.model import FaultRecord
from core.twin.cluster import Layout
from tests.core.chaos.drivers.twins import twin_undo

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def twin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Layout]:
    layout = Layout(
        tmp_path_factory.mktemp("twin"), pds=1, stores=1, speed=20.0, regions=1, tie_to=os.getpid()
    )
    await layout.up()
    yield layout
    await layout.down()


def fault(undoing: dict[str, Any], number: int = 1, **more: Any) -> FaultRecord:
    now = time.time()
    values: dict[str, Any] = {
        "id": number,
        "run_id": 1,
        "subject": "prod",
        "kind": "kill",
        "driver": "twin",
        "entity": "store:1",
        "target": {},
        "before": {},
        "undo": undoing,
        "recorded_at": now,
        "armed_at": None,
        "inject_started_at": now,
        "inject_returned_at": None,
        "lands_until": now,
        "heal_by": now + 60.0,
        "heal_started_at": None,
        "verified_at": None,
        "ending": None,
        "error": None,
    }
    return FaultRecord(**{**values, **more})


async def until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return "sentinel" in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


async def test_it_stands_by_in_a_session_of_its_own_and_ends_when_told_that_it_is_over(
    twin: Layout, tmp_path: Path
) -> None:
    healers = Healers(tmp_path / "healers")
    one = fault(twin_undo(twin))

    pid = await healers.arm(one, "start it")
    assert alive(pid)
    assert os.getsid(pid) == pid != os.getsid(0)
    assert healers.file(1).stat().st_mode & 0o777 == 0o600
    assert healers.file(1).parent.stat().st_mode & 0o777 == 0o700
    await healers.verified(1)

    await until(lambda: not alive(pid))
    assert twin.state("store-1") == "running"


async def test_it_heals_at_its_deadline_and_says_so_in_its_file(
    twin: Layout, tmp_path: Path
) -> None:
    healers = Healers(tmp_path)
    one = fault(twin_undo(twin), heal_by=time.time() + 0.5)
    pid = await healers.arm(one, "start it")
    twin.kill("store-1")

    await until(lambda: (sentinel.read(healers.file(1)) or {}).get("ending") == undo.HEALED)
    assert twin.state("store-1") == "running"

    # To the program that comes back it is healed, not "nothing had happened".
    found = await healers.heal(one, time.time() + 1)
    assert found.ending == undo.HEALED
    assert found.at is not None
    assert found.at <= time.time()
    other = await healers.heal(replace(one, recorded_at=1.0), time.time() + 1)
    assert other.at is None
    await healers.verified(1)
    await until(lambda: not alive(pid))


async def test_it_goes_on_trying_while_what_it_needs_is_gone(twin: Layout, tmp_path: Path) -> None:
    healers = Healers(tmp_path)
    undoing = twin_undo(twin)
    one = fault({**undoing, "answers": "http://127.0.0.1:1/status"}, heal_by=time.time())
    twin.kill("store-1")
    pid = await healers.arm(one, "start it")

    await until(lambda: (sentinel.read(healers.file(1)) or {}).get("ending") == undo.NOT_YET)
    assert alive(pid)
    content = sentinel.read(healers.file(1)) or {}
    sentinel.write(healers.file(1), {**content, "undo": undoing})
    await until(lambda: (sentinel.read(healers.file(1)) or {}).get("ending") == undo.HEALED)
    await healers.verified(1)
    await until(lambda: not alive(pid))


async def test_a_file_that_was_taken_away_ends_it_and_one_that_is_garbled_does_not(
    twin: Layout, tmp_path: Path
) -> None:
    healers = Healers(tmp_path)
    one = fault(twin_undo(twin), heal_by=time.time() + 1.0)
    pid = await healers.arm(one, "start it")
    twin.kill("store-1")
    healers.file(1).write_text("{ not json")

    await until(lambda: (sentinel.read(healers.file(1)) or {}).get("ending") == undo.HEALED)
    assert twin.state("store-1") == "running"
    with sentinel.alone(healers.file(1)):
        healers.file(1).unlink()
    await until(lambda: not alive(pid))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_a_terminal_that_goes_away_does_not_take_it_along(
    twin: Layout, tmp_path: Path, number: signal.Signals
) -> None:
    healers = Healers(tmp_path)
    pid = await healers.arm(fault(twin_undo(twin)), "start it")

    os.kill(pid, number)
    await asyncio.sleep(0.3)

    assert alive(pid)
    await healers.verified(1)
    await until(lambda: not alive(pid))


async def test_what_has_no_healer_cannot_be_armed(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="nothing was broken"):
        await Healers(tmp_path).arm(fault({"driver": "magic"}), "wave")


async def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Refused, match="cannot be started"):
        await Healers(tmp_path / "file" / "below").arm(fault({"driver": "pd"}), "x")


async def test_an_unknown_healer_or_one_that_fails_is_said_and_never_raised() -> None:
    now = SystemClock().now().timestamp()

    assert undo.heal({"driver": "magic"}, now).ending == undo.UNKNOWN
    assert undo.heal({}, now).ending == undo.UNKNOWN
    assert undo.heal({"driver": "pd"}, now).ending == undo.UNKNOWN
    assert undo.heal({"driver": "twin"}, now).ending == undo.UNKNOWN


async def test_only_what_is_over_is_tidied_away(tmp_path: Path) -> None:
    healers = Healers(tmp_path)
    for number, state in ((1, "verified"), (2, "armed"), (3, "verified")):
        healers.file(number).write_text(json.dumps({"state": state}))
        healers.file(number).with_suffix(".json.lock").touch()

    healers.tidy(frozenset((3,)))

    assert sorted(one.name for one in tmp_path.glob("*.json")) == ["fault-2.json", "fault-3.json"]


async def test_a_file_that_tells_of_another_fault_does_not_mislead_a_healer(
    twin: Layout, tmp_path: Path
) -> None:
    """A new database counts from 1 again, while a healer of the old one still stands by."""
    healers = Healers(tmp_path)
    old = fault(twin_undo(twin), heal_by=time.time() + 1.5)
    pid = await healers.arm(old, "start it")
    twin.kill("store-1")
    other = {"recorded_at": old.recorded_at + 9, "state": "verified", "undo": {"driver": "pd"}}
    sentinel.write(healers.file(1), other)

    await until(lambda: twin.state("store-1") == "running")
    await until(lambda: not alive(pid))
    assert sentinel.read(healers.file(1)) == other


async def test_whoever_is_frozen_while_it_heals_does_not_keep_others_from_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "fault-1.json"
    began = time.monotonic()

    with sentinel.alone(path), sentinel.alone(path, wait_s=0.3):
        waited = time.monotonic() - began

    assert 0.3 <= waited < 5.0
    with sentinel.alone(path):
        assert time.monotonic() - began < 5.0


async def test_a_disk_that_takes_nothing_does_not_keep_a_healer_from_its_end(
    twin: Layout, tmp_path: Path
) -> None:
    healers = Healers(tmp_path)
    pid = await healers.arm(fault(twin_undo(twin)), "start it")
    # Writing goes by a new file beside it: a folder in its place cannot be written to.
    (tmp_path / f".fault-1.json.{os.getpid()}").mkdir()

    await healers.verified(1)

    assert not healers.file(1).exists()
    await until(lambda: not alive(pid))


async def test_where_no_turn_is_to_be_had_it_is_healed_all_the_same(
    twin: Layout, tmp_path: Path
) -> None:
    healers = Healers(tmp_path)
    # What stands for a disk that takes no new file: the lock cannot be opened.
    (tmp_path / "fault-1.json.lock").mkdir()
    recorded = fault(twin_undo(twin))

    found = await healers.heal(recorded, time.time())

    assert found.ending == "never_landed"
