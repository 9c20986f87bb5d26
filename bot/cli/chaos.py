"""`tocsin chaos ...`: experiments from a terminal. The process that holds the database runs them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from bot.chaos.bench import Bench
from bot.chaos.facts import Preview
from bot.chaos.parse import Ask
from bot.cli import breakable
from bot.cli.campaign import campaign
from bot.cli.chaos_follow import follow
from bot.cli.chaos_plans import For, Name, Subject, Target, schedule, unschedule
from bot.cli.chaos_tell import lines, public, summary
from bot.cli.common import (
    ConfigOption,
    DbOption,
    Exit,
    JsonOption,
    YesOption,
    actor,
    command,
    complain,
    iso,
    local_time,
    say,
    with_database,
)
from bot.cli.names import name_of
from bot.text import terminal
from core import people
from core.chaos import schedule as plans
from core.chaos.model import KIND
from core.chaos.order import Rules, order
from core.chaos.order import rules as rules_of
from core.clock import SystemClock
from core.config import Config
from core.db import Database
from core.durations import parse_duration, span
from core.errors import NotFound, Refused
from core.lock import is_held
from core.runs import harm, store
from core.runs.model import LIVE, Outcome, Run, State

app = typer.Typer(no_args_is_help=True, help="Break something on purpose; it is always healed.")

NOBODY = (
    "No process holds this database, so nobody would run it: start `tocsin serve` or "
    "`tocsin monitor run` first. Nothing was asked for."
)
UNREAD = "known to the process that watches; this configuration names no subject"


@app.command("list")
@command
async def listing(
    as_json: JsonOption = False, db: DbOption = None, config: ConfigOption = None
) -> None:
    """What can be run on which subject, and what cannot, with the reason."""

    async def show(database: Database, settings: Config) -> None:
        clock = SystemClock()
        async with breakable.opened(settings, clock) as subjects:
            rules = rules_of(settings.file)
            desk = breakable.desk(database, subjects, rules, clock)
            found = await Bench(rules, clock, desk).catalogues()
        if as_json:
            say(json.dumps([asdict(one) for one in found], indent=2))
            return
        for one in found:
            say(terminal(f"{one.subject}: {one.off or f'{len(one.offers)} experiments'}"))
            for offer in one.offers:
                what = offer.unavailable or f"{offer.title}, for {span(offer.duration_s)}"
                mark = "no " if offer.unavailable else "   "
                say(f"  {mark}{terminal(offer.name, 40):<20} {terminal(what, 300)}")
            if one.targets:
                say(f"  may be broken: {terminal(', '.join(one.targets), 600)}")
        if not found:
            for experiment in rules.catalog.experiments.values():
                say(f"  {experiment.name:<20} {terminal(experiment.title, 160)}")
            say(f"Targets and what is available are {UNREAD}.")

    await with_database(db, config, show)


@app.command()
@command
async def run(
    experiment: Name,
    target: Target = "",
    length: For = "",
    subject: Subject = "",
    yes: YesOption = False,
    as_json: JsonOption = False,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Show the plan, ask, leave the order to the holder of the database, and follow it live.

    Exit code 0 if it passed; Ctrl-C only stops the following: `tocsin chaos abort` ends the run.
    """
    ask = Ask(experiment, target, subject, parse_duration(length) if length else None)

    async def do(database: Database, settings: Config) -> None:
        clock = SystemClock()
        if not await is_held(database):
            raise Refused(NOBODY)
        found = await breakable.rules(database, settings)
        rules = breakable.fits_unknown(found, found.catalog.get(ask.experiment))
        planned = await _plan(database, settings, rules, ask, clock)
        await _agreed(planned, yes=yes, quiet=as_json)
        made = await database.write(
            lambda tx: order(
                tx,
                rules,
                name=ask.experiment,
                by=actor(),
                subject=planned.subject,
                target=planned.entity or ask.target,
                duration_s=ask.for_s,
            )
        )
        await _followed(database, clock, made, as_json=as_json)

    await with_database(db, config, do)


async def _plan(
    database: Database, settings: Config, rules: Rules, ask: Ask, clock: SystemClock
) -> Preview:
    if not settings.file.subjects:
        return await Bench(rules, clock).preview(ask)
    async with breakable.opened(settings, clock) as subjects:
        return await Bench(rules, clock, breakable.desk(database, subjects, rules, clock)).preview(
            ask
        )


