"""Sentences of `bot.words`, rendered for Slack: as rich text, and as mrkdwn for a message's `text`."""

from __future__ import annotations

import re

from bot.blocks import Element, date, moment, user, words
from bot.text import clean, escape
from bot.words import At, Data, NameOf, Phrase, Who

_USER = re.compile(r"<@([UW][A-Z0-9]{1,40})>")


def person(actor: str, name_of: NameOf) -> Element:
    """An actor in rich text: by name, or as a mention where no name is known."""
    name = name_of(actor)
    found = _USER.fullmatch(name)
    return user(found[1]) if found else words(clean(name, 80))


def pieces(phrase: Phrase, name_of: NameOf) -> list[Element]:
    """A phrase as elements of a rich text section."""
    out: list[Element] = []
    for part in phrase:
        if part == "":
            continue
        if isinstance(part, str):
            out.append(words(part))
        elif isinstance(part, Data):
            out.append(words(clean(part.text, part.limit)))
        elif isinstance(part, At):
            out.append(moment(part.at))
        else:
            out.append(person(part.actor, name_of))
    return out


def markup(phrase: Phrase, name_of: NameOf) -> str:
    """A phrase as mrkdwn, for the `text` of a message."""
    return "".join(_markup(part, name_of) for part in phrase)


def _markup(part: str | Data | At | Who, name_of: NameOf) -> str:
    if isinstance(part, str):
        return escape(part)
    if isinstance(part, Data):
        return escape(clean(part.text, part.limit))
    if isinstance(part, At):
        return date(part.at).markup
    name = name_of(part.actor)
    return name if _USER.fullmatch(name) else escape(clean(name, 80))
