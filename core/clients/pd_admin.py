"""The few changes to PD that an experiment or an action may make, each with an honest answer.

PD asks nobody who they are: whoever calls these has already been allowed to. A change that was
sent and not answered raises PdUncertain: it may have happened, so read back before repeating.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote as escape

import msgspec

from core.clients.failures import PdRefused, quote
from core.clients.http import Reply
from core.clients.pd import API, EVICT, Pd
from core.errors import Invalid, NotFound

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")
_MAX_PAUSE_S = 3_600  # long enough for any experiment, short enough to end by itself


@dataclass(frozen=True, slots=True)
class Done:
    """A change that PD accepted; `said` are its words, `already` whether it was so before."""

    said: str
    already: bool = False


class PdAdmin:
    """Changes through the same endpoints that the reads use."""

    def __init__(self, pd: Pd) -> None:
        self._pd = pd

    async def transfer_leader(self, member: str) -> Done:
        """Hand PD's leadership to a member by name; NotFound if there is no such member."""
        path = f"{API}/leader/transfer/{escape(_named(member), safe='')}"
        try:
            return Done(_said(await self._pd.transport.change("POST", path)))
        except PdRefused as error:
            if error.status == 404:
                raise NotFound(f"PD has no member {member}.") from None
            raise

    async def resign(self) -> Done:
        """Make PD's leader step down; whom the others elect is theirs to say."""
        return Done(_said(await self._pd.transport.change("POST", f"{API}/leader/resign")))

    async def evict_leaders(self, store_id: int) -> Done:
        """Drive the region leaders from a store. It stays so, across restarts, until undone."""
        body = {"name": EVICT, "store_id": store_id}
        said = _said(await self._pd.transport.change("POST", f"{API}/schedulers", body))
        return Done(said, already="has been applied" in said)

    async def stop_evicting(self, store_id: int) -> Done:
        """The undo of `evict_leaders`; `already` if nothing was being driven from that store."""
        path = f"{API}/schedulers/{EVICT}-{int(store_id)}"
        try:
            return Done(_said(await self._pd.transport.change("DELETE", path)))
        except PdRefused as error:
            if error.status == 404 or "ErrSchedulerNotFound" in error.code:
                return Done("nothing to undo", already=True)
            raise

    async def pause_scheduler(self, name: str, seconds: int) -> Done:
        """Pause a scheduler ("all" for every one); it resumes by itself. At most an hour."""
        if not 1 <= seconds <= _MAX_PAUSE_S:
            raise Invalid(f"A scheduler is paused for 1 to {_MAX_PAUSE_S} seconds.")
        return await self._delay(name, seconds)

    async def resume_scheduler(self, name: str) -> Done:
        """End a pause; harmless where there is none."""
        return await self._delay(name, 0)

    async def _delay(self, name: str, seconds: int) -> Done:
        path = f"{API}/schedulers/{escape(_named(name), safe='')}"
        try:
            return Done(_said(await self._pd.transport.change("POST", path, {"delay": seconds})))
        except PdRefused as error:
            if "ErrSchedulerNotFound" in error.code:
                raise NotFound(f"PD runs no scheduler {name}.") from None
            raise


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise Invalid(f"{quote(name, 60)!r} is no name that PD could have given.")
    return name


def _said(reply: Reply) -> str:
    try:
        thing = msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        return quote(reply.body)
    return quote(str(thing)) if thing is not None else ""
