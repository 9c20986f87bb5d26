"""`/monitor`: status, pause, resume, interval, help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from bot import ids, words
from bot.app_request import Answer, Book, Choose, Handler, Request, answer_of
from bot.app_request import words as say
from bot.blocks import Message
from bot.command_line import Line, line_of, unknown
from bot.monitor import parse, views
from bot.notes import note
from bot.roles import Role
from bot.text import clean
from core import channels, maintenance
from core.db import Tx
from core.durations import span
from core.errors import NotFound
from core.maintenance import Maintenance, Watched
from core.monitor import TickReport
from core.tickets import store


def _none() -> tuple[TickReport, ...]:
    return ()


def _as_it_is(name: str) -> str:
    return name


def _no_interval(_subject: str) -> float:
    return 0.0


def _unknown_count() -> int | None:
    return None


def _fine() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Watching:
    """What /monitor status asks of the running program.

    `reports`: the latest tick of each subject. `interval_s`: how often a subject is looked at.
    `connected`: Socket Mode connections that are up (None in HTTP mode). `trouble`: what is wrong
    with delivery as a whole ("" if nothing). `label`: how a subject is called.
    """

    reports: Callable[[], Sequence[TickReport]] = _none
    interval_s: Callable[[str], float] = _no_interval
    connected: Callable[[], int | None] = _unknown_count
    trouble: Callable[[], str] = _fine
    label: Callable[[str], str] = _as_it_is
    name_of: Callable[[str], str] = words.mention_of


Run = Callable[[Tx, Request, Line, Watching], Answer]
_help_text = cache(views.help_text)


def book(watching: Watching) -> Book:
    """What `/monitor` answers to, and the button that ends a pause."""
    resume = Handler("monitor_resume", Role.RESPONDER, _resume_button)
    return Book(
        commands={ids.MONITOR: _chooser(watching)},
        actions={ids.MONITOR_RESUME: lambda _request: resume},
    )


def _chooser(watching: Watching) -> Choose:
    def choose(request: Request) -> Handler:
        line = line_of(request.text, parse.VERBS, {"": "help"})
        needs, keep, run = _VERBS.get(line.verb, _UNKNOWN)

        def answer(tx: Tx, request: Request) -> Answer:
            return run(tx, request, line, watching)

        return Handler(f"{ids.MONITOR} {line.verb or '?'}", needs, answer, keep)

    return choose


def pause_of(one: Maintenance) -> views.Pause:
    """A pause as its views want it."""
    return views.Pause(
        id=one.id,
        subject=one.subject or "",
        started_at=one.started_at,
        until=one.until,
        by=one.by,
        reason=one.reason,
        ended_at=one.ended_at,
    )


def status(tx: Tx, watching: Watching) -> Message:
    """How watching goes: also part of the App Home."""
    reports = {one.subject: one for one in watching.reports()}
    pauses = maintenance.active(tx)
    subjects = [
        _subject(tx, one, reports.get(one.name), pauses, watching)
        for one in maintenance.watched(tx)
    ]
    backlog = channels.backlog(tx)
    parked = tuple((one.channel, one.reason) for one in channels.parked_channels(tx))
    delivery = views.Delivery(
        backlog.rows, backlog.oldest_s, parked, watching.connected(), watching.trouble()
    )
    return views.status(subjects, delivery, tx.now, watching.name_of)


def _subject(
    tx: Tx,
    one: Watched,
    report: TickReport | None,
    pauses: Sequence[Maintenance],
    watching: Watching,
) -> views.SubjectStatus:
    quiet = next((p for p in pauses if p.covers(one.name)), None)
    blind: tuple[tuple[str, str], ...] = ()
    if report is not None:
        blind = tuple((name, report.readings[name].error) for name in report.blind)
    return views.SubjectStatus(
        name=one.name,
        label=watching.label(one.name),
        at=one.last_tick_at if report is None else report.at,
        tick_s=0.0 if report is None else report.seconds,
        interval_s=watching.interval_s(one.name),
        broken=0 if report is None else report.broken,
        unknown=0 if report is None else report.unknown,
        holds=0 if report is None else report.holds,
        open_tickets=store.count(tx, store.Filter(subject=one.name)),
        blind=blind,
        pause=None if quiet is None else pause_of(quiet),
    )


def _status(tx: Tx, _request: Request, _line: Line, watching: Watching) -> Answer:
    return answer_of(status(tx, watching), "shown")


def _pause(tx: Tx, request: Request, line: Line, watching: Watching) -> Answer:
    wish = parse.pause(line.words)
    made = maintenance.pause(
        tx, wish.subject, for_s=wish.for_s, by=request.actor, reason=wish.reason
    )
    return answer_of(views.maintenance_started(pause_of(made), watching.name_of))


def _resume(tx: Tx, request: Request, line: Line, _watching: Watching) -> Answer:
    subject = parse.subject(line.words)
    running = maintenance.active(tx)
    chosen = [one for one in running if subject is None or one.subject == subject]
    if not chosen:
        return _nothing_paused(subject, running)
    for one in chosen:
        maintenance.resume(tx, request.actor, one.id)
    return say(f"Notification is on again{_of(subject)}.")


def _nothing_paused(subject: str | None, running: Sequence[Maintenance]) -> Answer:
    if subject is not None and running:
        names = ", ".join(one.subject or "everything" for one in running)
        raise NotFound(f"{clean(subject, 60)} is not paused by itself. Paused now: {names}.")
    return say("Nothing is paused.", "unchanged")


def _of(subject: str | None) -> str:
    return "" if subject is None else f" for {clean(subject, 60)}"


def _interval(tx: Tx, request: Request, line: Line, _watching: Watching) -> Answer:
    if not line.words:
        found = maintenance.interval_s(tx)
        said = "as configured" if found is None else span(found)
        return say(f"The interval is {said}. /monitor interval 10s changes it.")
    seconds = parse.interval(line.words)
    maintenance.set_interval(tx, seconds, request.actor)
    return say(f"Sources are read every {span(seconds)} from now on.")


def _help(_tx: Tx, _request: Request, _line: Line, _watching: Watching) -> Answer:
    return answer_of(_help_text(), "shown")


def _unknown(_tx: Tx, _request: Request, line: Line, _watching: Watching) -> Answer:
    said = _help_text()
    first = note(unknown("/monitor", line))
    return Answer(f"{first.text}\n{said.text}", (*first.blocks, *said.blocks), outcome="invalid")


def _resume_button(tx: Tx, request: Request) -> Answer:
    number = ids.parse_maintenance(request.text)
    if number is None or maintenance.get(tx, number) is None:
        raise NotFound("That pause is no longer kept. `/monitor status` shows what is paused now.")
    if maintenance.resume(tx, request.actor, number):
        return Answer()
    return say("That pause is over already.", "unchanged")


_VERBS: Mapping[str, tuple[Role, bool, Run]] = {
    "status": (Role.VIEWER, False, _status),
    "pause": (Role.RESPONDER, True, _pause),
    "resume": (Role.RESPONDER, True, _resume),
    "interval": (Role.RESPONDER, True, _interval),
    "help": (Role.VIEWER, False, _help),
}
_UNKNOWN: tuple[Role, bool, Run] = (Role.VIEWER, False, _unknown)
