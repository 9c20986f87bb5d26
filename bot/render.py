"""From an outbox row to the message that it stands for, as things are now.

Cards, storms and adoptions show the newest state; replies and pages show the event that they are
about. A message that cannot be shown as designed is shown in plain words rather than not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
import structlog

from bot import render_runs
from bot.blocks import Message
from bot.delivery_tell import kept_event
from bot.diagnosis.look import Values
from bot.diagnosis.message import of_diagnosis, of_progress
from bot.monitor import views as monitor_views
from bot.routes import Routes
from bot.text import clean
from bot.tickets.look import Surroundings, look
from bot.tickets.views import adoption, card, page, storm, thread
from bot.tickets.views.facts import AdoptionFacts, Look, PageReason, StormFacts
from bot.validate import fit
from core import gatherings, maintenance, placements
from core.db import Tx
from core.gatherings import Gathering
from core.invariant import Severity
from core.outbox import Row
from core.placements import ticket_of
from core.tickets import store
from core.tickets.model import Ticket

log = structlog.get_logger()
WORST_SHOWN = 5
MAX_TEXT = 3000
PLAINER = ("progress",)
"""Kinds that have a plainer form of their own for where Slack refuses the usual one."""


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders rows; `around` is what the configuration adds to tickets."""

    routes: Routes
    around: Surroundings
    values: Values = field(default_factory=Values)

    def render(self, tx: Tx, row: Row) -> Message | None:
        """The message of a row; None if there is nothing to say (any more)."""
        try:
            made = _KINDS[row.kind](self, tx, row)
        except sa.exc.SQLAlchemyError:
            raise
        except Exception:
            log.exception("a message could not be drawn", action="render", key=row.key)
            made = self._plainly(tx, row)
        if made is None:
            return None
        if row.data.get("plain") and row.kind not in PLAINER:
            return Message(made.text[:MAX_TEXT])
        return fit(made)

    def _plainly(self, tx: Tx, row: Row) -> Message:
        number = ticket_of(row.ref)
        ticket = None if number is None else store.find(tx, number)
        if ticket is None:
            return Message(f"Something changed ({clean(row.ref, 80)}): see /tickets list.")
        what = clean(f"{ticket.subject}: {ticket.title}", 300)
        return Message(f"Ticket {ticket.id} ({ticket.severity}, {ticket.status}): {what}")

    def _look(self, tx: Tx, row: Row, ticket: Ticket) -> Look:
        seen = look(tx, ticket, self.around)
        doubt = bool(row.data.get("possible_duplicate"))
        return replace(
            seen, possible_duplicate=doubt, symptom_count=placements.symptom_count(tx, ticket.id)
        )

    def _ticket(self, tx: Tx, row: Row) -> Ticket | None:
        number = ticket_of(row.ref)
        return None if number is None else store.find(tx, number)

    def card(self, tx: Tx, row: Row) -> Message | None:
        """A ticket's card. A new critical's card is the message that calls (R13)."""
        ticket = self._ticket(tx, row)
        if ticket is None:
            return None
        seen = self._look(tx, row, ticket)
        if ticket.severity is Severity.CRITICAL and ticket.explained_by is None:
            route = self.routes.find(ticket.subject, ticket.severity)
            seen = replace(seen, mention=route.mention)
        return card.card(ticket, seen)

    def reply(self, tx: Tx, row: Row) -> Message | None:
        """What a thread says of one event."""
        ticket = self._ticket(tx, row)
        if ticket is None:
            return None
        event = kept_event(ticket.id, row.source_event or 0, dict(row.data))
        return thread.reply(ticket, event, self._look(tx, row, ticket))

    def joined(self, tx: Tx, row: Row) -> Message | None:
        """A symptom that joined a cause's thread."""
        ticket = self._ticket(tx, row)
        return None if ticket is None else thread.joined(ticket, self._look(tx, row, ticket))

    def page(self, tx: Tx, row: Row) -> Message | None:
        """A new message that calls somebody; moot once the ticket has ended."""
        if ticket_of(row.ref) is None:
            return self._storm_page(tx, row)
        ticket = self._ticket(tx, row)
        if ticket is None or (not ticket.open and row.ts is None):
            return None
        seen = replace(self._look(tx, row, ticket), mention=str(row.data["mention"]))
        return page.page(ticket, PageReason(str(row.data["reason"])), seen)

    def _storm_page(self, tx: Tx, row: Row) -> Message | None:
        named = store.by_ids(tx, [int(i) for i in row.data["tickets"]])
        still = tuple(k for k in named.values() if k.open)
        if not still and row.ts is None:
            return None
        subjects = {k.subject for k in still}
        label = self.around.label(still[0].subject) if len(subjects) == 1 else ""
        seen = Look(
            now=tx.now,
            subject=label,
            mention=str(row.data["mention"]),
            name_of=self.around.name_of,
        )
        shown = still or tuple(named.values())
        reason = str(row.data.get("reason", "new"))
        return page.criticals(shown, int(row.data["total"]), seen, reason)

    def storm(self, tx: Tx, row: Row) -> Message | None:
        """A storm's living message."""
        found = gatherings.get(tx, row.ref)
        return None if found is None else storm.storm(self._storm_facts(tx, row, found))

    def _storm_facts(self, tx: Tx, row: Row, found: Gathering) -> StormFacts:
        tally = gatherings.tally(tx, row.ref)
        return StormFacts(
            ref=row.ref,
            opened_at=found.opened_at,
            last_at=found.last_at,
            total=tally.total,
            open=tally.still_open,
            owned=tally.acknowledged,
            held=tally.held,
            by_severity=tally.by_severity,
            by_invariant=tally.kinds,
            subjects=tuple(self.around.label(s) for s in tally.subjects),
            worst=tuple(gatherings.worst(tx, row.ref, WORST_SHOWN)),
            closed_at=found.closed_at,
            possible_duplicate=bool(row.data.get("possible_duplicate")),
        )

    def adoption(self, tx: Tx, row: Row) -> Message | None:
        """What was already broken when a subject was first seen."""
        found = gatherings.get(tx, row.ref)
        if found is None:
            return None
        tally = gatherings.tally(tx, row.ref)
        data = found.data
        facts = AdoptionFacts(
            ref=row.ref,
            subject=self.around.label(found.subject or ""),
            at=found.opened_at,
            total=tally.total + int(data.get("moved", 0)),
            open=tally.still_open,
            by_severity=tally.by_severity,
            by_invariant=tally.kinds,
            worst=tuple(gatherings.worst(tx, row.ref, WORST_SHOWN)),
            accepted_by=data.get("accepted_by"),
            accepted_at=data.get("accepted_at"),
            shown_by=data.get("shown_by"),
            shown_at=data.get("shown_at"),
            possible_duplicate=bool(row.data.get("possible_duplicate")),
            name_of=self.around.name_of,
        )
        return adoption.adoption(facts)

    def diagnosis(self, tx: Tx, row: Row) -> Message | None:
        """A diagnosis or an answer in its ticket's thread."""
        return of_diagnosis(tx, row, self.around, self.values)

    def progress(self, tx: Tx, row: Row) -> Message | None:
        """A model at work, or what it took."""
        return of_progress(tx, row, self.around)

    def gap(self, tx: Tx, row: Row) -> Message | None:
        """Nobody watched for a while."""
        subject = str(row.data["subject"])
        since, until = float(row.data["from"]), float(row.data["to"])
        opened, resolved = placements.changes(tx, subject, until, tx.now)
        return monitor_views.gap(self.around.label(subject), since, until, opened, resolved)

    def maintenance(self, tx: Tx, row: Row) -> Message | None:
        """An announced pause, while it lasts and after it."""
        pause = self._pause(tx, int(row.ref.partition(":")[2]), None)
        if pause is None:
            return None
        return monitor_views.maintenance_started(pause, self.around.name_of)

    def maintenance_ended(self, tx: Tx, row: Row) -> Message | None:
        """A pause is over, and what is still broken."""
        pause = self._pause(tx, int(row.ref.partition(":")[2]), row.data.get("actor"))
        if pause is None:
            return None
        subject = row.data.get("subject")
        broken = tuple(store.listing(tx, store.Filter(subject=subject), WORST_SHOWN))
        total = store.count(tx, store.Filter(subject=subject))
        return monitor_views.maintenance_ended(pause, broken, total, self.around.name_of)

    def _pause(self, tx: Tx, number: int, ended_by: str | None) -> monitor_views.Pause | None:
        found = maintenance.get(tx, number)
        if found is None:
            return None
        return monitor_views.Pause(
            id=found.id,
            subject=self.around.label(found.subject) if found.subject else "",
            started_at=found.started_at,
            until=found.until,
            by=found.by,
            reason=found.reason,
            ended_at=found.ended_at,
            ended_by=ended_by,
        )


def _of_run(draw: render_runs.Draw) -> Callable[[Renderer, Tx, Row], Message | None]:
    return lambda self, tx, row: draw(tx, row, self.around)


_KINDS: Mapping[str, Callable[[Renderer, Tx, Row], Message | None]] = {
    "card": Renderer.card,
    "reply": Renderer.reply,
    "joined": Renderer.joined,
    "page": Renderer.page,
    "storm": Renderer.storm,
    "adoption": Renderer.adoption,
    "diagnosis": Renderer.diagnosis,
    "progress": Renderer.progress,
    "gap": Renderer.gap,
    "maintenance": Renderer.maintenance,
    "maintenance_ended": Renderer.maintenance_ended,
    **{kind: _of_run(draw) for kind, draw in render_runs.KINDS.items()},
}
