"""`tocsin chaos campaign FILE`: trials over subjects and experiments, resumable, scored.

It holds a database of its own and watches the configured subjects itself; one trial after the
other, so that no fault hides another. A trial that fails is a result, never the end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.campaign_file import Campaign, Trial, read, trials
from bot.cli.campaign_score import done, scores, table
from bot.cli.chaos_tell import public
from bot.cli.common import ConfigOption, Exit, JsonOption, command, complain, say
from bot.cli.logs import set_up_logs
from bot.cli.signals import stopped_by_signal
from bot.text import terminal
from core.chaos.order import order
from core.chaos.order import rules as rules_of
from core.clock import Clock, SystemClock, within
from core.config import load
from core.db import Tx
from core.errors import TocsinError
from core.metrics import Metrics
from core.opening import failed
from core.runs import store
from core.runs.model import Run, State
from core.tasks import Tasks
from core.wiring import Core, hold_core

LOOK_S = 0.2
BY = "cli:campaign"
HEALING = "aborted by Ctrl-C, healing..."


@command
async def campaign(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="TOML: subjects, experiments, trials.")
    ],
    db: Annotated[
        str | None,
        typer.Option(
            "--db", metavar="URL", help="Its own database [FILE with .db in place of .toml]"
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Run the trials that are not done yet, then print time to detect, diagnose and recover.

    Ctrl-C ends it after healing; started again it goes on with the next trial. Exit code 0 once
    every trial was tried, however it went; 130 when it was interrupted.
    """
    wanted = read(file)
    database = db or str(file.with_suffix(".db"))
    settings = load(config, database=database)
    rules = rules_of(settings.file)
    planned = trials(wanted, rules)
    set_up_logs(settings.file.log.model_copy(update={"level": "warning"}), settings.secrets())
    clock, stop = SystemClock(), stopped_by_signal()
    tasks = Tasks(failed)
    async with hold_core(settings, clock, "tocsin chaos campaign", Metrics()) as core:
        await core.engine.begin()
        core.engine.start(tasks)
        try:
            for number, trial in enumerate(planned, 1):
                if stop.is_set():
                    break
                head = f"{number}/{len(planned)} {trial.name}"
                await _one(core, wanted, trial, stop, head, complain if as_json else say)
        finally:
            await tasks.cancel()
        finished = await core.db.read(done, planned)
    _tell(wanted, planned, finished, as_json=as_json)
    if stop.is_set():
        raise Exit(130)


def _tell(
    wanted: Campaign, planned: Sequence[Trial], finished: Mapping[str, Run], *, as_json: bool
) -> None:
    """The scores so far."""
    rows = scores(planned, finished)
    if as_json:
        told: dict[str, Any] = {
            "campaign": wanted.name,
            "trials": len(planned),
            "done": len(finished),
            "scores": rows,
            "runs": [public(one) for one in finished.values()],
        }
        say(json.dumps(told, indent=2))
        return
    table(rows)
    if len(finished) < len(planned):
        say(f"{len(planned) - len(finished)} trials are left: run it again to go on.")


async def _one(
    core: Core,
    wanted: Campaign,
    trial: Trial,
    stop: asyncio.Event,
    head: str,
    told: Callable[[str], None],
) -> None:
    """One trial, unless it is done; whatever goes wrong is told and belongs to it alone."""
    try:
        found = await core.db.read(done, (trial,))
        if trial.key in found:
            told(terminal(f"{head}: done before, {found[trial.key].outcome}"))
            return
        run = await _ready(core, wanted, trial, stop)
    except TocsinError as error:
        told(terminal(f"{head}: not begun: {error.text}", 400))
        return
    if run is None:
        return
    try:
        run = await _reported(
            core, wanted.patience_s, run, stop, lambda: told(f"{head}: {HEALING}")
        )
    except TocsinError as error:
        told(terminal(f"{head}: it was begun, but how it went cannot be read: {error.text}", 400))
        return
    why = str(run.data.get("why") or "")
    told(terminal(f"{head}: {run.outcome}{f': {why}' if why else ''}", 400))
    await _pause(core.clock, wanted.cooldown_s, stop)


async def _reported(
    core: Core, patience_s: float, run: Run, stop: asyncio.Event, aborted: Callable[[], None]
) -> Run:
    """The run once it is over, aborted if we are interrupted; `aborted` is called when it is. Raises
    the error that has kept it from being read for `patience_s`."""
    clock = core.clock
    until = clock.monotonic() + patience_s
    while run.state is not State.REPORTED:
        await clock.sleep(LOOK_S)
        try:
            run = await core.db.read(store.get, run.id)
            if stop.is_set() and run.live and not run.aborting:
                run = await core.db.write(store.abort, run.id, BY, "the campaign was interrupted")
                aborted()
        except TocsinError:
            if clock.monotonic() >= until:
                raise
        else:
            until = clock.monotonic() + patience_s
    return run


async def _pause(clock: Clock, seconds: float, stop: asyncio.Event) -> None:
    """So many seconds, or until it is interrupted."""
    with suppress(TimeoutError):
        await within(clock, seconds, stop.wait())


async def _ready(core: Core, wanted: Campaign, trial: Trial, stop: asyncio.Event) -> Run | None:
    """Begin the trial once its subject is well: what a trial left must not fail the next. None if
    it was interrupted before."""
    clock = core.clock
    until = clock.monotonic() + wanted.patience_s
    while True:
        preview = await core.desk.preview(
            trial.experiment, trial.subject, trial.target, trial.duration_s, trial.seed
        )
        if stop.is_set():
            return None
        if not preview.refused or clock.monotonic() >= until:
            break
        await _pause(clock, 1.0, stop)
    entity = preview.entities[0] if len(preview.entities) == 1 else trial.target
    return await core.db.write(_order, core, trial, entity)


def _order(tx: Tx, core: Core, trial: Trial, entity: str) -> Run:
    return order(
        tx,
        core.desk.rules,
        name=trial.experiment,
        by=BY,
        subject=trial.subject,
        target=entity,
        duration_s=trial.duration_s,
        trial=trial.key,
    )
