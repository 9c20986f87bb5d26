"""Deciding where new tickets are told: cards, a storm, an adoption, under their cause, or later.

Everything is decided on counts and written by a few statements, so that ten thousand tickets cost
hardly more than ten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot import delivery_diagnosis
from bot.routes import Route, Routes
from core import gatherings, maintenance, outbox, placements, reconcile
from core.db import Tx
from core.gatherings import Gathering
from core.invariant import Severity
from core.outbox import Effect, Priority
from core.placements import Fresh, Kindred, Placement, card_ref
from core.subject import OWN

STORM_CARDS = 10
"""More new cards than this within STORM_WINDOW_S in one channel become one storm message."""
STORM_WINDOW_S = 60.0
STORM_QUIET_S = 300.0
"""A storm that nothing joined for this long takes no more."""
PAGE_GAP_S = 10.0
"""Criticals inside a storm share one mentioning message per this time."""
ADOPTION_WINDOW_S = 600.0
"""What turns out to have been broken before joins the adoption message for this long."""
EDIT_DELAY_S = 5.0
"""Edits that no person asked for wait this long, so that several become one."""
NAMED_AT_MOST = 10
"""Tickets that one message names."""
ROOTS = ("card", "storm", "adoption")
"""Kinds of rows that tickets are told in."""


@dataclass(frozen=True, slots=True)
class Placing:
    """Places what is new, in the transaction of the event that tells of it."""

    team: str
    routes: Routes

    def place(self, tx: Tx, subject: str, event_id: int) -> bool:
        """Place what of `subject` is not placed yet; `event_id` is what caused it.

        Whether there is more: a storm is placed slice by slice, and told when all of it is.
        """
        fresh = placements.fresh(tx, subject)
        if not fresh:
            return False
        if (pause := self._paused(tx, subject)) is not None:
            ref, away = f"maintenance:{pause}", self.routes.default
            return placements.put_all(tx, subject, away, "episode", ref) < sum(f.n for f in fresh)
        adopted = [f for f in fresh if f.adopted]
        more = bool(adopted) and self._adopt(tx, subject, adopted)
        own = [f for f in fresh if not f.adopted]
        more |= self._by_channel(tx, subject, [f for f in own if not f.explained], event_id)
        if any(f.explained for f in own):
            more |= self._join_causes(tx, subject, event_id)
        return more

    @staticmethod
    def _paused(tx: Tx, subject: str) -> int | None:
        if subject == OWN:
            return None
        return next((m.id for m in maintenance.active(tx) if m.covers(subject)), None)

    def _adopt(self, tx: Tx, subject: str, fresh: list[Fresh]) -> bool:
        worst = max((f.severity for f in fresh), key=lambda s: s.rank)
        channel = self.routes.find(subject, worst).channel
        since = tx.now - ADOPTION_WINDOW_S
        found = gatherings.living(tx, "adoption", channel, since, subject)
        ref = (found or gatherings.begin(tx, "adoption", channel, subject)).ref
        n = placements.put_all(tx, subject, channel, "adoption", ref, adopted=True)
        gatherings.joined(tx, ref)
        if n < sum(f.n for f in fresh):
            return True
        self._show(tx, channel, ref, "adoption", Priority.NEWS)
        return False

    def _by_channel(self, tx: Tx, subject: str, fresh: list[Fresh], event_id: int) -> bool:
        """Each channel in turn: cards while they are few, one storm message once they are many."""
        channels: dict[str, list[Fresh]] = {}
        for f in fresh:
            channels.setdefault(self.routes.find(subject, f.severity).channel, []).append(f)
        more = False
        for channel, theirs in channels.items():
            storm = gatherings.living(tx, "storm", channel, tx.now - STORM_QUIET_S)
            lately = placements.cards_since(tx, channel, tx.now - STORM_WINDOW_S)
            many = lately + sum(f.n for f in theirs) > STORM_CARDS
            if subject != OWN and (storm is not None or many):
                storm = storm or gatherings.begin(tx, "storm", channel, None)
                more |= self._gather(tx, subject, storm, theirs, event_id)
            else:
                kind = Kindred(tuple({f.severity for f in theirs}), theirs[0].explained)
                self._cards(tx, channel, placements.first(tx, subject, kind, STORM_CARDS * 100))
        return more

    def _gather(
        self, tx: Tx, subject: str, storm: Gathering, fresh: list[Fresh], event_id: int
    ) -> bool:
        """Fold tickets into a storm; whether there are more of them."""
        kind = Kindred(tuple({f.severity for f in fresh}), fresh[0].explained)
        calling = storm.data.get("calling") or self._called(tx, subject, kind, fresh)
        n = placements.put_all(
            tx, subject, storm.channel, "storm", storm.ref, adopted=False, kind=kind
        )
        more = n < sum(f.n for f in fresh)
        gatherings.joined(tx, storm.ref, calling=calling if more else None)
        if more:
            return True
        self._show(tx, storm.channel, storm.ref, "storm", Priority.PAGE)
        if calling:
            route = self.routes.find(subject, Severity.CRITICAL)
            self.page_storm(tx, storm.ref, route, calling["tickets"], calling["total"], event_id)
        return False

    @staticmethod
    def _called(tx: Tx, subject: str, kind: Kindred, fresh: list[Fresh]) -> Mapping[str, Any]:
        """Whom the storm's page will name: its criticals, unless others explain them."""
        total = sum(f.n for f in fresh if f.severity is Severity.CRITICAL)
        if not total or kind.explained:
            return {}
        named = placements.first(tx, subject, kind, NAMED_AT_MOST)
        worst = [number for number, severity in named if severity is Severity.CRITICAL]
        return {"total": total, "tickets": worst}

    def page_storm(
        self,
        tx: Tx,
        ref: str,
        route: Route,
        tickets: list[int],
        total: int,
        event_id: int,
        reason: str = "new",
    ) -> None:
        """Mention whom it concerns, once per PAGE_GAP_S for all criticals that came meanwhile."""
        pages = outbox.by_ref(tx, ref, "page")
        for row in pages:
            waits = row.state == "pending" and row.ts is None and row.attempt == 0
            if waits and row.data["reason"] == reason:
                known = [*row.data["tickets"], *tickets][:NAMED_AT_MOST]
                reconcile.amend(
                    tx, row.key, {"tickets": known, "total": int(row.data["total"]) + total}
                )
                return
        last = max((row.created_at for row in pages), default=tx.now - PAGE_GAP_S)
        outbox.post(
            tx,
            Effect(
                team=self.team,
                channel=route.channel,
                ref=ref,
                kind="page",
                priority=Priority.PAGE,
                source_event=event_id,
                data={
                    "tickets": tickets,
                    "total": total,
                    "mention": route.mention,
                    "reason": reason,
                },
                due_at=max(tx.now, last + PAGE_GAP_S),
            ),
        )

    def _cards(self, tx: Tx, channel: str, tickets: Iterable[tuple[int, Severity]]) -> None:
        for number, severity in tickets:
            self.card(tx, channel, number, severity)

    def card(self, tx: Tx, channel: str, ticket_id: int, severity: Severity) -> None:
        """Give a ticket a card of its own, wherever it was told before."""
        ref = card_ref(ticket_id)
        placements.put(tx, [Placement(ticket_id, channel, "card", ref, tx.now)])
        first = Priority.PAGE if severity is Severity.CRITICAL else Priority.NEWS
        key = outbox.post(tx, self._effect(channel, ref, "card", first))
        delivery_diagnosis.under_card(tx, self.team, channel, ticket_id, key)

    def _join_causes(self, tx: Tx, subject: str, event_id: int) -> bool:
        """Symptoms are told where their cause is; those whose cause is not told, by themselves."""
        joined: dict[int, list[int]] = {}
        n, pairs = placements.put_symptoms(tx, subject)
        for cause, symptom in pairs:
            joined.setdefault(cause, []).append(symptom)
        anchors = outbox.anchors(tx, [card_ref(c) for c in joined], ("card",))
        for cause, symptoms in joined.items():
            anchor = anchors.get(card_ref(cause))
            if anchor is None:
                continue
            outbox.want_again(
                tx, anchor.key, due_at=tx.now + EDIT_DELAY_S, priority=Priority.UPKEEP
            )
            self._tell_joined(tx, anchor, symptoms, event_id)
        if n == placements.SLICE:
            return True
        left = [f for f in placements.fresh(tx, subject) if f.explained and not f.adopted]
        return self._by_channel(tx, subject, left, event_id)

    def _tell_joined(
        self, tx: Tx, anchor: outbox.Anchor, symptoms: list[int], event_id: int
    ) -> None:
        # The card lists its symptoms; the thread tells of them one by one only while they are few.
        if len(symptoms) > 3:
            return
        for number in symptoms:
            effect = Effect(
                team=self.team,
                channel=anchor.channel,
                ref=card_ref(number),
                kind="joined",
                priority=Priority.UPKEEP,
                source_event=event_id,
                parent_key=anchor.key,
            )
            outbox.post(tx, effect)

    def _show(self, tx: Tx, channel: str, ref: str, kind: str, first: Priority) -> None:
        """Post the message of a gathering, or edit it if it is there."""
        anchor = outbox.anchors(tx, [ref], (kind,)).get(ref)
        if anchor is None:
            outbox.post(tx, self._effect(channel, ref, kind, first))
        else:
            due_at = tx.now + EDIT_DELAY_S
            outbox.want_again(tx, anchor.key, due_at=due_at, priority=Priority.UPKEEP)

    def _effect(self, channel: str, ref: str, kind: str, priority: Priority) -> Effect:
        return Effect(team=self.team, channel=channel, ref=ref, kind=kind, priority=priority)
