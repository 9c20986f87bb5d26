"""What the picture of an experiment shows: the fault, what was noticed, the way back, and how the
subject fared meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from core.chaos.model import Sample, Story
from core.runs.chart import Bar, Ink, Series, Timeline
from core.runs.model import Run

BEFORE_S = 30.0
"""What was measured so long before the fault is shown beside what came of it."""


def timeline(run: Run, story: Story, course: Sequence[Sample] = ()) -> Timeline | None:
    """The picture; None where nothing was ever injected. `course` is what was measured meanwhile."""
    zero = story.injected_at
    if zero is None:
        return None
    ended = run.finished_at or story.healed_at or zero
    bars = [Bar("fault", zero, story.healed_at, story.words or run.name, Ink.FAULT)]
    if story.detected_at is not None:
        until = story.recovered_at
        found = f"{story.detected_by}, after {story.detected_at - zero:.1f} s"
        bars.append(Bar("ticket", story.detected_at, until, found, Ink.TICKET))
    if story.diagnosed_at is not None:
        at = story.diagnosed_at
        bars.append(Bar("diagnosis", at, at, _cause(story), Ink.DIAGNOSIS))
    if story.heal_began_at is not None:
        healed = story.healed_at
        bars.append(Bar("heal", story.heal_began_at, healed, story.undo_words, Ink.HEAL))
    if story.healed_at is not None and story.recovered_at is not None:
        well = f"well after {story.recovered_at - zero:.0f} s"
        bars.append(Bar("recovery", story.healed_at, story.recovered_at, well, Ink.RECOVERY))
    title = f"{run.name} on {story.name or story.entity}"
    began = min([zero - 2.0, *(one.at for one in course)])
    return Timeline(title, zero, began, ended, tuple(bars), series(course))


def series(course: Sequence[Sample]) -> tuple[Series, ...]:
    """What is drawn below the bars: only what was ever told."""
    drawn = (
        Series("QPS", "", tuple((one.at, one.qps) for one in course)),
        Series("p99", "ms", tuple((one.at, _ms(one.p99_s)) for one in course)),
    )
    return tuple(one for one in drawn if any(value is not None for _, value in one.points))


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _cause(story: Story) -> str:
    score = {True: " (right)", False: " (wrong)", None: ""}[story.right]
    return f"{story.diagnosed_as.replace('_', ' ')}{score}"
