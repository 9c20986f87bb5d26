"""How an etcd cluster may be broken: whom a selector means, and what a loss would leave.

Everything is asked live at the moment of the question: what an earlier look found may be gone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from urllib.parse import urlsplit

from core.chaos.driver import Driver
from core.chaos.model import Margin
from core.clients.etcd import Etcd
from core.clients.etcd_model import Status
from core.clients.failures import SourceFailed
from core.errors import Refused, TocsinError
from core.subjects.etcd.model import Quorum, Who
from core.subjects.etcd.reads import EtcdReads
from core.subjects.etcd.roster import Roster

ASK_S = 0.8
"""How long a member may take to answer before it counts as lost: a living one takes milliseconds."""
_ANY = ("member", "random")
_LEADER = ("leader", "member:leader")
_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::")
_FOLLOWER = ("follower", "member:follower")


class Breaking:
    """See core.chaos.driver.Breakable. `containers` maps a member's name to a container's name
    where they differ."""

    def __init__(
        self, client: Etcd, reads: EtcdReads, roster: Roster, containers: Mapping[str, str]
    ) -> None:
        self._client = client
        self._reads = reads
        self._roster = roster
        self._containers = containers
        self.drivers: tuple[Driver, ...] = ()

    async def entities(self) -> Mapping[str, tuple[str, ...]]:
        """Members as the cluster lists them now, with the names that they may go by."""
        return {one.entity: self.names(one) for one in await self._members()}

    async def _members(self) -> tuple[Who, ...]:
        """Who belongs to it now: asked, and placed as the watching side places them."""
        return self._roster.placed(await self._reads.members((), ASK_S))

    def names(self, who: Who) -> tuple[str, ...]:
        """What a member's container may be called."""
        named = self._containers.get(who.name)
        # Said outright: nothing else may match.
        return (named,) if named else addresses(who)

    async def resolve(self, selector: str, seed: int, among: frozenset[str]) -> tuple[str, ...]:
        """Whom a selector means; see core.chaos.driver.Breakable.resolve."""
        kind, _, rest = selector.partition(":")
        members = await self._members()
        if kind == "each" and rest == "member":
            return tuple(await self._well("member", members, among))
        if selector in (*_ANY, *_LEADER, *_FOLLOWER):
            found = await self._well(selector, members, among)
            return (random.Random(seed).choice(found),)
        return (self._named(selector, members),)

    async def _well(
        self, selector: str, members: tuple[Who, ...], among: frozenset[str]
    ) -> list[str]:
        """Those that may be chosen from, all of them well; Refused if there is none."""
        said = await self._ask(members)
        led = {one.leader for one in said.values() if one.leader}
        found = []
        for one in members:
            leads = one.id in led
            fits = selector in _ANY or leads == (selector in _LEADER)
            if fits and one.id in said and said[one.id].leader and not one.learner:
                found.append(one.entity)
        chosen = sorted(one for one in found if not among or one in among)
        if not chosen:
            why = f"none of {', '.join(sorted(found)[:6])}" if found else "none that is well"
            raise Refused(f"{selector} means nobody here: {why} may be broken.")
        return chosen

    def _named(self, selector: str, members: tuple[Who, ...]) -> str:
        """The one entity that goes by this name."""
        known = {one.entity: self.names(one) for one in members}
        for exact in (selector, f"member:{selector}"):
            if exact in known:
                return exact
        found = [entity for entity, names in known.items() if selector in names]
        if len(found) == 1:
            return found[0]
        there = ", ".join(sorted(known)[:8])
        said = f"means {', '.join(sorted(found))}" if found else "means nothing here"
        raise Refused(f"{selector} {said}; name one of {there}.")

    async def _ask(self, members: tuple[Who, ...]) -> dict[int, Status]:
        """What every member says now; one that says nothing, or is another, is left out."""
        asked = [one for one in members if one.url is not None]
        found = await asyncio.gather(*(self._status(one.url or "") for one in asked))
        return {
            who.id: said
            for who, said in zip(asked, found, strict=True)
            if said is not None and said.member_id == who.id
        }

    async def _status(self, url: str) -> Status | None:
        try:
            return await self._client.status(url, total_s=ASK_S)
        except SourceFailed:
            return None

    async def margin(self, without: frozenset[str]) -> Margin:
        """What the loss of these would leave; see core.chaos.driver.Breakable.margin.

        A member that does not answer, or knows no leader, counts as lost already.
        """
        try:
            members = await self._members()
            said = await self._ask(members)
        except TocsinError as error:
            return Margin(None, False, f"what would be left cannot be told: {error.text}")
        if unknown := without - {one.entity for one in members}:
            return Margin(None, False, f"etcd lists no {', '.join(sorted(unknown))}")
        voters = [one for one in members if not one.learner]
        well = [one for one in voters if one.id in said and said[one.id].leader]
        left = [one for one in well if one.entity not in without]
        now = Quorum(len(voters), len(well), 0).least
        then = Quorum(len(voters), len(left), 0).least
        if then < 0:
            return Margin(then, False, f"margin {now} -> majority lost")
        return Margin(then, True, f"margin {now} -> {then}")


def addresses(who: Who) -> tuple[str, ...]:
    """What a member may go by: its name, and the hosts and addresses that it gives or answers at."""
    urls = (*who.peer_urls, *who.client_urls, *((who.url,) if who.url else ()))
    found = [who.name]
    for url in urls:
        host, netloc = _address(url)
        # What is local to whoever says it means nothing but by its published port.
        found += [netloc] if host in _LOCAL else [host, netloc]
    return tuple(dict.fromkeys(one for one in found if one))


def _address(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
        return parts.hostname or "", parts.netloc
    except ValueError:  # what a member advertises is foreign text
        return "", ""
