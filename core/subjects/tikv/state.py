"""What is known of one cluster: takes in each source's newest answer, and makes observations.

No input or output: sources are read by subject.py, which hands over what came and when.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.subjects.sight import Look, Sight
from core.subjects.tikv import memory, placement
from core.subjects.tikv.evidence import Death, Evidence
from core.subjects.tikv.fusion import Fusion
from core.subjects.tikv.model import NODES, Life, Liveness, Margin, Restart, Store
from core.subjects.tikv.pd_reads import Configured, Schedulers, StoreList
from core.subjects.tikv.placement import Bodies
from core.subjects.tikv.restarts import Announcements, Restarts, told_down
from core.subjects.tikv.roster import Roster
from core.subjects.tikv.settings import Guards
from core.subjects.tikv.trust import Trust


class State:
    """One cluster as of its newest answers. Times named `mono` are monotonic seconds."""

    def __init__(self, guards: Guards) -> None:
        self._guards = guards
        self.trust = Trust(guards)
        self.fusion = Fusion(guards, self.trust)
        self.restarts = Restarts(guards)
        self.announcements = Announcements(guards)
        self.roster = Roster()
        self.stores: tuple[Store, ...] = ()
        self.entities: tuple[str, ...] = ()
        self.everyone: frozenset[str] = frozenset()
        self.configured: Configured | None = None
        self.bodies: Bodies | None = None
        self._carry: Mapping[str, Any] = {}
        self._carried: tuple[int, int, str] | None = None

    def recall(self, carry: Mapping[str, Any], at: float, mono: float) -> None:
        """What an earlier process carried."""
        memory.load(carry, self.fusion, self.restarts, self.trust, at, mono)
        self.roster.recall(self.restarts.started)

    def take_stores(self, listed: StoreList, mono: float, at: float, *, gap: bool) -> None:
        """PD's list of stores, received at `mono`; `gap`: PD did not answer before."""
        if gap:
            self.trust.doubt(mono)
        stores = self.roster.admit(listed.stores)
        self.trust.note_stores(stores, mono, at)
        if listed.gone and self.trust.settled(mono):
            self._forget(self.roster.prove_gone(listed.gone))
        self.roster.note(frozenset(one.who.id for one in stores), listed.unreadable)
        self.announcements.note((one.who.id for one in stores if one.evicting), mono)
        announced = self.announcements.within(mono, self._guards.restart_s) | {
            key for key, one in self.fusion.incidents.items() if one.announced
        }
        reach = self._guards.restart_s
        told = told_down(self.fusion.incidents, self.fusion.closed, mono, reach)
        self.restarts.note(stores, mono, at, announced, told)
        self.stores = stores
        entities = tuple([one.who.entity for one in stores])
        if entities != self.entities:
            self.entities, self.everyone = entities, frozenset(entities)

    def take_schedulers(self, found: Schedulers, mono: float) -> None:
        """Schedulers that PD runs."""
        self.announcements.note(found.evicting, mono)

    def take_configured(self, found: Configured) -> None:
        """Placement, and who is a tombstone."""
        self.configured = found
        self._forget(self.roster.prove_gone(found.tombstones))

    def _forget(self, gone: frozenset[int]) -> None:
        self.fusion.forget(gone)
        self.restarts.forget(gone)

    def evidence(
        self,
        *,
        at: float,
        mono: float,
        sights: Mapping[int, Sight],
        probe_s: float,
        pd_s: float,
        pd_fresh: bool,
        pd_began: float,
        pd_answered: float,
        deaths: Mapping[int, Death],
    ) -> Evidence:
        """Everything that bears on who is alive."""
        return Evidence(
            at=at,
            mono=mono,
            stores=self.stores,
            sights=sights,
            probe_s=probe_s,
            pd_fresh=pd_fresh,
            pd_began=pd_began,
            pd_answered=pd_answered,
            pd_s=pd_s,
            announced=self.announcements.within(mono, pace_s=pd_s),
            deaths=deaths,
        )

    def visible_restarts(self, mono: float) -> Mapping[int, Restart]:
        """Restarts of the last minutes."""
        rolling = self.announcements.lately(mono, self._guards.restart_s)
        return self.restarts.visible(mono, rolling=rolling)

    def margin(self, lives: Mapping[int, Liveness]) -> Margin:
        """How many more stores may be lost."""
        wanted = self.configured.placement if self.configured is not None else None
        return placement.margin(wanted, self.stores, lives, self.bodies)

    def wants_bodies(self, margin: Margin) -> frozenset[int]:
        """The missing stores whose regions would tell more; none where nothing is missing."""
        if not margin.missing or self.configured is None:
            return frozenset()
        holding = sum(not one.who.tiflash for one in self.stores)
        enough = holding > self.configured.placement.voters
        return frozenset(margin.missing) if enough else frozenset()

    def carry(self, at: float, mono: float) -> Mapping[str, Any]:
        """What the next process should know; the same object while nothing happened."""
        stamp = (self.fusion.changes, self.restarts.changes, self.trust.leader)
        if stamp != self._carried:
            self._carried = stamp
            self._carry = memory.dump(self.fusion, self.restarts, self.trust, at, mono)
        return self._carry


def blindness(
    stores: tuple[Store, ...], sights: Mapping[int, Sight], lives: Mapping[int, Liveness]
) -> tuple[dict[str, str], frozenset[int]]:
    """Which nodes cannot be seen from here and why, by entity; and which were not looked at yet."""
    blind: dict[str, str] = {}
    unprobed: set[int] = set()
    for store in stores:
        key = store.who.id
        sight = sights.get(key)
        if sight is None or sight.last is None:
            unprobed.add(key)
        elif sight.look is not Look.OK:
            why = _why_blind(store, sight, lives.get(key))
            if why:
                blind[store.who.entity] = why
    if len(blind) > 1 and len(blind) == len(stores):
        first = next(iter(blind.values()))
        blind[NODES] = f"none of {len(stores)} stores; the first: {first}"
    return blind, frozenset(unprobed)


def _why_blind(store: Store, sight: Sight, life: Liveness | None) -> str:
    if life is not None and life.life is Life.BLIND:
        return life.how
    if life is not None and life.life is not Life.UNSEEN:
        return ""
    if sight.look is Look.BLIND or sight.last_ok is None:
        return f"status port {store.who.status_url or 'unknown'}: {sight.detail}"
    return ""
