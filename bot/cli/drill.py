"""`tocsin test-ticket`: one labelled ticket down the real path, mention included, then cleared."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.cli.common import ConfigOption, DbOption, Exit, command, complain, say, with_database
from core import rehearsal
from core.clock import Clock, SystemClock
from core.db import Database
from core.errors import Invalid
from core.invariant import Severity

LOOK_S = 0.25


@command
async def ticket_drill(
    subject: Annotated[
        str | None, typer.Option("--subject", help="As if of this subject; left out: the first.")
    ] = None,
    severity: Annotated[
        str, typer.Option("--severity", help="info, warning or critical")
    ] = "critical",
    wait: Annotated[
        float, typer.Option("--wait", min=1, help="Seconds to wait for delivery.")
    ] = 30.0,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Open a ticket marked as a test, wait until Slack has its card, then resolve it.

    The running bot delivers it along the route of its subject and severity, with the mention.
    """
    if severity not in list(Severity):
        raise Invalid(f"{severity!r} is not a severity: choose info, warning or critical.")
    clock = SystemClock()

    async def drill(database: Database, settings: Any) -> None:
        names = [s.name for s in settings.file.subjects]
        name = (
            subject or (names[0] if names else None) or await database.read(rehearsal.any_subject)
        )
        if name is None:
            raise Invalid("No subject is configured: give --subject.")
        number = await database.write(rehearsal.open_test, name, Severity(severity))
        say(f"Ticket {number} is open, marked as a test of {name}.")
        arrived = await _arrives(database, clock, number, wait)
        await database.write(rehearsal.clear_test, number)
        if not arrived:
            complain(
                f"Its card did not arrive within {wait:g} s. Is the bot running? Resolved again."
            )
            raise Exit(1)
        say("Its card has arrived in Slack. Resolved again.")

    await with_database(db, config, drill)


async def _arrives(database: Database, clock: Clock, number: int, limit_s: float) -> bool:
    until = clock.monotonic() + limit_s
    while clock.monotonic() < until:
        if await database.read(rehearsal.delivered, number):
            return True
        await clock.sleep(LOOK_S)
    return False
