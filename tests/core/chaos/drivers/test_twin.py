"""Breaking a real twin and healing it, fault by fault; what is not ours is left alone."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from core.chaos import undo
from core.chaos.drivers.twin import TwinDriver
from core.chaos.model import Fault, Plan
from core.chaos.undo import HEALED, NEVER_LANDED, NOT_YET, VANISHED, Healed
from core.clock import SystemClock
from core.errors import Invalid, Refused, Unavailable
from core.twin.cluster import Layout
from core.twin.process import start_time
from tests.core.clients.test_tls import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")
HEALTHY = {"drop_heartbeats": False, "cut_peers": False, "hang_status": False}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def twin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Layout]:
    layout = Layout(tmp_path_factory.mktemp("twin"), speed=20.0, regions=6, tie_to=os.getpid())
    await layout.up()
    yield layout
    await layout.down()


@pytest_asyncio.fixture(loop_scope="module")
async def driver(twin: Layout) -> AsyncIterator[TwinDriver]:
    yield TwinDriver(twin.dir, SystemClock(), lambda: _entities(twin))
    for name in twin.names:
        if twin.state(name) != "running":
            twin.start(name)
    await twin.healthy()


async def _entities(twin: Layout) -> dict[str, tuple[str, ...]]:
    found = {f"store:{s.id}": (f"127.0.0.1:{s.port}",) for s in twin.spec.stores}
    return found | {f"pd:{p.name}": (p.name, f"127.0.0.1:{p.client_port}") for p in twin.spec.pds}


async def planned(driver: TwinDriver, fault: Fault, entity: str = "store:1", **params: Any) -> Plan:
    return await driver.plan(fault, await driver.find(entity), params, 1.0)


def until_healed(plan: Plan, **more: Any) -> Healed:
    """Heal as the bot does: again and again until it is over."""
    end = time.monotonic() + 15.0
    did: list[str] = []
    while True:
        found = undo.heal({**plan.undo, "returned": True, **more}, time.time())
        did += found.did
        if found.final:
            return Healed(found.ending, found.why, tuple(did))
        assert time.monotonic() < end, found
        time.sleep(0.1)


@pytest.mark.parametrize("entity", ["store:1", "pd:pd-1"])
@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (Fault.KILL, "stopped"),
        (Fault.STOP, "stopped"),
        (Fault.PAUSE, "paused"),
        (Fault.RESTART, "running"),
    ],
)
async def test_what_is_done_to_a_process_is_undone_and_healing_again_does_nothing(
    twin: Layout, driver: TwinDriver, fault: Fault, state: str, entity: str
) -> None:
    plan = await planned(driver, fault, entity)
    pid = plan.undo["pid"]
    await driver.inject(plan)
    assert twin.state(plan.target.name) == state

    found = until_healed(plan)

    assert found.ending == HEALED
    assert twin.state(plan.target.name) == "running"
    again = undo.heal({**plan.undo, "returned": True}, time.time())
    assert (again.ending, again.did) == (HEALED, ())
    if fault is Fault.PAUSE:
        assert start_time(pid) == plan.undo["start"]


@pytest.mark.parametrize(
    ("fault", "params", "switch", "value"),
    [
        (Fault.CUT, {}, "hang_status", True),
        (Fault.PARTITION, {"side": "stores"}, "cut_peers", True),
        (Fault.PARTITION, {}, "drop_heartbeats", True),
        (Fault.DELAY, {"ms": 50}, "latency_ms", {"*": 50.0}),
        (Fault.FILL_DISK, {"pct": 91}, "disk_fill_pct", 91.0),
    ],
)
async def test_switches_are_turned_and_turned_back(
    twin: Layout, driver: TwinDriver, fault: Fault, params: dict, switch: str, value: Any
) -> None:
    before = await twin.switch("store-1")
    plan = await planned(driver, fault, **params)
    await driver.inject(plan)
    assert (await twin.switch("store-1"))[switch] == value

    assert until_healed(plan).ending == HEALED
    assert await twin.switch("store-1") == before


async def test_a_difference_that_somebody_else_made_is_left_alone(
    twin: Layout, driver: TwinDriver
) -> None:
    plan = await planned(driver, Fault.FILL_DISK, pct=91)
    await driver.inject(plan)
    await twin.switch("store-1", disk_fill_pct=60, slow_score=50)

    until_healed(plan)

    stand = await twin.switch("store-1")
    assert (stand["disk_fill_pct"], stand["slow_score"]) == (60.0, 50.0)
    await twin.reset("store-1")


async def test_harm_that_may_still_land_is_waited_for(twin: Layout, driver: TwinDriver) -> None:
    plan = await planned(driver, Fault.KILL)
    now = time.time()

    early = undo.heal({**plan.undo, "lands_until": now + 5}, now)
    late = undo.heal({**plan.undo, "lands_until": now + 5}, now + 6)

    assert (early.ending, late.ending) == (NOT_YET, NEVER_LANDED)


async def test_a_process_that_was_paused_and_then_killed_by_others_took_the_harm_with_it(
    twin: Layout, driver: TwinDriver
) -> None:
    plan = await planned(driver, Fault.PAUSE)
    await driver.inject(plan)
    os.kill(plan.undo["pid"], signal.SIGKILL)
    end = time.monotonic() + 5.0
    while twin.state("store-1") != "stopped" and time.monotonic() < end:
        await asyncio.sleep(0.02)

    assert until_healed(plan).ending == VANISHED
    assert twin.state("store-1") == "stopped"


async def test_a_twin_that_was_taken_away_or_replaced_is_not_brought_back(
    twin: Layout, driver: TwinDriver, tmp_path: Path
) -> None:
    plan = await planned(driver, Fault.KILL)

    gone = undo.heal({**plan.undo, "folder": str(tmp_path)}, time.time())
    other = undo.heal({**plan.undo, "cluster_id": 7}, time.time())

    assert (gone.ending, other.ending) == (VANISHED, VANISHED)


async def test_a_twin_that_ended_with_its_owner_is_not_started_again(
    twin: Layout, driver: TwinDriver, tmp_path: Path
) -> None:
    plan = await planned(driver, Fault.KILL)
    gone = tmp_path / "gone"
    shutil.copytree(twin.dir, gone)
    for record in (gone / "run").glob("*.json"):
        record.write_text(json.dumps({"pid": 1, "start": "never"}))

    found = undo.heal({**plan.undo, "folder": str(gone)}, time.time())

    assert found.ending == VANISHED
    assert "the program that it belonged to" in found.why


async def test_a_twin_that_outlived_its_owner_is_healed(twin: Layout, driver: TwinDriver) -> None:
    plan = await planned(driver, Fault.KILL)
    await driver.inject(plan)
    owner = twin.dir / "run" / "owner.json"
    before = owner.read_text()
    try:
        owner.write_text(json.dumps({"pid": 1, "start": "never"}))
        found = until_healed(plan)
    finally:
        owner.write_text(before)

    assert found.ending == HEALED


async def test_what_is_not_the_watched_cluster_is_refused(twin: Layout) -> None:
    async def elsewhere() -> dict[str, tuple[str, ...]]:
        return {"store:1": ("10.0.0.1:20160",)}

    driver = TwinDriver(twin.dir, SystemClock(), elsewhere)

    with pytest.raises(Refused, match="this is another cluster"):
        await driver.find("store:1")
    with pytest.raises(Refused, match="has no process for store:99"):
        await driver.find("store:99")
    assert await driver.targets() == ()


async def test_what_a_twin_cannot_do_is_listed_with_the_reason(driver: TwinDriver) -> None:
    faults = await driver.faults()

    can = {fault for fault, why in faults.items() if not why}
    assert set(faults) == set(Fault)
    assert Fault.KILL in can
    assert "no packets" in faults[Fault.LOSS]
    with pytest.raises(Refused, match="no packets"):
        await planned(driver, Fault.LOSS)


async def test_bad_parameters_and_states_are_refused_before_any_harm(
    twin: Layout, driver: TwinDriver
) -> None:
    with pytest.raises(Invalid, match="no parameter 'pc'; there is pct"):
        await planned(driver, Fault.FILL_DISK, pc=91)
    with pytest.raises(Invalid, match="between 1 and 100"):
        await planned(driver, Fault.FILL_DISK, pct=120)
    with pytest.raises(Invalid, match='side = "pd"'):
        await planned(driver, Fault.PARTITION, side="moon")
    with pytest.raises(Refused, match="PD member"):
        await planned(driver, Fault.CUT, "pd:pd-1")
    twin.kill("store-1")
    with pytest.raises(Refused, match="store-1 is stopped"):
        await planned(driver, Fault.PAUSE)


async def test_a_process_that_is_not_the_planned_one_any_more_is_not_touched(
    twin: Layout, driver: TwinDriver
) -> None:
    plan = await planned(driver, Fault.KILL)
    twin.kill("store-1")
    twin.start("store-1")

    with pytest.raises(Refused, match="not the process any more"):
        await driver.inject(plan)
    assert twin.state("store-1") == "running"


async def test_without_a_twin_it_is_out_of_reach(tmp_path: Path) -> None:
    async def nothing() -> dict[str, tuple[str, ...]]:
        return {}

    with pytest.raises(Unavailable, match="There is no twin in"):
        await TwinDriver(tmp_path, SystemClock(), nothing).targets()
    assert list(tmp_path.iterdir()) == []


async def test_a_twin_with_certificates_is_healed_like_any(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "twin ca")
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    authority.issue("twin", cert, key)
    layout = Layout(
        tmp_path / "twin",
        pds=1,
        stores=1,
        regions=1,
        speed=20.0,
        tls=(authority.path, cert, key),
        tie_to=os.getpid(),
    )
    await layout.up()
    try:
        driver = TwinDriver(layout.dir, SystemClock(), lambda: _entities(layout))
        for fault in (Fault.KILL, Fault.CUT):
            plan = await planned(driver, fault)
            await driver.inject(plan)
            assert until_healed(plan).ending == HEALED
    finally:
        await layout.down()
