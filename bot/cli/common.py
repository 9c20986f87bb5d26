"""What every command shares: options, the console, opening the database, errors as exit codes.

Exit codes: 0 done (or already so), 1 refused or not found, 2 bad usage, configuration or tokens.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from bot.text import terminal
from core import loop, migrate
from core.clock import SystemClock
from core.config import Config, load
from core.db import Database
from core.errors import Invalid, TocsinError
from core.opening import open_database

P = ParamSpec("P")
T = TypeVar("T")

DbOption = Annotated[
    str | None,
    typer.Option(
        "--db",
        metavar="URL",
        help="Database: a file, or postgresql://... [$TOCSIN_DB]",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration [$TOCSIN_CONFIG, else ./tocsin.toml]",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", "-j", help="Print JSON instead of words.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PdOption = Annotated[
    str | None,
    typer.Option(
        "--pd", metavar="URL[,URL]", help="PD endpoints [$PD_ENDPOINT]", show_default=False
    ),
]
PrometheusOption = Annotated[
    str | None,
    typer.Option(
        "--prometheus", metavar="URL", help="Prometheus [$PROMETHEUS_URL]", show_default=False
    ),
]


class Exit(Exception):
    """End the command with this code, everything having been said."""

    def __init__(self, code: int) -> None:
        self.code = code


def command(run: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """An async command as typer wants it, with errors told in one line."""

    @wraps(run)
    def runner(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            loop.run(run(*args, **kwargs))
        except Exit as end:
            raise typer.Exit(end.code) from None
        except Invalid as error:
            complain(error.text)
            raise typer.Exit(2) from None
        except TocsinError as error:
            complain(error.text)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of a pipe went away (`| head`): not an error of ours.
            sys.stderr.close()
            raise typer.Exit(0) from None

    return runner


def complain(text: str) -> None:
    """One line to standard error."""
    print(terminal(text, lines=40), file=sys.stderr)


def say(text: str = "") -> None:
    """One line to standard output."""
    print(text, flush=True)


async def with_database(
    database: str | None,
    config: Path | None,
    use: Callable[[Database, Config], Awaitable[T]],
) -> T:
    """Open the database as a guest: never created, never migrated, no lock taken."""
    settings = load(config, database=database)
    db = open_database(settings, SystemClock())
    try:
        await migrate.require_current(db)
        return await use(db, settings)
    finally:
        await db.close()


def actor() -> str:
    """Who is at this terminal, as the database remembers it."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


def iso(at: float) -> str:
    """A time for machines: ISO 8601, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_time(at: float) -> str:
    """A time for the person at this terminal, in their zone."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
