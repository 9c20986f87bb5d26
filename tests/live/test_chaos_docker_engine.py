"""The engine goes away in the middle of an experiment: what is broken is healed when it returns.

The engine itself is shared with other tests and stays: what comes and goes is a proxy before it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from core.chaos import sentinel, undo
from core.chaos.drivers.docker import DockerDriver
from core.chaos.healing import Healers
from core.chaos.model import Fault
from core.chaos.settings import SubjectChaos
from core.clients.docker_change import DockerChange
from core.clock import SystemClock
from core.errors import Refused, Unavailable
from core.runs.model import FaultRecord
from tests.live import containers
from tests.live.containers import docker, inspect

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def image():
    with containers.shell_image() as name:
        yield name


@pytest.fixture
def site(image):
    with containers.site(image) as made:
        yield made


@pytest.fixture
def engine(tmp_path):
    with containers.proxy(tmp_path) as made:
        yield made


@pytest.fixture
async def driver(site, engine):
    async def watched():
        return {"store:1": ("kv1",)}

    client = DockerChange(SystemClock(), engine.address)
    yield DockerDriver(client, SystemClock(), watched, SubjectChaos(project=site.project))
    await client.close()


def record(plan, heal_by, lands_until):
    """What the runner writes down before it injects."""
    now = time.time()
    nothing = dict.fromkeys(
        (
            "armed_at",
            "inject_started_at",
            "inject_returned_at",
            "heal_started_at",
            "verified_at",
            "ending",
            "error",
        )
    )
    return FaultRecord(
        id=7,
        run_id=3,
        subject="prod",
        kind=str(plan.fault),
        driver="docker",
        entity=plan.target.entity,
        target=dict(plan.target.identity),
        before=dict(plan.before),
        undo=dict(plan.undo),
        recorded_at=now,
        lands_until=lands_until,
        heal_by=heal_by,
        **nothing,
    )


async def until(good, what, limit_s=20.0):
    end = time.monotonic() + limit_s
    while not good():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def landed(name, fault):
    found = inspect(name)
    if fault is Fault.CUT:
        return not found["NetworkSettings"]["Networks"]
    return found["State"]["Status"] == ("paused" if fault is Fault.PAUSE else "exited")


@pytest.mark.parametrize("fault", [Fault.KILL, Fault.PAUSE, Fault.CUT], ids=str)
async def test_the_detached_healer_heals_by_itself_once_the_engine_is_back(
    site, engine, driver, fault, tmp_path
):
    network = site.network("front")
    name = site.run("kv1", network=network)
    before = inspect(name)["NetworkSettings"]["Networks"][network]
    plan = await driver.plan(fault, await driver.find("store:1"), {}, 30.0)
    healers = Healers(tmp_path / "healers")
    fault_record = record(plan, heal_by=time.time() + 3600.0, lands_until=time.time() + 1.0)
    pid = await healers.arm(fault_record, plan.words)
    try:
        await driver.inject(plan)
        await healers.returned(fault_record)
        engine.stop()
        assert landed(name, fault)
        os.kill(pid, signal.SIGTERM)  # its time has come, however long breaking it took
        file = healers.file(7)
        tried = lambda: (sentinel.read(file) or {}).get("ending")  # noqa: E731 - read at each look
        await until(lambda: tried() == undo.UNKNOWN, "it tries, and cannot see")
        assert "out of reach" in sentinel.read(file)["attempts"][-1]["why"]
        assert landed(name, fault)
        assert alive(pid)
        gone = await asyncio.to_thread(undo.heal, dict(plan.undo), time.time())
        assert gone.ending == undo.UNKNOWN
        with pytest.raises(Unavailable):
            await driver.find("store:1")

        engine.start()
        await until(lambda: tried() == undo.HEALED, "healed by the detached healer")
        assert inspect(name)["State"]["Status"] == "running"
        after = inspect(name)["NetworkSettings"]["Networks"][network]
        assert (after["IPAddress"], after["Aliases"]) == (before["IPAddress"], before["Aliases"])
        found = await healers.heal(fault_record, time.time())
        assert found.ending == undo.HEALED, "and the bot sees the same"
    finally:
        await healers.verified(7)
    await until(lambda: not alive(pid), "its work is done")


async def test_a_call_whose_answer_is_lost_may_have_happened_and_is_healed(site, engine, driver):
    name = site.run("kv1")
    plan = await driver.plan(Fault.PAUSE, await driver.find("store:1"), {}, 30.0)
    engine.mute = b"/pause"
    with pytest.raises(Unavailable, match="did not say what became of it"):
        await driver.inject(plan)
    early = {**plan.undo, "returned": False, "lands_until": time.time() + 60}
    await until(lambda: inspect(name)["State"]["Status"] == "paused", "it landed all the same")
    found = await asyncio.to_thread(undo.heal, early, time.time())
    assert (found.ending, found.did) == (undo.NOT_YET, ("unpaused",)), "it may land once more"
    assert inspect(name)["State"]["Status"] == "running"
    found = await asyncio.to_thread(undo.heal, early, time.time() + 61)
    assert found.final


async def test_an_engine_that_is_gone_before_the_call_means_that_nothing_happened(
    site, engine, driver
):
    name = site.run("kv1")
    plan = await driver.plan(Fault.KILL, await driver.find("store:1"), {}, 30.0)
    engine.stop()
    with pytest.raises(Refused, match="Nothing was done"):
        await driver.inject(plan)
    assert all((await driver.faults()).values()), "each says why not"
    engine.start()
    assert inspect(name)["State"]["Status"] == "running"


async def test_a_stop_that_was_given_up_on_still_lands_and_is_waited_for(site, engine, driver):
    """The caller is gone, the engine goes on stopping: seen running is not healed before that."""
    name = site.run("kv1")
    # It takes two seconds to end; until then the engine waits for it.
    docker("exec", name, "sh", "-c", "echo slow > /slow")
    plan = await driver.plan(Fault.STOP, await driver.find("store:1"), {}, 30.0)
    inject = asyncio.ensure_future(driver.inject(plan))
    await until(lambda: engine.asked(b"/stop") or inject.done(), "it is on its way")
    inject.cancel()
    with pytest.raises(asyncio.CancelledError):
        await inject
    until_then = {**plan.undo, "returned": False, "lands_until": time.time() + 60}
    found = await asyncio.to_thread(undo.heal, until_then, time.time())
    assert found.ending == undo.NOT_YET, found
    await until(lambda: inspect(name)["State"]["Status"] == "exited", "it lands")
    found = await asyncio.to_thread(undo.heal, until_then, time.time())
    assert found.did == ("started",)
    assert inspect(name)["State"]["Status"] == "running"


async def test_another_engine_at_the_same_address_closes_nothing(site, engine, driver):
    """It has no such container, but that does not mean that ours is gone."""
    name = site.run("kv1")
    plan = await driver.plan(Fault.KILL, await driver.find("store:1"), {}, 30.0)
    docker("rm", "-f", name)
    found = await asyncio.to_thread(undo.heal, {**plan.undo, "engine_id": "X"}, time.time())
    assert found.ending == undo.UNKNOWN
    assert "another engine" in found.why
    found = await asyncio.to_thread(undo.heal, dict(plan.undo), time.time())
    assert found.ending == undo.VANISHED
