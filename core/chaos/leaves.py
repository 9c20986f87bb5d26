"""What an ended experiment leaves to read: its timeline as a picture, and what was measured meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from core.chaos.driver import Measured
from core.chaos.model import Sample, Story
from core.chaos.picture import BEFORE_S, timeline
from core.chaos.story import Means, of
from core.clock import Clock
from core.runs import chart
from core.runs.archive import JSON, Leaf
from core.runs.model import Run

log = structlog.get_logger()

Draw = Callable[[chart.Timeline, Clock], Awaitable[bytes]]


async def leaves(m: Means, run: Run, draw: Draw) -> Sequence[Leaf]:
    """The picture and the figures below it; without them the record is whole."""
    measured = _measured(m, run, of(run))
    line = timeline(run, of(run), measured)
    if line is None:
        return ()
    body = msgspec.json.encode(measured)
    figures = [Leaf("figures.json", JSON, body)] if measured else []
    try:
        drawn = await draw(line, m.clock)
    except Exception as error:  # noqa: BLE001 - a report must not wait for its picture
        log.warning("no picture of a run", action="archive", run=run.id, why=str(error))
        return figures
    return (*figures, Leaf("timeline.png", "image/png", drawn, chart.alt(line)))


def _measured(m: Means, run: Run, story: Story) -> tuple[Sample, ...]:
    """How the subject fared, from shortly before the fault; nothing where it does not tell."""
    subject = m.subjects.get(run.subject)
    if story.injected_at is None or not isinstance(subject, Measured):
        return ()
    return subject.course(story.injected_at - BEFORE_S, run.finished_at or m.now)
