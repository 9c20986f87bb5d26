"""`tocsin manifest`: the Slack app, to paste where Slack makes apps."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import typer

from bot.cli.common import complain, say
from bot.manifest import as_yaml, manifest


def show_manifest(
    http: Annotated[
        str | None,
        typer.Option("--http", metavar="URL", help="For HTTP mode at this https address."),
    ] = None,
) -> None:
    """Print the app's manifest: for Socket Mode, or with --http for HTTP mode."""
    if http is not None and not (http.startswith("https://") and urlsplit(http).hostname):
        complain("Slack calls public https addresses only: give --http https://your.host.")
        raise typer.Exit(2)
    say(as_yaml(manifest(http)).rstrip())
