"""From events to intended effects: follows what was committed, and decides nothing about tickets.

`handle` runs in the transaction that moves the follower's cursor: each event leads to its outbox
rows exactly once, however often the process dies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bot import delivery_runs
from bot.delivery_place import EDIT_DELAY_S, NAMED_AT_MOST, ROOTS, STORM_QUIET_S, Placing
from bot.delivery_tell import Telling, of_tickets
from bot.pager import WEBHOOK
from bot.points import Points
from bot.routes import Routes
from core import channels, events, gatherings, outbox, placements
from core.clock import Clock
from core.db import Database, Fenced, Tx
from core.events import Event
from core.outbox import Effect, Priority
from core.placements import card_ref
from core.schedule import every
from core.tickets import store

log = structlog.get_logger()
CONSUMER = "slack"
SKIP = ("ticket.opened",)
"""A ticket that opens is placed once its tick is settled, together with all others of that tick."""
UPKEEP_S = 5.0
RETRY_S = 1.0
GAP_DELAY_S = 15.0
"""A gap is told once the first ticks after it have shown what changed meanwhile."""


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """`team` is the workspace's id. `fallback_after_s`: how long a critical may wait for Slack
    before it goes to the fallback webhook; None without one."""

    team: str
    routes: Routes
    fallback_after_s: float | None = None


class Delivery:
    """Turns events into outbox rows, from `run` until cancelled."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        epoch: int,
        settings: DeliverySettings,
        points: Points | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._epoch = epoch
        self._settings = settings
        self._placing = Placing(settings.team, settings.routes)
        self._points = points or Points()
        self.caught_up_at: float | None = None
        self._unfinished: dict[str, int] = {}

    async def run(self) -> None:
        """Follow all events; a failure is told in the log and tried again."""
        await self._insist(self._begin)
        while True:
            await self._insist(self._follow)

    async def upkeep(self) -> None:
        """What time brings about: storms become quiet, criticals are overdue."""
        await every(self._clock, lambda: UPKEEP_S, self.upkeep_once, self._failed)

    async def upkeep_once(self) -> None:
        """One look at what time has brought about; writes only if there is anything."""
        if await self._db.read(self._anything_due):
            await self._db.write_as(self._epoch, self._deal)

    async def _insist(self, work: Callable[[], object]) -> None:
        try:
            await work()  # type: ignore[misc]  # both are coroutine functions
        except Fenced:
            raise
        except Exception as error:  # noqa: BLE001 - delivery outlives whatever one batch does
            self._failed(error)
            await self._clock.sleep(RETRY_S)

    def _failed(self, error: BaseException) -> None:
        log.error("delivery failed; it is tried again", action="deliver", exc_info=error)

    async def _begin(self) -> None:
        """What an earlier process opened but did not place."""
        await self._db.read(self._find_left)
        await self._finish_placing()

    def _find_left(self, tx: Tx) -> None:
        at = events.cursor(tx, CONSUMER)
        for subject in placements.subjects_with_unplaced(tx):
            self._unfinished.setdefault(subject, at)

    async def _follow(self) -> None:
        while True:
            seen = self._db.news.seen(events.TOPIC)
            await self.catch_up()
            await self._db.news.wait(events.TOPIC, seen)

    async def catch_up(self) -> None:
        """Deal with every event that there is."""
        if await events.catch_up(self._db, CONSUMER, self.handle, self._epoch, SKIP):
            self._points.reach("delivery.committed")
        await self._finish_placing()
        self.caught_up_at = self._clock.monotonic()

    async def _finish_placing(self) -> None:
        """What is too much for one transaction, in steps, so that others get their turn."""
        while self._unfinished:
            subject, event_id = next(iter(self._unfinished.items()))
            unplaced = await self._db.read(placements.unplaced, subject)
            steps = self._placing.steps(subject, event_id, unplaced)
            await self._db.write_steps(self._epoch, steps)
            self._unfinished.pop(subject, None)

    def handle(self, tx: Tx, batch: list[Event]) -> None:
        """One batch of events, oldest first."""
        part: list[Event] = []
        for event in batch:
            part.append(event)
            if _opened(event):
                # What follows may be about tickets that this one places.
                self._handle(tx, part)
                part = []
        self._handle(tx, part)
        self._points.reach("delivery.handled")

    def _handle(self, tx: Tx, part: list[Event]) -> None:
        about = of_tickets(part)
        to_place = Telling.of(self._placing, tx, about).tell(about) if about else {}
        for event in part:
            if _opened(event):
                to_place[str(event.subject)] = event.id
                delivery_runs.stirred(tx, str(event.subject))
            elif event.ticket_id is None:
                to_place.update(self._news(tx, event))
        for subject, event_id in to_place.items():
            few = placements.few_unplaced(tx, subject)
            if few is None:
                self._unfinished[subject] = event_id
            else:
                self._placing.place(tx, subject, event_id, few)

    def _news(self, tx: Tx, event: Event) -> dict[str, int]:
        """Events that are not about one ticket; returns subjects with something to place."""
        if event.kind.startswith("run."):
            delivery_runs.tell(tx, self._settings.team, self._settings.routes, event)
            return {}
        match event.kind:
            case "subject.gap":
                self._tell(tx, event, "gap", f"subject:{event.subject}", GAP_DELAY_S)
            case "maintenance.started" | "maintenance.changed":
                self._maintenance(tx, event)
            case "maintenance.ended":
                return self._maintenance_over(tx, event)
            case "gathering.accepted":
                self._edit(tx, str(event.data["ref"]), Priority.HUMAN)
            case "gathering.shown":
                self._show(tx, event)
        return {}

    def _tell(self, tx: Tx, event: Event, kind: str, ref: str, delay_s: float = 0.0) -> None:
        outbox.post(
            tx,
            Effect(
                team=self._settings.team,
                channel=self._settings.routes.of_subject(event.subject).channel,
                ref=ref,
                kind=kind,
                source_event=event.id,
                data={"subject": event.subject, "actor": event.actor, **event.data},
                due_at=tx.now + delay_s,
            ),
        )

    def _maintenance(self, tx: Tx, event: Event) -> None:
        ref = f"maintenance:{event.data['id']}"
        channel = self._settings.routes.of_subject(event.subject).channel
        key = outbox.post(
            tx,
            Effect(self._settings.team, channel, ref, "maintenance", Priority.HUMAN),
        )
        if event.kind == "maintenance.changed":
            outbox.want_again(tx, key, due_at=tx.now, priority=Priority.HUMAN)

    def _maintenance_over(self, tx: Tx, event: Event) -> dict[str, int]:
        ref = f"maintenance:{event.data['id']}"
        left = placements.subjects_at(tx, ref)
        for anchor in outbox.anchors(tx, [ref], ("maintenance",)).values():
            outbox.want_again(tx, anchor.key, due_at=tx.now, priority=Priority.HUMAN)
        self._tell(tx, event, "maintenance_ended", ref)
        placements.release(tx, ref)
        return dict.fromkeys(left, event.id)

    def _show(self, tx: Tx, event: Event) -> None:
        chosen = store.by_ids(tx, [int(i) for i in event.data["tickets"]])
        for ticket in chosen.values():
            channel = self._settings.routes.find(ticket.subject, ticket.severity).channel
            self._placing.card(tx, channel, ticket.id, ticket.severity)
        ref = str(event.data["ref"])
        gatherings.moved(tx, ref, len(chosen), shown_by=event.actor, shown_at=tx.now)
        self._edit(tx, ref, Priority.HUMAN)

    @staticmethod
    def _edit(tx: Tx, ref: str, priority: Priority) -> None:
        delay_s = 0.0 if priority is Priority.HUMAN else EDIT_DELAY_S
        for anchor in outbox.anchors(tx, [ref], ROOTS).values():
            outbox.want_again(tx, anchor.key, due_at=tx.now + delay_s, priority=priority)

    # What time brings about.

    def _anything_due(self, tx: Tx) -> bool:
        quiet = gatherings.any_quiet(tx, tx.now - STORM_QUIET_S)
        return quiet or bool(self._overdue(tx))

    def _overdue(self, tx: Tx) -> list[placements.Undelivered]:
        after_s = self._settings.fallback_after_s
        if after_s is None:
            return []
        return placements.undelivered_criticals(tx, tx.now - after_s, NAMED_AT_MOST)

    def _deal(self, tx: Tx) -> None:
        for ref in gatherings.close_quiet(tx, tx.now - STORM_QUIET_S):
            self._edit(tx, ref, Priority.UPKEEP)
        for found in self._overdue(tx):
            effect = Effect("", WEBHOOK, card_ref(found.ticket_id), "trigger", Priority.PAGE)
            outbox.post(tx, effect)

    async def backlog(self) -> channels.Backlog:
        """What is due and has not arrived."""
        return await self._db.read(channels.backlog)


def _opened(event: Event) -> bool:
    """Whether a tick ended that has opened tickets."""
    return event.kind == "tick.settled" and bool(event.subject and event.data.get("opened"))
