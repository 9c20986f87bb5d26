"""Every fault on real containers on a real network: it lands, it is undone, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from core.chaos import undo
from core.chaos.drivers.docker import DockerDriver
from core.chaos.drivers.docker_here import tools
from core.chaos.model import Fault
from core.chaos.settings import SubjectChaos
from core.clients.docker_change import DockerChange
from core.clock import SystemClock
from core.errors import Refused
from tests.live import containers
from tests.live.containers import docker, inspect, state

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(os.geteuid() != 0, reason="looking into containers from outside takes root"),
]
SUBNET = "10.213.{}.0/24"


@pytest.fixture(scope="module")
def image():
    with containers.shell_image() as name:
        yield name


@pytest.fixture
def site(image):
    with containers.site(image) as made:
        yield made


@contextlib.asynccontextmanager
async def driver(site, entities, address=f"unix://{containers.SOCKET}", **settings):
    async def watched():
        return entities

    client = DockerChange(SystemClock(), address)
    made = DockerDriver(
        client, SystemClock(), watched, SubjectChaos(project=site.project, **settings)
    )
    try:
        yield made
    finally:
        await client.close()


async def heal(plan, *, returned=True, lands_until=0.0):
    """One attempt, with what the runner and the detached healer add."""
    asked = json.loads(json.dumps(dict(plan.undo)))
    asked |= {"returned": returned, "lands_until": lands_until}
    return await asyncio.to_thread(undo.heal, asked, time.time())


async def healed(plan, limit_s=20.0):
    """Attempts until one is final."""
    until = time.monotonic() + limit_s
    while not (found := await heal(plan)).final:
        assert time.monotonic() < until, found
        await asyncio.sleep(0.05)
    return found


async def until(good, what, limit_s=15.0):
    end = time.monotonic() + limit_s
    while not good():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.05)


def status(name):
    return inspect(name)["State"]["Status"]


def socket_in(name):
    """A socket in the container's network: a thread of its own enters it, the socket stays there."""
    made = []

    def enter():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/proc/{inspect(name)['State']['Pid']}/ns/net") as space:
            assert libc.setns(space.fileno(), 0) == 0, os.strerror(ctypes.get_errno())
        made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return made[0]


def hears(name, other):
    """Whether a packet from one container reaches another."""
    with socket_in(name) as near, socket_in(other) as far:
        near.bind(("0.0.0.0", 0))
        near.settimeout(0.1)
        address = next(iter(inspect(name)["NetworkSettings"]["Networks"].values()))["IPAddress"]
        for _ in range(6):
            # What one's own packet filter drops is told to the sender.
            with contextlib.suppress(TimeoutError, PermissionError):
                far.sendto(b"hello", (address, near.getsockname()[1]))
                return near.recv(9) == b"hello"
    return False


LANDED = {
    Fault.KILL: lambda name, _: (
        (status(name), inspect(name)["State"]["ExitCode"]) == ("exited", 137)
    ),
    Fault.STOP: lambda name, _: (status(name), inspect(name)["State"]["ExitCode"]) == ("exited", 0),
    Fault.RESTART: lambda name, before: inspect(name)["State"]["StartedAt"] != before,
    Fault.PAUSE: lambda name, _: status(name) == "paused",
    Fault.CRASH: lambda name, _: (
        (status(name), inspect(name)["State"]["ExitCode"]) == ("exited", 137)
    ),
    Fault.CUT: lambda name, _: not inspect(name)["NetworkSettings"]["Networks"],
}


@pytest.fixture(scope="module")
def stage(image):
    """A store on two networks, with a name and an address that were chosen, and a neighbour."""
    with containers.site(image) as made:
        network, second = made.network("front", SUBNET.format(101)), made.network("back")
        alias = ("--network-alias", "store-one", "--ip", "10.213.101.9")
        name = made.run("kv1", *alias, network=network)
        docker("network", "connect", "--alias", "inner", second, name)
        neighbour = made.run("kv2", network=network)
        yield made, name, neighbour


