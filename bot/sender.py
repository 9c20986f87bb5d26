"""Carrying intended effects to Slack: one sender per channel, each effect from intent to proof.

The next row is chosen and drawn on a snapshot, which holds up nobody who writes; it is committed as
`sending`, if it still is as it was drawn, before the call leaves; as `sent` after it. What is in doubt is looked up before anything is sent again
(`bot.sender_proof`). Pace is `bot.sender_rates`, refusals are `bot.sender_refusals`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot.channel_ids import ChannelIds
from bot.pager import WEBHOOK, Pager
from bot.points import Points
from bot.render import Renderer
from bot.sender_call import Caller
from bot.sender_proof import Proof
from bot.sender_rates import POST_EVERY_S, Rates
from bot.sender_record import Drawn, Job, record
from bot.sender_refusals import Trouble, retry_s
from bot.sender_webhook import NEVER, Rest, Webhook
from bot.slack import AuthFailed, Limited, Ok, Slack
from core import channels, outbox, reconcile
from core.clock import Clock, within
from core.db import Database, Fenced, Tx
from core.metrics import Metrics
from core.tasks import Tasks

log = structlog.get_logger()
BEAT_S = 10.0
"""The sender shows that it turns at least this often."""
DRAIN_S = 2.0
"""How long a call under way may take once the program is told to stop."""
LONGEST_REST_S = 30.0
"""A channel looks for itself this often, whatever it was told or not told."""
PROBE_S = 60.0
"""How often a parked channel, or a refused token, is tried again."""


@dataclass(frozen=True, slots=True)
class SenderSettings:
    """`settle_s`: how long after a call of unknown outcome its effect may still appear.
    `post_every_s`: the pace of posts in one channel once a short burst is spent."""

    settle_s: float = 1.5
    post_every_s: float = POST_EVERY_S


class Sender:
    """Sends what is due, in every channel, from `run` until cancelled.

    `turned_at`: when it last looked round (monotonic); `busy`: how many of its loops are not at
    rest; `trouble.auth`: what Slack said when it refused the token.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        epoch: int,
        slack: Slack,
        renderer: Renderer,
        metrics: Metrics,
        settings: SenderSettings | None = None,
        pager: Pager | None = None,
        points: Points | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._epoch = epoch
        self._slack = slack
        self._renderer = renderer
        self._metrics = metrics
        self._settings = settings or SenderSettings()
        self._webhook = None if pager is None else Webhook(db, epoch, pager, metrics)
        self._points = points or Points()
        self._ids = ChannelIds(slack, db)
        self._rates = Rates(clock, self._settings.post_every_s)
        self._tasks = Tasks(self._died)
        self._known: set[str] = set()
        self._unsure: set[str] = set()
        self.trouble = Trouble()
        self.turned_at: float | None = None
        self.busy = 0
        self._stopping = False
        self._caller = Caller(db, epoch, slack, self._ids)
        self._proof = Proof(db, clock, epoch, slack, self._ids, self._points)

    # The supervisor.

    async def run(self) -> None:
        """Take over what an earlier process left in doubt, then send until cancelled."""
        try:
            await self._insist(self._take_over)
            while True:
                seen = self._db.news.seen(outbox.TOPIC)
                self.busy += 1
                await self._insist(self._look_round)
                self.busy -= 1
                await self._rest(BEAT_S, seen)
        finally:
            await self._finish()

    async def _finish(self) -> None:
        """Let the calls under way end and be recorded, rather than leave them in doubt."""
        self._stopping = True
        self._db.news.tell([outbox.TOPIC])
        try:
            await within(self._clock, DRAIN_S, self._tasks.drain())
        except TimeoutError:
            log.warning("a call did not end in time; it is looked up next time", action="stop")
        await self._tasks.cancel()

    async def _take_over(self) -> None:
        due_at = self._clock.now().timestamp() + self._settings.settle_s
        await self._db.write_as(self._epoch, reconcile.recover, self._epoch, due_at)

    async def _look_round(self) -> None:
        for channel in await self._db.read(channels.channels_due):
            if channel not in self._known:
                self._known.add(channel)
                self._tasks.start(f"send {channel}", self._work(channel))
        waiting = await self._db.read(channels.backlog)
        self._metrics.backlog.set(waiting.rows)
        self._metrics.backlog_age.set(waiting.oldest_s)
        self._metrics.parked.set(waiting.parked)
        self._metrics.last_delivery.set(self._clock.now().timestamp())
        self.turned_at = self._clock.monotonic()
        if self.trouble.probe_due(self._clock.monotonic(), PROBE_S):
            await self._probe_token()

    async def _insist(self, work: Callable[[], Any]) -> None:
        try:
            await work()
        except Fenced:
            raise
        except Exception as error:  # noqa: BLE001 - sending outlives whatever one round does
            self._failed("sender", error)

    def _failed(self, where: str, error: BaseException) -> None:
        self._metrics.failures.labels(where).inc()
        log.error("sending failed; it is tried again", action="send", where=where, exc_info=error)

    def _died(self, name: str, error: BaseException) -> None:
        self._known.discard(name.removeprefix("send "))
        if not isinstance(error, Fenced):
            self._failed(name, error)

    async def _probe_token(self) -> None:
        outcome = await self._slack.call("auth.test")
        self.trouble.probed(self._clock.monotonic(), isinstance(outcome, Ok))
        if isinstance(outcome, Ok):
            log.info("Slack takes the token again", action="auth")
            self._db.news.tell([outbox.TOPIC])

    # One channel.

    async def _work(self, channel: str) -> None:
        failures = 0
        while not self._stopping:
            seen = self._db.news.seen(outbox.TOPIC)
            self.busy += 1
            try:
                rest_s = await self._step(channel)
                failures = 0
            except Fenced:
                raise
            except Exception as error:  # noqa: BLE001 - one bad round must not end the channel
                self._failed(f"send {channel}", error)
                self._unsure.add(channel)
                failures += 1
                rest_s = retry_s(failures)
                seen = self._db.news.seen(outbox.TOPIC)
            finally:
                self.busy -= 1
            if rest_s > 0:
                await self._rest(rest_s, seen)

    async def _rest(self, seconds: float, seen: int) -> None:
        waiting = self._db.news.wait(outbox.TOPIC, seen)
        try:
            await within(self._clock, min(seconds, LONGEST_REST_S), waiting)
        except TimeoutError:
            return

    async def _step(self, channel: str) -> float:
        """One effect at most; how many seconds to rest (0: go on at once)."""
        if channel in self._unsure:
            await self._doubt(channel)
        if channel == WEBHOOK:
            return NEVER if self._webhook is None else await self._webhook.step()
        if self.trouble.auth is not None:
            return PROBE_S
        if await self._proof.settle(channel):
            return 0.0
        blocked = self._rates.blocked(channel)
        found = await self._db.read(self._choose, channel, tuple(blocked))
        if isinstance(found, Rest):
            if found.probe:
                reopened = await self._proof.reopen(channel, found.probe)
                return 0.0 if reopened else PROBE_S
            return min(found.seconds, *blocked.values()) if blocked else found.seconds
        job = await self._db.write_as(self._epoch, self._begin, found)
        if job is not None:
            await self._carry_out(channel, job)
        return 0.0

    async def _doubt(self, channel: str) -> None:
        due_at = self._clock.now().timestamp() + self._settings.settle_s
        await self._db.write_as(self._epoch, reconcile.recover, self._epoch, due_at, channel)
        self._unsure.discard(channel)

    def _choose(self, tx: Tx, channel: str, blocked: tuple[str, ...]) -> Drawn | Rest:
        """Choose the next effect and draw it."""
        parked = next((p for p in channels.parked_channels(tx) if p.channel == channel), None)
        if parked is not None:
            waited_s = tx.now - parked.checked_at
            due = not 0 <= waited_s < PROBE_S
            return Rest(PROBE_S - waited_s, parked.reason if due else "")
        row = outbox.next_pending(tx, channel, blocked)
        if row is None:
            due_at = channels.next_due_at(tx, channel)
            return Rest(NEVER if due_at is None else max(due_at - tx.now, 0.001))
        self._points.reach("sender.chosen")
        parent = outbox.get(tx, row.parent_key) if row.parent_key else None
        return Drawn(row, self._renderer.render(tx, row), None if parent is None else parent.ts)

    def _begin(self, tx: Tx, drawn: Drawn) -> Job | None:
        """Mark what was drawn as under way; None if it needs no call, or is not as it was."""
        row, message = drawn.row, drawn.message
        if outbox.get(tx, row.key) != row:
            return None
        if message is None:
            (outbox.unchanged(tx, row) if row.edit else reconcile.drop(tx, row.key))
            return None
        if row.edit and row.shown == message.digest():
            outbox.unchanged(tx, row)
            return None
        if not outbox.begin(tx, row, self._epoch):
            return None
        return Job(replace(row, attempt=row.attempt + 1), message, row.parent_key, drawn.thread_ts)

    async def _carry_out(self, channel: str, job: Job) -> None:
        self._points.reach("sender.sending")
        edit = job.row.edit
        self._rates.spend(channel, edit=edit)
        outcome = await self._caller.call(job)
        self._rates.ended(channel, edit=edit)
        self._points.reach("sender.called")
        if isinstance(outcome, Limited):
            self._rates.limited(channel, outcome.retry_after_s, edit=edit)
        if isinstance(outcome, AuthFailed):
            self.trouble.token_refused(outcome.code, self._clock.monotonic())
        await self._db.write_as(self._epoch, record, job, outcome, self._settings.settle_s)
        self._points.reach("sender.recorded")
        name = type(outcome).__name__.lower()
        self._metrics.deliveries.labels(job.row.kind, name).inc()
        if not isinstance(outcome, Ok):
            log.warning(
                "Slack did not take a message",
                action="send",
                channel=channel,
                kind=job.row.kind,
                outcome=name,
                why=str(outcome),
            )
