"""The Docker driver against a scripted engine: what it refuses, and what it says it will do."""

from __future__ import annotations

import pytest

from core.chaos.drivers.docker import DockerDriver
from core.chaos.drivers.docker_here import Tools
from core.chaos.drivers.docker_seen import Spared
from core.chaos.model import Fault, Target
from core.chaos.settings import SubjectChaos
from core.clients.docker_change import DockerChange
from core.clock import SystemClock
from core.errors import Invalid, Refused, Unavailable
from tests.docker_engine import ID, LATER, STARTED, FakeEngine, container

OTHER = "cd" * 32
STORES = {"store:1": ("kv1:20160", "kv1")}


@pytest.fixture
async def engine(tmp_path):
    async with FakeEngine(str(tmp_path / "d.sock")) as one:
        yield one


@pytest.fixture
async def make(engine):
    made = []

    def driver(entities=STORES, never=Spared(), tools=None, **settings):  # noqa: B008 - frozen
        async def watched():
            return entities

        client = DockerChange(SystemClock(), engine.address)
        made.append(client)
        chaos = SubjectChaos(**settings)
        return DockerDriver(client, SystemClock(), watched, chaos, never, tools)

    yield driver
    for one in made:
        await one.close()


async def test_what_is_found_is_known_by_its_full_id_and_its_start(make):
    target = await make().find("store:1")
    assert target.identity == {"id": ID, "started_at": STARTED}
    assert (target.driver, target.entity, target.name) == ("docker", "store:1", "p-kv1-1")


async def test_planning_says_what_will_be_done_and_asks_for_nothing(make, engine):
    driver = make()
    target = await driver.find("store:1")
    for fault, words, undone in (
        (Fault.KILL, "SIGKILL", "start"),
        (Fault.STOP, "SIGTERM (SIGKILL after 30 s)", "start"),
        (Fault.PAUSE, "freeze", "run on"),
        (Fault.CUT, "disconnect p-kv1-1 (p/kv1) from front", "same aliases and addresses"),
    ):
        plan = await driver.plan(fault, target, {}, 30.0)
        assert words in plan.words
        assert undone in plan.undo_words
        assert "container p-kv1-1 (store:1)" in plan.radius
        assert plan.undo["driver"] == "docker"
        assert (plan.undo["id"], plan.undo["engine_id"]) == (ID, "E1")
        assert plan.lands_within_s >= 20.0
    assert (await driver.plan(Fault.STOP, target, {"timeout_s": 90}, 9.0)).lands_within_s == 110.0
    assert engine.changes == []


async def test_a_cut_remembers_what_its_user_chose_and_not_what_the_engine_added(make, engine):
    found = engine.containers[ID]["NetworkSettings"]["Networks"]["front"]
    found |= {"IPAMConfig": {"IPv4Address": "10.0.0.3"}, "DriverOpts": {"a": "b"}}
    driver = make()
    plan = await driver.plan(Fault.CUT, await driver.find("store:1"), {}, 30.0)
    chosen = {
        "Aliases": ["kv1"],
        "IPAMConfig": {"IPv4Address": "10.0.0.3"},
        "DriverOpts": {"a": "b"},
    }
    wanted = [{"id": "n1", "name": "front", "ip": "10.0.0.3", "endpoint": chosen}]
    assert plan.undo["networks"] == wanted


