"""What an ended experiment leaves to read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from core.chaos.leaves import leaves
from core.chaos.model import Sample
from core.chaos.story import plain
from core.clock import Clock, ManualClock
from core.db import Database
from core.errors import Unavailable
from core.runs import chart
from core.runs.model import Run
from tests.bot.chaos.made import OVER, run, story
from tests.bot.samples import NOW
from tests.core.chaos.rig import SUBJECT, rig


def over(**changed: Any) -> Run:
    told = plain(replace(story(**OVER), **changed))
    return run(subject=SUBJECT, data=told, finished_at=NOW - 20)


async def test_the_picture_shows_how_the_subject_fared_and_the_figures_are_kept(
    sqlite_db: Database, clock: ManualClock
) -> None:
    drawn: list[chart.Timeline] = []
    asked: list[tuple[float, float]] = []
    course = (Sample(NOW - 75, 1200.0, 0.004), Sample(NOW - 60, 800.0), Sample(NOW - 45))

    async def draw(line: chart.Timeline, _clock: Clock) -> bytes:
        drawn.append(line)
        return b"picture"

    def measured(since: float, until: float) -> tuple[Sample, ...]:
        asked.append((since, until))
        return course

    async with rig(sqlite_db, clock) as world:
        world.subject.course = measured
        figures, picture = await leaves(world.means(), over(), draw)

    assert asked == [(NOW - 90, NOW - 20)]
    assert msgspec.json.decode(figures.body, type=tuple[Sample, ...]) == course
    assert (figures.name, picture.name, picture.body) == (
        "figures.json",
        "timeline.png",
        b"picture",
    )
    assert picture.alt.endswith("Below: QPS, p99 over the same time.")
    [line] = drawn
    assert line.began == NOW - 75
    assert [(one.name, one.unit) for one in line.series] == [("QPS", ""), ("p99", "ms")]
    assert [value for _, value in line.series[1].points] == [4.0, None, None]


async def test_without_figures_or_picture_the_rest_is_left(
    sqlite_db: Database, clock: ManualClock
) -> None:
    async def fails(_line: chart.Timeline, _clock: Clock) -> bytes:
        raise Unavailable("no pictures here")

    async with rig(sqlite_db, clock) as world:
        assert await leaves(world.means(), over(), fails) == []
        world.subject.course = lambda _since, _until: (Sample(NOW - 60, 5.0),)
        [figures] = await leaves(world.means(), over(), fails)
        assert figures.name == "figures.json"
        assert await leaves(world.means(), over(injected_at=None), fails) == ()
