"""Channels by their configured name, as the ids that Slack's methods want."""

from __future__ import annotations

import re

from bot.slack import Kind, Ok, Outcome, Refused, Slack

_ID = re.compile(r"[CDG][A-Z0-9]{6,}")
PAGES_AT_MOST = 50


class ChannelIds:
    """Looks names up once; an id stands for itself."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self._known: dict[str, str] = {}

    async def find(self, channel: str) -> str | Outcome:
        """The id of "C0123", "#alerts" or "alerts"; what went wrong instead, if anything did."""
        if _ID.fullmatch(channel):
            return channel
        name = channel.removeprefix("#")
        if name not in self._known:
            failed = await self._list(name)
            if failed is not None:
                return failed
        return self._known.get(name) or Refused("channel_not_found", Kind.CHANNEL)

    def forget(self, channel: str) -> None:
        """Look it up again next time: it may have been renamed or made anew."""
        self._known.pop(channel.removeprefix("#"), None)

    async def _list(self, wanted: str) -> Outcome | None:
        cursor: str | None = None
        for _ in range(PAGES_AT_MOST):
            answer = await self._slack.ask(
                "conversations.list",
                types="public_channel,private_channel",
                exclude_archived=False,
                limit=1000,
                cursor=cursor,
            )
            if not isinstance(answer, Ok):
                return answer
            for one in answer.data.get("channels") or ():
                self._known[str(one.get("name"))] = str(one.get("id"))
            cursor = (answer.data.get("response_metadata") or {}).get("next_cursor") or None
            if wanted in self._known or cursor is None:
                return None
        return None