@pytest.mark.parametrize(
    ("change", "fault", "params", "error", "why"),
    [
        ({"State": {"Status": "paused", "StartedAt": STARTED}}, "kill", {}, Refused, "is paused"),
        ({"State": {"Status": "running", "StartedAt": LATER}}, "kill", {}, Refused, "anew"),
        ({"HostConfig": {"AutoRemove": True}}, "kill", {}, Refused, "--rm"),
        ({"HostConfig": {"NetworkMode": "host"}}, "cut", {}, Refused, "no network of its own"),
        ({"HostConfig": {"NetworkMode": "container:x"}}, "cut", {}, Refused, "no network of its"),
        ({}, "cut", {"network": "back"}, Invalid, "it is on front"),
        ({}, "kill", {"hard": True}, Invalid, "no parameter 'hard'"),
        ({}, "stop", {"timeout_s": 5}, Invalid, "between 30 and 600"),
        ({}, "limit_cpu", {}, Refused, "no such limit now"),
        ({"HostConfig": {"NanoCpus": 10**8}}, "limit_cpu", {"cpus": 1}, Refused, "no more than"),
        ({}, "transfer_leader", {}, Refused, "add the driver pd"),
    ],
)
async def test_what_cannot_be_done_or_undone_is_refused_with_the_reason(
    make, engine, change, fault, params, error, why
):
    driver = make()
    target = await driver.find("store:1")
    engine.containers[ID] |= change
    with pytest.raises(error, match=why):
        await driver.plan(Fault(fault), target, params, 30.0)
    assert engine.changes == []


async def test_one_container_that_is_two_entities_is_refused(make):
    driver = make({"store:1": ("kv1",), "pd:pd-0": ("p-kv1-1",)})
    with pytest.raises(Refused, match=r"store:1 and also pd:pd-0"):
        await driver.find("store:1")
    assert await driver.targets() == ()


async def test_whoever_shares_its_network_must_have_opted_in_too(make, engine):
    engine.containers[OTHER] = container(
        Id=OTHER,
        Name="/side",
        HostConfig={"NetworkMode": f"container:{ID}"},
        Config={"Labels": {}},
        NetworkSettings={"Networks": {}},
    )
    driver = make()
    target = await driver.find("store:1")
    with pytest.raises(Refused, match="side did not opt in"):
        await driver.plan(Fault.CUT, target, {}, 30.0)
    engine.containers[OTHER]["Config"]["Labels"]["tocsin.chaos"] = "allow"
    assert "shared by side" in (await driver.plan(Fault.CUT, target, {}, 30.0)).radius


@pytest.mark.parametrize(
    ("bound", "by", "refused"),
    [
        ([{"HostIp": "", "HostPort": "2379"}], "127.0.0.1:2379", False),
        ([{"HostIp": "", "HostPort": ""}], "127.0.0.1:2379", True),
        ([{"HostIp": "", "HostPort": "0"}], "http://localhost:2379", True),
        (None, "127.0.0.1:2379", True),
        ([{"HostIp": "", "HostPort": ""}], "kv1:2379", False),
    ],
)
async def test_what_is_reached_at_a_port_that_the_engine_chose_would_not_be_found_again(
    make, engine, bound, by, refused
):
    one = engine.containers[ID]
    one["NetworkSettings"]["Ports"] = {"2379/tcp": [{"HostIp": "0.0.0.0", "HostPort": "2379"}]}
    one["HostConfig"]["PortBindings"] = {"2379/tcp": bound} if bound else {}
    driver = make({"pd:pd-0": (by,)})
    target = await driver.find("pd:pd-0")
    for fault in (Fault.KILL, Fault.STOP, Fault.CUT):
        if refused:
            with pytest.raises(Refused, match="port 2379, which the engine chose"):
                await driver.plan(fault, target, {}, 30.0)
        else:
            said = (await driver.plan(fault, target, {}, 30.0)).radius
            assert ("will be others" in said) == by.startswith("kv1")
    await driver.plan(Fault.PAUSE, target, {}, 30.0)


async def test_an_address_that_the_network_gave_out_is_told_where_we_need_it(make, engine):
    said = "gave out 10.0.0.3"
    for names, chosen, told in (
        (("10.0.0.3:20160",), None, True),
        (("10.0.0.3:20160",), {"IPv4Address": "10.0.0.3"}, False),
        (("kv1:20160",), None, False),
    ):
        networks = engine.containers[ID]["NetworkSettings"]["Networks"]
        networks["front"]["IPAMConfig"] = chosen
        driver = make({"store:1": names})
        plan = await driver.plan(Fault.KILL, await driver.find("store:1"), {}, 30.0)
        assert (said in plan.radius) == told


