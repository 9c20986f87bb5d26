"""`tocsin local`: a Slack workspace, a TiKV-shaped cluster and the bot, all on this machine.

The bot inside is the one of `tocsin serve`: it reaches the workspace and the cluster over HTTP, and
knows of neither that they are local.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import sys
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from bot.cli.common import ConfigOption, DbOption, Exit, command, complain, say
from bot.cli.logs import set_up_logs
from bot.cli.signals import stopped_by_signal
from bot.cli.twin_subject import subject_of
from bot.local import cast
from bot.local.server import HOST, LocalServer
from bot.local.workspace import Workspace
from bot.manifest import manifest
from bot.wiring import Running, run
from core.addresses import private_folder
from core.clock import SystemClock
from core.config import DEFAULT_DB, Config, RolesConfig, RouteConfig, SubjectConfig, load
from core.config_diagnosis import SubjectDiagnosisConfig
from core.errors import Refused
from core.lock import hold_raw, take_file
from core.maintenance import watched
from core.migrate import migrate
from core.opening import open_database
from core.rehearsal import forget
from core.subject import OWN
from core.twin.cluster import Layout, TwinError
from core.twin.spec import FILE as LAYOUT

CHANNEL = "storage-alerts"
TWIN = "tikv-twin"
DEFAULT_PORT = 8899
WELL_S = 2.1
"""So long after its first look a store that dies is news; before, it was found broken."""
RUNNING = (
    "{holder} is running already: open its page, end it with Ctrl-C, or choose another folder "
    "with --state and another port with --port."
)
LEFT_OVER_S = 3.0
"""A killed demo's processes end by themselves well within this."""


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
        int, typer.Option("--port", "-p", min=0, max=65535, help="Of the page; 0 picks one.")
    ] = DEFAULT_PORT,
    state: Annotated[
        Path, typer.Option("--state", help="Where the twin's processes keep their files.")
    ] = Path(".state/twin"),
    stores: Annotated[int, typer.Option("--stores", min=3, max=9, help="Stores of the twin.")] = 3,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the twin and the tickets of an earlier run.")
    ] = False,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Try it all without Slack and without TiKV: prints the address of a page to open."""
    given = load(config, database=db)
    set_up_logs(given.file.log.model_copy(update={"level": "warning"}), given.secrets())
    database = given.database
    private_folder(state)
    stop = stopped_by_signal()
    try:
        with take_file(state / "lock", "tocsin local", RUNNING):
            if not keep:
                await _forget(state)
                await _forget_tickets(given)
            async with AsyncExitStack() as stack:
                start = _start(given, database, state, stores, port, stack)
                running = await _unless(stop, start)
                if running is not None:
                    running.on_stop(stop.set)
                    await stop.wait()
                say("\nStopping...")
    except (Refused, TwinError) as error:
        complain(str(error))
        raise Exit(1) from None
    say("Stopped; the twin's processes have ended.")


async def _unless(stop: asyncio.Event, start: Coroutine[Any, Any, Running]) -> Running | None:
    """What `start` makes, or None once `stop` is set: it is then cancelled."""
    starting, asked = asyncio.ensure_future(start), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
        return starting.result() if starting.done() else None
    finally:
        for task in (starting, asked):
            task.cancel()
        await asyncio.gather(starting, asked, return_exceptions=True)


async def _forget_tickets(given: Config) -> None:
    """Forget what an earlier demo told of its twin: the workspace that it told it to is gone."""
    db = open_database(given, SystemClock(), create=True)
    try:
        async with hold_raw(db, "tocsin local", wait=False):
            await migrate(db)
            others = {w.name for w in await db.read(watched)} - {TWIN, OWN}
            if others:
                raise Refused(
                    f"{given.database} is a real bot's (it watches {', '.join(sorted(others))}): "
                    "choose another with --db, as in --db .state/local.db."
                )
            for name in (TWIN, OWN):
                await db.write(forget, name)
    finally:
        await db.close()


async def _forget(state: Path) -> None:
    """Faults of an earlier demo would only confuse; its ports may be taken by now.

    TwinError when somebody's twin runs in this folder. What is not the twin's is left alone.
    """
    if not (state / LAYOUT).exists():
        return
    old, clock = Layout(state), SystemClock()
    until = clock.monotonic() + LEFT_OVER_S
    while any(old.state(name) != "stopped" for name in old.names):
        if clock.monotonic() > until:
            raise TwinError(
                f"A twin already runs in {state}: end it with `tocsin twin down`, "
                "or choose another folder with --state."
            )
        await clock.sleep(0.1)
    for name in old.names:
        shutil.rmtree(state / name, ignore_errors=True)
        for ending in ("log", "stderr"):
            (state / f"{name}.{ending}").unlink(missing_ok=True)
    shutil.rmtree(state / "run", ignore_errors=True)
    (state / LAYOUT).unlink()


async def _start(
    given: Config, database: str, state: Path, stores: int, port: int, stack: AsyncExitStack
) -> Running:
    _free(port)
    layout = Layout(state, stores=stores, tie_to=os.getpid())
    stack.push_async_callback(layout.down)
    say(
        f"Starting a TiKV-shaped cluster ({len(layout.spec.pds)} PD members, "
        f"{len(layout.spec.stores)} stores)..."
    )
    await layout.up()
    workspace = Workspace(cast.Config(manifest=manifest(), app_name="Tocsin"))
    server = await stack.enter_async_context(LocalServer(workspace, port, Panel(layout)))
    settings = _settings(given, database, server, layout)
    clock = SystemClock()
    running = await stack.enter_async_context(run(settings, clock, "tocsin local"))
    await _seen_well(running, clock)
    say(f"\n  Open  {server.url}\n")
    say(
        "  Kill a store in the panel on the right, or type /chaos run kill-store: watch #storage-alerts."
    )
    elsewhere = "" if database == DEFAULT_DB else f" --db {database}"
    say(f"  From a second terminal: {_myself()} tickets list{elsewhere}")
    say("  Ctrl-C ends everything.\n")
    return running


def _free(port: int) -> None:
    """Refused when the port cannot be had: said before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error}"
            raise Refused(
                f"Port {port} {why}. Choose another with --port, 0 for any that is free "
                f'(`make demo ARGS="--port 0"`).'
            ) from None


