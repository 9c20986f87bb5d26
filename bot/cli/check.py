"""`tocsin check-config`: is the configuration right, and, with --live, does everything answer?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from bot import given, links
from bot.check_slack import check_slack
from bot.cli.check_offline import useless
from bot.cli.common import ConfigOption, DbOption, Exit, JsonOption, command, say
from bot.text import terminal
from core.addresses import parse_url
from core.clock import SystemClock
from core.config import Config, load
from core.diagnosis.settings import allowed
from core.errors import Invalid, TocsinError
from core.findings import Finding
from core.subject import Checkable
from core.wiring import build_subjects, experiments


@command
async def check_config(
    live: Annotated[
        bool, typer.Option("--live", help="Also ask Slack, PD, nodes, Prometheus.")
    ] = False,
    as_json: JsonOption = False,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Read the configuration as `tocsin serve` would; each failure is told with its fix.

    Exit code 0 when all is well, 1 when something does not answer, 2 when the file is wrong.
    """
    settings = load(config, database=db)
    parse_url(settings.database)
    found = [Finding("configuration", str(settings.path or "defaults"), True, "can be read")]
    found += _offline(settings)
    right = all(f.ok for f in found)
    if live:
        found += await _live(settings)
    _print(found, as_json)
    if not right:
        raise Exit(2)
    if not all(f.ok for f in found):
        raise Exit(1)


def _offline(settings: Config) -> list[Finding]:
    found = []
    for what, look in (
        ("routes", lambda: given.routes(settings)),
        ("links", lambda: links.of(settings.file.links)),
        ("roles", lambda: given.roles(settings)),
        ("bot token", lambda: given.slack(settings)),
        ("app token or signing secret", lambda: _second_token(settings)),
        ("subjects", lambda: build_subjects(settings, SystemClock())),
        ("diagnosis", lambda: _diagnosis(settings)),
        ("experiments", lambda: experiments(settings)),
    ):
        try:
            look()
        except TocsinError as error:
            found.append(Finding("configuration", what, False, error.text))
    found += useless(settings)
    if not settings.file.subjects:
        fix = "add [[subjects]] with a name, a kind and its endpoints"
        found.append(Finding("configuration", "subjects", False, "there is nothing to watch", fix))
    return found


def _second_token(settings: Config) -> str:
    if settings.file.slack.mode == "socket":
        return given.app_token(settings)
    return given.signing_secret(settings)


def _diagnosis(settings: Config) -> None:
    """Whether Claude can be asked where the file says so."""
    allowed(settings)
    if settings.file.diagnosis.claude and settings.anthropic_key is None:
        raise Invalid(
            "diagnosis: claude = true, and there is no key: set $ANTHROPIC_API_KEY or "
            "diagnosis.api_key_file; until then rules alone."
        )
    willing = any(one.diagnosis.claude for one in settings.file.subjects)
    if willing and not settings.file.diagnosis.claude:
        raise Invalid("a subject has diagnosis = {claude = true}; [diagnosis] has no claude = true")


async def _live(settings: Config) -> list[Finding]:
    clock = SystemClock()
    found = await check_slack(settings, clock)
    try:
        subjects = build_subjects(settings, clock)
    except TocsinError:
        return found
    for subject in subjects:
        try:
            if isinstance(subject, Checkable):
                found += await subject.check()
        finally:
            await subject.close()
    return found


def _print(found: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        say(json.dumps([asdict(f) for f in found], indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    wide = console if console.is_terminal else Console(highlight=False, width=200)
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", "Part", "What", "Found", "Fix"):
        grid.add_column(name, overflow="fold")
    for f in found:
        sign = Text("ok", style="green") if f.ok else Text("NO", style="bold red")
        # As Text: a plain string may hold rich's own markup, as [[routes]] does.
        cells = ((f.part, 80), (f.what, 120), (f.found, 300), (f.fix, 300))
        grid.add_row(sign, *(Text(terminal(said, limit)) for said, limit in cells))
    wide.print(grid)
    bad = sum(not f.ok for f in found)
    say("All is well." if not bad else f"{bad} of {len(found)} checks failed.")