@pytest.mark.parametrize("fault", LANDED, ids=str)
async def test_a_fault_lands_and_is_healed_and_nothing_is_left(stage, fault):
    site, name, neighbour = stage
    before, began = state(name), inspect(name)["State"]["StartedAt"]
    async with driver(site, {"store:1": ("store-one:20160",), "store:2": ("kv2",)}) as docked:
        plan = await docked.plan(fault, await docked.find("store:1"), {}, 30.0)
        assert state(name) == before, "planning does no harm"
        await docked.inject(plan)
        await until(lambda: LANDED[fault](name, began), f"{fault} lands")
        found = await healed(plan)
        assert found.ending == undo.HEALED, found
        assert state(name) == before
        once = inspect(name)["State"]
        assert (await heal(plan)).ending == undo.HEALED, "twice does no harm"
        assert inspect(name)["State"] == once
        assert "10.213.101.9" in docker("exec", neighbour, "getent", "hosts", "store-one")


@pytest.mark.parametrize("policy", ["no", "on-failure"])
async def test_a_crash_is_started_again_by_the_restart_policy_and_a_kill_is_not(site, policy):
    name = site.run("kv1", "--restart", policy)
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        target = await docked.find("store:1")
        plan = await docked.plan(Fault.CRASH, target, {}, 30.0)
        assert ("starts it again" in plan.words) == (policy != "no"), plan.words
        assert ("stays down" in plan.words) == (policy == "no"), plan.words
        await docked.inject(plan)
        old = target.identity["started_at"]
        if policy == "no":
            await until(lambda: status(name) == "exited", "it stays down")
        else:
            await until(lambda: inspect(name)["State"]["StartedAt"] > old, "it comes back")
        found = await healed(plan)
        assert (found.ending, bool(found.did)) == (undo.HEALED, policy == "no")
        assert status(name) == "running"

        plan = await docked.plan(Fault.KILL, await docked.find("store:1"), {}, 30.0)
        await docked.inject(plan)
        await until(lambda: status(name) == "exited", "it ends")
        assert (await healed(plan)).did == ("started",), "no policy was quicker"
        assert inspect(name)["HostConfig"]["RestartPolicy"]["Name"] == policy


LIMITS = (
    (
        ("--cpus", "1.5", "--memory", "256m", "--memory-swap", "300m"),
        Fault.LIMIT_CPU,
        {"cpus": 0.2},
    ),
    ((), Fault.LIMIT_MEMORY, {"pct": 900}),
    (("--cpu-quota", "70000", "--cpu-period", "50000", "--memory", "99m"), Fault.LIMIT_CPU, {}),
    ((), Fault.LIMIT_MEMORY, {"mib": 32}),
    (("--pids-limit", "50"), Fault.LIMIT_CPU, {"cpus": 0.05}),
    ((), Fault.LIMIT_MEMORY, {"mib": 24}),
)
"""Without options it is the container of the line before: with limits that the engine keeps, and with
none, where the control group is written to."""


async def test_limits_are_set_and_given_back_exactly(site):
    entities = {}
    async with driver(site, entities) as docked:
        for number, (options, fault, params) in enumerate(LIMITS):
            if options:
                name = site.run(f"kv{number}", *options)
                entities.clear()
                entities["store:1"] = (f"kv{number}",)
            before = state(name)
            plan = await docked.plan(fault, await docked.find("store:1"), params, 30.0)
            await docked.inject(plan)
            assert state(name)["limits"] != before["limits"]
            found = await healed(plan)
            assert (found.ending, len(found.did)) == (undo.HEALED, 1), found
            assert state(name) == before
            assert not (await heal(plan)).did


