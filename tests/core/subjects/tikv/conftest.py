from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.clock import ManualClock
from tests.core.subjects.tikv.driving import Drive, subject
from tests.world import World

Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """start(stores=3, ...) gives a Drive that has seen a healthy cluster for half a minute."""
    opened: list[Drive] = []

    async def begin(*, settle_s: float = 25.0, stores: int = 3, **changes: Any) -> Drive:
        clock = ManualClock()
        world = World(clock, stores=stores, prometheus=changes.pop("prometheus_server", False))
        await world.__aenter__()
        drive = Drive(world, clock, subject(world, clock, **changes))
        opened.append(drive)
        await drive.run(settle_s)
        drive.forget()
        return drive

    yield begin
    for one in opened:
        await one.watched.close()
        await one.world.close()
