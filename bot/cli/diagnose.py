"""`tocsin diagnose`: what is behind a ticket, on a terminal, beside a running bot or without one."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from bot.cli.common import (
    ConfigOption,
    DbOption,
    JsonOption,
    command,
    complain,
    iso,
    local_time,
    say,
    with_database,
)
from bot.cli.diagnose_acts import ACTS, Act
from bot.cli.diagnosis_text import parts
from bot.cli.observed import not_configured, observed
from bot.cli.tickets import ticket_id
from bot.text import terminal
from core.clock import SystemClock
from core.config import Config
from core.db import Database
from core.diagnosis import budget, catalogue, encode, store
from core.diagnosis.ask_model import of_subject
from core.diagnosis.claims import checked
from core.diagnosis.claude.settings import ClaudeSettings
from core.diagnosis.claude.task import Live, Means, Progress, Result, Task
from core.diagnosis.evidence import gather
from core.diagnosis.made import Made
from core.diagnosis.model import Diagnosis, Reason, Snapshot
from core.diagnosis.rules.decide import diagnose as by_rules
from core.diagnosis.settings import allowed, claude_settings
from core.errors import Invalid, NotFound, Refused, Unavailable
from core.subject import Subject
from core.tickets.model import Ticket

_FIRST = ("max_tokens", "messages", "model", "cache_control")
"""These come first in a request, the others in the order of the alphabet."""

Id = Annotated[str, typer.Argument(metavar="ID", help="The ticket's number.")]


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket, what is known of it, and what may be asked."""

    db: Database
    config: Config
    ticket: Ticket
    evidence: Snapshot
    rules: Diagnosis
    live: Live | None


