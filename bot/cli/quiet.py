"""`tocsin monitor pause` and `resume`: announced quiet, from a terminal beside a running bot."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.common import (
    ConfigOption,
    DbOption,
    actor,
    command,
    local_time,
    say,
    with_database,
)
from bot.monitor import parse
from bot.text import terminal
from core import maintenance
from core.db import Database, Tx
from core.errors import NotFound
from core.maintenance import Maintenance

Words = Annotated[
    list[str], typer.Argument(metavar="[SUBJECT] 30m REASON...", help="Whose, how long, and why.")
]
Subject = Annotated[str | None, typer.Argument(metavar="[SUBJECT]", help="Left out: all.")]


@command
async def pause(words: Words, db: DbOption = None, config: ConfigOption = None) -> None:
    """Mention nobody for a while (8h at most); watching and ticketing go on."""
    wish = parse.pause(words, "tocsin monitor")

    def begin(tx: Tx) -> Maintenance:
        return maintenance.pause(tx, wish.subject, for_s=wish.for_s, by=actor(), reason=wish.reason)

    async def use(database: Database, _: Any) -> None:
        made = await database.write(begin)
        of = terminal(made.subject or "everything", 63)
        say(
            f"Notification of {of} is paused until {local_time(made.until)}: {terminal(made.reason)}"
        )

    await with_database(db, config, use)


@command
async def resume(subject: Subject = None, db: DbOption = None, config: ConfigOption = None) -> None:
    """End a pause; without a subject, every one."""
    wanted = parse.subject([subject] if subject else [])

    def end(tx: Tx) -> int:
        running = maintenance.active(tx)
        chosen = [one for one in running if wanted is None or one.subject == wanted]
        if running and not chosen:
            names = ", ".join(one.subject or "everything" for one in running)
            raise NotFound(f"{wanted} is not paused by itself. Paused now: {names}.")
        return sum(len(maintenance.resume(tx, actor(), one.id)) for one in chosen)

    async def use(database: Database, _: Any) -> None:
        ended = await database.write(end)
        say("Notification is on again." if ended else "Nothing is paused.")

    await with_database(db, config, use)
