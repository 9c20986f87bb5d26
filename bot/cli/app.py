"""The `tocsin` command: one file a group of commands."""

from __future__ import annotations

import typer

from bot.cli import maintain, monitor, tickets
from bot.cli.local import local
from bot.cli.serve import serve

app = typer.Typer(
    name="tocsin",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="An on-call teammate that lives in Slack, for teams that run distributed storage clusters.",
)
app.add_typer(tickets.app, name="tickets")
app.add_typer(monitor.app, name="monitor")
app.command()(serve)
app.command()(local)
maintain.add(app)
