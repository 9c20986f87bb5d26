"""Who belongs to the cluster, under which word each is known, and where it answers from here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from core.clients.etcd import CLIENT_PORT
from core.clients.etcd_model import Member, MemberList, hexadecimal
from core.clients.http import base_url
from core.errors import Invalid
from core.subjects.etcd.model import Who

_WORD = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
_MOST_REMOVED = 200


class Roster:
    """The membership, as of the newest list that may be believed.

    `endpoints` are base URLs. `learned` maps a member's id to the endpoint that answered as it.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        addresses: Mapping[str, str],
        metrics: Mapping[str, str],
        *,
        tls: bool,
    ) -> None:
        """Invalid for addresses that cannot be."""
        self.endpoints = tuple(
            base_url(one, default_port=CLIENT_PORT, tls=tls) for one in endpoints
        )
        self._tls = tls
        self._addresses = _urls(addresses, tls=tls)
        self._metrics = _urls(metrics, tls=tls)
        self.cluster_id = 0
        self.members: tuple[Who, ...] = ()
        self.removed: frozenset[str] = frozenset()
        self._learned: dict[int, str] = {}
        self._listed: tuple[Member, ...] = ()

    def by_id(self, member_id: int) -> Who | None:
        """The member of that id."""
        return next((one for one in self.members if one.id == member_id), None)

    def urls(self) -> tuple[str, ...]:
        """Everything at which a member may answer: known members first, then endpoints."""
        known = [one.url for one in self.members if one.url is not None]
        return tuple(dict.fromkeys([*known, *self.endpoints]))

    def learn(self, member_id: int, url: str) -> None:
        """That URL answered as this member."""
        before = self._learned.get(member_id)
        # An endpoint that the user named is better than what etcd advertises.
        if before == url or (before in self.endpoints and url not in self.endpoints):
            return
        for other in [key for key, at in self._learned.items() if at == url]:
            del self._learned[other]
        self._learned[member_id] = url
        self._place()

    def take(self, listed: MemberList) -> None:
        """A list that may be believed: who is no longer in it was removed."""
        if self.cluster_id and listed.cluster_id != self.cluster_id:
            self._learned.clear()
        before = {one.entity for one in self.members}
        self.cluster_id = listed.cluster_id
        self._listed = listed.members
        self._place()
        now = {one.entity for one in self.members}
        gone = (self.removed | (before - now)) - now
        self.removed = frozenset(sorted(gone)[:_MOST_REMOVED])

    def _place(self) -> None:
        self.members = self._placed(self._listed)

    def placed(self, listed: MemberList) -> tuple[Who, ...]:
        """Who that list names, without taking it in."""
        return self._placed(listed.members)

    def _placed(self, listed: Sequence[Member]) -> tuple[Who, ...]:
        names = [one.name for one in listed]
        ids = {hexadecimal(one.id) for one in listed}
        # A name that is another's id would be that other's word.
        shared = {name for name in names if names.count(name) > 1 or name in ids}
        taken = [url for one in listed for url in one.client_urls]
        ambiguous = {url for url in taken if taken.count(url) > 1}
        free = self._by_elimination(listed)
        return tuple(
            self._who(one, shared, ambiguous, free)
            for one in sorted(listed, key=lambda one: (one.name, one.id))
        )

    def _by_elimination(self, listed: Sequence[Member]) -> dict[int, str]:
        """One endpoint that nobody answered at yet, and one member that is not yet found."""
        spare = set(self.endpoints) - set(self._learned.values())
        missing = [one.id for one in listed if one.id not in self._learned]
        if len(self.endpoints) == len(listed) and len(spare) == len(missing) == 1:
            return {missing[0]: spare.pop()}
        return {}

    def _who(
        self, one: Member, shared: set[str], ambiguous: set[str], free: Mapping[int, str]
    ) -> Who:
        number = hexadecimal(one.id)
        good = bool(_WORD.match(one.name)) and one.name not in shared
        url = self._addresses.get(one.name) or self._addresses.get(number)
        url = url or self._learned.get(one.id) or free.get(one.id)
        url = url or self._advertised(one.client_urls, ambiguous)
        return Who(
            id=one.id,
            entity=f"member:{one.name if good else number}",
            name=one.name if good else number,
            url=url,
            metrics_url=self._metrics.get(one.name) or self._metrics.get(number) or url,
            client_urls=one.client_urls,
            peer_urls=one.peer_urls,
            learner=one.learner,
            started=bool(one.name) or one.id in self._learned,
        )

    def _advertised(self, urls: Iterable[str], ambiguous: set[str]) -> str | None:
        """The first advertised URL that can mean anything on this machine."""
        local = any(_is_local(one) for one in self.endpoints)
        for url in urls:
            try:
                found = base_url(url, default_port=CLIENT_PORT, tls=self._tls)
            except Invalid:
                continue
            if url not in ambiguous and (local or not _is_local(found)):
                return found
        return None

    def dump(self) -> dict[str, Any]:
        """What a later process should know: small JSON."""
        return {
            "cluster": hexadecimal(self.cluster_id),
            "urls": {hexadecimal(key): url for key, url in sorted(self._learned.items())},
            "names": {hexadecimal(one.id): one.entity for one in self.members},
        }

    def load(self, carry: Mapping[str, Any]) -> dict[int, str]:
        """Take back what `dump` gave; the entities by id that an earlier process knew."""
        self.cluster_id = _id(carry.get("cluster")) or 0
        for key, url in _items(carry.get("urls")):
            if url in self.endpoints:
                self._learned[key] = url
        return dict(_items(carry.get("names")))

    def forget(self, entities: Iterable[str]) -> None:
        """Members of an earlier process's time that are not in the list any more."""
        now = {one.entity for one in self.members}
        self.removed |= frozenset(entities) - now


def _items(thing: Any) -> list[tuple[int, str]]:
    if not isinstance(thing, Mapping):
        return []
    found = ((_id(key), value) for key, value in thing.items())
    return [(key, value) for key, value in found if key and isinstance(value, str)]


def _id(text: Any) -> int | None:
    try:
        return int(text, 16) if isinstance(text, str) and len(text) <= 16 else None
    except ValueError:
        return None


def _urls(addresses: Mapping[str, str], *, tls: bool) -> dict[str, str]:
    return {key: base_url(one, default_port=CLIENT_PORT, tls=tls) for key, one in addresses.items()}


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host.lower() == "localhost":
        return True
    try:
        at = ipaddress.ip_address(host)
    except ValueError:
        return False
    return at.is_loopback or at.is_unspecified