async def _agreed(planned: Preview, *, yes: bool, quiet: bool) -> None:
    """Show the plan and ask; Refused where it must not be, or where nobody can be asked."""
    if planned.refused:
        raise Refused(f"{planned.refused.rstrip('.')}. Nothing was touched.")
    if not quiet:
        for name, told in (
            ("experiment", f"{planned.title} ({planned.name}) on {planned.subject}"),
            ("target", planned.target),
            ("what", planned.words),
            ("reach", planned.radius),
            ("margin", planned.margin),
            ("undo", planned.undo_words),
            ("for", span(planned.duration_s)),
        ):
            if told:
                say(f"{name:<11} {terminal(told, 400)}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused("Nobody can be asked here: say --yes if that is what you want.")
    if not typer.confirm("Run it?"):
        raise Exit(1)


def _left_alone(run: Run) -> str:
    if run.state is State.CREATED:
        return "Nobody has taken it on: it is not begun any more once a minute has passed."
    return (
        "The bot has ended. What is broken is healed by the detached healer soon after the fault's "
        "time is over, or by the bot when it starts again; `tocsin chaos status` tells."
    )


async def _followed(database: Database, clock: SystemClock, made: Run, *, as_json: bool) -> None:
    if not as_json:
        say(f"Run {made.id}. Ctrl-C stops the following; `tocsin chaos abort` ends the run.")
    ended = await follow(database, clock, made, complain if as_json else say)
    if ended.state is not State.REPORTED:
        complain(_left_alone(ended))
        raise Exit(1)
    if as_json:
        say(json.dumps(public(ended), indent=2))
    else:
        say()
        for line in summary(ended, name_of(await database.read(people.names))):
            say(line)
    if ended.outcome is not Outcome.SUCCEEDED:
        raise Exit(1)


@app.command()
@command
async def status(
    as_json: JsonOption = False, db: DbOption = None, config: ConfigOption = None
) -> None:
    """What is under way, planned, broken and not seen healed, and how the last ones ended."""

    async def show(database: Database, _: Any) -> None:
        runs = await database.read(lambda tx: store.listing(tx, kind=KIND, limit=10))
        faults = await database.read(harm.unhealed)
        planned = await database.read(plans.listing)
        if as_json:
            told = {
                "runs": [public(one) for one in runs],
                "unhealed": [
                    {"run": f.run_id, "subject": f.subject, "entity": f.entity, "fault": f.kind}
                    for f in faults
                ],
                "planned": [asdict(p) | {"next_at": iso(p.next_at)} for p in planned],
            }
            say(json.dumps(told, indent=2))
            return
        for fault in faults:
            say(terminal(f"not seen healed: {fault.kind} of {fault.entity} on {fault.subject}"))
        for plan in planned:
            what = f"{plan.name} {plan.target}".rstrip()
            when = f"'{plan.cron}' {plan.zone} {plan.hours_text}".rstrip()
            say(
                terminal(
                    f"plan {plan.number}: {what} on {plan.subject}, {when}, next {local_time(plan.next_at)}"
                )
            )
        for line in lines(runs):
            say(line)
        if not (runs or faults or planned):
            say("No experiment was ever run here.")

    await with_database(db, config, show)


@app.command()
@command
async def abort(
    number: Annotated[int | None, typer.Argument(metavar="[RUN]")] = None,
    reason: Annotated[str, typer.Option("--reason", "-r")] = "",
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """End a run early: what it broke is healed, and looked at until it is."""

    async def do(database: Database, _: Any) -> None:
        run_id = number
        if run_id is None:
            live = await database.read(lambda tx: store.listing(tx, kind=KIND, states=LIVE))
            if len(live) != 1:
                listed = ", ".join(f"{one.id} ({one.name} on {one.subject})" for one in live)
                raise NotFound(f"Which run? Under way: {listed or 'none'}.")
            run_id = live[0].id
        await database.write(store.abort, run_id, actor(), reason[:500])
        say(f"Run {run_id} is being aborted: what it broke is healed first.")

    await with_database(db, config, do)


app.command()(schedule)
app.command()(unschedule)
app.command()(campaign)
