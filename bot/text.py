"""The one cleaner through which untrusted text reaches Slack or a terminal.

`clean` makes any text short, visible and printable; what it returns goes into plain_text and
rich_text elements, where no markup is live. `escape` is for the places where Slack does read markup
(the `text` of a message). `terminal` is for a terminal.

Lengths are counted in UTF-16 units, the strictest reading of Slack's limits.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

ELLIPSIS = "…"

# Escape sequences of terminals: CSI, OSC up to its end, and the two-letter ones.
_ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"
    r"|(?:\x1b[\]P^_X]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[@-Z\\-_a-z0-9=>()#%]?"
)
_SPACES = re.compile(r"[ \t\f\v\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_LINE_ENDS = re.compile(r"\r\n?|[\n\x0b\x0c\x85\u2028\u2029]")
# Characters that are letters or symbols by category, and yet show nothing.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Cn", "Co"})
_MARKS = frozenset({"Mn", "Me"})
MARKS_IN_A_ROW = 3
"""Combining marks kept on one letter: enough for every living script, not for a tower of them."""

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_EMOJI = re.compile(r":(?=[a-z0-9_+'-]{1,100}:)", re.IGNORECASE)
_FORMAT = re.compile(r"(?<![^\W_])[*_~`]|[*_~`](?![^\W_])")
# Shown alike, read by nobody as markup.
_LOOKALIKE = {"*": "\u2217", "_": "\u02cd", "~": "\u223c", "`": "\u02cb"}
_COLON = "\u2236"
_HARMLESS = re.compile(r"[^\W_]|[ .,;()%/+='\"?\u2026\u00b7\u2013\u2014-]")


def size(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(1 for c in text if c > "\uffff")


def cut(text: str, limit: int) -> str:
    """The text, ended with an ellipsis where it is longer than `limit` UTF-16 units."""
    if size(text) <= limit:
        return text
    kept: list[str] = []
    room = limit - 1
    for char in text[:limit]:
        room -= 2 if char > "\uffff" else 1
        if room < 0:
            break
        kept.append(char)
    return "".join(kept).rstrip() + ELLIPSIS if limit > 0 else ""


def clean(text: Any, limit: int, *, lines: int = 1) -> str:
    """`text` without controls, direction marks, invisible characters and terminal sequences, on at
    most `lines` lines, cut to `limit` characters with an ellipsis. Cleaning twice changes nothing.
    """
    # Whatever comes is looked at only as far as it can be shown: 10 MB of it cost no more.
    raw = str(text)[: 8 * limit + 4096]
    if not (raw.isascii() and raw.isprintable()):
        raw = _visible(_ANSI.sub("", raw))
    kept = [_SPACES.sub(" ", line).strip() for line in raw.split("\n")]
    if lines == 1:
        return cut(" ".join(line for line in kept if line), limit)
    while kept and not kept[-1]:
        kept.pop()
    if len(kept) > lines:
        kept = [*kept[: lines - 1], f"({len(kept) - lines + 1} more lines)"]
    return cut("\n".join(kept).strip("\n"), limit)


def _visible(text: str) -> str:
    text = _LINE_ENDS.sub("\n", text)
    # Each different character is looked up once, however long the text is.
    kinds = {char: unicodedata.category(char) for char in set(text) - {"\n", "\t"}}
    hidden = {c for c, kind in kinds.items() if kind in _DROPPED or c in _BLANKS}
    if hidden:
        text = text.translate({ord(char): None for char in hidden})
    marks = "".join(c for c, kind in kinds.items() if kind in _MARKS and c not in hidden)
    if marks:
        mark = f"[{re.escape(marks)}]"
        text = re.sub(f"({mark}{{{MARKS_IN_A_ROW}}}){mark}+", r"\1", text)
    return text


def escape(text: str) -> str:
    """Cleaned text for where Slack reads markup: no mention, link, emoji code or style is live."""
    # A clock time (15:30:20) holds no emoji: digits between digits are left alone.
    inert = _EMOJI.sub(lambda m: ":" if _clock(text, m.start()) else _COLON, text)
    inert = _FORMAT.sub(lambda m: _LOOKALIKE[m[0]], inert)
    return inert.translate(_ENTITIES)


def _clock(text: str, at: int) -> bool:
    end = text.index(":", at + 1)
    return text[at - 1 : at].isdigit() and text[at + 1 : end].isdigit() and end - at <= 3


def harmless(text: str) -> bool:
    """Whether cleaned text holds nothing that Slack could read as markup, links included.

    One colon is harmless, as in "tikv-2:20160"; two may be an emoji code.
    """
    if text.count(":") > 1 or "://" in text or text.lower().startswith("www."):
        return False
    return all(_HARMLESS.match(char) for char in text if char not in ":_") and (
        "_" not in text or not _FORMAT.search(text)
    )


def terminal(text: Any, limit: int = 2000, *, lines: int = 1) -> str:
    """Untrusted text for a terminal: no escape sequence, control or invisible character survives.

    Square brackets stay as they are: where rich reads markup, hand it a Text, not a string.
    """
    return clean(text, limit, lines=lines)


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 ticket", "3 tickets", "10,000 tickets"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
