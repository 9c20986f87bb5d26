"""`tocsin tickets ...`: reading and settling tickets from a terminal, also beside a running bot."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from bot.cli import adoption
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
from bot.cli.tables import details, table
from bot.text import terminal
from bot.words import NameOf
from core import events, people
from core.clock import SystemClock
from core.db import Database, Tx
from core.diagnosis import looks
from core.diagnosis import store as diagnoses
from core.diagnosis.made import Made
from core.durations import parse_duration
from core.errors import Invalid
from core.invariant import Severity
from core.tickets import store
from core.tickets.model import AlreadyResolved, Outcome, StillBroken, Ticket, public

app = typer.Typer(no_args_is_help=True, help="List, show and settle tickets.")
app.command("accept")(adoption.accept)
app.command("cards")(adoption.cards)

STATUSES = ("open", "acknowledged", "diagnosed", "resolved", "held", "unowned", "all")
Id = Annotated[str, typer.Argument(metavar="ID", help="The ticket's number.")]


def ticket_id(text: str) -> int:
    """A ticket's number as people write it: 42, #42, T42."""
    digits = text.strip().lstrip("#").removeprefix("T").removeprefix("t")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Invalid(f"{text!r} is not a ticket number. `tocsin tickets list` shows them.")
    return int(digits)


def _filter(status: str | None, subject: str | None, severity: str | None) -> store.Filter:
    if status is not None and status not in STATUSES:
        raise Invalid(f"{status!r} is not a status: choose {', '.join(STATUSES)}.")
    if severity is not None and severity not in list(Severity):
        raise Invalid(f"{severity!r} is not a severity: choose info, warning or critical.")
    return store.Filter(status, subject, Severity(severity) if severity else None)


