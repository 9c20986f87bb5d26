from __future__ import annotations

from typing import Any

from core.clients.docker import DockerClient
from core.clients.docker_model import ContainerEvent, container
from core.clock import ManualClock
from core.subjects.tikv.containers import Containers
from tests.core.subjects.tikv.making import store


def following(names: dict[str, str] | None = None) -> tuple[Containers, ManualClock]:
    """Two containers of a compose project, whose events are handed over by the test."""
    clock = ManualClock()
    one = Containers(DockerClient(clock, "unix:///nowhere"), names or {}, clock)
    for number in (1, 2):
        raw = {
            "Id": f"c{number}",
            "Name": f"/p-tikv-{number}-1",
            "Config": {"Labels": {"com.docker.compose.service": f"tikv-{number}"}},
            "State": {"Status": "running"},
        }
        one._by_id[f"c{number}"] = container(raw)
    return one, clock


def event(action: str, key: str = "c1", **more: Any) -> ContainerEvent:
    return ContainerEvent("container", action, key, f"p-{key}", 1.0, **more)


STORES = (store(1), store(2))


async def test_a_container_that_ends_is_the_death_of_its_store() -> None:
    one, _ = following()
    one.note(event("die", exit_code=137))
    found = one.deaths(STORES)
    assert set(found) == {1}
    assert found[1].said == "its container p-c1 ended with exit code 137"
    assert not found[1].graceful
    await one.nudged()


async def test_a_graceful_signal_first_announces_it() -> None:
    one, _ = following()
    one.note(event("kill", signal="15"))
    one.note(event("die", exit_code=0))
    assert one.deaths(STORES)[1].graceful


async def test_a_kill_announces_nothing() -> None:
    one, _ = following()
    one.note(event("kill", signal="9"))
    one.note(event("die", exit_code=137))
    assert not one.deaths(STORES)[1].graceful


async def test_a_signal_of_long_ago_announces_nothing() -> None:
    one, clock = following()
    one.note(event("kill", signal="SIGTERM"))
    await clock.advance(61)
    one.note(event("die"))
    assert not one.deaths(STORES)[1].graceful


async def test_a_container_that_starts_again_is_not_dead() -> None:
    one, _ = following()
    one.note(event("die"))
    one.note(event("start"))
    assert one.deaths(STORES) == {}


async def test_out_of_memory_is_said() -> None:
    one, _ = following()
    one.note(event("oom", "c2"))
    assert one.deaths(STORES)[2].said == "its container p-c2 ran out of memory"


async def test_old_deaths_and_other_containers_mean_nothing() -> None:
    one, clock = following()
    one.note(event("die"))
    one.note(event("die", "c9"))
    one.note(ContainerEvent("network", "disconnect", "c2", "", 1.0))
    assert set(one.deaths(STORES)) == {1}
    await clock.advance(61)
    assert one.deaths(STORES) == {}


async def test_names_can_be_given_and_are_exact() -> None:
    one, _ = following({"tikv-2:20160": "p-tikv-1-1", "tikv-1": "other"})
    one.note(event("die"))
    assert set(one.deaths(STORES)) == {2}


async def test_a_name_that_two_stores_share_decides_nothing() -> None:
    one, _ = following()
    one.note(event("die"))
    twins = (store(1), store(7, address="tikv-1:20161"))
    assert one.deaths(twins) == {}


async def test_an_engine_that_is_not_there_is_told_and_asked_again() -> None:
    import asyncio

    one, clock = following()
    task = asyncio.ensure_future(one.follow())
    while not one.problem:
        await asyncio.sleep(0.001)
    assert "there is no such socket" in one.problem
    await clock.advance(6)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await one.close()