async def _seen_well(running: Running, clock: SystemClock) -> None:
    """Wait until the cluster has been looked at: a store killed at once is then a ticket."""
    watches = running.core.engine.watches
    while any(watch.last is None for watch in watches):
        await clock.sleep(0.05)
    await clock.sleep(WELL_S)


def _myself() -> str:
    """How this program is called from a terminal in the same folder."""
    called = Path(sys.argv[0])
    if called.name != "tocsin":
        return f"{sys.executable} -m bot"
    return "tocsin" if shutil.which("tocsin") else str(called)


def _settings(given: Config, database: str, server: LocalServer, layout: Layout) -> Config:
    """The configuration of `tocsin serve`, pointed at what runs here."""
    file = given.file.model_copy(
        update={
            "slack": given.file.slack.model_copy(
                update={"base_url": server.api_url, "mode": "socket", "proxy": None}
            ),
            "routes": (RouteConfig(channel=CHANNEL, mention=_group(server)),),
            "roles": _roles(server),
            "http": given.file.http.model_copy(update={"port": 0}),
            "subjects": (_subject(given, layout),),
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


def _subject(given: Config, layout: Layout) -> SubjectConfig:
    """The twin. It has nothing to hide: where Claude is set up at all, it may be asked about it."""
    allowed = SubjectDiagnosisConfig(claude=given.file.diagnosis.claude)
    return subject_of(layout, TWIN).model_copy(update={"diagnosis": allowed})


def _roles(server: LocalServer) -> RolesConfig:
    """The first of the cast may run experiments; the others read that it takes an admin."""
    people = [one for one in server.workspace.state.users.values() if not one.is_bot]
    return RolesConfig(
        admin=tuple(one.id for one in people[:1]), responder=tuple(one.id for one in people[1:])
    )


def _group(server: LocalServer) -> str:
    """The on-call group of the local cast, so that pages show how they mention it."""
    return next(iter(server.workspace.state.groups), "") or ""
