"""Changes to containers: when nothing can have happened, and when it is not known."""

from __future__ import annotations

import pytest

from core.clients.docker_change import DockerChange
from core.clock import SystemClock
from core.errors import NotFound, Refused, Unavailable
from tests.docker_engine import ID, FakeEngine, container


@pytest.fixture
async def engine(tmp_path):
    async with FakeEngine(str(tmp_path / "d.sock")) as one:
        yield one


@pytest.fixture
async def client(engine):
    made = DockerChange(SystemClock(), engine.address)
    yield made
    await made.close()


async def test_each_change_is_asked_of_the_engine_once_and_whole(engine, client):
    await client.pause(ID)
    engine.containers[ID]["State"]["Status"] = "running"
    await client.kill(ID)
    await client.stop(ID, 45)
    await client.restart(ID, 31)
    await client.update(ID, {"NanoCpus": 5, "MemorySwap": -1})
    await client.disconnect(ID, "n1")
    assert engine.changes == [
        f"/containers/{ID}/{verb}" for verb in ("pause", "kill", "stop", "restart", "update")
    ] + ["/networks/n1/disconnect"]
    sent = {one.path.rpartition("/")[2]: one for one in engine.asked}
    assert sent["kill"].query["signal"] == ["SIGKILL"]
    assert (sent["stop"].query["t"], sent["restart"].query["t"]) == (["45"], ["31"])
    assert engine.containers[ID]["HostConfig"]["NanoCpus"] == 5
    assert engine.containers[ID]["HostConfig"]["MemorySwap"] == -1


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        ((409, "not done"), Refused),
        ((404, "not done"), Refused),
        ((400, "not done"), Refused),
        ((500, "not done"), Unavailable),
        ((500, "done"), Unavailable),
        ((0, "done"), Unavailable),
    ],
)
async def test_only_a_plain_no_means_that_nothing_happened(engine, client, lie, error):
    engine.lies["/kill"] = lie
    with pytest.raises(error):
        await client.kill(ID)


async def test_where_nobody_listens_nothing_happened(client, engine, tmp_path):
    for address in (f"unix://{tmp_path}/none.sock", "tcp://127.0.0.1:1", "tcp://127.0.0.1:x"):
        gone = DockerChange(SystemClock(), address)
        with pytest.raises(Refused, match="cannot be reached"):
            await gone.kill(ID)
        with pytest.raises(Unavailable, match="cannot be reached"):
            await gone.everything()
        await gone.close()
    assert engine.changes == []


async def test_what_is_not_there_is_not_found_when_read(client):
    with pytest.raises(NotFound):
        await client.inspect("cd" * 32)


async def test_everything_is_whole_and_what_went_meanwhile_is_left_out(engine, client):
    other = container(Id="cd" * 32)
    engine.containers[other["Id"]] = other
    engine.lies[f"/containers/{ID}/json"] = (404, "not done")
    assert [one["Id"] for one in await client.everything()] == [other["Id"]]


async def test_an_engine_that_says_something_else_is_out_of_reach(engine, client):
    engine.lies["/version"] = (200, "not done")
    with pytest.raises(Unavailable):
        await client.everything()
