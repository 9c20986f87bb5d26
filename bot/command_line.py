"""The words of a slash command: a verb, recognised or guessed at, and what follows it. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MAX_WORDS = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A verb and the words after it. Not known: `verb` is "", `words` has all, `nearest` a guess
    ("" where none is near)."""

    verb: str
    words: tuple[str, ...]
    nearest: str = ""


def line_of(text: str, verbs: Sequence[str], same: Mapping[str, str]) -> Line:
    """The words of `text`; `same` says what people also say for a verb."""
    words = tuple(text.split(None, MAX_WORDS)[:MAX_WORDS])
    first = words[0].lower() if words else ""
    verb = same.get(first, first)
    if verb in verbs:
        return Line(verb, words[1:])
    near = difflib.get_close_matches(first[:40], verbs, n=1, cutoff=0.5)
    return Line("", words, near[0] if near else "")


def unknown(command: str, line: Line) -> str:
    """What is said of a verb that there is not, above the list of those that there are."""
    said = f'{command} has no verb "{line.words[0][:40] if line.words else ""}"'
    return f"{said}. Did you mean {line.nearest}?" if line.nearest else f"{said}; it has these:"
