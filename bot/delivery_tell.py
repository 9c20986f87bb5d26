"""Telling what happened to tickets that are already told somewhere: edits, replies, pages.

A batch of events is dealt with at once: many changes of one message are one edit, and its thread
is told only while there is little to tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from bot import delivery_diagnosis
from bot.delivery_place import EDIT_DELAY_S, ROOTS, Placing
from bot.pager import WEBHOOK
from core import maintenance, outbox, placements
from core.db import Tx
from core.events import Event
from core.invariant import Severity
from core.outbox import Anchor, Effect, Priority
from core.placements import Placement, card_ref, ticket_of
from core.tickets import store
from core.tickets.model import FLAP_WINDOW_S, FLAPPING, Ticket

REPLIES_AT_ONCE = 5
"""More news than this for one thread in one batch: the edited message says it, the thread does not."""
_REPLIED = frozenset(
    f"ticket.{verb}"
    for verb in (
        [
            "acknowledged",
            "held",
            "unheld",
            "hold_ended",
            "worsened",
            "reopened",
            "resolved",
        ]
    )
)
_PAGED = {
    "ticket.reopened": "reopened",
    "ticket.worsened": "worsened",
    "ticket.unowned": "unowned",
    "ticket.surfaced": "surfaced",
}
_COUNTED = frozenset(
    f"ticket.{verb}" for verb in ["resolved", "recovering", "changed", "eased", "diagnosed"]
)
_SHOWN_AT_ONCE = frozenset(("ticket.resolved", "ticket.diagnosed"))
_SETTLED_BY_MANY = frozenset(("ticket.resolved", "ticket.reopened"))


@dataclass(slots=True)
class Telling:
    """One batch of ticket events, with everything that it needs looked up once."""

    placing: Placing
    tx: Tx
    tickets: dict[int, Ticket]
    placed: dict[int, Placement]
    anchors: dict[str, Anchor]
    triggered: dict[str, Anchor]
    edits: dict[str, Priority] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)
    to_place: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, placing: Placing, tx: Tx, batch: list[Event]) -> Telling:
        """Look up all that the events are about."""
        ids = {e.ticket_id for e in batch if e.ticket_id is not None}
        placed = placements.of(tx, ids)
        anchors = outbox.anchors(tx, {p.ref for p in placed.values()}, ROOTS)
        triggered: dict[str, Anchor] = {}
        if outbox.ever_in(tx, WEBHOOK):
            triggered = outbox.anchors(tx, (card_ref(i) for i in ids), ("trigger",))
        wanted = {e.ticket_id for e in batch if e.ticket_id and not _counted(e, placed)}
        return cls(placing, tx, store.by_ids(tx, wanted), placed, anchors, triggered)

    def tell(self, batch: list[Event]) -> dict[str, int]:
        """Intend all edits, replies and pages; returns subjects with something to place anew."""
        for event in batch:
            self._diagnosis(event)
        batch = [one for one in batch if one.kind not in delivery_diagnosis.ASIDE]
        for event in batch:
            self._count(event)
        for event in batch:
            if event.kind == "ticket.resolved":
                self._stop_calling(event)
            ticket = self.tickets.get(event.ticket_id or 0)
            if _counted(event, self.placed):
                self._want(event, self.placed[event.ticket_id or 0])
            elif ticket is not None:
                self._one(event, ticket)
        for ref, priority in self.edits.items():
            self._edit(ref, priority)
        return self.to_place

    def _diagnosis(self, event: Event) -> None:
        if event.kind not in delivery_diagnosis.KINDS:
            return
        place = self.placed.get(event.ticket_id or 0)
        anchor = None if place is None else self.anchors.get(place.ref)
        if place is not None and anchor is not None:
            thread = delivery_diagnosis.Thread(self.tx, self.placing.team, place, anchor)
            thread.tell(event)

    def _count(self, event: Event) -> None:
        place = self.placed.get(event.ticket_id or 0)
        if place is not None and event.kind in _REPLIED:
            self.told[place.ref] += 1

    def _one(self, event: Event, ticket: Ticket) -> None:
        place = self.placed.get(ticket.id)
        if place is None:
            return
        if place.ref.startswith("maintenance:"):
            self._kept_back(event, ticket)
        elif self._moves(event, ticket, place):
            self._want(event, place)
            placements.unplace(self.tx, [ticket.id])
            self.to_place[ticket.subject] = event.id
        else:
            self._placed(event, ticket, place)

    def _placed(self, event: Event, ticket: Ticket, place: Placement) -> None:
        self._want(event, place)
        anchor = self.anchors.get(place.ref)
        if anchor is None:
            return
        if self._worth_a_reply(event, ticket, place):
            self._reply(event, ticket, anchor)
        if event.kind in _PAGED and self._worth_a_page(event, ticket):
            self._page(event, ticket, place)

    @staticmethod
    def _moves(event: Event, ticket: Ticket, place: Placement) -> bool:
        """A symptom that stands for itself now is told by itself; one with another cause, there."""
        if event.kind == "ticket.rejoined":
            return ticket.open and place.place == "episode"
        again = event.kind in ("ticket.surfaced", "ticket.reopened")
        elsewhere = place.place == "episode" and ticket_of(place.ref) != ticket.id
        return again and elsewhere and ticket.open and ticket.explained_by is None

    def _kept_back(self, event: Event, ticket: Ticket) -> None:
        """A pause keeps everything back but what gets worse."""
        if event.kind != "ticket.worsened" or not ticket.open:
            return
        route = self.placing.routes.find(ticket.subject, ticket.severity)
        self.placing.card(self.tx, route.channel, ticket.id, ticket.severity)

    def _want(self, event: Event, place: Placement) -> None:
        if event.actor is not None and event.actor != "tocsin":
            priority = Priority.HUMAN
        elif event.kind in _SHOWN_AT_ONCE and place.place == "card":
            priority = Priority.NEWS
        else:
            priority = Priority.UPKEEP
        self.edits[place.ref] = min(priority, self.edits.get(place.ref, Priority.UPKEEP))

    def _edit(self, ref: str, priority: Priority) -> None:
        anchor = self.anchors.get(ref)
        if anchor is None:
            return
        delay_s = EDIT_DELAY_S if priority is Priority.UPKEEP else 0.0
        outbox.want_again(
            self.tx, anchor.key, due_at=self.tx.now + delay_s, priority=Priority(priority)
        )

    def _worth_a_reply(self, event: Event, ticket: Ticket, place: Placement) -> bool:
        if event.kind not in _REPLIED or self.told[place.ref] > REPLIES_AT_ONCE:
            return False
        if event.kind == "ticket.hold_ended" or event.actor is not None:
            return True
        if event.kind in _SETTLED_BY_MANY and ticket.flap_count >= FLAPPING:
            return False
        if place.place == "episode":
            return event.kind == "ticket.worsened"
        return place.place == "card"

    def _reply(self, event: Event, ticket: Ticket, anchor: Anchor) -> None:
        person = event.actor is not None
        effect = Effect(
            team=self.placing.team,
            channel=anchor.channel,
            ref=card_ref(ticket.id),
            kind="reply",
            priority=Priority.HUMAN if person else Priority.NEWS,
            source_event=event.id,
            parent_key=anchor.key,
            data=_kept(event),
        )
        outbox.post(self.tx, effect)

    def _worth_a_page(self, event: Event, ticket: Ticket) -> bool:
        if not ticket.open or ticket.explained_by is not None:
            return False
        if event.kind == "ticket.worsened":
            return True
        if ticket.held or self._paused(ticket):
            return False
        return event.kind != "ticket.reopened" or self._quiet_before(ticket)

    def _paused(self, ticket: Ticket) -> bool:
        return any(m.covers(ticket.subject) for m in maintenance.active(self.tx))

    def _quiet_before(self, ticket: Ticket) -> bool:
        """A flapping ticket calls at most once per flap window."""
        since = self.tx.now - FLAP_WINDOW_S
        return all(
            r.created_at < since for r in outbox.by_ref(self.tx, card_ref(ticket.id), "page")
        )

    def _page(self, event: Event, ticket: Ticket, place: Placement) -> None:
        route = self.placing.routes.find(ticket.subject, ticket.severity)
        critical = ticket.severity is Severity.CRITICAL
        if not critical and not route.mention:
            # There is nobody to call; the thread and the card say it.
            return
        if place.place == "storm":
            if critical:
                reason = _PAGED[event.kind]
                self.placing.page_storm(self.tx, place.ref, route, [ticket.id], 1, event.id, reason)
            return
        effect = Effect(
            team=self.placing.team,
            channel=route.channel,
            ref=card_ref(ticket.id),
            kind="page",
            priority=Priority.PAGE,
            source_event=event.id,
            data={"reason": _PAGED[event.kind], "mention": route.mention, **_kept(event)},
        )
        outbox.post(self.tx, effect)

    def _stop_calling(self, event: Event) -> None:
        ref = card_ref(event.ticket_id or 0)
        if ref not in self.triggered:
            return
        effect = Effect(
            team="",
            channel=WEBHOOK,
            ref=ref,
            kind="resolve",
            priority=Priority.PAGE,
            source_event=event.id,
        )
        outbox.post(self.tx, effect)


def _counted(event: Event, placed: dict[int, Placement]) -> bool:
    """Whether an event only changes the counts of a message that gathers many tickets."""
    place = placed.get(event.ticket_id or 0)
    gathered = place is not None and place.place in ("storm", "adoption")
    return gathered and event.actor is None and event.kind in _COUNTED


def _kept(event: Event) -> dict[str, Any]:
    """The event as its message will need it, whenever that is sent and events are forgotten."""
    return {
        "event": event.kind,
        "at": event.at,
        "actor": event.actor,
        "data": dict(event.data),
    }


def kept_event(ticket_id: int, source_event: int, data: dict[str, Any]) -> Event:
    """The reverse."""
    return Event(
        id=source_event,
        at=float(data["at"]),
        kind=str(data["event"]),
        subject=None,
        ticket_id=ticket_id,
        actor=data["actor"],
        data=data["data"],
    )


def of_tickets(batch: Iterable[Event]) -> list[Event]:
    """The events of a batch that are about single tickets."""
    return [e for e in batch if e.ticket_id is not None]
