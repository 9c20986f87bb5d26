"""Runs on a terminal: a line for each thing that happens, a summary, a table, and their JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bot.chaos import wording
from bot.cli.common import iso, local_time
from bot.text import terminal
from bot.words import NameOf
from core.chaos.model import Story
from core.chaos.story import of
from core.durations import span
from core.events import Event
from core.runs.model import Run


def public(run: Run) -> dict[str, Any]:
    """A run as JSON: keys are added, never renamed or taken away. Durations are seconds since the
    fault, times ISO 8601 in UTC; null where it is not known."""
    story = of(run)
    return {
        "id": run.id,
        "subject": run.subject,
        "experiment": run.name,
        "target": story.name or run.target or None,
        "entity": story.entity or None,
        "state": str(run.state),
        "stage": run.stage or None,
        "outcome": None if run.outcome is None else str(run.outcome),
        "why": story.why or None,
        "requested_by": run.requested_by,
        "created_at": iso(run.created_at),
        "injected_at": _at(story.injected_at),
        "finished_at": _at(run.finished_at),
        "detected_after_s": _after(story, story.detected_at),
        "detected_by": story.detected_by or None,
        "ticket": story.detected_ticket,
        "diagnosed_after_s": _after(story, story.diagnosed_at),
        "diagnosed_as": story.diagnosed_as or None,
        "diagnosis_right": story.right,
        "healed_after_s": _after(story, story.healed_at),
        "recovered_after_s": _after(story, story.recovered_at),
        "tickets": list(story.tickets),
        "aborted_by": run.abort_by,
    }


def _at(at: float | None) -> str | None:
    return None if at is None else iso(at)


def _after(story: Story, at: float | None) -> float | None:
    if at is None or story.injected_at is None:
        return None
    return round(max(at - story.injected_at, 0.0), 3)


def happened(event: Event, run: Run, named: NameOf) -> str:
    """One line about an event of a run; "" where there is nothing to say."""
    told = _told(event, run, named)
    return f"{local_time(event.at)}  {terminal(told, 300)}" if told else ""


def _told(event: Event, run: Run, named: NameOf) -> str:
    data, story = event.data, of(run)
    match event.kind:
        case "run.claimed":
            return "taken on by the bot"
        case "run.active" | "run.stage":
            doing = wording.NOW.get(str(data.get("stage", "")), "")
            return doing + (f": {story.words}" if doing == wording.NOW["inject"] else "")
        case "run.detected":
            after = wording.seconds(float(data.get("after_s") or 0.0))
            return (
                f"detected after {after}: {data.get('invariant')}, ticket {data.get('ticket_id')}"
            )
        case "run.diagnosed":
            return f"diagnosed {wording.diagnosed(story)}"
        case "run.healed":
            return f"healed ({data.get('ending')})"
        case "run.abort":
            return f"abort asked for by {named(event.actor or '')}"
        case _:
            return ""


def summary(run: Run, named: NameOf) -> Iterator[str]:
    """How a run ended, a line each."""
    story = of(run)
    what = terminal(f"{run.name} on {wording.target(run, story)}, {run.subject}", 300)
    yield f"{wording.state(run).upper()}: {what}"
    if story.why:
        yield f"  {terminal(wording.plainly(story.why, 600, named), 600)}"
    for name, told in (
        ("detected", wording.detected(story)),
        ("diagnosed", wording.diagnosed(story)),
        ("healed", _told_after(story, story.healed_at)),
        ("recovered", _told_after(story, story.recovered_at)),
    ):
        if story.injected_at is not None:
            yield f"  {name:<10} {terminal(told, 300) or 'no'}"


def _told_after(story: Story, at: float | None) -> str:
    found = wording.after(story, at)
    return f"after {found}" if found else ""


def lines(runs: Sequence[Run]) -> Iterator[str]:
    """Runs, one a line."""
    for run in runs:
        story = of(run)
        found = wording.after(story, story.detected_at)
        told = f", detected after {found}" if found else ""
        what = f"{run.name} on {wording.target(run, story)}, {run.subject}{told}"
        yield (
            f"{run.id:>5}  {local_time(run.created_at)}  {wording.state(run):<16} "
            f"{terminal(what, 240)}"
        )


def took(run: Run) -> str:
    """How long it took in all."""
    return span((run.finished_at or run.created_at) - run.created_at)
