"""What the picture of an experiment shows: the fault, what was noticed, and the way back. Pure."""

from __future__ import annotations

from core.chaos.model import Story
from core.runs.chart import Bar, Ink, Timeline
from core.runs.model import Run


def timeline(run: Run, story: Story) -> Timeline | None:
    """The picture; None where nothing was ever injected."""
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
    return Timeline(title, zero, zero - 2.0, ended, tuple(bars))


def _cause(story: Story) -> str:
    score = {True: " (right)", False: " (wrong)", None: ""}[story.right]
    return f"{story.diagnosed_as.replace('_', ' ')}{score}"
