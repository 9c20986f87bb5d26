"""`tocsin eval`: how right the diagnoses are, over folders of scenarios."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.common import ConfigOption, JsonOption, complain, say
from bot.cli.diagnosis_text import plain
from bot.text import terminal
from core.clock import SystemClock
from core.config import load
from core.diagnosis.evaluate import Ask, Score, Total, answered, evaluate, folders, totals
from core.diagnosis.scenario.file import read
from core.diagnosis.scenario.script import real, scripted
from core.diagnosis.scenario.world import snapshot
from core.diagnosis.settings import claude_settings
from core.errors import Invalid

if TYPE_CHECKING:
    from rich.console import Console

DirArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folders of scenarios.")]


ShowOption = Annotated[bool, typer.Option("--show", help="Print each diagnosis in full instead.")]


ClaudeOption = Annotated[
    bool, typer.Option("--claude", help="Ask Claude, too: with $ANTHROPIC_API_KEY, for money.")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", help="With --claude: this model alone.", show_default=False)
]
DollarsOption = Annotated[
    float, typer.Option("--max-dollars", min=0.0, help="With --claude: all of it may cost so much.")
]


def eval_scenarios(
    directory: DirArgument,
    as_json: JsonOption = False,
    show: ShowOption = False,
    claude: ClaudeOption = False,
    model: ModelOption = None,
    max_dollars: DollarsOption = 5.0,
    config: ConfigOption = None,
) -> None:
    """Replay every scenario below DIR and score the diagnoses (docs/scenarios.md).

    Exit code 1 if a scenario cannot be read.
    """
    try:
        ask = _asking(config, model, max_dollars) if claude else scripted
        if show:
            for folder in folders(directory):
                file = read(folder)
                got = answered(file, snapshot(file), ask)
                say(f"# {terminal(file.question, 300)}\n{plain(got.diagnosis)}")
                if got.claude is not None:
                    say(f"Claude: {got.claude.ending}. {terminal(got.claude.why, 400)}\n")
            return
        scores = list(evaluate(directory, SystemClock().monotonic, ask))
    except Invalid as error:
        complain(str(error))
        raise typer.Exit(2) from None
    sums = totals(scores)
    if as_json:
        told = {"scenarios": [asdict(one) for one in scores], "sets": [asdict(one) for one in sums]}
        say(json.dumps(told, indent=2))
    else:
        _misses(scores)
        _table(sums)
    if any(one.error for one in scores):
        raise typer.Exit(1)


def _asking(config: Path | None, model: str | None, max_dollars: float) -> Ask:
    settings = claude_settings(load(config), model)
    if not settings.api_key:
        raise Invalid("--claude needs a key: set $ANTHROPIC_API_KEY.")
    return real(settings, round(max_dollars * 1e6))


def _misses(scores: Sequence[Score]) -> None:
    for one in scores:
        if one.error:
            say(f"cannot be read: {terminal(one.error, 300)}")
        elif not one.grounded or one.false_alarm or one.forbidden:
            wanted = "inconclusive" if one.abstain else " or ".join(one.expected)
            got = f"{one.cause} of {one.entity} ({one.certainty})"
            why = f"; not cited: {', '.join(one.uncited)}" if one.uncited else ""
            why += "" if one.ending_right else f"; Claude ended {one.ending}"
            say(f"missed: {terminal(f'{one.name}: wanted {wanted}, got {got}{why}', 300)}")


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def _table(sums: Sequence[Total]) -> None:
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        *("Set", "Scenarios", "Cause right", "Entity right", "Grounded"),
        *("False alarms", "Abstained", "Forbidden", "Slowest", "Claude", "Tokens", "Cost"),
    ):
        grid.add_column(name, no_wrap=True, justify="left" if name == "Set" else "right")
    for one in sums:
        grid.add_row(
            terminal(one.group, 40),
            str(one.scenarios),
            _share(one.cause_right, one.scenarios),
            _share(one.entity_right, one.scenarios),
            _share(one.grounded, one.scenarios),
            f"{one.false_alarms} of {one.healthy}",
            f"{one.abstained} of {one.abstentions}",
            str(one.forbidden),
            f"{one.slowest_s * 1000:.0f} ms",
            str(one.asked) if one.asked else "-",
            f"{one.tokens:,}" if one.asked else "-",
            f"${one.micro_dollars / 1e6:.2f}" if one.asked else "-",
        )
    _console().print(grid)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"
