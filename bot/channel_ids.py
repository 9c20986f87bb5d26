"""Channels by their configured name, as the ids that Slack's methods want.

Where Slack lists no channels (a scope is missing, the method is not there) a message can still be
posted by name; the id that Slack answers with is kept for everything that takes ids only.
"""

from __future__ import annotations

import re

from bot.slack import AuthFailed, Kind, Ok, Outcome, Refused, Slack
from core import settings
from core.db import Database

_ID = re.compile(r"[CDG][A-Z0-9]+")
"""A name has no capital letters."""
_KEPT = "slack.channel:"
PAGES_AT_MOST = 50


class ChannelIds:
    """Looks names up once; an id stands for itself."""

    def __init__(self, slack: Slack, db: Database | None = None) -> None:
        self._slack = slack
        self._db = db
        self._known: dict[str, str] = {}

    async def find(self, channel: str, *, to_post: bool = False) -> str | Outcome:
        """The id of "C0123", "#alerts" or "alerts"; what went wrong instead, if anything did.

        `to_post`: where Slack does not list channels, the name will do.
        """
        if _ID.fullmatch(channel):
            return channel
        name = channel.removeprefix("#")
        if name not in self._known:
            failed = await self._list(name)
            if isinstance(failed, Refused | AuthFailed):
                return await self._kept(name) or (f"#{name}" if to_post else failed)
            if failed is not None:
                return failed
        return self._known.get(name) or Refused("channel_not_found", Kind.CHANNEL)

    async def learn(self, channel: str, channel_id: object) -> None:
        """Slack has put a message for `channel` into that one."""
        name = channel.removeprefix("#")
        if _ID.fullmatch(channel) or name in self._known or not isinstance(channel_id, str):
            return
        self._known[name] = channel_id
        if self._db is not None:
            await self._db.write(settings.put, _KEPT + name, channel_id)

    async def _kept(self, name: str) -> str | None:
        found = None if self._db is None else await self._db.read(settings.get, _KEPT + name)
        if found is not None:
            self._known[name] = found
        return found

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
                self._known.setdefault(str(one.get("id")), str(one.get("id")))
            cursor = (answer.data.get("response_metadata") or {}).get("next_cursor") or None
            if wanted in self._known or cursor is None:
                return None
        return None
