"""Faults on request: what Slack is told to get wrong next, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.local.state import State

CALL_FAULTS = (
    "429", "500", "502", "503", "html", "empty", "truncated", "reset_before", "reset_after",
    "hang", "hang_after", "slow", "error", "late",
)  # fmt: skip
SOCKET_FAULTS = ("refuse_handshake", "half_open", "duplicate", "late")
HTTP_FAULTS = ("duplicate", "late")


@dataclass(slots=True)
class Fault:
    """One armed fault; `times` counts down, `seconds` is how slow or how late."""

    method: str
    kind: str
    times: int = 1
    seconds: float = 1.0
    retry_after: int | str = 1
    error: str = "internal_error"
    channel: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "fault": self.kind,
            "times": self.times,
            "seconds": self.seconds,
            "retry_after": self.retry_after,
            "error": self.error,
            "channel": self.channel,
        }


class Faults:
    """The armed faults, taken in the order in which they were armed."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.armed: list[Fault] = []

    def arm(self, method: str, kind: str, **how: Any) -> Fault:
        """Arm a fault for the next `times` calls of `method` ("*" is any; "socket", "http").

        Raises ValueError for a fault that this method cannot have.
        """
        known = {"socket": SOCKET_FAULTS, "http": HTTP_FAULTS}.get(method, CALL_FAULTS)
        if kind not in known:
            raise ValueError(f"{method} has no fault {kind!r}; it has {', '.join(known)}")
        fault = Fault(method, kind, **how)
        if fault.times < 1:
            raise ValueError("times must be 1 or more")
        if fault.channel and (found := self._state.find_channel(fault.channel)) is not None:
            fault.channel = found.id
        self.armed.append(fault)
        self._state.news.touch()
        return fault

    def clear(self) -> None:
        self.armed.clear()
        self._state.news.touch()

    def take_call(self, method: str, channel: str) -> Fault | None:
        """The fault that this Web API call meets, if any."""
        for fault in self.armed:
            if fault.method in (method, "*") and fault.channel in ("", channel):
                return self._use(fault)
        return None

    def take_delivery(self, transport: str) -> Fault | None:
        """The fault that this delivery meets, if any."""
        for fault in self.armed:
            if fault.method == transport and fault.kind in ("duplicate", "late"):
                return self._use(fault)
        return None

    def take_socket(self, kind: str) -> Fault | None:
        """A handshake to refuse or a connection to let hang, if asked for."""
        for fault in self.armed:
            if fault.method == "socket" and fault.kind == kind:
                return self._use(fault)
        return None

    def _use(self, fault: Fault) -> Fault:
        fault.times -= 1
        if fault.times <= 0:
            self.armed.remove(fault)
        return fault
