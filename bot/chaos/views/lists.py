"""What one person reads who asks about experiments: the catalogue, how things stand, help."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot import words
from bot.blocks import Block, Element, Message, bullets, header, line, moment, rich
from bot.blocks import words as say
from bot.chaos import wording
from bot.chaos.facts import Catalogue, Offer, Planned, Shown
from bot.notes import help_message
from bot.sentences import person
from bot.text import clean, escape, plural
from bot.validate import fit
from core.durations import span

OFFERS = 30
TARGETS = 12
RECENT = 5
PLANNED = 20
EVERY_TRIAL = "Every run is checked first, watched, healed and reported; the cluster must allow it."
HELP = (
    ("/chaos list", "what can be run on which cluster, and what cannot, with the reason"),
    ("/chaos run kill-store", "shows target, reach, margin and undo; nothing happens before Run"),
    ("/chaos run pause-store store:4 --for 30s", "a target and a duration of your own"),
    ("/chaos run kill-store --subject prod-eu", "on this cluster, where there are several"),
    ("/chaos status", "what is under way, planned, and how the last ones ended"),
    ("/chaos abort", "ends the one under way and heals it; /chaos abort 7 ends run 7"),
    (
        '/chaos schedule "0 10 * * tue" kill-store --zone Europe/Berlin --hours 9-17',
        "runs it by itself, never late: a time that was missed is told, not made up for",
    ),
    ("/chaos unschedule 3", "ends plan 3; /chaos status lists the plans"),
)

NameOf = Callable[[str], str]


def help_text() -> Message:
    """Every verb with an example."""
    return help_message("Experiments: /chaos", HELP, EVERY_TRIAL)


def catalogue(found: Sequence[Catalogue]) -> Message:
    """What may be run where, and what may not and why."""
    parts: list[Element | None] = []
    for one in found[:10]:
        parts += _subject(one)
    if not found:
        parts.append(line("Nothing is watched that could be broken on purpose."))
    count = sum(not offer.unavailable for one in found for offer in one.offers)
    told = f"{plural(count, 'experiment')} can be run: " + "; ".join(
        f"{escape(clean(one.subject, 60))}: {escape(_names(one))}" for one in found[:5]
    )
    blocks: list[Block] = [header("Experiments"), rich(*parts)]
    return fit(Message(told, tuple(blocks)))


def _names(one: Catalogue) -> str:
    if one.off:
        return clean(one.off, 200)
    return ", ".join(clean(o.name, 60) for o in one.offers if not o.unavailable) or "none"


def _subject(one: Catalogue) -> Iterator[Element | None]:
    can = [offer for offer in one.offers if not offer.unavailable]
    cannot = [offer for offer in one.offers if offer.unavailable]
    yield line(say(clean(one.subject, 60), bold=True), f": {plural(len(can), 'experiment')}")
    if one.off:
        yield line("⛔ ", clean(one.off, 400))
    yield bullets(_offer(offer) for offer in can[:OFFERS])
    if one.targets:
        shown = ", ".join(clean(name, 40) for name in one.targets[:TARGETS])
        more = len(one.targets) - TARGETS
        yield line("May be broken: ", shown + (f" and {more} more" if more > 0 else ""))
    if cannot:
        yield line("Not available here:")
        yield bullets(
            [say(clean(o.name, 60), code=True), f" {clean(o.unavailable, 250)}"]
            for o in cannot[:OFFERS]
        )


def _offer(offer: Offer) -> list[Element | str]:
    told = f" {clean(offer.title, 120)}, for {span(offer.duration_s)}"
    if offer.expects:
        names = ", ".join(clean(one, 40) for one in offer.expects[:3])
        told += f"; found within {span(offer.detect_within_s)} by {names}"
    return [say(clean(offer.name, 60), code=True), told]


def status(
    live: Sequence[Shown],
    planned: Sequence[Planned],
    recent: Sequence[Shown],
    unhealed: Sequence[str],
    name_of: NameOf = words.mention_of,
) -> Message:
    """What is under way, what comes by itself, how the last ones ended, what is not healed."""
    parts: list[Element | None] = []
    if unhealed:
        parts.append(line(say("⚠️ Broken on purpose and not seen healed yet:", bold=True)))
        parts.append(bullets([clean(one, 300)] for one in unhealed[:10]))
    for one in live[:10]:
        parts += _live(one)
    if not live:
        parts.append(line(say("No experiment is under way.", bold=True)))
    if planned:
        parts.append(line(say("Planned", bold=True)))
        parts.append(bullets(_planned(one, name_of) for one in planned[:PLANNED]))
    if recent:
        parts.append(line(say("Before", bold=True)))
        parts.append(bullets(_ended(one) for one in recent[:RECENT]))
    told = "; ".join(escape(_now(one)) for one in live[:5]) or "no experiment is under way"
    left = f" {len(unhealed)} not seen healed yet." if unhealed else ""
    return fit(Message(f"Experiments: {told}.{left}", (header("Experiments"), rich(*parts))))


def _now(one: Shown) -> str:
    what = f"{clean(one.run.name, 60)} on {clean(one.run.subject, 60)}"
    return f"{what} (run {one.run.id}), {wording.doing(one.run)}"


def _live(one: Shown) -> Iterator[Element | None]:
    run, story = one.run, one.story
    head = f"🧪 {clean(run.name, 60)} on {clean(run.subject, 60)}, run {run.id}"
    yield line(say(head, bold=True))
    rows: list[list[Element | str]] = [
        [f"{wording.target(run, story)}: {wording.doing(run)}"],
        ["Asked for by ", person(run.requested_by, one.name_of)],
    ]
    if story.ends_at is not None:
        rows.append(["Fault ends at ", moment(story.ends_at, "{time_secs}")])
    if found := wording.detected(story):
        rows.append([f"Detected {found}"])
    yield bullets(rows)


def _ended(one: Shown) -> list[Element | str]:
    run, story = one.run, one.story
    found = wording.after(story, story.detected_at)
    told = f", detected after {found}" if found else ""
    why = wording.plainly(story.why, 160, one.name_of)
    return [
        f"{wording.sign(run)} Run {run.id}, {clean(run.name, 60)} on {clean(run.subject, 60)}, ",
        moment(run.created_at),
        f": {wording.state(run)}{told}" + (f". {why}" if why and not found else ""),
    ]


def _planned(one: Planned, name_of: NameOf) -> list[Element | str]:
    hours = f", only {clean(one.hours, 20)} h" if one.hours else ""
    what = f"{clean(one.name, 60)} {clean(one.target, 60)}".rstrip()
    row: list[Element | str] = [
        f"Plan {one.number}: {what} on {clean(one.subject, 60)}, ",
        say(clean(one.cron, 60), code=True),
        f" {clean(one.zone, 40)}{hours}, by ",
        person(one.by, name_of),
    ]
    if one.next_at is not None:
        row += [", next ", moment(one.next_at)]
    return row


def missed(one: Planned, due_at: float, why: str) -> Message:
    """A planned experiment did not happen, and will not happen late."""
    what = f"{clean(one.name, 60)} on {clean(one.subject, 60)}"
    why = clean(why, 300).rstrip(".")
    row: list[Element | str] = [
        f"🧪 Plan {one.number}, {what}, was due ",
        moment(due_at),
        f" and was skipped: {why}. It is not made up for",
    ]
    row += ["; next ", moment(one.next_at), "."] if one.next_at is not None else ["."]
    text = f"Plan {one.number}, {escape(what)}, was skipped: {escape(why)}."
    return fit(Message(text, (rich(line(*row)),)))
