"""Whom a selector means, and what a loss would leave, on a scripted cluster over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.chaos.driver import Breakable, Weighs
from core.chaos.settings import SubjectChaos
from core.clock import SystemClock
from core.errors import Refused, Unavailable
from core.subjects.tikv.subject import TikvSubject
from tests.core.subjects.tikv.driving import subject
from tests.world import World
from tests.world_pd import region

Start = Callable[..., Any]
ALL: frozenset[str] = frozenset()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    opened: list[tuple[World, TikvSubject]] = []

    async def begin(stores: int = 3, **how: Any) -> tuple[World, TikvSubject]:
        clock = SystemClock()
        world = World(clock, stores=stores, prometheus=False, **how)
        await world.__aenter__()
        chaos = SubjectChaos(enabled=True, drivers=("pd",))
        watched = subject(world, clock, chaos=chaos)  # type: ignore[arg-type]  # real time here
        opened.append((world, watched))
        return world, watched

    yield begin
    for world, watched in opened:
        await watched.close()
        await world.close()


async def test_a_cluster_may_be_broken_only_by_what_its_configuration_names(start: Start) -> None:
    world, watched = await start()
    closed = subject(world, SystemClock())  # type: ignore[arg-type]  # real time here

    assert isinstance(watched, Breakable)
    assert [one.name for one in watched.drivers()] == ["pd"]
    assert closed.drivers() == ()
    await closed.close()


async def test_one_of_three_stores_may_go_and_then_none(start: Start) -> None:
    world, watched = await start()

    first = await watched.margin(frozenset({"store:1"}))
    both = await watched.margin(frozenset({"store:1", "store:2"}))
    await world.kill_store(3)
    then = await watched.margin(frozenset({"store:1"}))

    assert (first.ok, first.value, first.words) == (True, 0, "margin 1 -> 0")
    assert (both.ok, both.words) == (False, "margin 1 -> majority lost")
    # Killed this instant, and PD still calls it Up: it counts as gone all the same.
    assert (then.ok, then.words) == (False, "margin 0 -> majority lost")


async def test_the_regions_that_are_really_there_decide(start: Start) -> None:
    world, watched = await start(stores=6)
    world.pd.regions = [region(1000, [1, 2, 3]), region(1010, [4, 5, 6])]
    await world.kill_store(1)

    shared = await watched.margin(frozenset({"store:2"}))
    apart = await watched.margin(frozenset({"store:4"}))

    assert (shared.ok, shared.words) == (False, "margin 0 -> majority lost")
    assert (apart.ok, apart.words) == (True, "margin 0 -> 0")


async def test_a_store_that_holds_nothing_but_learners_costs_nothing(start: Start) -> None:
    world, watched = await start(stores=5)
    body = region(1000, [1, 2, 3])
    body["peers"].append({"role_name": "Learner", "role": 1, "id": 1009, "store_id": 4})
    world.pd.regions = [body]
    await world.kill_store(1)

    assert (await watched.margin(frozenset({"store:4"}))).value == 0


async def test_a_placement_that_cannot_be_read_allows_nothing(start: Start) -> None:
    world, watched = await start(stores=6)
    world.pd.answers["/regions/store/2"] = world.pd._listed([])
    await world.pd.refuse()

    found = await watched.margin(frozenset({"store:2"}))

    assert (found.ok, found.value) == (False, None)
    assert "cannot be told" in found.words


async def test_regions_that_cannot_be_read_whole_allow_nothing(start: Start) -> None:
    world, watched = await start(stores=6)
    world.pd._of_store = lambda number: [{"id": "not a number"}]

    found = await watched.margin(frozenset({"store:2"}))

    assert (found.ok, found.value) == (False, None)


async def test_a_store_that_pd_does_not_list_cannot_be_simulated(start: Start) -> None:
    _, watched = await start()

    found = await watched.margin(frozenset({"store:9"}))

    assert (found.ok, found.words) == (False, "PD lists no store:9")


async def test_pd_members_have_a_majority_of_their_own(start: Start) -> None:
    world, watched = await start()

    one = await watched.margin(frozenset({"pd:pd-0"}))
    await world.pd.refuse(2)
    two = await watched.margin(frozenset({"pd:pd-0"}))
    dead = await watched.margin(frozenset({"pd:pd-2"}))
    none = await watched.margin(frozenset({"pd:pd-9"}))

    assert (one.ok, one.words) == (True, "PD's margin 1 -> 0")
    assert (two.ok, two.words) == (False, "PD's margin 0 -> majority lost")
    assert (dead.ok, dead.words) == (True, "PD's margin 0 -> 0")
    assert (none.ok, none.words) == (False, "PD has no pd:pd-9")


async def test_the_worse_of_both_decides_where_both_are_lost(start: Start) -> None:
    world, watched = await start()
    await world.pd.refuse(2)

    found = await watched.margin(frozenset({"pd:pd-0", "store:1"}))

    assert (found.ok, found.words) == (False, "PD's margin 0 -> majority lost")


@pytest.mark.parametrize(
    ("selector", "means"),
    [
        ("store:2", ("store:2",)),
        ("store-2", ("store:2",)),
        ("2", ("store:2",)),
        ("pd:leader", ("pd:pd-0",)),
        ("leader", ("pd:pd-0",)),
        ("pd:pd-1", ("pd:pd-1",)),
        ("pd-1", ("pd:pd-1",)),
        ("each:store", ("store:1", "store:2", "store:3")),
        ("each:pd", ("pd:pd-0", "pd:pd-1", "pd:pd-2")),
    ],
)
async def test_a_selector_means_what_it_says(
    start: Start, selector: str, means: tuple[str, ...]
) -> None:
    _, watched = await start()

    assert await watched.resolve(selector, 0, ALL) == means


async def test_an_address_means_the_store_that_has_it(start: Start) -> None:
    world, watched = await start()

    assert await watched.resolve(world.stores[3].address, 0, ALL) == ("store:3",)


async def test_a_free_choice_falls_on_what_is_well_and_may_be_broken(start: Start) -> None:
    world, watched = await start()
    some = frozenset({"store:2", "store:3", "pd:pd-2"})

    chosen = {(await watched.resolve("store", seed, some))[0] for seed in range(20)}
    follower = {(await watched.resolve("pd:follower", seed, ALL))[0] for seed in range(20)}

    assert chosen == {"store:2", "store:3"}
    assert follower == {"pd:pd-1", "pd:pd-2"}
    assert await watched.resolve("store", 7, some) == await watched.resolve("store", 7, some)
    world.stores[2].state = 1
    world.touched()
    assert {(await watched.resolve("store", seed, some))[0] for seed in range(20)} == {"store:3"}


@pytest.mark.parametrize(
    ("selector", "among", "said"),
    [
        ("store:9", ALL, "means nothing here; name one of pd:pd-0"),
        ("127.0.0.1", ALL, "means pd:pd-0, pd:pd-1"),
        ("store", frozenset({"pd:pd-0"}), "none of store:1, store:2, store:3 may be broken"),
        ("each:galaxy", ALL, "means nothing here"),
    ],
)
async def test_a_selector_that_means_nothing_or_several_is_refused(
    start: Start, selector: str, among: frozenset[str], said: str
) -> None:
    _, watched = await start()

    with pytest.raises(Refused, match=said):
        await watched.resolve(selector, 0, among)


async def test_without_pd_a_selector_cannot_be_told(start: Start) -> None:
    world, watched = await start()
    await world.pd.refuse()

    with pytest.raises(Unavailable):
        await watched.resolve("store", 0, ALL)


async def test_what_hangs_on_an_entity_is_told_and_nothing_where_it_cannot_be(start: Start) -> None:
    world, watched = await start()
    store = world.stores[2]

    assert isinstance(watched, Weighs)
    said = await watched.weight("store:2")
    assert said == f"it holds {store.peers} regions and leads {store.leaders}"
    assert await watched.weight("pd:pd-0") == "it leads PD"
    assert await watched.weight("pd:pd-1") == "it follows"
    assert await watched.weight("store:9") == ""
    await world.pd.refuse()
    assert await watched.weight("store:2") == ""
