"""`tocsin monitor ...`: watching without Slack, with one heartbeat line a cycle; announcing quiet."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli import quiet
from bot.cli.common import (
    ConfigOption,
    DbOption,
    Exit,
    PdOption,
    PrometheusOption,
    command,
    complain,
    local_time,
    say,
)
from bot.cli.signals import stopped_by_signal
from bot.text import terminal
from core.clock import SystemClock
from core.config import load
from core.db import Database
from core.diagnosis import store as diagnoses
from core.durations import span
from core.engine import Engine
from core.errors import Invalid
from core.events import Event, newest
from core.events import since as events_since
from core.metrics import Metrics
from core.monitor import TickReport
from core.opening import failed
from core.schedule import every
from core.subject import Paced
from core.tasks import Tasks
from core.tickets import store
from core.wiring import hold_core

app = typer.Typer(no_args_is_help=True, help="Watch without Slack; pause and resume notification.")
app.command("pause")(quiet.pause)
app.command("resume")(quiet.resume)


@app.callback()
def group() -> None:
    """Watch without Slack; pause and resume notification."""


@app.command()
@command
async def run(
    interval: Annotated[
        float,
        typer.Option(
            "--interval", "-i", min=0.5, help="Seconds between looks at PD and Prometheus."
        ),
    ] = 30.0,
    pd: PdOption = None,
    prometheus: PrometheusOption = None,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Watch the configured subjects, opening and resolving tickets, until Ctrl-C.

    Liveness is still probed every 500 ms; --interval paces PD and Prometheus, and the line printed.
    """
    clock = SystemClock()
    settings = load(config, database=db, pd=pd, prometheus=prometheus)
    if not settings.file.subjects:
        raise Invalid("There is nothing to watch: give --pd, set PD_ENDPOINT, or add [[subjects]].")
    tasks = Tasks(failed)
    async with hold_core(settings, clock, "tocsin monitor run", Metrics()) as core:
        for watch in core.engine.watches:
            if isinstance(watch.subject, Paced):
                watch.subject.pace(interval)
        stop = stopped_by_signal()
        lost: list[str] = []

        def taken() -> None:
            lost.append("taken")
            stop.set()

        core.engine.on_fenced(taken)
        await core.engine.begin()
        core.engine.start(tasks)
        tasks.start("news", _news(core.db))
        beat = _Heartbeat(core.engine, core.db)
        tasks.start("heartbeat", every(clock, lambda: interval, beat.line, _line_failed))
        say(f"Watching {', '.join(s.name for s in settings.file.subjects)}. Ctrl-C ends.")
        await stop.wait()
        await tasks.cancel()
    if lost:
        complain("Another process has taken the database over; this one has stopped.")
        raise Exit(1)
    say("Stopped.")


def _line_failed(error: BaseException) -> None:
    complain(f"The heartbeat line could not be made: {error}")


class _Heartbeat:
    def __init__(self, engine: Engine, db: Database) -> None:
        self._engine = engine
        self._db = db

    async def line(self) -> None:
        """Print how every subject stands."""
        reports = [watch.last for watch in self._engine.watches if watch.last is not None]
        if not reports:
            return
        counts = await self._db.read(store.open_by_severity)
        for report in reports:
            seen = _seen(report)
            say(f"{local_time(report.at)}  {terminal(report.subject, 63):<16} {seen}")
        total = ", ".join(f"{n} {s}" for s, n in counts.items() if n) or "none"
        say(f"{'':21}open tickets: {total}")


def _seen(report: TickReport) -> str:
    """How a subject stands; "all passing" only where everything could be judged."""
    if not report.broken and not report.unknown and not report.blind:
        return "all passing"
    seen = f"{report.broken} broken" if report.broken else "none broken"
    if report.unknown:
        seen += f", {report.unknown} unknown"
    if report.blind:
        seen += f", not seen: {', '.join(report.blind)}"
    return seen


async def _news(db: Database) -> None:
    """One line for each thing that happens to a ticket, as it happens."""
    last = await db.read(newest)
    while True:
        seen = db.news.seen("events")
        for event in await db.read(events_since, last):
            last = event.id
            if event.ticket_id is not None and event.kind.startswith("ticket."):
                await _tell(db, event)
        await db.news.wait("events", seen)


async def _tell(db: Database, event: Event) -> None:
    ticket = await db.read(store.find, event.ticket_id or 0)
    if ticket is None:
        return
    what = event.kind.removeprefix("ticket.").replace("_", " ")
    lasted = ""
    if what == "resolved" and ticket.resolved_at is not None:
        lasted = f" after {span(ticket.resolved_at - ticket.opened_at)}"
    told = f"{ticket.severity}, {terminal(ticket.title, 160)}"
    if what == "diagnosed" and (made := await db.read(diagnoses.current, ticket.id)) is not None:
        told = f"{made.diagnosis.certainty}, {terminal(made.diagnosis.primary, 160)}"
    say(f"{local_time(event.at)}  ticket {ticket.id} {what}{lasted}: {told}")
