"""`tocsin deploy ...`: the compose cluster, from a terminal: up, down, status, logs, reset."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import compose
from bot.cli.common import Exit, JsonOption, YesOption, command, complain, say
from bot.cli.compose import Compose, Part
from bot.text import terminal
from core.clock import Clock, SystemClock
from core.errors import Refused

app = typer.Typer(no_args_is_help=True, help="The compose cluster: TiKV, Prometheus, Grafana.")

File = Annotated[Path, typer.Option("--file", "-f", help="The compose file.")]
Project = Annotated[
    str, typer.Option("--project", "-p", help="Its compose project; left out: its folder's name.")
]
Services = Annotated[list[str] | None, typer.Argument(help="Only these services.")]
WithBot = Annotated[
    bool, typer.Option("--bot", help="With the bot in it (needs tokens in the environment).")
]
DEFAULT = Path("docker-compose.yml")
BOT = "tocsin"
LOOK_S = 1.0


@app.command()
@command
async def up(
    services: Services = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds until all must be well; 0: no wait.")
    ] = 300.0,
    bot: WithBot = False,
    file: File = DEFAULT,
    project: Project = "",
) -> None:
    """Start the cluster, wait until all of it is well, and print its addresses."""
    found = await compose.find(file, project)
    chosen = tuple(services or ())
    if await _start(found, chosen, bot):
        raise Exit(1)
    if not wait:
        return
    seen = await _until_well(found, chosen, wait, SystemClock())
    if not seen:
        complain(f"No container of {found.project} is there after {wait:g} s.")
        raise Exit(1)
    _table(seen)
    if bad := [one for one in seen if not one.well]:
        names = ", ".join(f"{one.service} ({_how(one)})" for one in bad)
        complain(f"Not well within {wait:g} s: {names}. `tocsin deploy logs` says more.")
        raise Exit(1)


async def _start(found: Compose, chosen: Sequence[str], bot: bool) -> int:
    """Bring services up, all but the bot unless it is wanted; compose's exit code."""
    there = await found.services()
    # Named one by one: compose would pull or build what is only left out by its count.
    named = chosen or [name for name in there if bot or name != BOT]
    return await found.run("up", "-d", *named)


async def _until_well(
    found: Compose, chosen: Sequence[str], wait_s: float, clock: Clock
) -> tuple[Part, ...]:
    until = clock.monotonic() + wait_s
    told = ""
    while True:
        seen = await compose.parts(found, chosen, clock)
        seen = tuple(one for one in seen if not chosen or one.service in chosen)
        waiting = [one for one in seen if not one.well]
        if (not waiting and seen) or clock.monotonic() >= until:
            return seen
        if waiting and all(one.failed for one in waiting):
            return seen
        now = f"Waiting for {', '.join(one.service for one in waiting) or 'containers'}..."
        if now != told:
            say(now)
            told = now
        await clock.sleep(LOOK_S)


@app.command()
@command
async def down(file: File = DEFAULT, project: Project = "") -> None:
    """Stop and remove the containers; the data stays for the next `up`."""
    found = await compose.find(file, project)
    if await found.run("down", "--remove-orphans"):
        raise Exit(1)
    say("Down. The data is kept; `tocsin deploy reset` deletes it.")


@app.command()
@command
async def reset(
    yes: YesOption = False, bot: WithBot = False, file: File = DEFAULT, project: Project = ""
) -> None:
    """Delete the cluster with all of its data, and start it anew, empty."""
    found = await compose.find(file, project)
    if not yes:
        if not sys.stdin.isatty():
            raise Refused("This deletes all data of the cluster: say --yes if that is meant.")
        typer.confirm(f"Delete all data of the project {found.project}?", abort=True)
    if await found.run("down", "--volumes", "--remove-orphans"):
        raise Exit(1)
    if await _start(found, (), bot):
        raise Exit(1)
    say("Started anew, empty: `tocsin deploy status` shows how far it is.")


@app.command()
@command
async def status(as_json: JsonOption = False, file: File = DEFAULT, project: Project = "") -> None:
    """Each service: whether it runs, whether it is well, its ports. Exit code 1 unless all are."""
    found = await compose.find(file, project)
    seen = await compose.parts(found, (), SystemClock())
    if not seen and not as_json:
        complain(
            f"Nothing of the project {found.project} is there: `tocsin deploy up` starts it, "
            "--project names another."
        )
    if as_json:
        rows = [
            {
                "service": one.service,
                "container": one.name,
                "state": one.state,
                "health": one.health,
                "well": one.well,
                "image": one.image,
                "ports": list(one.ports),
            }
            for one in seen
        ]
        say(json.dumps(rows, indent=2))
    else:
        _table(seen)
    if not (seen and all(one.well for one in seen)):
        raise Exit(1)


@app.command()
@command
async def logs(
    services: Services = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", min=0, max=10_000)] = 100,
    file: File = DEFAULT,
    project: Project = "",
) -> None:
    """What the services have written."""
    found = await compose.find(file, project)
    words = ["logs", "--tail", str(tail), *(["--follow"] if follow else []), *(services or ())]
    if await found.run(*words):
        raise Exit(1)


def _table(seen: Sequence[Part]) -> None:
    wide = max((len(one.service) for one in seen), default=8)
    for one in seen:
        ports = ", ".join(one.ports)
        image = terminal(one.image, 40)
        say(f"{terminal(one.service, 40):<{wide}}  {_how(one):<20}  {image:<28}  {ports}".rstrip())


def _how(one: Part) -> str:
    return f"{one.state}, {one.health}" if one.health else one.state