async def test_a_limit_that_somebody_changed_meanwhile_is_left_alone(site):
    name = site.run("kv1", "--memory", "256m", "--memory-swap", "256m")
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        target = await docked.find("store:1")
        plan = await docked.plan(Fault.LIMIT_MEMORY, target, {"mib": 32}, 30.0)
        await docked.inject(plan)
        docker("update", "--memory", "100m", "--memory-swap", "100m", name)
        found = await healed(plan)
        assert (found.ending, found.did) == (undo.HEALED, ())
        assert inspect(name)["HostConfig"]["Memory"] == 100 * 2**20


async def test_a_limit_below_what_is_used_is_refused(site):
    site.run("kv1", "--memory", "256m", "--tmpfs", "/ballast")
    name = f"{site.project}-kv1-1"
    docker("exec", name, "fallocate", "-l", "20M", "/ballast/file")
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        with pytest.raises(Refused, match="would kill it"):
            await docked.plan(Fault.LIMIT_MEMORY, await docked.find("store:1"), {"mib": 10}, 30.0)


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_a_one_way_partition_lets_the_other_way_pass(site, direction):
    network = site.network("front")
    one, two = (site.run(service, network=network) for service in ("kv1", "kv2"))
    before = state(one)
    async with driver(site, {"store:1": ("kv1",), "store:2": ("kv2",)}) as docked:
        if why := (await docked.faults())[Fault.PARTITION]:
            pytest.skip(why)
        assert hears(one, two)
        assert hears(two, one)
        params = {"direction": direction, "side": "store:2"}
        plan = await docked.plan(Fault.PARTITION, await docked.find("store:1"), params, 30.0)
        await docked.inject(plan)
        assert hears(one, two) == (direction == "out")
        assert hears(two, one) == (direction == "in")
        found = await healed(plan)
        assert (found.ending, len(found.did)) == (undo.HEALED, 1), found
        assert state(one) == before
        assert hears(one, two)
        assert hears(two, one)


async def test_a_partition_ends_with_the_process_that_it_was_made_for(site):
    network = site.network("front")
    one = site.run("kv1", network=network)
    before = state(one)
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        if why := (await docked.faults())[Fault.PARTITION]:
            pytest.skip(why)
        plan = await docked.plan(Fault.PARTITION, await docked.find("store:1"), {}, 30.0)
        await docked.inject(plan)
        docker("restart", "-t", "5", one)
        assert (await healed(plan)).did == ()
        assert state(one) == before


async def test_delay_and_loss_are_refused_with_the_reason_where_the_kernel_has_no_netem(site):
    site.run("kv1", network=site.network("front"))
    name = f"{site.project}-kv1-1"
    before = state(name)
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        known = await docked.faults()
        target = await docked.find("store:1")
        for fault in (Fault.DELAY, Fault.LOSS):
            if known[fault]:
                assert "netem" in known[fault]
                with pytest.raises(Refused, match="netem"):
                    await docked.plan(fault, target, {}, 30.0)
            else:
                plan = await docked.plan(fault, target, {}, 30.0)
                await docked.inject(plan)
                assert "netem" in state(name)["wires"]
                assert (await healed(plan)).did
    assert state(name) == before


DISKS = {
    "volume": ("--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=64m"),
    "plain volume": (),
}


@pytest.mark.parametrize("case", DISKS)
async def test_a_disk_is_filled_with_one_file_that_is_removed_again(site, case):
    volume = site.volume("data", *DISKS[case])
    name = site.run("kv1", "-v", f"{volume}:/data")
    docker("exec", name, "fallocate", "-l", "1M", "/data/theirs")
    before = state(name)
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        target = await docked.find("store:1")
        if case == "plain volume":
            with pytest.raises(Refused, match="max_gib"):
                await docked.plan(Fault.FILL_DISK, target, {"pct": 95, "max_gib": 0.01}, 30.0)
            params = _a_little_more(volume)
        else:
            params = {"pct": 90}
        plan = await docked.plan(Fault.FILL_DISK, target, params, 30.0)
        assert plan.undo["by"] == ("host" if case == "plain volume" else "inside")
        await docked.inject(plan)
        made = [one for one in state(name)["files"] if one != "theirs"]
        assert made == [plan.undo["name"]]
        size = docker("exec", name, "stat", "-c", "%s", f"/data/{made[0]}")
        assert int(size) == plan.undo["bytes"] > 0
        found = await healed(plan)
        assert (found.ending, len(found.did)) == (undo.HEALED, 1), found
        assert state(name) == before
        assert not (await heal(plan)).did


