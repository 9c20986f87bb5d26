"""Deciding where new tickets are told: cards, a storm, an adoption, under their cause, or later.

Everything is decided once, on counts; what must be written is small steps, between which others have
their turn. Each may be the last before a crash: what is not placed then is placed after the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from bot import delivery_diagnosis
from bot.routes import Route, Routes
from core import gatherings, maintenance, outbox, placements, reconcile
from core.db import Tx
from core.gatherings import Gathering
from core.invariant import Severity
from core.outbox import Effect, Priority
from core.placements import Placement, Unplaced, card_ref
from core.subject import OWN
from core.tickets.known import parts

Step = Callable[[Tx], None]
BySeverity = dict[Severity, list[int]]
"""Ids of tickets, oldest first."""

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
IN_ONE = 200
"""Symptoms that one step joins to their causes."""
ROOTS = ("card", "storm", "adoption")
"""Kinds of rows that tickets are told in."""


@dataclass(frozen=True, slots=True)
class Placing:
    """Places what is new; `event_id` is always what caused it."""

    team: str
    routes: Routes

    def place(self, tx: Tx, subject: str, event_id: int, unplaced: Sequence[Unplaced]) -> None:
        """Place a few tickets of a subject at once, in the transaction of the event."""
        for step in self.steps(subject, event_id, unplaced):
            step(tx)

    def steps(self, subject: str, event_id: int, unplaced: Sequence[Unplaced]) -> Iterator[Step]:
        """Place any number of them. The first step decides all; what is placed together is told by
        the step that places the last of it."""
        rest: list[Step] = []
        if unplaced:
            yield lambda tx: rest.extend(self._decided(tx, subject, event_id, unplaced))
        yield from rest

    def _decided(
        self, tx: Tx, subject: str, event_id: int, unplaced: Sequence[Unplaced]
    ) -> list[Step]:
        if (pause := self._paused(tx, subject)) is not None:
            everything = [one.id for one in unplaced]
            return _put(everything, self.routes.default, "episode", f"maintenance:{pause}")
        steps: list[Step] = []
        if adopted := [one for one in unplaced if one.adopted]:
            steps += self._adopt(tx, subject, _by_severity(adopted))
        own = [one for one in unplaced if not one.adopted]
        alone = _by_severity(one for one in own if one.cause is None)
        steps += self._by_channel(tx, subject, event_id, alone, calls=True)
        if symptoms := [one.id for one in own if one.cause is not None]:
            steps += self._join_causes(subject, event_id, symptoms)
        return steps

    @staticmethod
    def _paused(tx: Tx, subject: str) -> int | None:
        if subject == OWN:
            return None
        return next((m.id for m in maintenance.active(tx) if m.covers(subject)), None)

    def _adopt(self, tx: Tx, subject: str, adopted: BySeverity) -> list[Step]:
        worst = max(adopted, key=lambda severity: severity.rank)
        channel = self.routes.find(subject, worst).channel
        since = tx.now - ADOPTION_WINDOW_S
        found = gatherings.living(tx, "adoption", channel, since, subject)
        ref = (found or gatherings.begin(tx, "adoption", channel, subject)).ref

        def tell(tx: Tx) -> None:
            gatherings.joined(tx, ref)
            self._show(tx, channel, ref, "adoption", Priority.NEWS)

        return _ending(_put(_ids(adopted), channel, "adoption", ref), tell)

    def _by_channel(
        self, tx: Tx, subject: str, event_id: int, fresh: BySeverity, *, calls: bool
    ) -> list[Step]:
        """Each channel in turn: cards while they are few, one storm message once they are many."""
        channels: dict[str, BySeverity] = {}
        for severity, ids in fresh.items():
            channels.setdefault(self.routes.find(subject, severity).channel, {})[severity] = ids
        steps: list[Step] = []
        for channel, theirs in channels.items():
            storm = gatherings.living(tx, "storm", channel, tx.now - STORM_QUIET_S)
            lately = placements.cards_since(tx, channel, tx.now - STORM_WINDOW_S)
            many = lately + len(_ids(theirs)) > STORM_CARDS
            if subject != OWN and (storm is not None or many):
                storm = storm or gatherings.begin(tx, "storm", channel, None)
                called = theirs.get(Severity.CRITICAL, ()) if calls else ()
                steps += self._gather(tx, subject, event_id, storm, _ids(theirs), called)
            else:
                self._cards(tx, channel, theirs)
        return steps

    def _gather(
        self,
        tx: Tx,
        subject: str,
        event_id: int,
        storm: Gathering,
        ids: Sequence[int],
        called: Sequence[int],
    ) -> list[Step]:
        """Fold tickets into a storm; `called` are those that its page counts, and names first."""
        # Kept with the storm until it is told: a later process would see only what it has to place.
        calling: dict[str, Any] = storm.data.get("calling") or (
            {"total": len(called), "tickets": list(called[:NAMED_AT_MOST])} if called else {}
        )
        gatherings.joined(tx, storm.ref, calling=calling)

        def tell(tx: Tx) -> None:
            gatherings.joined(tx, storm.ref, calling=None)
            self._show(tx, storm.channel, storm.ref, "storm", Priority.PAGE)
            if calling:
                route = self.routes.find(subject, Severity.CRITICAL)
                self.page_storm(
                    tx, storm.ref, route, calling["tickets"], calling["total"], event_id
                )

        return _ending(_put(ids, storm.channel, "storm", storm.ref), tell)

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

    def _cards(self, tx: Tx, channel: str, theirs: BySeverity) -> None:
        for severity in sorted(theirs, key=lambda one: -one.rank):
            for number in theirs[severity]:
                self.card(tx, channel, number, severity)

    def card(self, tx: Tx, channel: str, ticket_id: int, severity: Severity) -> None:
        """Give a ticket a card of its own, wherever it was told before."""
        ref = card_ref(ticket_id)
        placements.put(tx, [Placement(ticket_id, channel, "card", ref, tx.now)])
        first = Priority.PAGE if severity is Severity.CRITICAL else Priority.NEWS
        key = outbox.post(tx, self._effect(channel, ref, "card", first))
        delivery_diagnosis.under_card(tx, self.team, channel, ticket_id, key)

    def _join_causes(self, subject: str, event_id: int, symptoms: list[int]) -> list[Step]:
        """Symptoms are told where their cause is; those whose cause is not told, by themselves."""
        joined: dict[int, list[int]] = {}
        placed = 0

        def put(tx: Tx, some: list[int]) -> None:
            nonlocal placed
            n, pairs = placements.put_symptoms(tx, some)
            placed += n
            for cause, symptom in pairs:
                joined.setdefault(cause, []).append(symptom)

        def tell(tx: Tx) -> None:
            self._show_joined(tx, joined, event_id)
            if placed < len(symptoms):
                left = (one for one in placements.unplaced(tx, subject) if one.cause is not None)
                fresh = _by_severity(one for one in left if not one.adopted)
                for step in self._by_channel(tx, subject, event_id, fresh, calls=False):
                    step(tx)

        return _ending([partial(put, some=some) for some in parts(symptoms, IN_ONE)], tell)

    def _show_joined(self, tx: Tx, joined: dict[int, list[int]], event_id: int) -> None:
        anchors = outbox.anchors(tx, [card_ref(c) for c in joined], ("card",))
        for cause, symptoms in joined.items():
            anchor = anchors.get(card_ref(cause))
            if anchor is None:
                continue
            outbox.want_again(
                tx, anchor.key, due_at=tx.now + EDIT_DELAY_S, priority=Priority.UPKEEP
            )
            self._tell_joined(tx, anchor, symptoms, event_id)

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


def _by_severity(unplaced: Iterable[Unplaced]) -> BySeverity:
    found: dict[str, list[int]] = {}
    for one in unplaced:
        found.setdefault(one.severity, []).append(one.id)
    return {Severity(severity): ids for severity, ids in found.items()}


def _ids(some: BySeverity) -> list[int]:
    return sorted(chain.from_iterable(some.values()))


def _put(ids: Sequence[int], channel: str, place: str, ref: str) -> list[Step]:
    return [
        partial(placements.put_new, ticket_ids=some, channel=channel, place=place, ref=ref)
        for some in parts(list(ids), placements.SLICE)
    ]


def _ending(steps: list[Step], tell: Step) -> list[Step]:
    """The last step also tells: what is placed and not told never would be, were it a step later."""
    *others, last = steps

    def end(tx: Tx) -> None:
        last(tx)
        tell(tx)

    return [*others, end]
