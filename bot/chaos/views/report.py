"""What a run leaves to read in its thread: what was done, how fast it was found, named, over."""

from __future__ import annotations

from collections.abc import Iterator

from bot.blocks import Element, Message, bullets, context, line, moment, plain, rich
from bot.blocks import words as say
from bot.certainty import cause as cause_words
from bot.chaos import wording
from bot.chaos.facts import Shown
from bot.chaos.views.card import sentence
from bot.sentences import person
from bot.text import clean
from bot.validate import fit
from core.durations import span
from core.runs.model import Outcome, Run

Row = list[Element | str]
_WORDS = {"healed": "seen in its state before", "vanished": "what was broken is gone for good"}


def report(shown: Shown) -> Message:
    """The report; whole without the picture that follows it."""
    blocks = (
        rich(_verdict(shown), _why(shown), bullets(_rows(shown))),
        context(plain(_small_print(shown.run), 200)),
    )
    return fit(Message(sentence(shown), blocks))


def _verdict(shown: Shown) -> Element:
    run = shown.run
    state = wording.state(run)
    target = wording.target(run, shown.story)
    what = f"{clean(run.name, 60)} on {target}"
    return line(say(f"{wording.sign(run)} {state[:1].upper()}{state[1:]}", bold=True), f": {what}")


def _why(shown: Shown) -> Element | None:
    told = wording.told(shown.story.why, 900, shown.name_of)
    # How one that passed went is all below.
    passed = shown.run.outcome is Outcome.SUCCEEDED
    return line(*told) if shown.story.why and not passed else None


def _rows(shown: Shown) -> Iterator[Row]:
    if shown.story.injected_at is None:
        yield ["Nothing was broken."]
    else:
        yield from _broken(shown)
        yield from _found(shown)
        yield from _over(shown)
    yield from _people(shown)
    if shown.tickets:
        numbers = ", ".join(str(one.id) for one in shown.tickets[:10])
        more = f" and {len(shown.tickets) - 10} more" if len(shown.tickets) > 10 else ""
        yield [_name("Tickets meanwhile"), f"{numbers}{more}"]


def _name(text: str) -> Element:
    return say(f"{text}: ", bold=True)


def _broken(shown: Shown) -> Iterator[Row]:
    story = shown.story
    row: Row = [_name("Broken"), clean(story.words, 300) or "no more is known", ", "]
    row.append(moment(story.injected_at or 0.0, "{time_secs}"))
    lasted = wording.after(story, story.healed_at)
    yield [*row, f", for {lasted}"] if lasted else row
    if story.margin:
        yield [_name("Margin"), wording.phrase(story.margin.removeprefix("margin "), 300)]


def _found(shown: Shown) -> Iterator[Row]:
    story = shown.story
    limit = story.experiment.get("detect_within_s")
    wanted = bool(story.experiment.get("expects"))
    if found := wording.detected(story):
        yield [_name("Detected"), found, _limit(limit) if wanted else ""]
    else:
        yield [_name("Detected"), "no" if wanted else "no, and nothing had to"]
    if found := wording.diagnosed(story):
        yield [_name("Diagnosed"), found, *_truth(shown)]
    elif story.detected_at is not None:
        yield [_name("Diagnosed"), "no", *_truth(shown)]


def _limit(limit: object) -> str:
    return f", {span(limit)} allowed" if isinstance(limit, int | float) and limit else ""


def _truth(shown: Shown) -> tuple[str, ...]:
    truth = cause_words(shown.story.truth) if shown.story.truth else ""
    return (f"; in truth: {truth}",) if truth and shown.story.right is not True else ()


def _over(shown: Shown) -> Iterator[Row]:
    story = shown.story
    if found := wording.after(story, story.healed_at):
        how = _WORDS.get(story.ending, "")
        yield [_name("Healed"), f"after {found}" + (f", {how}" if how else "")]
    else:
        yield [_name("Healed"), "⚠️ not seen yet; Tocsin keeps trying, and a ticket says so"]
    if found := wording.after(story, story.recovered_at):
        limit = story.experiment.get("recover_within_s")
        yield [_name("Recovered"), f"after {found}", _limit(limit)]
    elif not wording.unawaited(shown.run, story):
        yield [_name("Recovered"), "not seen"]


def _people(shown: Shown) -> Iterator[Row]:
    run = shown.run
    if run.outcome is Outcome.ABORTED and run.abort_by:
        reason = clean(run.abort_reason or "", 200)
        if run.abort_by not in shown.story.why:
            who = person(run.abort_by, shown.name_of)
            yield [_name("Aborted by"), who, f": {reason}" if reason else ""]
        elif reason and (run.abort_reason or "") not in shown.story.why:
            yield [_name("Reason given"), reason]
    yield [_name("Asked for by"), person(run.requested_by, shown.name_of)]


def _small_print(run: Run) -> str:
    ended = run.finished_at or run.created_at
    took = span(ended - run.created_at)
    return f"Run {run.id}, {took} from the request to the end"
