"""`tocsin demo chaos`: the whole story on a terminal, paced by Enter.

A healthy cluster, load on it, a fault, its detection as it happens, a diagnosis, the recovery, and
how it went. Ctrl-C at any point heals what was broken, then ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from bot.cli import demo_place
from bot.cli.common import ConfigOption, Exit, YesOption, command, complain, say
from bot.cli.demo_story import Telling
from bot.cli.logs import set_up_logs
from bot.cli.signals import stopped_by_signal
from core.clock import SystemClock
from core.config import load
from core.metrics import Metrics
from core.opening import failed
from core.runs.model import Outcome, Run
from core.tasks import Tasks
from core.twin.cluster import TwinError
from core.wiring import hold_core

app = typer.Typer(no_args_is_help=True, help="Stories told on a terminal.")


@app.callback()
def group() -> None:
    """Stories told on a terminal."""


@app.command()
@command
async def chaos(
    subject: Annotated[
        str, typer.Option("--subject", help="A configured subject instead of a twin.")
    ] = "",
    experiment: Annotated[str, typer.Option("--experiment", help="What is done.")] = "kill-store",
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1, max=300, help="Seconds to wait for detection.")
    ] = 30.0,
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Break a healthy cluster on purpose and watch it being found, explained and healed.

    Uses the compose cluster if that is running, else starts a twin. Exit code 0 if all went as it
    should.
    """
    given = load(config)
    set_up_logs(given.file.log.model_copy(update={"level": "error"}), given.secrets())
    clock, tasks = SystemClock(), Tasks(failed)
    try:
        async with (
            demo_place.opened(given, subject) as (place, settings),
            hold_core(settings, clock, "tocsin demo chaos", Metrics()) as core,
        ):
            await core.engine.begin()
            core.engine.start(tasks)
            try:
                story = Telling(core, place, experiment, timeout_s, yes=yes)
                ended = await _unless_stopped(story.tell())
            finally:
                await tasks.cancel()
                say("\nHealing whatever is broken, and ending...")
    except TwinError as error:
        complain(str(error))
        raise Exit(1) from None
    if ended.outcome is not Outcome.SUCCEEDED:
        raise Exit(1)


async def _unless_stopped(story: Coroutine[Any, Any, Run]) -> Run:
    """The story to its end; Exit 130 once somebody pressed Ctrl-C.

    A cancellation can get lost where what was waited for ends in the same instant, and the story
    would then wait for an Enter that never comes: it is repeated until it is heard.
    """
    telling = asyncio.ensure_future(story)
    stop = asyncio.ensure_future(stopped_by_signal().wait())
    await asyncio.wait((telling, stop), return_when=asyncio.FIRST_COMPLETED)
    stopped = stop.done()
    stop.cancel()
    while stopped and not telling.done():
        telling.cancel()
        await asyncio.wait((telling,), timeout=0.5)
    if stopped:
        raise Exit(130)
    return telling.result()
