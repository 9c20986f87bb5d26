"""Evidence of a TiKV cluster: what it was a while ago, and what every source says of it now.

A large cluster is told by its worst and most telling stores; what only shows when all are compared is
computed over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from core.clients import pd_model, pd_store
from core.diagnosis.evidence import About
from core.diagnosis.model import Piece, Query
from core.diagnosis.pieces import Filing
from core.subjects import shown
from core.subjects.sight import Sight
from core.subjects.tikv import explain_answers, explain_ask, explain_pd, explain_sights
from core.subjects.tikv.explain_answers import Answers, Asked
from core.subjects.tikv.explain_figures import file_figures
from core.subjects.tikv.explain_file import Files, store_facts
from core.subjects.tikv.explain_history import History, Look
from core.subjects.tikv.explain_means import Means
from core.subjects.tikv.explain_prom import LEAST_S, Grid
from core.subjects.tikv.explain_readings import figures
from core.subjects.tikv.model import SILENT, Identity, pd_entity, store_entity
from core.subjects.tikv.state import State

MOST_STORES = 16
"""Stores that get pieces of their own; the rest only count in comparisons."""
MOST_ENTITIES = 300
_SLICE = 200
_LEAST_S = 0.2


class Explainer:
    """Evidence of one cluster. It reads the subject's state, and changes nothing of it."""

    def __init__(
        self,
        means: Means,
        state: State,
        sights: Mapping[int, Sight],
        members: Callable[[], pd_model.Members | None],
    ) -> None:
        self.history = History()
        self.figures = figures(means.types)
        self._means = means
        self._state = state
        self._sights = sights
        self._members = members

    # What it looked like a while ago ----------------------------------------------------------
    def remember(self, raw: Sequence[pd_store.Store], answers: Mapping[str, bool]) -> None:
        """PD's newest list, and which members answered their last pings."""
        at = self._at()
        if not self.history.due(at, len(raw)):
            return
        self.history.note_versions(raw, at)
        listed = self._members()
        self.history.note(
            Look(
                at=at,
                stores={one.id: one for one in raw if not one.removed},
                leader=listed.leader.name if listed is not None and listed.leader else "",
                answers=answers,
                versions={one.name: one.binary_version for one in _listed(listed)},
                probes={
                    key: explain_sights.seen(one) for key, one in self._sights.items() if one.last
                },
            )
        )

    # Gathering --------------------------------------------------------------------------------
    async def explain(self, about: About, filing: Filing) -> None:
        """File everything; see core.diagnosis.evidence.Explains."""
        asked = self._asked(about)
        answers = await explain_answers.ask_all(
            self._means, self.history, self.figures, asked, about.taken_at
        )
        look = self.history.before(about.before, about.opened_at)
        files = Files(filing, about, look)
        listed = await self._all_stores(files, answers, about.taken_at)
        nodes = [*(one.entity for one in asked.stores), *self._member_entities(asked)]
        first = about.entity if about.entity in nodes else ""
        for entity in [first] if first else []:
            self._node(files, entity, asked, answers, listed, about)
        files.members(answers, asked)
        files.paths(answers)
        if self._means.prometheus is not None:
            files.prometheus(answers.age)
        for entity in nodes:
            if entity != first:
                self._node(files, entity, asked, answers, listed, about)
        files.changes(self._changes(answers, about.taken_at))
        figures_of = (self._means, self.figures, self.history, self._state.stores)
        file_figures(files, answers, asked, about, *figures_of)
        entities = [store_entity(key) for key in listed]
        probed = self._all_probes(files, asked)
        # Logs are filed last, being the largest, and compared with the rest all the same.
        files.facts |= {
            ("log", one, ""): got.value for one, got in answers.logs.items() if not got.failed
        }
        await self._compared(files, entities, probed, nodes)
        await self._logs(files, answers, first)

    def _asked(self, about: About) -> Asked:
        listed = self._members()
        leader = listed.leader if listed is not None else None
        start = min(about.before, about.taken_at - LEAST_S)
        stores = self._chosen(about.entity)
        return Asked(
            stores=stores,
            total=sum(not one.who.tiflash for one in self._state.stores),
            members=_listed(listed) or self._endpoints(),
            leader_url=((leader.client_urls or ("",))[0].rstrip("/") if leader else ""),
            grid=Grid.over(start, about.taken_at),
            limit_s=max(about.limit_s - _LEAST_S, _LEAST_S),
            entity=about.entity,
            mono=self._means.clock.monotonic() - max(self._at() - about.taken_at, 0.0),
        )

    def _endpoints(self) -> list[pd_model.Member]:
        """PD as it was configured, until it has once said who its members are."""
        urls = self._means.pd.endpoints
        return [pd_model.Member(name=urlsplit(one).netloc, client_urls=(one,)) for one in urls]

    def _chosen(self, entity: str) -> list[Identity]:
        """The stores that get pieces: the one that it is about, those in trouble, the extremes."""
        stores = [one for one in self._state.stores if not one.who.tiflash]

        def telling(one: Any) -> tuple[int, int]:
            bad = explain_sights.bad(self._sights.get(one.who.id))
            silent = one.state in SILENT or one.who.id in self._state.fusion.incidents
            rank = 0 if one.who.entity == entity else 1 if bad or silent else 2
            return (rank if not one.evicting else min(rank, 1), -one.leaders)

        ranked = sorted(stores, key=telling)
        if len(ranked) > MOST_STORES:
            # The last ones lead least: as telling as those that lead most.
            ranked = ranked[: MOST_STORES - 3] + ranked[-3:]
        return [one.who for one in ranked]

    async def _all_stores(
        self, files: Files, answers: Answers, at: float
    ) -> dict[int, pd_store.Store]:
        """PD's stores by id; each one's facts are kept for comparing."""
        listed: dict[int, pd_store.Store] = {}
        known = answers.pd.stores.value
        for number, one in enumerate(known.stores if known is not None else ()):
            if number % _SLICE == _SLICE - 1:
                await self._means.clock.sleep(0)
            if one.removed or one.is_tiflash:
                continue
            listed[one.id] = one
            files.facts["store", store_entity(one.id), ""] = {"now": store_facts(one, at)}
        return listed

    def _all_probes(self, files: Files, asked: Asked) -> list[str]:
        """Every store that was probed, by its entity; the unchosen ones by their last probe."""
        chosen = {one.id for one in asked.stores}
        probed = [one.entity for one in asked.stores]
        for one in self._state.stores:
            key, sight = one.who.id, self._sights.get(one.who.id)
            if key not in chosen and not one.who.tiflash and sight is not None and sight.last:
                ok, words = explain_sights.seen(sight)
                files.facts["probe", one.who.entity, ""] = {"now": {"ok": ok, "said": words}}
                probed.append(one.who.entity)
        return probed

    def _node(
        self,
        files: Files,
        entity: str,
        asked: Asked,
        answers: Answers,
        listed: Mapping[int, pd_store.Store],
        about: About,
    ) -> None:
        kind, _, name = entity.partition(":")
        if kind == "store":
            key = int(name)
            files.store(entity, listed.get(key), answers.pd.stores.failed)
            sight, incident = self._sights.get(key), self._state.fusion.incidents.get(key)
            when = explain_sights.timeline(sight, incident, asked.mono, about.taken_at)
            files.probe(key, explain_sights.probed(answers.probes[key], sight), when)
        else:
            versions = {one.name: one.binary_version for one in asked.members}
            files.member(name, versions.get(name, ""), answers)
        found = answers.docked.get(entity)
        if found is not None:
            files.docked(entity, found, self._container_before(found, about))

    def _container_before(self, found: explain_answers.Docked, about: About) -> Any:
        """How its container was: as first listed, its restarts counted back by what happened since."""
        now, containers = found.container.value, self._means.containers
        if now is None or containers is None:
            return None
        known = containers.first(now.id)
        if known is None:
            return None
        ends = sum(
            1 for one in found.events.value or () if one.action == "die" and one.at >= about.before
        )
        told = shown.container(known)
        return told | {"restart_count": max(known.restart_count, now.restart_count - ends)}

    async def _compared(
        self, files: Files, stores: Sequence[str], probed: Sequence[str], nodes: Sequence[str]
    ) -> None:
        files.shown = frozenset(nodes) & frozenset(stores)
        members = [one for one in nodes if one.startswith("pd:")]
        for entity in nodes:
            files.shared(entity, stores)
            await self._means.clock.sleep(0)  # 10 ms each where there are 5,000 stores
        files.spread(stores, probed, members)

    async def _logs(self, files: Files, answers: Answers, first: str) -> None:
        for entity in sorted(answers.logs, key=lambda one: one != first):
            await self._means.clock.sleep(0)  # some 20 ms each: let others in
            files.log(entity, answers.logs[entity])

    def _changes(self, answers: Answers, taken_at: float) -> dict[str, list[Mapping[str, Any]]]:
        found: dict[str, list[Mapping[str, Any]]] = {}
        for one in self.history.changes:
            found.setdefault(one.entity, []).append(one.told())
        for key, seen in self._state.restarts.recent.items():
            # Only what was announced was meant: PLANNED counts for a graceful restart.
            what = "restart" if seen.announced else "process replaced"
            words = (
                "its leaders were moved off it first" if seen.announced else "nobody announced it"
            )
            told = {"at": seen.at, "what": what, "words": words}
            found.setdefault(store_entity(key), []).append(told)
        for operator in explain_pd.asked_for(answers.pd, taken_at):
            found.setdefault("cluster", []).append(operator)
        return found

    def _member_entities(self, asked: Asked) -> list[str]:
        return [pd_entity(one.name) for one in asked.members]

    def _at(self) -> float:
        return self._means.clock.now().timestamp()

    # Asking -----------------------------------------------------------------------------------
    async def ask(self, query: Query, entity: str, window: tuple[float, float]) -> Piece:
        """One live answer; see core.diagnosis.evidence.Explains."""
        stores = [one.who for one in self._state.stores]
        members = _listed(self._members()) or self._endpoints()
        whom = explain_ask.Whom(tuple(stores), tuple(members), self.figures)
        return await explain_ask.ask(self._means, whom, query, entity, window)

    def entities(self) -> tuple[str, ...]:
        """What may be asked about."""
        stores = [one.who.entity for one in self._state.stores][:MOST_ENTITIES]
        members = [pd_entity(one.name) for one in _listed(self._members())]
        more = ("prometheus",) if self._means.prometheus is not None else ()
        return (*stores, *members, "pd", "cluster", "nodes", *more)

    def pd_paths(self) -> tuple[str, ...]:
        """The reads of PD that may be asked for."""
        return explain_pd.allowed_paths()

    def readings(self) -> Mapping[str, str]:
        """PromQL by name ("store/qps"); empty without a Prometheus."""
        if self._means.prometheus is None:
            return {}
        return {key: one.query(self._means.matchers) for key, one in self.figures.items()}

    def absent(self) -> tuple[str, ...]:
        """Sources that this site does not have."""
        there = {
            "docker": self._means.containers is not None,
            "logs": bool(self._means.logs),
            "prometheus": self._means.prometheus is not None,
        }
        return tuple(name for name, has in there.items() if not has)


def _listed(members: pd_model.Members | None) -> list[pd_model.Member]:
    return list(members.members or ()) if members is not None else []