def _a_little_more(volume):
    """A share of the real disk that is reached with some hundred megabytes at most."""
    at = docker("volume", "inspect", "-f", "{{.Mountpoint}}", volume)
    found = os.statvfs(at)
    used = 100 * (1 - found.f_bavail / found.f_blocks)
    return {"pct": used + 0.1, "max_gib": 2}


async def test_a_file_in_a_volume_is_removed_though_its_container_is_gone(site):
    options = DISKS["volume"]
    volume, other = site.volume("data", *options), site.volume("plain")
    keeper = site.run("keeper", "-v", f"{volume}:/elsewhere", opted=False)
    name = site.run("kv1", "-v", f"{volume}:/data", "-v", f"{other}:/more")
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        target = await docked.find("store:1")
        with pytest.raises(Refused, match="several volumes"):
            await docked.plan(Fault.FILL_DISK, target, {}, 30.0)
        plans = [
            await docked.plan(Fault.FILL_DISK, target, params, 30.0)
            for params in ({"path": "/data", "pct": 50}, {"path": "/more"} | _a_little_more(other))
        ]
        for plan in plans:
            await docked.inject(plan)
    docker("rm", "-f", name)
    assert docker("exec", keeper, "ls", "-A", "/elsewhere")
    for plan in plans:
        found = await healed(plan)
        assert (found.ending, len(found.did)) == (undo.HEALED, 1), found
    assert docker("exec", keeper, "ls", "-A", "/elsewhere") == ""
    at = Path(docker("volume", "inspect", "-f", "{{.Mountpoint}}", other))
    assert list(at.iterdir()) == []


@pytest.mark.parametrize("fault", [Fault.PAUSE, Fault.CUT], ids=str)
async def test_a_container_that_was_removed_and_made_anew_is_not_touched(site, fault):
    network = site.network("front")
    name = site.run("kv1", network=network)
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        plan = await docked.plan(fault, await docked.find("store:1"), {}, 30.0)
        await docked.inject(plan)
        docker("rm", "-f", name)
        assert (await heal(plan)).ending == undo.VANISHED
        site.run("kv1", network=network)
        docker("pause", name)
        assert (await heal(plan, returned=False)).ending == undo.VANISHED
        assert status(name) == "paused", "the new one is somebody else's"


async def test_what_somebody_stopped_on_purpose_meanwhile_stays_stopped(site):
    """Told by the engine's events: a stop that is not ours, after our fault."""
    names = {fault: site.run(f"kv-{fault}") for fault in (Fault.PAUSE, Fault.KILL)}
    entities = {f"store:{fault}": (f"kv-{fault}",) for fault in names}
    async with driver(site, entities) as docked:
        for fault, name in names.items():
            plan = await docked.plan(fault, await docked.find(f"store:{fault}"), {}, 30.0)
            await docked.inject(plan)
            if fault is Fault.KILL:
                docker("start", name)
            docker("stop", "-t", "1", name)
            found = await healed(plan)
            assert (found.ending, found.did) == (undo.HEALED, ())
            assert "left as it is" in found.why
            assert status(name) == "exited"


