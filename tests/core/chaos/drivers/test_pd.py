"""Moving PD's leadership and driving leaders from a store, and undoing just that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.chaos import undo
from core.chaos.driver import Driver
from core.chaos.drivers.pd import PdDriver
from core.chaos.model import Fault, Plan
from core.chaos.settings import SubjectChaos
from core.chaos.undo import HEALED, NEVER_LANDED, UNKNOWN, Healed
from core.clients.http import Http
from core.clients.pd import Pd
from core.clock import SystemClock
from core.errors import Invalid, Refused, Unavailable
from core.subjects.tikv.subject import TikvSubject
from tests.core.subjects.tikv.driving import subject
from tests.stub_http import RESET, as_json
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World(SystemClock(), prometheus=False) as made:
        yield made


@pytest.fixture
async def driver(world: World) -> AsyncIterator[Driver]:
    chaos = SubjectChaos(enabled=True, drivers=("pd",))
    watched: TikvSubject = subject(world, SystemClock(), chaos=chaos)  # type: ignore[arg-type]  # real time here
    yield watched.drivers()[0]
    await watched.close()


async def planned(driver: Driver, fault: Fault, entity: str, **params: Any) -> Plan:
    return await driver.plan(fault, await driver.find(entity), params, 1.0)


async def healed(plan: Plan, **more: Any) -> Healed:
    return await asyncio.to_thread(undo.heal, {**plan.undo, "returned": True, **more}, time.time())


async def test_the_leadership_goes_and_comes_back(world: World, driver: Driver) -> None:
    plan = await planned(driver, Fault.TRANSFER_LEADER, "pd:pd-0")
    assert plan.words == "hand PD's leadership from pd-0 to pd-1"
    await driver.inject(plan)
    assert world.pd.leader == 1

    found = await healed(plan)

    assert (found.ending, world.pd.leader) == (HEALED, 0)
    assert (await healed(plan)).did == ()


async def test_the_call_comes_back_only_once_another_leads(world: World, driver: Driver) -> None:
    plan = await planned(driver, Fault.TRANSFER_LEADER, "pd:pd-0")
    world.pd.answers["/leader/transfer/pd-1"] = as_json("The transfer command is submitted.")
    doing = asyncio.ensure_future(driver.inject(plan))
    await asyncio.sleep(0.3)
    assert not doing.done()

    world.pd.change_leader(1)
    await asyncio.wait_for(doing, 5.0)


async def test_a_leader_that_was_elected_since_keeps_its_place(
    world: World, driver: Driver
) -> None:
    plan = await planned(driver, Fault.TRANSFER_LEADER, "pd:pd-0", to="pd-1")
    await driver.inject(plan)
    world.pd.change_leader(2)

    found = await healed(plan)

    assert (found.ending, found.did, world.pd.leader) == (HEALED, (), 2)


async def test_leaders_are_driven_out_until_it_is_undone(world: World, driver: Driver) -> None:
    plan = await planned(driver, Fault.EVICT_LEADERS, "store:2")
    await driver.inject(plan)
    world.pd.evicting.add(3)
    assert world.pd.evicting == {2, 3}

    found = await healed(plan)

    assert (found.ending, world.pd.evicting) == (HEALED, {3})
    assert (await healed(plan)).did == ()


async def test_what_never_landed_is_seen_as_such_only_when_it_cannot_land_any_more(
    world: World, driver: Driver
) -> None:
    plan = await planned(driver, Fault.EVICT_LEADERS, "store:2")
    now = time.time()

    early = await healed(plan, returned=False, lands_until=now + 60)
    late = await healed(plan, returned=False, lands_until=now - 1)

    assert (early.ending, late.ending) == ("not_yet", NEVER_LANDED)


async def test_with_pd_gone_nothing_is_known_and_with_it_back_it_heals(
    world: World, driver: Driver
) -> None:
    plan = await planned(driver, Fault.EVICT_LEADERS, "store:2")
    await driver.inject(plan)
    await world.pd.refuse()
    gone = await healed(plan)
    await world.pd.ok()
    back = await healed(plan)

    assert (gone.ending, back.ending) == (UNKNOWN, HEALED)
    assert "out of reach" in gone.why


async def test_a_change_without_an_answer_is_of_unknown_outcome(
    world: World, driver: Driver
) -> None:
    plan = await planned(driver, Fault.EVICT_LEADERS, "store:2")
    world.pd.answers["/schedulers"] = RESET

    with pytest.raises(Unavailable):
        await driver.inject(plan)


async def test_a_change_that_pd_declines_did_no_harm(world: World, driver: Driver) -> None:
    plan = await planned(driver, Fault.EVICT_LEADERS, "store:2")
    await world.stores.pop(2).server.stop()

    with pytest.raises(Refused, match="PD did not do it"):
        await driver.inject(plan)


@pytest.mark.parametrize(
    ("fault", "entity", "said"),
    [
        (Fault.TRANSFER_LEADER, "pd:pd-1", "does not lead PD; pd-0 does"),
        (Fault.EVICT_LEADERS, "pd:pd-0", "Leaders are driven from a store"),
        (Fault.KILL, "store:1", "PD can only move leaders"),
    ],
)
async def test_what_pd_cannot_do_is_refused_before_any_harm(
    driver: Driver, fault: Fault, entity: str, said: str
) -> None:
    with pytest.raises(Refused, match=said):
        await planned(driver, fault, entity)


async def test_a_store_that_is_evicted_already_is_left_alone(world: World, driver: Driver) -> None:
    world.pd.evicting.add(2)

    with pytest.raises(Refused, match="being driven from store:2 already"):
        await planned(driver, Fault.EVICT_LEADERS, "store:2")


async def test_a_leadership_with_nowhere_to_go_stays(world: World, driver: Driver) -> None:
    with pytest.raises(Refused, match="another healthy member: pd-1, pd-2"):
        await planned(driver, Fault.TRANSFER_LEADER, "pd:pd-0", to="pd-9")
    with pytest.raises(Invalid, match="no parameter 'too'"):
        await planned(driver, Fault.TRANSFER_LEADER, "pd:pd-0", too="pd-1")
    await world.pd.refuse(1, 2)
    with pytest.raises(Refused, match="another healthy member: none"):
        await planned(driver, Fault.TRANSFER_LEADER, "pd:pd-0")


async def test_what_it_can_do_is_listed_and_the_rest_with_the_reason(driver: Driver) -> None:
    faults = await driver.faults()

    assert {one for one, why in faults.items() if not why} == {
        Fault.TRANSFER_LEADER,
        Fault.EVICT_LEADERS,
    }
    assert "docker or twin" in faults[Fault.KILL]
    with pytest.raises(Refused, match="PD lists no store:9"):
        await driver.find("store:9")


async def test_paths_of_certificates_do_not_depend_on_where_the_healer_works(
    world: World,
) -> None:
    clock = SystemClock()
    http = Http(clock)
    pd = Pd(world.pd.urls, clock, http)

    async def entities() -> dict[str, tuple[str, ...]]:
        return {"store:2": ("relative",)}

    driver = PdDriver(pd, clock, {"ca": "tls/ca.pem", "cert": "", "key": ""}, entities)
    plan = await planned(driver, Fault.EVICT_LEADERS, "store:2")
    await http.close()

    assert plan.undo["tls"] == {"ca": str(Path.cwd() / "tls/ca.pem"), "cert": "", "key": ""}
