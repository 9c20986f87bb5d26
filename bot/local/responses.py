"""response_url: five uses within thirty minutes, to answer, rewrite or delete (slack.md 2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.local.state import State

USES = 5
VALID_S = 1800.0


@dataclass(slots=True)
class ResponseUrl:
    """Where an app may answer one command or interaction."""

    id: str
    channel: str
    user: str
    born: float
    message_ts: str = ""
    ephemeral: bool = False
    thread_ts: str = ""
    uses: int = 0


class ResponseUrls:
    """The addresses given out."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._urls: dict[str, ResponseUrl] = {}

    def make(
        self,
        channel: str,
        user: str,
        message_ts: str = "",
        ephemeral: bool = False,
        thread_ts: str = "",
    ) -> str:
        """A new address, absolute."""
        self._forget_old()
        name = f"{self._state.ids.make('R')}{self._state.ids.secret(24)}"
        now = self._state.clock.monotonic()
        self._urls[name] = ResponseUrl(name, channel, user, now, message_ts, ephemeral, thread_ts)
        return f"{self._state.base_url}/response/{name}"

    def _forget_old(self) -> None:
        limit = self._state.clock.monotonic() - VALID_S
        for name, url in list(self._urls.items()):
            if url.born >= limit:
                break
            del self._urls[name]

    def use(self, name: str) -> ResponseUrl | str:
        """The address, one use fewer; or Slack's error for one that is unknown or used up."""
        url = self._urls.get(name)
        if url is None:
            return "expired_url"
        if self._state.clock.monotonic() - url.born > VALID_S:
            return "expired_url"
        if url.uses >= USES:
            return "used_url"
        url.uses += 1
        return url
