"""`tocsin chaos schedule` and `unschedule`: experiments that come by themselves."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from bot.chaos.parse import hours_of
from bot.cli import breakable
from bot.cli.common import ConfigOption, DbOption, actor, command, local_time, say, with_database
from core.chaos import schedule as plans
from core.config import Config
from core.db import Database
from core.durations import parse_duration
from core.errors import Invalid

Name = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="`tocsin chaos list` shows them.")]
Target = Annotated[str, typer.Argument(help="Store, member or selector; left out: its own.")]
Subject = Annotated[str, typer.Option("--subject", help="Needed where several fit.")]
For = Annotated[str, typer.Option("--for", help="How long the fault stays, as in 30s.")]


@command
async def schedule(
    cron: Annotated[str, typer.Argument(help="Five fields in quotes, as in '0 10 * * tue'.")],
    experiment: Name,
    target: Target = "",
    zone: Annotated[str, typer.Option("--zone", help="As in Europe/Berlin.")] = "UTC",
    hours: Annotated[str, typer.Option("--hours", help="Only within them, as in 9-17.")] = "",
    length: For = "",
    subject: Subject = "",
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Let an experiment come by itself. A time that is missed is told, never made up for."""

    async def do(database: Database, settings: Config) -> None:
        found = await breakable.rules(database, settings)
        rules = breakable.fits_unknown(found, found.catalog.get(experiment))
        made = await database.write(
            lambda tx: plans.add(
                tx,
                rules,
                name=experiment,
                cron=cron,
                by=actor(),
                zone_name=zone,
                hours=hours_of(hours),
                subject=subject,
                target=target,
                duration_s=parse_duration(length) if length else None,
            )
        )
        say(f"Plan {made.number}: {made.name} on {made.subject}, next {local_time(made.next_at)}.")

    await with_database(db, config, do)


@command
async def unschedule(
    number: Annotated[int, typer.Argument(metavar="PLAN")],
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Take a plan away; `tocsin chaos status` lists them."""

    async def do(database: Database, _: Any) -> None:
        gone = await database.write(plans.remove, number)
        say(f"Plan {gone.number} ({gone.name} on {gone.subject}) is gone.")

    if number < 0:
        raise Invalid("A plan's number is a positive one.")
    await with_database(db, config, do)
