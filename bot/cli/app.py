"""The `tocsin` command: one file a group of commands."""

from __future__ import annotations

from importlib import metadata
from typing import Annotated

import typer

from bot.cli import maintain, monitor, tickets, twin
from bot.cli.check import check_config
from bot.cli.common import say
from bot.cli.drill import ticket_drill
from bot.cli.evaluate import eval_scenarios
from bot.cli.invariants import invariants
from bot.cli.local import local
from bot.cli.serve import serve
from bot.cli.show_manifest import show_manifest

app = typer.Typer(
    name="tocsin",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="An on-call teammate that lives in Slack, for teams that run distributed storage clusters.",
)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"tocsin {metadata.version('tocsin')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """An on-call teammate that lives in Slack, for teams that run distributed storage clusters."""


app.add_typer(tickets.app, name="tickets")
app.add_typer(monitor.app, name="monitor")
app.add_typer(twin.app, name="twin")
app.command()(serve)
app.command()(local)
app.command("check-config")(check_config)
app.command("test-ticket")(ticket_drill)
app.command("manifest")(show_manifest)
app.command()(invariants)
app.command("eval")(eval_scenarios)
maintain.add(app)
