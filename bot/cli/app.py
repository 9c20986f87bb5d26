"""The `tocsin` command: one file a group of commands, and only what is asked for is loaded.

`tocsin tickets list` beside a running bot must not wait for Slack's and the clusters' libraries: the
whole program takes three times as long to load as the tickets alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module, metadata
from typing import Annotated

import typer

ABOUT = "An on-call teammate that lives in Slack, for teams that run distributed storage clusters."

# In the order of `tocsin --help`: the name, and where its group (`app`) or its function is.
GROUPS: Mapping[str, str] = {
    "tickets": "bot.cli.tickets",
    "monitor": "bot.cli.monitor",
    "twin": "bot.cli.twin",
    "chaos": "bot.cli.chaos",
    "safe": "bot.cli.safe",
    "demo": "bot.cli.demo",
    "deploy": "bot.cli.deploy",
}
COMMANDS: Mapping[str, str] = {
    "serve": "bot.cli.serve:serve",
    "local": "bot.cli.local:local",
    "check-config": "bot.cli.check:check_config",
    "test-ticket": "bot.cli.drill:ticket_drill",
    "manifest": "bot.cli.show_manifest:show_manifest",
    "invariants": "bot.cli.invariants:invariants",
    "diagnose": "bot.cli.diagnose:diagnose",
    "eval": "bot.cli.evaluate:eval_scenarios",
    "migrate": "bot.cli.maintain:migrate",
    "backup": "bot.cli.maintain:backup",
}


def _version(wanted: bool) -> None:
    if wanted:
        print(f"tocsin {metadata.version('tocsin')}")
        raise typer.Exit


def _main(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


_main.__doc__ = ABOUT


def program(only: str = "") -> typer.Typer:
    """The whole program, or, where `only` names a command or a group, just that one."""
    app = typer.Typer(
        name="tocsin",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        help=ABOUT,
    )
    app.callback()(_main)
    alone = only in GROUPS or only in COMMANDS
    for name, module in GROUPS.items():
        if not alone or name == only:
            app.add_typer(import_module(module).app, name=name)
    for name, place in COMMANDS.items():
        if not alone or name == only:
            app.command(name)(_function(place))
    return app


def _function(place: str) -> Callable[..., None]:
    module, _, function = place.partition(":")
    found: Callable[..., None] = getattr(import_module(module), function)
    return found
