"""Long and random stretches of time: what must never happen, however things come together."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.subjects.sight import Look
from core.subjects.tikv.model import DISCONNECTED, Life
from core.subjects.tikv.settings import Periods
from tests.core.subjects.tikv.conftest import Start
from tests.core.subjects.tikv.driving import Drive
from tests.core.subjects.tikv.test_fusion import Table

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["kill", "start", "blind", "pd away", "pd back", "leader", "silent"]),
        st.integers(1, 3),
        st.sampled_from([0.5, 2.0, 15.0]),
    ),
    max_size=12,
)


@given(STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_store_that_is_dead_is_never_called_up_and_all_ends_well(
    steps: list[tuple[str, int, float]],
) -> None:
    """Whatever happens in whatever order: an open outage ends only with probe and heartbeat."""
    table = Table()
    for what, key, seconds in steps:
        _do(table, what, key)
        for _ in range(int(seconds * 2)):
            lives = table.tick()
            for dead in set(table.stores) - table.beating:
                if table.fusion.incidents.get(dead) is not None:
                    assert dead in lives
    for key in table.stores:
        table.change(key, state="Up")
        table.start(key)
    table.pd_fresh = True
    assert {one.life for one in table.run(400).values()} <= {Life.UNSEEN}
    assert table.tick() == {}


def _do(table: Table, what: str, key: int) -> None:
    if what == "kill":
        table.kill(key)
    elif what == "start":
        table.start(key)
        table.change(key, state="Up")
    elif what == "blind":
        table.blind(key, look=Look.BLIND)
    elif what == "silent":
        table.change(key, state=DISCONNECTED)
    elif what == "leader":
        table.trust.note_leader(f"pd-{table.mono}", table.mono)
    else:
        table.pd_fresh = what == "pd back"


@given(STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_stores_that_beat_and_answer_are_never_called_down(
    steps: list[tuple[str, int, float]],
) -> None:
    """PD may go, come back with a new leader, and we may lose sight of single status ports."""
    table = Table()
    for what, key, seconds in steps:
        if what in ("pd away", "pd back", "leader"):
            _do(table, what, key)
        elif what == "blind":
            table.looks[key] = Look.BLIND
        for _ in range(int(seconds * 2)):
            assert not {one.life for one in table.tick().values()} & {Life.DOWN, Life.CUT_OFF}


@pytest.mark.parametrize("seed", [1, 2])
async def test_half_a_day_of_maintenance_pages_nobody(start: Start, seed: int) -> None:
    """Rolling restarts, PD leader changes, scale-out and scale-in, clock steps, at slow periods."""
    pace = Periods(probe_s=30, pd_s=30, metrics_s=300, placement_s=300)
    drive: Drive = await start(settle_s=600, stores=4, periods=pace, wait_s=5)
    chance = random.Random(seed)
    for _ in range(8):
        await _maintain(drive, chance.choice(["roll", "leader", "out and in", "clock"]))
        await drive.run(3600)
        assert drive.broken() == set()
    assert drive.ever() <= {
        ("store_restarted", "cluster"),
        ("pd_no_leader", "pd"),
        ("observer_blind", "pd"),
    }


async def _maintain(drive: Drive, what: str) -> None:
    world = drive.world
    if what == "roll":
        for number in list(world.stores):
            world.pd.evicting.add(number)
            await drive.run(60)
            await world.kill_store(number)
            await drive.run(60)
            await world.revive(number)
            await drive.run(120)
            world.pd.evicting.discard(number)
    elif what == "leader":
        world.pd.no_leader()
        await drive.run(30)
        await world.pd.ok()
        world.pd.change_leader((world.pd.leader or 0) ^ 1)
    elif what == "clock":
        drive.clock.step_wall(-5)
    else:
        await world.add_store(9)
        await drive.run(1800)
        world.offline(9)
        await drive.run(600)
        world.stores[9].peers = world.stores[9].leaders = 0
        world.touched()
        await drive.run(60)
        world.tombstone(9)
        await drive.run(60)
        await world.stores[9].server.stop()
        world.forget(9)
