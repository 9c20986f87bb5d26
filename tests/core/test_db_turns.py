"""People write first, nobody is forgotten, and a turn is never lost."""

from __future__ import annotations

import asyncio

import pytest

from core.db_turns import IN_A_ROW, Turns
from core.errors import Unavailable


async def _queue(turns: Turns, order: list[str], *names: str) -> list[asyncio.Task[None]]:
    """One writer each, in this order; those of the program begin with "program"."""

    async def one(name: str) -> None:
        await turns.take(person=not name.startswith("program"))
        order.append(name)
        turns.give()

    tasks = []
    for name in names:
        tasks.append(asyncio.create_task(one(name)))
        await asyncio.sleep(0)
    return tasks


async def test_people_go_first_each_in_order_of_arrival() -> None:
    turns, order = Turns(), list[str]()
    await turns.take(person=False)
    tasks = await _queue(turns, order, "program 1", "ana", "program 2", "ben")
    assert turns.pressing
    turns.give()
    await asyncio.gather(*tasks)

    assert order == ["ana", "ben", "program 1", "program 2"]
    assert not turns.pressing
    assert not turns.waiting


async def test_the_program_is_not_starved_by_people() -> None:
    turns, order = Turns(), list[str]()
    await turns.take(person=True)
    people = [f"person {n}" for n in range(3 * IN_A_ROW)]
    tasks = await _queue(turns, order, "program 1", "program 2", *people)
    turns.give()
    await asyncio.gather(*tasks)

    assert order.index("program 1") == IN_A_ROW
    assert order.index("program 2") == 2 * IN_A_ROW + 1


async def test_who_gives_up_while_waiting_leaves_the_turn_to_the_next() -> None:
    turns, order = Turns(), list[str]()
    await turns.take(person=True)
    first, second = await _queue(turns, order, "ana", "ben")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    turns.give()
    await second

    assert order == ["ben"]


async def test_who_gives_up_in_the_moment_of_getting_the_turn_hands_it_on() -> None:
    turns, order = Turns(), list[str]()
    await turns.take(person=True)
    first, second = await _queue(turns, order, "ana", "ben")
    turns.give()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await second

    assert order == ["ben"]
    await turns.take(person=True)


async def test_waiting_has_an_end() -> None:
    turns = Turns(timeout_s=0.01)
    await turns.take(person=False)
    with pytest.raises(Unavailable, match="busy"):
        await turns.take(person=True)

    assert not turns.waiting
    turns.give()
    await turns.take(person=False)
