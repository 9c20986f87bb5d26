"""What Slack sends to the app: one delivery from its first attempt to its acknowledgement.

An event that is not acknowledged within 3 s is tried again at once, after a minute and after five
(slack.md 1.5); a command or click is not: its user sees a warning instead.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from bot.local.clock import Timer
from bot.local.faults import Faults
from bot.local.state import State

Json = dict[str, Any]
RETRY_AFTER_S = (0.0, 60.0, 300.0)


@dataclass(slots=True, eq=False)
class Delivery:
    """One thing that the app must hear of. `status`: waiting, acked, undelivered or dropped."""

    kind: str
    payload: Json
    what: str
    user: str = ""
    channel: str = ""
    expects_answer: bool = False
    on_answer: Callable[[Any], None] | None = None
    status: str = "waiting"
    attempt: int = 0
    reason: str = ""
    created_at: float = 0.0
    sent_at: float = 0.0
    acked_at: float | None = None
    answer: Any = None
    acks: int = 0
    envelopes: list[str] = field(default_factory=list)
    timer: Timer | None = None

    @property
    def seconds(self) -> float | None:
        """From the latest attempt to its acknowledgement."""
        return None if self.acked_at is None else self.acked_at - self.sent_at


class Transport(Protocol):
    """How a delivery reaches the app: Socket Mode or signed HTTP."""

    def send(self, delivery: Delivery, envelope_id: str, attempt: int) -> bool:
        """Send once; False when there is nobody to send to."""
        ...


class Deliveries:
    """Sends, counts acknowledgements, retries events."""

    def __init__(self, state: State, faults: Faults) -> None:
        self._state = state
        self._faults = faults
        self._waiting: dict[str, Delivery] = {}
        self.socket: Transport | None = None
        self.http: Transport | None = None
        self.all: deque[Delivery] = deque(maxlen=state.config.deliveries_kept)
        self.late_acks = 0

    def send(self, delivery: Delivery) -> Delivery:
        """Take a delivery and make its first attempt."""
        delivery.created_at = self._state.clock.monotonic()
        self.all.append(delivery)
        self._begin(delivery)
        return delivery

    def _begin(self, delivery: Delivery) -> None:
        channel = "http" if self._state.request_url else "socket"
        fault = self._faults.take_delivery(channel)
        if fault is not None and fault.kind == "late":
            self._state.timers.after(fault.seconds, lambda: self._attempt(delivery))
            return
        self._attempt(delivery)
        if fault is not None and fault.kind == "duplicate":
            self._once(delivery, max(delivery.attempt, 1), "timeout")

    def _attempt(self, delivery: Delivery) -> None:
        if delivery.timer is not None:
            delivery.timer.cancel()
        delivery.sent_at = self._state.clock.monotonic()
        if not self._once(delivery, delivery.attempt, delivery.reason):
            self._state.timers.after(0, lambda: self.failed(delivery, "connection_failed"))
            return
        limit = self._state.config.ack_timeout_s
        delivery.timer = self._state.timers.after(limit, lambda: self.failed(delivery, "timeout"))

    def _once(self, delivery: Delivery, attempt: int, reason: str) -> bool:
        transport = self.http if self._state.request_url else self.socket
        if transport is None:
            return False
        envelope_id = self._state.ids.uuid()
        delivery.envelopes.append(envelope_id)
        delivery.reason = reason
        self._waiting[envelope_id] = delivery
        return transport.send(delivery, envelope_id, attempt)

    def repeat(self, delivery: Delivery, attempt: int = 1, reason: str = "timeout") -> bool:
        """Send a delivery once more, as Slack may at any time; False when nobody is there."""
        return self._once(delivery, attempt, reason)

    def acknowledge(self, envelope_id: str, answer: Any) -> None:
        """The app acknowledged one envelope, over whichever connection."""
        delivery = self._waiting.pop(envelope_id, None)
        if delivery is None or delivery.status == "undelivered":
            self.late_acks += 1
            self._state.news.touch()
            return
        delivery.acks += 1
        if delivery.status == "waiting":
            if delivery.timer is not None:
                delivery.timer.cancel()
            delivery.status = "acked"
            delivery.acked_at = self._state.clock.monotonic()
            delivery.answer = answer
            if delivery.on_answer is not None:
                delivery.on_answer(answer)
        self._state.news.touch()

    def failed(self, delivery: Delivery, reason: str, again: bool = True) -> None:
        """An attempt came to nothing: retry an event, warn the user of anything else."""
        if delivery.status != "waiting":
            return
        if delivery.timer is not None:
            delivery.timer.cancel()
        for envelope_id in delivery.envelopes:
            self._waiting.pop(envelope_id, None)
        delivery.reason = reason
        if delivery.kind == "events_api" and again and delivery.attempt < len(RETRY_AFTER_S):
            wait = RETRY_AFTER_S[delivery.attempt]
            delivery.attempt += 1
            delivery.timer = self._state.timers.after(wait, lambda: self._begin(delivery))
            self._state.news.touch()
            return
        self._give_up(delivery)

    def _give_up(self, delivery: Delivery) -> None:
        delivery.status = "dropped" if delivery.kind == "events_api" else "undelivered"
        if delivery.status == "dropped" or delivery.what == "close":
            self._state.news.touch()
            return
        name = self._state.users[self._state.bot_user_id].name
        words = {
            "timeout": f"{name} did not answer within 3 seconds.",
            "connection_failed": f"{name} is not connected.",
        }.get(delivery.reason, f"{name} answered with an error ({delivery.reason}).")
        self._state.news.tell(
            "undelivered",
            lambda: {
                "user": delivery.user,
                "channel": delivery.channel,
                "what": "action" if delivery.what == "shortcut" else delivery.what,
                "text": words,
            },
        )
