"""A run's card: the one message that is edited live while something is broken on purpose."""

from __future__ import annotations

from collections.abc import Iterator

from bot import ids, words
from bot.blocks import (
    Block,
    Element,
    Message,
    Part,
    actions,
    bullets,
    button,
    confirmation,
    context,
    date,
    field,
    fields,
    header,
    line,
    plain,
    rich,
    said,
)
from bot.blocks import words as say
from bot.chaos import wording
from bot.chaos.facts import Shown
from bot.sentences import person
from bot.text import clean, escape, plural
from bot.validate import fit
from core.durations import span
from core.runs.model import Outcome

TICKETS = 5


def card(shown: Shown) -> Message:
    """The card as things stand now: the same order of blocks in every state."""
    blocks: list[Block] = [
        header(headline(shown)),
        fields(*_cells(shown)),
        rich(*_body(shown)),
        context(*_small_print(shown)),
    ]
    if shown.run.live and not shown.run.aborting:
        blocks.append(actions(_abort(shown)))
    return fit(Message(sentence(shown), tuple(blocks)))


def headline(shown: Shown) -> str:
    """Emoji, cluster, state, experiment and target, in one line of plain text."""
    run = shown.run
    what = f"{clean(run.name, 60)}: {wording.target(run, shown.story)}"
    return f"{wording.sign(run)} {_subject(shown)} · Experiment {wording.state(run)} · {what}"


def sentence(shown: Shown) -> str:
    """The same as a sentence, for notifications."""
    run, story = shown.run, shown.story
    what = f"{escape(clean(run.name, 60))} on {escape(wording.target(run, story))}"
    where = escape(_subject(shown))
    if run.outcome is None:
        return f"{where}: experiment {what}, {escape(wording.doing(run))}. Run {run.id}."
    why = escape(wording.plainly(story.why, 300, shown.name_of).rstrip("."))
    ending = f"experiment {what} {wording.state(run)}"
    return f"{where}: {ending}{f': {why}' if why else ''}. Run {run.id}."


def _subject(shown: Shown) -> str:
    return clean(shown.subject or shown.run.subject, 40)


# The cells.


def _cells(shown: Shown) -> Iterator[Element]:
    run, story = shown.run, shown.story
    yield field("Target", wording.target(run, story))
    yield _time(shown)
    if run.outcome is None or story.injected_at is not None:
        yield field("Detected", *_detected(shown))
        yield field("Diagnosed", wording.diagnosed(story) or _not_yet(shown))
    if story.injected_at is not None and wording.step(run) >= wording.STEPS.index("heal"):
        yield field("Healed", _healed(shown))
        if not wording.unawaited(run, story):
            yield field("Recovered", _recovered(shown))


def _time(shown: Shown) -> Element:
    run, story = shown.run, shown.story
    if run.finished_at is not None:
        began = run.active_at or run.created_at
        return field("Lasted", span(run.finished_at - began))
    if story.ends_at is not None and wording.step(run) <= wording.STEPS.index("watch"):
        return field("Fault ends", date(story.ends_at, "{time_secs}"))
    if story.injected_at is not None:
        return field("Broken since", date(story.injected_at, "{time_secs}"))
    return field("Fault lasts", span(story.duration_s))


def _detected(shown: Shown) -> tuple[Part, ...]:
    found = wording.detected(shown.story)
    return (found or _not_yet(shown),)


def _not_yet(shown: Shown) -> str:
    if shown.story.injected_at is None:
        return "—"
    return "not yet" if shown.run.live else "no"


def _healed(shown: Shown) -> str:
    found = wording.after(shown.story, shown.story.healed_at)
    if found:
        return f"after {found}, seen as before"
    return "under way" if shown.run.live else "not seen yet"


def _recovered(shown: Shown) -> str:
    found = wording.after(shown.story, shown.story.recovered_at)
    return f"after {found}" if found else _not_yet(shown)


# The body.