@app.command("list")
@command
async def listing(
    status: Annotated[
        str | None, typer.Option("--status", "-s", help=f"One of {', '.join(STATUSES)}.")
    ] = None,
    subject: Annotated[str | None, typer.Option("--subject", help="Of this subject only.")] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", help="info, warning, critical")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 1000,
    as_json: JsonOption = False,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Tickets, worst first: without --status, all that are unresolved."""
    wanted = _filter(status, subject, severity)

    async def show(database: Database, _: Any) -> None:
        found = await database.read(store.listing, wanted, limit)
        total = await database.read(store.count, wanted)
        if as_json:
            say(json.dumps([public(t, iso) for t in found], indent=2))
        elif found:
            table(found)
            if total > len(found):
                say(f"{len(found)} of {total:,} shown; --limit shows more.")
        else:
            say("No tickets." if status else "No unresolved tickets.")

    await with_database(db, config, show)


@app.command()
@command
async def show(
    id: Id, as_json: JsonOption = False, db: DbOption = None, config: ConfigOption = None
) -> None:
    """Everything about one ticket, with its history."""
    number = ticket_id(id)

    def look(tx: Tx) -> tuple[Ticket, list[events.Event], Made | None, str]:
        made, standing = diagnoses.current(tx, number), looks.standing(tx, number)
        why = "" if standing is None else standing.error or f"{standing.state} now"
        return store.get(tx, number), events.of_ticket(tx, number), made, why

    async def tell(database: Database, _: Any) -> None:
        ticket, history, made, why = await database.read(look)
        named = name_of(await database.read(people.names))
        if as_json:
            told = [{"at": iso(e.at), "kind": e.kind, "actor": e.actor} for e in history]
            more = {"diagnosis": _brief(made), "history": told}
            say(json.dumps(public(ticket, iso) | more, indent=2))
        else:
            said = made.diagnosis if made is not None else None
            details(ticket, history, named, f"{said.certainty}: {said.primary}" if said else why)

    await with_database(db, config, tell)


def _brief(made: Made | None) -> dict[str, Any] | None:
    if made is None:
        return None
    said = made.diagnosis
    named = {"cause": said.cause, "entity": said.entity, "certainty": str(said.certainty)}
    return {"id": made.id, "made_by": made.made_by, **named, "primary": said.primary}


async def _settle(
    db: str | None, config: Any, verb: Callable[[Tx], Outcome], as_json: bool = False
) -> None:
    async def change(database: Database, _: Any) -> None:
        try:
            outcome = await database.write(verb)
        except AlreadyResolved as late:
            # Whoever asked wanted it off the list, and it is.
            outcome = Outcome("resolve", False, late.ticket)
        named = name_of(await database.read(people.names))
        say(json.dumps(public(outcome.ticket, iso)) if as_json else _words(outcome, named))

    await with_database(db, config, change)


def _words(outcome: Outcome, named: NameOf) -> str:
    ticket = outcome.ticket
    name = f"Ticket {ticket.id} ({terminal(ticket.title, 80)})"
    match outcome.verb, outcome.changed:
        case "acknowledge", True:
            return f"{name} is yours."
        case "acknowledge", False:
            return f"{name} was already acknowledged by {_who(ticket.acknowledged_by, named)}."
        case "hold", changed:
            return f"{name} {'is' if changed else 'was already'} held{_terms(ticket, named)}."
        case "unhold", changed:
            return f"{name} {'is no longer held' if changed else 'was not held'}."
        case _, True:
            return f"{name} is resolved."
        case _:
            when = local_time(ticket.resolved_at or 0.0)
            by = f" by {_who(ticket.resolved_by, named)}" if ticket.resolved_by else ""
            return f"{name} was already resolved{by} at {when}."


def _who(by: str | None, named: NameOf) -> str:
    return terminal(named(by or "tocsin"))


def _terms(ticket: Ticket, named: NameOf) -> str:
    until = ""
    if ticket.held_until is not None:
        until = f" until {local_time(ticket.held_until)}"
    elif ticket.held_until_healthy:
        until = " until healthy"
    why = f": {terminal(ticket.hold_reason, 200)}" if ticket.hold_reason else ""
    return f" by {_who(ticket.held_by, named)}{until}{why}"


@app.command()
@command
async def ack(
    id: Id, as_json: JsonOption = False, db: DbOption = None, config: ConfigOption = None
) -> None:
    """Own a ticket."""
    number = ticket_id(id)
    await _settle(db, config, lambda tx: store.acknowledge(tx, number, actor()), as_json)


@app.command()
@command
async def hold(
    id: Id,
    until: Annotated[
        str | None, typer.Argument(help="30m, 2h, ... or 'healthy'; left out: until unheld.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Why.")] = None,
    as_json: JsonOption = False,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """Keep a ticket from resolving by itself and from repeating."""
    number = ticket_id(id)
    healthy = until == "healthy"
    for_s = parse_duration(until) if until and not healthy else None
    end = None if for_s is None else SystemClock().now().timestamp() + for_s
    await _settle(
        db,
        config,
        lambda tx: store.hold(tx, number, actor(), until=end, until_healthy=healthy, reason=reason),
        as_json,
    )


@app.command()
@command
async def unhold(
    id: Id, as_json: JsonOption = False, db: DbOption = None, config: ConfigOption = None
) -> None:
    """End a hold."""
    number = ticket_id(id)
    await _settle(db, config, lambda tx: store.unhold(tx, number, actor()), as_json)


@app.command()
@command
async def resolve(
    id: Id,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="Why.")] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    db: DbOption = None,
    config: ConfigOption = None,
) -> None:
    """End a ticket. While it is still broken this asks first (or needs --yes)."""
    number = ticket_id(id)

    def end(tx: Tx, anyway: bool) -> Outcome:
        return store.resolve(tx, number, actor(), reason=reason, anyway=anyway)

    try:
        await _settle(db, config, lambda tx: end(tx, yes), as_json)
    except StillBroken as error:
        complain(error.text)
        if not sys.stdin.isatty():
            complain("Nothing was changed. --yes resolves it anyway.")
            raise Exit(1) from None
        if not typer.confirm("Resolve it anyway?", default=False, err=True):
            raise Exit(1) from None
        await _settle(db, config, lambda tx: end(tx, True), as_json)
