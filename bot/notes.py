"""Plain words for one person: errors, refusals, help."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.blocks import Element, Message, bullets, header, line, rich
from bot.blocks import words as say
from bot.text import clean, escape
from bot.validate import fit

Lines = Sequence[tuple[str, str]]
_COMMAND = re.compile(r"`(/[a-z]{2,20}(?: [a-z0-9 <>|.\[\]-]{1,80})?)`")


def note(text: str) -> Message:
    """A few lines of plain words (an error, a refusal): nothing in them is markup, except that
    a command in backticks (`/tickets list`) is shown as code."""
    cleaned = clean(text, 2500, lines=20) or "Something went wrong."
    made = [line(*_coded(one)) for one in cleaned.split("\n")]
    return fit(Message(escape(_COMMAND.sub(r"\1", cleaned)), (rich(*made),)))


def _coded(text: str) -> list[Element]:
    out: list[Element] = []
    at = 0
    for found in _COMMAND.finditer(text):
        if found.start() > at:
            out.append(say(text[at : found.start()]))
        out.append(say(found[1], code=True))
        at = found.end()
    if text[at:]:
        out.append(say(text[at:]))
    return out


def help_message(title: str, lines: Lines, ending: str) -> Message:
    """Commands with what they do, one a line."""
    listed = bullets([[say(command, code=True), f" {what}"] for command, what in lines])
    text = "; ".join(f"{escape(command)}: {escape(what)}" for command, what in lines)
    return fit(Message(f"{title}: {text}", (header(title), rich(listed, line(ending)))))
