"""`tocsin migrate` and `tocsin backup`: looking after the database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import ConfigOption, DbOption, command, say
from core import lock
from core import migrate as migrations
from core.clock import SystemClock
from core.config import load
from core.opening import open_database


@command
async def migrate(db: DbOption = None, config: ConfigOption = None) -> None:
    """Create the database, or bring it up to date (with a backup first)."""
    database = open_database(load(config, database=db), SystemClock(), create=True)
    try:
        async with lock.hold_raw(database, "tocsin migrate", wait=False):
            saved = await migrations.migrate(database)
            await lock.take_epoch(database, "tocsin migrate")
        say(f"{migrations.shown(database)} is up to date.")
        if saved:
            say(f"Backup of the earlier form: {saved}")
    finally:
        await database.close()


@command
async def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it; must not exist.")],
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Copy the database, also while the bot runs: one consistent snapshot."""
    database = open_database(load(config, database=db), SystemClock())
    try:
        size = await migrations.backup(database, file)
        say(f"{file}: {size:,} bytes.")
    finally:
        await database.close()
