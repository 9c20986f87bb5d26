"""`tocsin twin ...`: the TiKV-shaped cluster of local processes, from a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.common import Exit, JsonOption, command, complain, say
from core.errors import NotFound
from core.twin import spec
from core.twin.cluster import Layout, TwinError

app = typer.Typer(no_args_is_help=True, help="The TiKV-shaped cluster that the demo watches.")

State = Annotated[Path, typer.Option("--state", help="Where its processes keep their files.")]
Name = Annotated[str, typer.Argument(help="pd-0, store-2, ...; `tocsin twin status` lists them.")]
DEFAULT = Path(".state/twin")


def _layout(state: Path) -> Layout:
    """The cluster that was laid out in `state`; never lays one out."""
    if not (state / spec.FILE).is_file():
        raise NotFound(
            f"There is no twin in {state}: `tocsin twin up` or `tocsin local` makes one."
        )
    return Layout(state)


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong inside is told in one line."""
    try:
        yield
    except TwinError as error:
        complain(str(error))
        raise Exit(1) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        # A layout that somebody else's hands, or another release, wrote.
        complain(f"That cannot be done: {error}")
        raise Exit(1) from None


@app.command()
@command
async def up(
    state: State = DEFAULT,
    stores: Annotated[int, typer.Option("--stores", min=1, max=9)] = 3,
    pds: Annotated[int, typer.Option("--pds", min=1, max=7)] = 3,
    version: Annotated[
        str, typer.Option("--version", help="v6.5.12, v7.5.7, v8.5.7, v26.3.4")
    ] = "v8.5.7",
    speed: Annotated[
        float, typer.Option("--speed", min=0.1, max=100, help="Divides every duration.")
    ] = 1.0,
) -> None:
    """Start a cluster and leave it running; prints what `--pd` needs."""
    with _told():
        layout = Layout(state, pds=pds, stores=stores, version=version, speed=speed)
        await layout.up()
    say(",".join(layout.pd_urls))


@app.command()
@command
async def down(state: State = DEFAULT) -> None:
    """End every process of the cluster."""
    with _told():
        await _layout(state).down()
    say("All of its processes have ended.")


@app.command()
@command
async def status(state: State = DEFAULT, as_json: JsonOption = False) -> None:
    """Each process: its state, its address, and how it is."""
    with _told():
        layout = _layout(state)
        found = await layout.status()
    if as_json:
        rows = [
            {
                "name": p.name,
                "kind": p.kind,
                "state": p.state,
                "pid": p.pid,
                "url": p.url,
                "detail": p.detail,
            }
            for p in found
        ]
        say(json.dumps(rows, indent=2))
        return
    for p in found:
        say(f"{p.name:<9} {p.state:<8} {p.pid or '-':>8}  {p.url:<28} {p.detail}")
    say(f"\nPD: {','.join(layout.pd_urls)}")


def _verb(name: str, does: str) -> Callable[..., None]:
    @command
    async def run(process: Name, state: State = DEFAULT) -> None:
        with _told():
            _layout(state).do(process, name)
        say(f"{process}: {name} done.")

    run.__doc__ = does
    return run


for _name, _does in (
    ("kill", "End a process at once (SIGKILL)."),
    ("pause", "Freeze a process (SIGSTOP)."),
    ("start", "Start a stopped process on its old ports, or continue a paused one."),
    ("stop", "Ask a process to end (SIGTERM): a store hands its leaders over first."),
):
    app.command(_name)(_verb(_name, _does))


@app.command()
@command
async def load(
    qps: Annotated[float, typer.Argument(min=0, help="What all clients together ask per second.")],
    state: State = DEFAULT,
) -> None:
    """Set the load on the cluster."""
    with _told():
        await _layout(state).set_load(qps)
    say(f"The load is {qps:g} requests per second.")
