"""How a TiKV cluster may be broken: whom a selector means, and what a loss would leave.

Everything is read live at the moment of the question: what an earlier look found may be gone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from core.chaos.driver import Driver
from core.chaos.model import Margin
from core.clients.pd_model import Members
from core.clients.probe import Prober
from core.errors import Refused, TocsinError
from core.subjects.tikv import placement
from core.subjects.tikv.model import SILENT, UP, Life, Liveness, Store, pd_entity
from core.subjects.tikv.pd_reads import PdReads

_KINDS = ("store", "pd")


class Breaking:
    """See core.chaos.driver.Breakable. `containers` maps a store's address or host to a container's
    name where they differ."""

    def __init__(self, reads: PdReads, prober: Prober, containers: Mapping[str, str]) -> None:
        self._reads = reads
        self._prober = prober
        self._containers = containers
        self.drivers: tuple[Driver, ...] = ()

    async def entities(self) -> Mapping[str, tuple[str, ...]]:
        """Stores and members as PD lists them now, with the names that they may go by."""
        stores = (await self._reads.stores()).stores
        found = {one.who.entity: self._names(one) for one in stores}
        members = await self._reads.members()
        for member in members.members or ():
            urls = [*(member.client_urls or ()), *(member.peer_urls or ())]
            addresses = [url.partition("://")[2].rstrip("/") for url in urls]
            hosts = [one.rpartition(":")[0] for one in addresses]
            names = dict.fromkeys((member.name, *addresses, *hosts))
            found[pd_entity(member.name)] = tuple(name for name in names if name)
        return found

    def _names(self, store: Store) -> tuple[str, ...]:
        address = store.who.address
        host = address.rpartition(":")[0]
        told = (self._containers.get(address), self._containers.get(host))
        names = (address, host, *told)
        return tuple(dict.fromkeys(name for name in names if name))

    async def resolve(self, selector: str, seed: int, among: frozenset[str]) -> tuple[str, ...]:
        """Whom a selector means; see core.chaos.driver.Breakable.resolve."""
        kind, _, rest = selector.partition(":")
        if kind == "each" and rest in _KINDS:
            return tuple(await self._free(rest, among))
        if selector in ("store", "random", "pd", "pd:follower", "pd:leader", "leader"):
            found = await self._free(selector, among)
            return (random.Random(seed).choice(found),)
        return (await self._named(selector),)

    async def _free(self, selector: str, among: frozenset[str]) -> list[str]:
        """Those that may be chosen from, all of them well; Refused if there is none."""
        if selector in ("store", "random"):
            stores = (await self._reads.stores()).stores
            found = [one.who.entity for one in stores if one.state == UP and not one.who.tiflash]
        else:
            found = await self._members(selector)
        chosen = sorted(one for one in found if not among or one in among)
        if not chosen:
            why = "none that is well" if not found else f"none of {', '.join(sorted(found)[:6])}"
            raise Refused(f"{selector} means nobody here: {why} may be broken.")
        return chosen

    async def _members(self, selector: str) -> list[str]:
        members = await self._reads.members()
        leader = members.leader.name if members.leader else ""
        if selector in ("pd:leader", "leader"):
            if not leader:
                raise Refused("PD has no leader just now.")
            return [pd_entity(leader)]
        follower = selector == "pd:follower"
        names = [one.name for one in members.members or ()]
        return [pd_entity(name) for name in names if not (follower and name == leader)]

    async def _named(self, selector: str) -> str:
        """The one entity that goes by this name."""
        known = await self.entities()
        plain = selector.replace("store-", "store:", 1) if selector.startswith("store-") else ""
        for exact in (selector, plain, f"store:{selector}", f"pd:{selector}"):
            if exact in known:
                return exact
        found = [entity for entity, names in known.items() if selector in names]
        if len(found) == 1:
            return found[0]
        there = ", ".join(sorted(known)[:8])
        said = f"means {', '.join(sorted(found))}" if found else "means nothing here"
        raise Refused(f"{selector} {said}; name one of {there}.")

    async def weight(self, entity: str) -> str:
        """What hangs on a store or a member; see core.chaos.driver.Weighs."""
        try:
            if entity.startswith("pd:"):
                leader = (await self._reads.members()).leader
                leads = leader is not None and pd_entity(leader.name) == entity
                return "it leads PD" if leads else "it follows"
            stores = (await self._reads.stores()).stores
        except TocsinError:
            return ""
        one = next((one for one in stores if one.who.entity == entity), None)
        return "" if one is None else f"it holds {one.regions} regions and leads {one.leaders}"

    async def margin(self, without: frozenset[str]) -> Margin:
        """What the loss of these would leave; see core.chaos.driver.Breakable.margin."""
        stores = frozenset(one for one in without if one.startswith("store:"))
        members = without - stores
        try:
            found = [await self._of_stores(stores)] if stores or not without else []
            if members:
                found.append(await self._of_members(members))
        except TocsinError as error:
            return Margin(None, False, f"what would be left cannot be told: {error.text}")
        return min(found, key=lambda one: (one.ok, one.value if one.value is not None else -99))

    async def _of_stores(self, without: frozenset[str]) -> Margin:
        stores = (await self._reads.stores()).stores
        known = {one.who.entity for one in stores}
        if unknown := without - known:
            return Margin(None, False, f"PD lists no {', '.join(sorted(unknown))}")
        wanted = (await self._reads.configured()).placement
        gone = await self._gone(stores)
        lost = gone | {one.id for one in stores if one.who.entity in without}
        now = await self._left(wanted, stores, gone)
        then = await self._left(wanted, stores, lost)
        return _in_words("margin", now, then)

    async def _gone(self, stores: Sequence[Store]) -> frozenset[int]:
        """Stores that serve nothing now: silent to PD, or to us."""
        urls = {one.id: one.who.status_url for one in stores}
        asked = {url for url in urls.values() if url is not None}
        results = await self._prober.probe_all(asked)
        silent = {key for key, url in urls.items() if url is not None and not results[url].ok}
        return frozenset(silent | {one.id for one in stores if one.state in SILENT})

    async def _left(
        self, wanted: placement.Placement, stores: Sequence[Store], gone: frozenset[int]
    ) -> tuple[int | None, str]:
        """The margin with these gone (None: it cannot be told, and why)."""
        away = {key: Liveness(Life.DOWN, "gone", 0.0, away=True) for key in gone}
        holding = frozenset(
            one.id for one in stores if one.id in gone and one.regions > 0 and not one.who.tiflash
        )
        bodies = None
        if holding and sum(not one.who.tiflash for one in stores) > wanted.voters:
            bodies = await self._reads.bodies(holding)
        found = placement.margin(wanted, stores, away, bodies)
        if found.value is None or found.at_most:
            return None, found.why or "not every region could be read"
        return found.value, ""

    async def _of_members(self, without: frozenset[str]) -> Margin:
        listed = await self._reads.members()
        members: Members = listed
        names = [one.name for one in members.members or ()]
        known = {pd_entity(name) for name in names}
        if unknown := without - known:
            return Margin(None, False, f"PD has no {', '.join(sorted(unknown))}")
        pings = await self._reads.pings(members.members or ())
        alive = {
            pd_entity(name) for name in names if name in pings.by_name and pings.by_name[name].ok
        }
        need = len(names) // 2 + 1
        return _in_words("PD's margin", (len(alive) - need, ""), (len(alive - without) - need, ""))


def _in_words(what: str, now: tuple[int | None, str], then: tuple[int | None, str]) -> Margin:
    before = "unknown" if now[0] is None else str(now[0])
    if then[0] is None:
        return Margin(None, False, f"{what} {before} -> unknown: {then[1]}")
    if then[0] < 0:
        return Margin(then[0], False, f"{what} {before} -> majority lost")
    return Margin(then[0], True, f"{what} {before} -> {then[0]}")
