from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from core.clock import ManualClock
from tests.core.subjects.etcd.driving import Drive, subject
from tests.world_etcd import EtcdWorld

Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """start(members=3, ...) gives a Drive that has seen a healthy cluster for half a minute."""
    opened: list[Drive] = []

    async def begin(*, settle_s: float = 20.0, members: int = 3, **changes: Any) -> Drive:
        clock, world = ManualClock(), EtcdWorld(members)
        await world.__aenter__()
        before = changes.pop("before", None)
        if before is not None:
            await before(world)
        drive = Drive(world, clock, subject(world, clock, **changes))
        opened.append(drive)
        await drive.run(settle_s)
        drive.forget()
        return drive

    yield begin
    for one in opened:
        await one.watched.close()
        await one.world.__aexit__()
