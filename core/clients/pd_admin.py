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
