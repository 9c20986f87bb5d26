"""`/chaos`: list, run, status, abort, schedule, unschedule, help; the form that runs, the button
that aborts.

Whatever must be read from living systems is read after the acknowledgement: a dialogue opens at
once and shows the plan when it is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from bot import ids
from bot.app_request import ASKED, Answer, Book, Choose, Handler, Later, Request, answer_of
from bot.app_request import words as say
from bot.chaos import answers, asking, look, parse, planning
from bot.chaos.bench import Bench
from bot.chaos.views import lists, modal
from bot.command_line import Line, line_of, unknown
from bot.notes import note
from bot.roles import Role
from bot.tickets.look import Surroundings
from core.chaos.model import KIND
from core.chaos.order import order
from core.db import Tx
from core.errors import Conflict, Invalid, NotFound
from core.runs import harm, store
from core.runs.model import LIVE, Run

NOT_OURS = "That button cannot be read any more. `/chaos status` shows what is under way."
RECENT = 5
_help_text = cache(lists.help_text)


@dataclass(frozen=True, slots=True)
class Chaos:
    """What `/chaos` needs beside the transaction."""

    bench: Bench
    around: Surroundings


Do = Callable[[Chaos, Tx, Request, Line], Answer]
After = Callable[[Chaos, Request, Line], Later]


def book(chaos: Chaos) -> Book:
    """What `/chaos` answers to, and the button and the form of experiments."""
    abort = Handler("chaos_abort", Role.RESPONDER, partial(_abort_button, chaos))
    start = Handler("chaos_run", Role.ADMIN, partial(_start, chaos))
    return Book(
        commands={ids.CHAOS: _chooser(chaos)},
        actions={ids.CHAOS_ABORT: lambda _request: abort},
        forms={ids.CHAOS_RUN_VIEW: lambda _request: start},
    )


def _chooser(chaos: Chaos) -> Choose:
    def choose(request: Request) -> Handler:
        line = line_of(request.text, parse.VERBS, {"": "help", "ls": "list", "stop": "abort"})
        needs, keep, do, after = _VERBS.get(line.verb, _UNKNOWN)
        later = None if after is None else after(chaos, request, line)
        answer = partial(_answer, chaos, line, do)
        return Handler(f"{ids.CHAOS} {line.verb or '?'}", needs, answer, keep, later)

    return choose


def _answer(chaos: Chaos, line: Line, do: Do, tx: Tx, request: Request) -> Answer:
    return do(chaos, tx, request, line)


def _words(request: Request) -> tuple[str, ...]:
    """What follows the verb; quotes hold together what belongs together."""
    return parse.words(request.text)[1:]


# Looking.


def _asked(_chaos: Chaos, _tx: Tx, _request: Request, _line: Line) -> Answer:
    return Answer(outcome=ASKED)


def _list_later(chaos: Chaos, _request: Request, line: Line) -> Later:
    async def later(_request: Request) -> Answer:
        found = await chaos.bench.catalogues()
        wanted = line.words[0] if line.words else ""
        chosen = [one for one in found if wanted in ("", one.subject)]
        if wanted and not chosen:
            known = ", ".join(one.subject for one in found) or "none"
            raise NotFound(f"There is no subject called {wanted[:60]!r}; there are {known}.")
        return answer_of(lists.catalogue(chosen), "shown")

    return later


def _status(chaos: Chaos, tx: Tx, _request: Request, _line: Line) -> Answer:
    newest = store.listing(tx, kind=KIND, limit=RECENT * 4)
    live = store.listing(tx, kind=KIND, states=LIVE)
    ended = [one for one in newest if not one.live][:RECENT]
    unhealed = [
        f"{fault.entity} on {fault.subject} ({fault.kind}, run {fault.run_id})"
        + (f": {fault.error}" if fault.error else "")
        for fault in harm.unhealed(tx)
        if not any(one.id == fault.run_id for one in live)
    ]
    message = lists.status(
        [look.shown(tx, one, chaos.around) for one in live],
        planning.listed(tx, chaos.around),
        [look.shown(tx, one, chaos.around) for one in ended],
        unhealed,
        chaos.around.name_of,
    )
    return answer_of(message, "shown")


def _help(_chaos: Chaos, _tx: Tx, _request: Request, _line: Line) -> Answer:
    return answer_of(_help_text(), "shown")


def _unknown(_chaos: Chaos, _tx: Tx, _request: Request, line: Line) -> Answer:
    said = _help_text()
    first = note(unknown("/chaos", line))
    return Answer(f"{first.text}\n{said.text}", (*first.blocks, *said.blocks), outcome="invalid")


# Running.


def _run(chaos: Chaos, tx: Tx, request: Request, _line: Line) -> Answer:
    """What can be judged at once is; the rest is read while the dialogue says so."""
    ask, rules = parse.run(_words(request)), chaos.bench.rules
    experiment = rules.catalog.get(ask.experiment)
    subject = rules.subject_for(experiment, ask.subject)
    rules.duration_s(experiment, subject, ask.for_s)
    other = store.live(tx, subject)
    if other is not None:
        return answer_of(answers.busy(other, tx.now, chaos.around.name_of), "conflict")
    return Answer(view=modal.loading(experiment.title, subject), outcome=ASKED)


def _run_later(chaos: Chaos, request: Request, _line: Line) -> Later:
    async def later(_request: Request) -> Answer:
        preview = await chaos.bench.preview(parse.run(_words(request)))
        wish = asking.Wish(preview.name, preview.subject, preview.entity, preview.duration_s)
        outcome = "refused" if preview.refused else "shown"
        return Answer(view=modal.confirm(preview, asking.written(wish)), outcome=outcome)

    return later


def _start(chaos: Chaos, tx: Tx, request: Request) -> Answer:
    """Run was pressed: everything is looked up again, and the database takes only one."""
    wish = asking.read(request.text)
    other = store.live(tx, wish.subject)
    if other is not None:
        return answer_of(answers.busy(other, tx.now, chaos.around.name_of), "conflict")
    order(
        tx,
        chaos.bench.rules,
        name=wish.experiment,
        by=request.actor,
        subject=wish.subject,
        target=wish.target,
        duration_s=wish.duration_s,
    )
    return Answer()


# Ending it early.


def _abort(chaos: Chaos, tx: Tx, request: Request, line: Line) -> Answer:
    number = parse.number(line.words[:2], "run")
    run = _meant(tx) if number is None else store.get(tx, number)
    return _aborted(chaos, tx, request, run)


def _meant(tx: Tx) -> Run:
    live = store.listing(tx, kind=KIND, states=LIVE)
    if not live:
        raise NotFound("No experiment is under way. `/chaos status` shows the last ones.")
    if len(live) > 1:
        listed = ", ".join(f"{one.id} ({one.name} on {one.subject})" for one in live[:10])
        raise Invalid(f"Which one? Under way are runs {listed}. Write it like /chaos abort 7")
    return live[0]


def _aborted(chaos: Chaos, tx: Tx, request: Request, run: Run) -> Answer:
    before = run.aborting
    try:
        asked = store.abort(tx, run.id, request.actor)
    except Conflict:
        return answer_of(answers.over(look.shown(tx, run, chaos.around)), "late")
    said = answers.aborting(look.shown(tx, asked, chaos.around), already=before)
    return answer_of(said, "unchanged" if before else "done")


def _abort_button(chaos: Chaos, tx: Tx, request: Request) -> Answer:
    number = ids.parse_run(request.text)
    if number is None:
        raise NotFound(NOT_OURS)
    answer = _aborted(chaos, tx, request, store.get(tx, number))
    # The card says it to everybody; only what changed nothing needs words.
    return Answer() if answer.outcome == "done" else answer


# By itself.


def _schedule(chaos: Chaos, tx: Tx, request: Request, _line: Line) -> Answer:
    plan = parse.schedule(_words(request))
    made = planning.add(tx, chaos.bench.rules, plan, request.actor, chaos.around)
    return answer_of(answers.planned(made, chaos.around.name_of))


def _unschedule(chaos: Chaos, tx: Tx, request: Request, line: Line) -> Answer:
    number = parse.number(line.words[:2], "plan")
    gone = planning.remove(tx, number, chaos.around)
    return say(f"Plan {gone.number} ({gone.name} on {gone.subject}) is gone.")


_VERBS: Mapping[str, tuple[Role, bool, Do, After | None]] = {
    "list": (Role.VIEWER, False, _asked, _list_later),
    "run": (Role.ADMIN, False, _run, _run_later),
    "status": (Role.VIEWER, False, _status, None),
    "abort": (Role.RESPONDER, True, _abort, None),
    "schedule": (Role.ADMIN, True, _schedule, None),
    "unschedule": (Role.ADMIN, True, _unschedule, None),
    "help": (Role.VIEWER, False, _help, None),
}
_UNKNOWN: tuple[Role, bool, Do, After | None] = (Role.VIEWER, False, _unknown, None)
