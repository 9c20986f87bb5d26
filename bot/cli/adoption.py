"""`tocsin tickets accept` and `cards`: what was broken before watching began, from a terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from bot.cli.common import ConfigOption, DbOption, actor, command, say, with_database
from bot.text import plural, terminal
from core import gatherings
from core.db import Database, Tx

Subject = Annotated[
    str | None, typer.Argument(metavar="[SUBJECT]", help="Needed where several have some.")
]


@command
async def accept(subject: Subject = None, db: DbOption = None, config: ConfigOption = None) -> None:
    """Accept as known what was broken before watching began: each is held until healthy."""
    n, of = await _each(db, config, subject, lambda tx, ref: gatherings.accept(tx, ref, actor()))
    said = f"Accepted as known: {plural(n, 'ticket')} of {of}, held until healthy."
    say(said if n else "Nothing of before watching began is left to accept.")


@command
async def cards(subject: Subject = None, db: DbOption = None, config: ConfigOption = None) -> None:
    """Show cards in Slack of the worst ten that were broken before watching began."""
    n, of = await _each(db, config, subject, lambda tx, ref: gatherings.show(tx, ref, actor()))
    said = f"A running bot shows {plural(n, 'card')} of {of} now."
    say(said if n else "Nothing of before watching began is left without a card.")


async def _each(
    db: str | None, config: Any, subject: str | None, verb: Callable[[Tx, str], int]
) -> tuple[int, str]:
    """How many tickets it did that to, and of which subject."""

    def change(tx: Tx) -> tuple[int, str]:
        chosen = gatherings.adopted(tx, subject)
        of = chosen[0].subject or "" if chosen else ""
        return sum(verb(tx, one.ref) for one in chosen), terminal(of, 63)

    async def use(database: Database, _: Any) -> tuple[int, str]:
        return await database.write(change)

    return await with_database(db, config, use)