def _body(shown: Shown) -> Iterator[Element | None]:
    run, story = shown.run, shown.story
    if run.outcome is None:
        yield line(*_progress(shown))
        yield line(*_now(shown))
    elif story.why and run.outcome is not Outcome.SUCCEEDED:
        yield line(f"{wording.sign(run)} ", *wording.told(story.why, 600, shown.name_of))
    rows: list[list[Element | str]] = [
        [say(f"{name}: ", bold=True), wording.phrase(text, 300)]
        for name, text in (
            ("What", story.words),
            ("Reach", story.radius),
            ("Margin", story.margin.removeprefix("margin ")),
            ("Undo", story.undo_words),
        )
        if text
    ]
    yield bullets(rows)
    if run.abort_by and (run.live or run.abort_by not in story.why):
        yield line("⏹️ Abort asked for by ", person(run.abort_by, shown.name_of), *_why(shown))
    if story.interrupted and run.live and not run.aborting:
        yield line("↻ ", *wording.told(story.interrupted, 300, shown.name_of))
    if shown.unhealed and not run.live:
        left = plural(shown.unhealed, "fault is", "faults are")
        yield line(f"⚠️ {left} not seen healed yet: /chaos status says more.")
    yield from _tickets(shown)
    if shown.possible_duplicate:
        yield line("❔ This may be a second copy: whether the first arrived could not be seen.")


def _why(shown: Shown) -> tuple[str, ...]:
    reason = clean(shown.run.abort_reason or "", 200)
    return (f": {reason}",) if reason else ()


def _progress(shown: Shown) -> Iterator[Element | str]:
    """ "✓ baseline  ✓ fault  ● watch  ○ heal  ○ recovery": the state of each step is a sign that
    differs in shape, and the one under way is bold."""
    at = wording.step(shown.run)
    for n, name in enumerate(wording.STEPS):
        mark = "✓" if n < at else "●" if n == at else "○"
        yield say(f"{mark} {name}", bold=n == at)
        if n < len(wording.STEPS) - 1:
            yield "   "


def _now(shown: Shown) -> Iterator[Element | str]:
    told = wording.doing(shown.run)
    yield f"{told[:1].upper()}{told[1:]}"
    total = len(shown.story.done) + len(shown.story.waiting)
    if total > 1:
        yield f", {len(shown.story.done) + 1} of {total}"
    yield "."


def _tickets(shown: Shown) -> Iterator[Element | None]:
    found = shown.tickets
    if not found:
        return
    yield line("Tickets opened meanwhile:")
    rows: list[list[Element | str]] = [
        [
            f"{words.sign(one)} Ticket {one.id}, {one.severity}, {words.state(one)}: ",
            clean(one.title, 120),
        ]
        for one in found[:TICKETS]
    ]
    if len(found) > TICKETS:
        rows.append([f"and {len(found) - TICKETS:,} more: /tickets list"])
    yield bullets(rows)


# Small print and the button.


def _small_print(shown: Shown) -> Iterator[Element]:
    run = shown.run
    yield plain(f"Run {run.id} · {clean(shown.title or run.name, 80)}", 200)
    who = person(run.requested_by, shown.name_of)
    if who["type"] == "user":
        yield {"type": "mrkdwn", "text": f"asked for by <@{who['user_id']}>", "verbatim": True}
    else:
        yield said("asked for by ", who["text"])
    yield said(date(run.created_at))


def _abort(shown: Shown) -> Element:
    run, story = shown.run, shown.story
    target = wording.target(run, story)
    undo = clean(story.undo_words, 120)
    told = f"{clean(run.name, 40)} on {clean(_subject(shown), 40)} ends now"
    told += f": {target} is healed" + (f" ({undo})" if undo else "") + " and looked at until it is."
    return button(
        ids.CHAOS_ABORT,
        "Abort",
        ids.run_value(run.id),
        style="danger",
        confirm=confirmation("Abort the experiment?", told, "Abort and heal", "Let it go on"),
        label=f"Abort run {run.id} and heal what it broke",
    )
