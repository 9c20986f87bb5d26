"""Files what the sources of a cluster answered as pieces of evidence, in the shapes that scenarios have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from core.clients import pd_store
from core.diagnosis import pieces
from core.diagnosis.compare import share, spread
from core.diagnosis.evidence import About
from core.diagnosis.pieces import Filing
from core.subjects import shown
from core.subjects.attempts import Got
from core.subjects.shown import said
from core.subjects.tikv.explain_answers import Answers, Asked, Docked
from core.subjects.tikv.explain_history import Look
from core.subjects.tikv.explain_pd import HOT
from core.subjects.tikv.model import pd_entity, store_entity

Facts = dict[tuple[str, str, str], Any]
_KEYED = ("reading", "pd")


def store_facts(one: pd_store.Store, at: float) -> dict[str, Any]:
    """A store of PD's as evidence; the heartbeat's age by PD's own unit of it."""
    found = pieces.store(msgspec.to_builtins(one), at)
    heard = one.heartbeat_at
    return found | {"heartbeat_age_s": None if heard is None else round(at - heard, 3)}


class Files:
    """Files pieces, and remembers their contents for what only comparing shows."""

    def __init__(self, filing: Filing, about: About, look: Look | None) -> None:
        self._filing = filing
        self._window = (about.before, about.taken_at)
        self._look = look
        self._about = about
        self.facts: Facts = {}
        self.shown: frozenset[str] = frozenset()

    def add(self, kind: str, entity: str, content: Any, source: str, failed: str = "") -> None:
        """One piece; `failed` says how its source failed."""
        if not failed:
            self.facts[kind, entity, source if kind in _KEYED else ""] = content
        self._filing.add(kind, entity, content, source=source, window=self._window, failed=failed)

    def store(self, entity: str, now: pd_store.Store | None, failed: str) -> None:
        """What PD says of a store now and before."""
        if now is None:
            if failed:
                self.add("store", entity, None, "/stores", failed)
            return
        told = {
            "now": self.facts.get(("store", entity, ""), {}).get("now")
            or store_facts(now, self._about.taken_at),
            "before": self._before(now.id),
        }
        self.add("store", entity, told, "/stores")

    def _before(self, store_id: int) -> dict[str, Any] | None:
        if self._look is None or store_id not in self._look.stores:
            return None
        return store_facts(self._look.stores[store_id], self._look.at)

    def members(self, answers: Answers, asked: Asked) -> None:
        """PD's members together: who leads, how many answer."""
        failed = answers.pd.stores.failed
        listed = answers.pd.members.value
        leader = None
        if listed is not None:
            leader = listed.leader.name if listed.leader is not None else ""
        answering = [one.name for one in asked.members if _answers(answers, one.name)]
        now = _majority(len(asked.members), len(answering)) | {
            "leader": leader,
            "serves": not failed and bool(leader),
            "said": failed or answers.pd.members.failed,
        }
        told = {"now": now, "before": self._members_before()}
        if not asked.members:
            self.add("members", "pd", None, "/members", answers.pd.members.failed or failed)
            return
        self.add("members", "pd", told, "/members")

    def _members_before(self) -> dict[str, Any] | None:
        look = self._look
        if look is None or not look.answers:
            return None
        return _majority(len(look.answers), sum(look.answers.values())) | {"leader": look.leader}

    def member(self, name: str, version: str, answers: Answers) -> None:
        """One PD member: what it answers itself, and what the others say of it."""
        ping = answers.pd.pings.get(name)
        if ping is None:
            self.add("member", pd_entity(name), None, "/ping, /health", "it was not asked")
            return
        listed = answers.pd.members.value
        leader = listed.leader.name if listed is not None and listed.leader is not None else ""
        now = {
            "answers": ping.ok,
            "said": "" if ping.ok else said(ping.kind, ping.detail, ping.latency_s),
            "health": answers.pd.health.get(name),
            "leader": None if listed is None else leader == name,
            "version": version.removeprefix("v"),
        }
        look, before = self._look, None
        if look is not None and name in look.answers:
            before = {
                "answers": look.answers[name],
                "leader": look.leader == name,
                "version": look.versions.get(name, ""),
            }
        told = {"now": now, "before": before}
        self.add("member", pd_entity(name), told, "/ping, /health")

    def probe(self, store_id: int, now: Mapping[str, Any], timeline: Sequence[Any]) -> None:
        """What the bot sees of a store's status port; for how long it has been silent to us."""
        before = None
        if self._look is not None and store_id in self._look.probes:
            ok, words = self._look.probes[store_id]
            before = {"ok": ok, "said": words}
        silent: dict[str, Any] = {}
        if not now["ok"]:
            began = timeline[-1]["at"] if timeline and not timeline[-1]["ok"] else None
            silent = {"silent_s": round(self._about.taken_at - began, 3) if began else 0.0}
        told = {"now": {**now, **silent}, "before": before, "timeline": list(timeline)}
        self.add("probe", store_entity(store_id), told, "status port")

    def docked(self, entity: str, found: Docked, first: Mapping[str, Any] | None) -> None:
        """A node's container and its events; `first` is how it was before."""
        state = found.container.value
        if state is None:
            self.add("container", entity, None, "docker inspect", found.container.failed)
        else:
            told = {"now": shown.container(state), "before": first}
            self.add("container", entity, told, "docker inspect")
        some = found.events.value
        if some is None:
            self.add("event", entity, None, "docker events", found.events.failed)
        else:
            listed = shown.events(some, self._about.taken_at)
            self.add("event", entity, {"events": listed}, "docker events")

    def log(self, entity: str, found: Got[dict[str, Any]]) -> None:
        """The tail of a node's log."""
        self.add("log", entity, found.value, f"log of {entity}", found.failed)

    def paths(self, answers: Answers) -> None:
        """PD's answers to the fixed list of reads, and which regions are hot."""
        for path, got in answers.pd.paths.items():
            self.add("pd", "pd", got.value, path, got.failed)
            body = (got.value or {}).get("body")
            if path in HOT and isinstance(body, dict):
                for store_id, told in pieces.hot(body).items():
                    if store_id.isdigit():
                        self.add("hot", f"store:{store_id}", told, path)

    def prometheus(self, age: Got[float | None]) -> None:
        """Whether Prometheus answers, and how old what it has is."""
        answers = not age.failed
        now = {"answers": answers, "said": age.failed, "sample_age_s": age.value}
        if answers and age.value is not None:
            now["sample_age_s"] = round(age.value, 3)
        self.add("prometheus", "prometheus", {"now": now}, "prometheus")

    def changes(self, some: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        """What was seen to change, by entity."""
        for entity, listed in some.items():
            self.add("change", entity, {"changes": list(listed)}, "seen changes")

    def shared(self, entity: str, stores: Sequence[str]) -> None:
        """What only shows when a node is compared with the others."""
        others = [one for one in stores if one != entity] if entity in self.shown else []
        told = share(self.facts, entity, others)
        if told:
            self._filing.add("share", entity, told, source="compared with the others")

    def spread(self, stores: Sequence[str], probed: Sequence[str], members: Sequence[str]) -> None:
        """All stores together."""
        told = spread(self.facts, stores, probed, members)
        self._filing.add("spread", "cluster", told, source="all stores together")
        total = [
            one["now"]
            for (kind, _, name), one in self.facts.items()
            if kind == "reading" and name == "qps" and one["now"] is not None
        ]
        if total:
            self._filing.add(
                "reading", "cluster", {"now": sum(total), "points": []}, source="qps_total"
            )


def _answers(answers: Answers, name: str) -> bool:
    ping = answers.pd.pings.get(name)
    return ping is not None and ping.ok


def _majority(total: int, answering: int) -> dict[str, Any]:
    return {
        "total": total,
        "answering": answering,
        "missing": total - answering,
        "majority": answering * 2 > total,
    }
