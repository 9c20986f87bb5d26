"""`tocsin local`: a Slack workspace, a TiKV-shaped cluster and the bot, all on this machine.

The bot inside is the one of `tocsin serve`: it reaches the workspace and the cluster over HTTP, and
knows of neither that they are local.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from bot.cli.common import ConfigOption, DbOption, Exit, command, complain, say
from bot.cli.logs import set_up_logs
from bot.cli.signals import stopped_by_signal
from bot.local import cast
from bot.local.server import LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from bot.wiring import Running, run
from core.clock import SystemClock
from core.config import Config, RouteConfig, SubjectConfig, load
from core.errors import Refused
from core.lock import take_file
from core.twin.cluster import Layout, TwinError

CHANNEL = "storage-alerts"
DEFAULT_PORT = 8899


class Panel:
    """The twin beside the channels: what runs, and buttons to kill, pause and start it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def state(self) -> dict[str, Any]:
        """The processes as the page shows them."""
        return await self._layout.panel("TiKV twin")

    async def act(self, name: str, verb: str) -> None:
        """Do `verb` to a process. ValueError, in words, when it cannot be done."""
        try:
            self._layout.do(name, verb)
        except TwinError as error:
            raise ValueError(str(error)) from None


@command
async def local(
    port: Annotated[
        int, typer.Option("--port", "-p", help="Of the page; 0 picks one.")
    ] = DEFAULT_PORT,
    state: Annotated[
        Path, typer.Option("--state", help="Where the twin's processes keep their files.")
    ] = Path(".state/twin"),
    stores: Annotated[int, typer.Option("--stores", min=3, max=9, help="Stores of the twin.")] = 3,
    keep: Annotated[bool, typer.Option("--keep", help="Keep tickets from earlier runs.")] = False,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Try it all without Slack and without TiKV: prints the address of a page to open."""
    given = load(config, database=db)
    set_up_logs(given.file.log.model_copy(update={"level": "warning"}), given.secrets())
    database = db or given.database if keep or db else str(state.parent / "local.db")
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not keep and not db:
        _forget(Path(database))
    stop = stopped_by_signal()
    try:
        with take_file(state / "lock", "tocsin local"):
            async with AsyncExitStack() as stack:
                running = await _start(given, database, state, stores, port, stack)
                running.on_stop(stop.set)
                await stop.wait()
                say("\nStopping...")
    except (Refused, TwinError) as error:
        complain(str(error))
        raise Exit(1) from None
    except OSError as error:
        complain(f"Port {port} cannot be used: {error.strerror}. Choose another with --port.")
        raise Exit(1) from None
    say("Stopped; the twin's processes have ended.")


def _forget(path: Path) -> None:
    """Tickets of an earlier demo would only confuse: this database is the demo's alone."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


async def _start(
    given: Config, database: str, state: Path, stores: int, port: int, stack: AsyncExitStack
) -> Running:
    say(f"Starting a TiKV-shaped cluster (3 PD members, {stores} stores)...")
    layout = Layout(state, stores=stores, tie_to=os.getpid())
    stack.push_async_callback(layout.down)
    await layout.up()
    workspace = Workspace(cast.Config(manifest=manifest(), app_name="Tocsin"))
    server = await stack.enter_async_context(LocalServer(workspace, port, Panel(layout)))
    settings = _settings(given, database, server, layout)
    running = await stack.enter_async_context(run(settings, SystemClock(), "tocsin local"))
    say(f"\n  Open  {server.url}\n")
    say("  Kill a store in the panel on the right and watch #storage-alerts.")
    say(f"  From a second terminal: tocsin tickets list --db {database}")
    say("  Ctrl-C ends everything.\n")
    return running


def _settings(given: Config, database: str, server: LocalServer, layout: Layout) -> Config:
    """The configuration of `tocsin serve`, pointed at what runs here."""
    subjects = tuple(s for s in given.file.subjects if s.kind != "tikv") or ()
    logs = {
        name: {"path": str(layout.log(name))} for name in layout.names if name.startswith("store")
    }
    twin = SubjectConfig.model_validate(
        {"name": "tikv-twin", "kind": "tikv", "pd": list(layout.pd_urls), "logs": logs}
    )
    file = given.file.model_copy(
        update={
            "slack": given.file.slack.model_copy(
                update={"base_url": server.api_url, "mode": "socket", "proxy": None}
            ),
            "routes": (RouteConfig(channel=CHANNEL, mention=_group(server)),),
            "roles": None,
            "http": given.file.http.model_copy(update={"port": 0}),
            "subjects": (twin, *subjects),
        }
    )
    return given.model_copy(
        update={
            "file": file,
            "database": database,
            "bot_token": SecretStr(server.bot_token),
            "app_token": SecretStr(server.app_token),
        }
    )


def _group(server: LocalServer) -> str:
    """The on-call group of the local cast, so that pages show how they mention it."""
    return next(iter(server.workspace.state.groups), "") or ""
