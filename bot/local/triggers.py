"""trigger_id: three seconds, one use (slack.md 2.4)."""

from __future__ import annotations

from bot.local.state import State

VALID_S = 3.0
KEPT = 2000


class Triggers:
    """The trigger ids given out, whose they are, and whether they were used."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._given: dict[str, tuple[float, str]] = {}
        self._used: dict[str, None] = {}

    def make(self, user: str) -> str:
        ids = self._state.ids
        name = f"{ids.digits(13)}.{ids.digits(13)}.{ids.secret(32).lower()}"
        self._given[name] = (self._state.clock.monotonic(), user)
        while len(self._given) > KEPT:
            self._given.pop(next(iter(self._given)))
        return name

    def exchange(self, name: str) -> tuple[str, str]:
        """(user, "") for a good one, else ("", Slack's error)."""
        if name in self._used:
            return "", "exchanged_trigger_id"
        if name not in self._given:
            return "", "invalid_trigger_id"
        born, user = self._given[name]
        if self._state.clock.monotonic() - born > VALID_S:
            return "", "expired_trigger_id"
        self._used[name] = None
        while len(self._used) > KEPT:
            self._used.pop(next(iter(self._used)))
        return user, ""