async def test_our_own_container_is_no_target_even_if_it_opted_in(make, engine):
    driver = make(never=Spared(ids=frozenset({ID[:12]})))
    with pytest.raises(Refused, match="never a target"):
        await driver.find("store:1")
    known = Target("docker", "store:1", "p-kv1-1", {"id": ID, "started_at": STARTED})
    with pytest.raises(Refused, match="never a target"):
        await driver.plan(Fault.KILL, known, {}, 30.0)


async def test_only_named_targets_where_some_are_named(make):
    for name in ("store:1", "p-kv1-1", "kv1"):
        assert (await make(targets=(name,)).find("store:1")).entity == "store:1"
    with pytest.raises(Refused, match="not among the targets"):
        await make(targets=("store:2",)).find("store:1")


async def test_a_label_that_was_taken_away_between_plan_and_call_is_seen(make, engine):
    driver = make()
    plan = await driver.plan(Fault.KILL, await driver.find("store:1"), {}, 30.0)
    del engine.containers[ID]["Config"]["Labels"]["tocsin.chaos"]
    with pytest.raises(Refused, match="did not opt in"):
        await driver.inject(plan)
    assert engine.changes == []


@pytest.mark.parametrize(
    ("lie", "error"), [((500, "done"), Unavailable), ((409, "not done"), Refused)]
)
async def test_what_is_known_of_a_call_is_told_apart(make, engine, lie, error):
    driver = make()
    plan = await driver.plan(Fault.KILL, await driver.find("store:1"), {}, 30.0)
    engine.lies["/kill"] = lie
    with pytest.raises(error):
        await driver.inject(plan)


async def test_a_cut_in_part_is_never_called_nothing(make, engine):
    networks = engine.containers[ID]["NetworkSettings"]["Networks"]
    networks["zone"] = {**networks["front"], "NetworkID": "n2"}
    driver = make()
    plan = await driver.plan(Fault.CUT, await driver.find("store:1"), {}, 30.0)
    assert [one["name"] for one in plan.undo["networks"]] == ["front", "zone"]
    engine.lies["/networks/n2/disconnect"] = (403, "not done")
    with pytest.raises(Unavailable, match="in part"):
        await driver.inject(plan)


async def test_without_an_engine_each_fault_says_so(make, engine):
    driver = make()
    target = await driver.find("store:1")
    plan = await driver.plan(Fault.KILL, target, {}, 30.0)
    engine.lies["/"] = (0, "not done")
    reasons = await driver.faults()
    assert set(reasons) == set(Fault)
    assert all(reasons.values())
    with pytest.raises(Unavailable):
        await driver.targets()
    with pytest.raises(Refused, match="Nothing was done"):
        await driver.inject(plan)


async def test_what_the_healer_could_not_reach_is_not_broken(make, engine):
    driver = make()
    target = await driver.find("store:1")
    engine.lies["/info"] = (0, "not done")
    with pytest.raises((Refused, Unavailable)):
        await driver.plan(Fault.KILL, target, {}, 30.0)
    engine.lies.clear()
    # The SDK goes ways that the healer does not know (ssh:// for one).
    driver._client.address = "ssh://ops@far"
    with pytest.raises(Refused, match="healer cannot reach"):
        await driver._healers_way()
    assert engine.changes == []


async def test_every_fault_is_listed_with_its_reason(make):
    reasons = await make(tools=Tools()).faults()
    assert set(reasons) == set(Fault)
    assert reasons[Fault.KILL] == reasons[Fault.CUT] == ""
    for fault in (Fault.PARTITION, Fault.DELAY, Fault.LOSS, Fault.EVICT_LEADERS):
        assert reasons[fault]