async def test_a_fault_that_was_never_injected_is_never_landed_once_it_cannot_land_any_more(site):
    name = site.run(
        "kv1", "--memory", "99m", "-v", f"{site.volume('v')}:/data", network=site.network("f")
    )
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        target = await docked.find("store:1")
        before, process = state(name), inspect(name)["State"]["Pid"]
        params = {
            Fault.FILL_DISK: _a_little_more(f"{site.project}_v"),
            Fault.LIMIT_MEMORY: {"mib": 50},
        }
        for fault, why in (await docked.faults()).items():
            if why:
                continue
            plan = await docked.plan(fault, target, params.get(fault, {}), 30.0)
            waiting = await heal(plan, returned=False, lands_until=time.time() + 60)
            assert waiting.ending == undo.NOT_YET
            assert "may still land" in waiting.why
            found = await heal(plan, returned=False)
            assert (found.ending, found.did) == (undo.NEVER_LANDED, ()), (fault, found)
        assert (state(name), inspect(name)["State"]["Pid"]) == (before, process)


async def test_an_address_that_the_network_gives_out_itself_is_asked_for_again(site):
    """A lower address is free meanwhile, so the engine would give it that one."""
    chosen = site.network("chosen", SUBNET.format(102))
    low = site.run("low", network=chosen)
    name = site.run("kv1", network=chosen)
    before = state(name)
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        plan = await docked.plan(Fault.CUT, await docked.find("store:1"), {}, 30.0)
        await docked.inject(plan)
        docker("rm", "-f", low)
        found = await healed(plan)
        assert (found.ending, found.why) == (undo.HEALED, "")
        after = state(name)
        assert after["networks"][chosen]["ip"] == before["networks"][chosen]["ip"]


async def test_somebody_who_reconnected_it_without_its_names_is_helped(site):
    network = site.network("front")
    name = site.run("kv1", "--network-alias", "store-one", network=network)
    before = state(name)
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        plan = await docked.plan(Fault.CUT, await docked.find("store:1"), {}, 30.0)
        await docked.inject(plan)
        docker("network", "connect", network, name)
        found = await healed(plan)
        assert (found.ending, len(found.did)) == (undo.HEALED, 1)
        assert state(name) == before


async def test_the_one_that_was_planned_for_is_the_one_that_is_broken(site):
    name = site.run("kv1")
    async with driver(site, {"store:1": ("kv1",)}) as docked:
        plan = await docked.plan(Fault.KILL, await docked.find("store:1"), {}, 30.0)
        docker("restart", "-t", "5", name)
        with pytest.raises(Refused, match="started anew"):
            await docked.inject(plan)
        docker("rm", "-f", name)
        with pytest.raises(Refused, match="removed"):
            await docked.inject(plan)
        site.run("kv1")
        with pytest.raises(Refused, match="removed"):
            await docked.inject(plan)
        assert status(name) == "running"


async def test_only_what_opted_in_and_is_exactly_one_container_is_a_target(site):
    network = site.network("front")
    site.run("kv1", network=network)
    site.run("kv2", network=network, opted=False)
    site.run("kv3", "--network-alias", "same", network=network)
    site.run("kv4", "--network-alias", "same", network=network)
    site.run("kv5", "--rm", network=network)
    entities = {f"store:{n}": (f"kv{n}:20160",) for n in (1, 2, 5)}
    entities |= {"store:3": ("same",), "store:6": ("kv",), "store:7": ("nowhere:1",)}
    async with driver(site, entities) as docked:
        assert [one.entity for one in await docked.targets()] == ["store:1", "store:5"]
        for entity, why in {
            "store:2": "tocsin.chaos=allow",
            "store:3": "2 containers could be",
            "store:6": "No container is",
            "store:7": "No container is",
            "store:8": "There is no store:8",
        }.items():
            with pytest.raises(Refused, match=why):
                await docked.find(entity)
        with pytest.raises(Refused, match="--rm"):
            await docked.plan(Fault.KILL, await docked.find("store:5"), {}, 30.0)
    assert tools().iptables is not None
