"""What one person reads after they asked for something to be run, ended or planned."""

from __future__ import annotations

from collections.abc import Callable

from bot.blocks import Element, Message, line, moment, rich
from bot.blocks import words as say
from bot.chaos import wording
from bot.chaos.facts import Planned, Shown
from bot.sentences import person
from bot.text import clean, escape
from bot.validate import fit
from core.durations import span
from core.runs.model import Run

NameOf = Callable[[str], str]


def busy(other: Run, now: float, name_of: NameOf) -> Message:
    """Somebody was first: who, when, and what it does now."""
    ago = span(max(now - other.created_at, 0.0))
    what = f"{clean(other.name, 60)} on {clean(other.subject, 60)}"
    row = line(
        person(other.requested_by, name_of),
        f" started {what} {ago} ago (run {other.id}): {wording.doing(other)}. One experiment runs "
        "on a cluster at a time, so nothing was started.",
    )
    text = f"{escape(what)} is under way already, run {other.id}. Nothing was started."
    return fit(Message(text, (rich(row),)))


def aborting(shown: Shown, *, already: bool) -> Message:
    """It is being ended; what was broken is healed first, and seen healed."""
    run = shown.run
    what = f"{clean(run.name, 60)} on {clean(run.subject, 60)}, run {run.id}"
    if already and run.abort_by:
        row = line(
            f"{what}, is being aborted already, asked for by ",
            person(run.abort_by, shown.name_of),
            ".",
        )
        return fit(Message(f"{escape(what)} is being aborted already.", (rich(row),)))
    heals = f" {wording.target(run, shown.story)} is healed, and looked at until it is."
    told = heals if shown.story.injected_at is not None else " Nothing was broken yet."
    return fit(
        Message(f"Aborting {escape(what)}.{escape(told)}", (rich(line(f"Aborting {what}.{told}")),))
    )


def over(shown: Shown) -> Message:
    """Too late to abort."""
    run = shown.run
    what = f"{clean(run.name, 60)} on {clean(run.subject, 60)}, run {run.id}"
    row = [say(f"{what}, is over already: {wording.state(run)}")]
    if run.finished_at is not None:
        row += [say(" at "), moment(run.finished_at, "{time_secs}")]
    text = f"{escape(what)} is over already: {wording.state(run)}."
    return fit(Message(text, (rich(line(*row, ".")),)))


def planned(made: Planned, name_of: NameOf) -> Message:
    """It will come by itself; when next."""
    what = f"{clean(made.name, 60)} on {clean(made.subject, 60)}"
    hours = f", only between {clean(made.hours, 20)} h" if made.hours else ""
    row: list[Element | str] = [
        f"Plan {made.number}: {what}, ",
        say(clean(made.cron, 60), code=True),
    ]
    row += [f" {clean(made.zone, 40)}{hours}, by ", person(made.by, name_of)]
    if made.next_at is not None:
        row += [". Next ", moment(made.next_at)]
    row.append(". A time that is missed is told, never made up for.")
    return fit(Message(f"Plan {made.number}: {escape(what)}.", (rich(line(*row)),)))
