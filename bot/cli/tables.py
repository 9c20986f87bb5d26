"""Tickets on a terminal: a table that fits its width, and one ticket in full."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.cli.common import local_time
from bot.text import terminal
from bot.tickets.views.history import UNTOLD, told
from bot.words import NameOf, figure, spoken
from core.events import Event
from core.tickets.model import Status, Ticket

if TYPE_CHECKING:
    from rich.console import Console

_SIGN = re.compile(r"^\W+ ")
"""The emoji before a sentence: on a terminal the words stand alone."""
_STYLE = {"critical": "bold red", "warning": "yellow", "info": "blue"}


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    # A pipe has no width of its own: rows must not be folded at 80 columns there.
    return console if console.is_terminal else Console(highlight=False, width=240)


def table(tickets: Sequence[Ticket]) -> None:
    """Print the tickets, one a row."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("ID", "Severity", "Status", "Count", "First seen", "Held", "Subject"):
        grid.add_column(name, no_wrap=True, justify="right" if name in ("ID", "Count") else "left")
    grid.add_column("Title", overflow="fold", min_width=24)
    for t in tickets:
        severity = Text(str(t.severity), style=_STYLE[str(t.severity)] if t.open else "dim")
        grid.add_row(
            str(t.id),
            severity,
            Text(
                str(t.status) + (" (unowned)" if t.unowned and t.status is Status.DIAGNOSED else "")
            ),
            str(t.count),
            local_time(t.opened_at),
            _held(t),
            Text(terminal(t.subject, 40)),
            Text(terminal(t.title, 200)),
        )
    _console().print(grid)


def _held(ticket: Ticket) -> str:
    if not ticket.held:
        return ""
    if ticket.held_until is not None:
        return f"until {local_time(ticket.held_until)}"
    return "until healthy" if ticket.held_until_healthy else "yes"


def details(ticket: Ticket, history: Sequence[Event], name_of: NameOf, thought: str = "") -> None:
    """Print one ticket in full: what is thought to be behind it, and what happened to it."""
    from rich.table import Table
    from rich.text import Text

    console = _console()
    console.print(Text(f"Ticket {ticket.id}: {terminal(ticket.title, 300)}", style="bold"))
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for label, value in [*_facts(ticket, name_of), ("Diagnosis", thought)]:
        if value:
            grid.add_row(label, Text(terminal(value, 1000)))
    console.print(grid)
    if history:
        console.print(Text("\nHistory", style="bold"))
    for event in history:
        if event.kind in UNTOLD:
            continue
        what = _SIGN.sub("", spoken(told(event, ticket), name_of, local_time))
        console.print(Text(f"  {local_time(event.at)}  {terminal(what, 600)}"))


def _facts(ticket: Ticket, name_of: NameOf) -> list[tuple[str, str]]:
    d = ticket.detail
    measured = figure(d.value, d.unit)
    against = f" (threshold {figure(d.threshold, d.unit)})" if d.threshold is not None else ""
    return [
        ("Severity", str(ticket.severity)),
        ("Status", str(ticket.status)),
        ("Subject", ticket.subject),
        ("Invariant", ticket.invariant),
        ("Entity", ticket.entity),
        ("Seen", ticket.summary),
        ("Value", measured + against if measured else ""),
        *[(k[:1].upper() + k[1:], v) for k, v in (d.facts or {}).items()],
        ("Opened", local_time(ticket.opened_at)),
        ("Last seen", f"{local_time(ticket.last_seen_at)}, {ticket.count} times"),
        ("Healthy since", local_time(ticket.healthy_since) if ticket.healthy_since else ""),
        ("Owner", name_of(ticket.acknowledged_by) if ticket.acknowledged_by else "nobody"),
        ("Held", _held(ticket) and f"{_held(ticket)}, by {name_of(ticket.held_by or '')}"),
        ("Reason", ticket.hold_reason or ticket.resolve_reason or ""),
        ("Resolved", local_time(ticket.resolved_at) if ticket.resolved_at else ""),
        ("Flapped", f"{ticket.flap_count} times" if ticket.flap_count else ""),
        ("Earlier", f"ticket {ticket.previous_id}" if ticket.previous_id else ""),
        ("Explained by", f"ticket {ticket.explained_by}" if ticket.explained_by else ""),
    ]
