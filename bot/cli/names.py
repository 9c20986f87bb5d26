"""How people are called on a terminal, where nobody can ask Slack."""

from __future__ import annotations

from collections.abc import Mapping

from bot.text import terminal
from bot.words import NameOf, plain_name


def name_of(known: Mapping[str, str]) -> NameOf:
    """By the name that Slack last gave for them; somebody unheard of as "slack:U012AB"."""

    def named(actor: str) -> str:
        if actor.startswith("slack:"):
            return terminal(known.get(actor) or actor, 60)
        return plain_name(actor)

    return named
