"""The dialogue before something is broken: what exactly, how far it reaches, and the way back."""

from __future__ import annotations

from typing import Any

from bot import ids
from bot.blocks import Block, Element, context, field, fields, line, plain, rich
from bot.blocks import words as say
from bot.chaos import wording
from bot.chaos.facts import Preview
from bot.text import clean
from core.durations import span

View = dict[str, Any]
TITLE = "Break it on purpose?"


def loading(name: str, subject: str) -> View:
    """What is shown at once, while the cluster is read."""
    told = f"Reading {clean(subject, 40)}: which target, what its loss would leave, how to undo it…"
    return _view((rich(line(say(clean(name, 60), bold=True)), line(told)),))


def confirm(preview: Preview, wish: str) -> View:
    """The plan, and the button that runs it; a refusal has no such button.

    `wish` is what the form hands back (bot.chaos.wish); everything in it is checked again then.
    """
    if preview.refused:
        return refused(preview)
    cells = (
        field("Target", preview.target or preview.entity),
        field("Fault lasts", span(preview.duration_s)),
        field("If it is lost", *wording.arrows(preview.margin, 200)),
        field("Found within", _within(preview)),
    )
    rows: list[Element | None] = [
        line(say(f"{name}: ", bold=True), wording.phrase(text, 400))
        for name, text in (
            ("What will be done", preview.words),
            ("How far it reaches", preview.radius),
            ("How it is undone", preview.undo_words),
        )
        if text
    ]
    ending = (
        "It is healed when the time is over, when you press Abort, and also if Tocsin itself dies. "
        "The margin is looked at once more right before the fault."
    )
    if preview.where:
        ending += f" Its card appears in #{clean(preview.where.removeprefix('#'), 80)}."
    about = clean(preview.about, 400, lines=4)
    top = rich(line(*_title(preview)), line(about) if about else None)
    told = (rich(*rows),) if rows else ()
    made = _view((top, fields(*cells), *told, context(plain(ending, 600))))
    return {
        **made,
        "callback_id": ids.CHAOS_RUN_VIEW,
        "private_metadata": wish,
        "submit": plain("Run", 24),
        "close": plain("Cancel", 24),
    }


def refused(preview: Preview) -> View:
    """Why it may not be run now. Nothing was touched."""
    rows = [
        line(
            "⛔ ",
            say("Refused: ", bold=True),
            clean(preview.refused.replace("->", "→"), 900, lines=6),
        ),
        line("Nothing was touched."),
    ]
    if preview.margin:
        rows.insert(1, line(say("If it is lost: ", bold=True), wording.phrase(preview.margin, 300)))
    return _view((rich(line(*_title(preview)), *rows),))


def _title(preview: Preview) -> tuple[Element | str, ...]:
    title = clean(preview.title, 150) or clean(preview.name, 60)
    where = f" ({clean(preview.name, 60)}) on {clean(preview.subject, 60)}"
    return (say(title, bold=True), where)


def _within(preview: Preview) -> str:
    if not preview.expects:
        return "nothing needs to notice"
    names = ", ".join(clean(one, 40) for one in preview.expects[:3])
    more = f" and {len(preview.expects) - 3} more" if len(preview.expects) > 3 else ""
    return f"{span(preview.detect_within_s)} by {names}{more}"


def _view(blocks: tuple[Block, ...]) -> View:
    return {
        "type": "modal",
        "title": plain(TITLE, 24),
        "close": plain("Close", 24),
        "blocks": list(blocks),
    }
