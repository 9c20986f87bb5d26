"""Asking the members: the list of them, and each one's own word on itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from core.clients.etcd import Etcd
from core.clients.etcd_model import Health, MemberList, Status
from core.clients.failures import SourceFailed
from core.clock import Clock
from core.errors import Unavailable
from core.subjects.etcd.model import Said, Who
from core.subjects.etcd.roster import Roster

HEALTH_S = 0.4
"""/health is waited for no longer: during an election it hangs, and who leads must be told meanwhile."""
_PATIENCE = 3
"""So many lists in a row must speak for another cluster before it takes the known one's place."""


class EtcdReads:
    """Keeps what each member last said; `problem` names endpoints of another cluster, if any."""

    def __init__(self, client: Etcd, roster: Roster, clock: Clock) -> None:
        self._client = client
        self._roster = roster
        self._clock = clock
        self._strangers = 0
        self.said: dict[int, Said] = {}
        self.before: dict[int, Said] = {}
        self.failed: dict[int, str] = {}
        self.problem = ""

    async def members(self, skip: Collection[str], total_s: float | None = None) -> MemberList:
        """The list that may be believed most; Unavailable if nobody gives one.

        All that may answer are asked at once (it costs them nothing); `skip` are URLs that are
        known not to. A member with a leader, and of the newest term, knows best: one that is cut off
        still lists whom the others have removed.
        """
        urls = [one for one in self._roster.urls() if one not in skip] or self._roster.urls()
        found = await asyncio.gather(*(self._list(url, total_s) for url in urls))
        good = [(url, one) for url, one in zip(urls, found, strict=True) if _is_list(one)]
        if not good:
            why = next((one for one in found if isinstance(one, SourceFailed)), None)
            raise Unavailable(why.text if why is not None else "no member was asked")
        lists = {url: one for url, one in good if isinstance(one, MemberList)}
        ours = self._ours(lists.values())
        self.problem = _told(url for url, one in lists.items() if one.cluster_id != ours)
        mine = {url: one for url, one in lists.items() if one.cluster_id == ours}
        for url, one in mine.items():
            self._roster.learn(one.said_by, url)
        return max(mine.values(), key=self._trust)

    async def _list(self, url: str, total_s: float | None) -> MemberList | SourceFailed:
        try:
            return await self._client.members(url, total_s=total_s)
        except SourceFailed as error:
            return error

    def _ours(self, lists: Iterable[MemberList]) -> int:
        """Which cluster is meant: the known one, unless for a while nobody speaks for it."""
        counted = Counter(one.cluster_id for one in lists)
        if self._roster.cluster_id in counted:
            self._strangers = 0
            return self._roster.cluster_id
        most = counted.most_common(1)[0][0]
        self._strangers += 1
        if self._roster.cluster_id and self._strangers < _PATIENCE:
            raise Unavailable("the members that answer belong to another cluster than before")
        self._strangers = 0
        return most

    def _trust(self, one: MemberList) -> tuple[bool, int, bool]:
        said = self.said.get(one.said_by)
        leader = said.status.leader if said is not None else 0
        return bool(leader), one.term or 0, leader == one.said_by

    async def statuses(self, members: Sequence[Who], skip: Collection[int]) -> int:
        """Every member's word on itself, but for those in `skip`; how many answered.

        Unavailable if none did. What a member said before is kept beside what it says now.
        """
        asked = [one for one in members if one.url is not None and one.id not in skip]
        await asyncio.gather(*(self._status(one) for one in asked))
        now = {one.id for one in members}
        for gone in (self.said.keys() | self.failed.keys()) - now:
            self.said.pop(gone, None)
            self.before.pop(gone, None)
            self.failed.pop(gone, None)
        good = sum(one.id not in self.failed for one in asked)
        if asked and not good:
            raise Unavailable(self.failed[asked[0].id])
        if not asked:
            raise Unavailable("no member answers that could be asked")
        return good

    async def _status(self, who: Who) -> None:
        asked = self._clock.monotonic()
        url = who.url or ""
        status, health = await asyncio.gather(self._ask(url), self._health(url))
        if isinstance(status, SourceFailed):
            self.failed[who.id] = status.text
            return
        if status.member_id != who.id:
            self.failed[who.id] = f"{url} answers as another member"
            if status.cluster_id == self._roster.cluster_id:
                self._roster.learn(status.member_id, url)
            return
        self.failed.pop(who.id, None)
        if who.id in self.said:
            self.before[who.id] = self.said[who.id]
        self.said[who.id] = Said(status, health, asked, self._clock.monotonic())

    async def _ask(self, url: str) -> Status | SourceFailed:
        try:
            return await self._client.status(url)
        except SourceFailed as error:
            return error

    async def _health(self, url: str) -> Health | None:
        try:
            return await self._client.health(url, total_s=HEALTH_S)
        except SourceFailed:
            return None  # evidence only: what matters of it is in the status as well

    def fresh(self, mono: float, pace_s: float) -> Mapping[int, Said]:
        """What still speaks for the present."""
        return {key: one for key, one in self.said.items() if mono - one.at <= 2 * pace_s}

    def lags(self, fresh: Mapping[int, Said]) -> dict[int, int]:
        """How many entries each member's store is behind the leader's log, at least.

        The leader's index is taken from before the member was asked, so that what was written
        between two questions never counts.
        """
        leads = [(one, key) for key, one in fresh.items() if one.status.leader == key]
        if not leads:
            return {}
        _, leader = max(leads, key=lambda pair: pair[0].status.term or 0)
        found: dict[int, int] = {}
        for key, one in fresh.items():
            index = self._index_before(leader, one.asked)
            if index is not None and one.status.applied is not None:
                found[key] = max(index - one.status.applied, 0)
        return found

    def _index_before(self, leader: int, asked: float) -> int | None:
        for one in (self.said.get(leader), self.before.get(leader)):
            if one is not None and one.at <= asked:
                return one.status.index
        return None


def _is_list(one: MemberList | SourceFailed) -> bool:
    return isinstance(one, MemberList)


def _told(urls: Iterable[str]) -> str:
    others = ", ".join(sorted(urls))
    return f"{others} belongs to another cluster" if others else ""