@command
async def diagnose(
    id: Id,
    as_json: JsonOption = False,
    model: Annotated[
        str | None, typer.Option("--model", help="Ask this model anew, within the budget.")
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Rules alone, on what is stored; nothing is asked.")
    ] = False,
    show_payload: Annotated[
        bool, typer.Option("--show-payload", help="Print what would leave for Claude, and stop.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Ask the running bot for another look.")
    ] = False,
    recheck: Annotated[
        bool, typer.Option("--recheck", help="Run its checks again now: then and now.")
    ] = False,
    useful: Annotated[bool, typer.Option("--useful", help="Vote for the newest one.")] = False,
    useless: Annotated[bool, typer.Option("--useless", help="Vote against it.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop what looks into it now.")] = False,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """What is behind a ticket: as stored, else from evidence that is gathered now.

    Nothing is told in Slack, and nothing is kept but what a model cost. With --again, --recheck,
    --useful, --useless or --stop it does what the button of that name does.
    """
    number, other = ticket_id(id), as_json or offline or show_payload or model
    act = _act((again, recheck, useful, useless, stop), other)
    if act is not None:
        await with_database(db, config, lambda database, cfg: act(database, cfg, number))
        return

    async def tell(database: Database, settings: Config) -> None:
        known = await database.read(store.current, number)
        if known is not None and not (model or offline or show_payload):
            _print(await _rechecked(database, known), known.ticket_id, as_json, known)
            return
        async with _case(database, settings, number, offline) as case:
            if show_payload:
                _payload(case, model)
                return
            made, spent = await _diagnosed(case, model, offline)
            _print(made, case.ticket.id, as_json, None, spent)

    await with_database(db, config, tell)


def _act(on: tuple[bool, ...], other: object) -> Act | None:
    """What is to be done instead of showing; Invalid for two at once, or with other options."""
    wanted = [name for name, given in zip(ACTS, on, strict=True) if given]
    if not wanted:
        return None
    if len(wanted) > 1 or other:
        raise Invalid(f"{wanted[0]} stands alone: leave the other options out.")
    return ACTS[wanted[0]]


async def _rechecked(db: Database, known: Made) -> Diagnosis:
    """A stored diagnosis without the claims whose evidence is not what they sealed: those are struck,
    as *altered*. Where the evidence cannot be read, that is said and the diagnosis stays as it was."""
    try:
        frozen = await db.read(store.snapshot, known.snapshot_id)
    except (NotFound, Unavailable) as error:
        complain(f"Its claims could not be checked again: {error.text}")
        return known.diagnosis
    return checked(known.diagnosis, frozen)


@asynccontextmanager
async def _case(db: Database, config: Config, number: int, offline: bool) -> AsyncIterator[Case]:
    ticket = await db.read(store.episode, number)
    stored = await db.read(store.latest_snapshot, number)
    subject = None if offline else await observed(config, ticket.subject)
    try:
        evidence = stored[1] if stored else await _gathered(db, ticket, subject, offline)
        asked = subject if ticket.open else None
        live = None if asked is None else of_subject(db, SystemClock(), asked)
        yield Case(db, config, ticket, evidence, by_rules(evidence), live)
    finally:
        if subject is not None:
            await subject.close()


async def _gathered(
    db: Database, ticket: Ticket, subject: Subject | None, offline: bool
) -> Snapshot:
    if offline:
        raise NotFound(
            f"No evidence of ticket {ticket.id} is stored yet. Without --offline it is gathered now."
        )
    if subject is None:
        raise not_configured(ticket.subject, ticket.id)
    return await gather(db, SystemClock(), subject, ticket, Reason.ASKED)


def _payload(case: Case, model: str | None) -> None:
    from core.diagnosis.claude.prompt import payload

    settings = claude_settings(case.config, model)
    body = payload(Task(case.evidence, case.rules), settings, case.live)
    # In the spelling of the library that sends it: its order of keys, no blanks, UTF-8.
    ordered = dict(sorted(body.items(), key=lambda item: _place(item[0])))
    said = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    sys.stdout.buffer.write(said.encode())
    sys.stdout.buffer.flush()


def _place(key: str) -> tuple[int, str]:
    return (_FIRST.index(key), "") if key in _FIRST else (len(_FIRST), key)


async def _diagnosed(
    case: Case, model: str | None, offline: bool
) -> tuple[Diagnosis, Result | None]:
    settings = None if offline else _settings(case, model)
    if settings is None:
        return case.rules, None
    from core.diagnosis.claude.loop import diagnose as by_claude

    caps = allowed(case.config).caps
    ledger = budget.Ledger(case.db, None, case.ticket.subject, None, caps)
    means = Means(settings, ledger, SystemClock(), case.live, _progress)
    result = await by_claude(Task(case.evidence, case.rules), means)
    if result.why:
        complain(result.why)
    return result.diagnosis or case.rules, result


def _settings(case: Case, model: str | None) -> ClaudeSettings | None:
    """How Claude is asked here; Refused where a model was named that may not be asked."""
    name = case.ticket.subject
    if model is None:
        return allowed(case.config).model_for(name)
    if case.config.anthropic_key is None:
        raise Refused("There is no key: set $ANTHROPIC_API_KEY, or leave --model out.")
    if name not in allowed(case.config).subjects:
        raise Refused(
            f"The subject {name!r} has not opted in: nothing about it is sent to Claude. "
            "Set diagnosis = {claude = true} there; --show-payload shows what would leave."
        )
    return claude_settings(case.config, model)


async def _progress(now: Progress) -> None:
    complain(f"turn {now.turn}, {budget.dollars(now.micro_dollars)}: {now.text}")


def _print(
    made: Diagnosis, ticket: int, as_json: bool, known: Made | None, spent: Result | None = None
) -> None:
    if as_json:
        say(json.dumps(_public(made, ticket, known, spent), indent=2))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    wide = console if console.is_terminal else Console(highlight=False, width=240)
    if known is not None and known.note:
        wide.print(Text(terminal(known.note, 300)))
    for text, style in parts(made):
        wide.print(Text(text, style=style), soft_wrap=True)
    first = ", a first look" if made.first_look else ""
    cost = ""
    if spent is not None:
        cost = f", {spent.tokens:,} tokens, {budget.dollars(spent.micro_dollars)}"
    when = f"Made by {terminal(made.made_by, 60)}{first}, evidence of {local_time(made.taken_at)}"
    wide.print(Text(when + cost, style="dim"))


def _public(
    made: Diagnosis, ticket: int, known: Made | None, spent: Result | None
) -> dict[str, Any]:
    """The documented JSON form of a diagnosis."""
    told: dict[str, Any] = {"ticket": ticket, "id": None if known is None else known.id}
    told |= encode.plain(made)
    told["taken_at"] = iso(made.taken_at)
    told["commands"] = [catalogue.render(one) for one in made.commands]
    if spent is not None:
        told |= {"tokens": spent.tokens, "micro_dollars": spent.micro_dollars}
        told |= {"ending": str(spent.ending), "why": spent.why}
    return told
