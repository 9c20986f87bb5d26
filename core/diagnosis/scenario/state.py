"""What the world of a scenario is like at one moment: the base, and what its entries changed by then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from core.diagnosis.scenario import base
from core.diagnosis.scenario.file import File, PdTable
from core.errors import Invalid

DISCONNECTED_S = 20.0
DOWN_S = 1800.0
HEARTBEAT_S = 3.0
SCRAPE_S = 15.0
_TOLD = frozenset(
    ("id", "address", "version", "status_address", "state_name", "state", "node_state", "labels")
)
_OWN = frozenset(("at", "id", "heartbeat_at", "started_at", "gone", "labels"))
_STOPPED = frozenset(("exited", "dead", "paused", "created", "removing", "restarting"))


class World:
    """A scenario, asked for the state of things at times relative to its ticket, in seconds."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.zero = file.opened.timestamp()
        self._base_ids = base.ids(file.base)

    @property
    def stores(self) -> tuple[str, ...]:
        """Every store there ever is."""
        extra = {int(one["id"]) for one in self.file.store}
        return tuple(f"store:{one}" for one in sorted({*self._base_ids, *extra}))

    @property
    def members(self) -> tuple[str, ...]:
        """Every PD member there ever is."""
        extra = [one.name for one in self.file.member if one.name not in base.MEMBERS]
        return tuple(f"pd:{one}" for one in dict.fromkeys((*base.MEMBERS, *extra)))

    def stopped(self, entity: str, t: float) -> tuple[float, str] | None:
        """Since when its container does not run, and how; None while it runs."""
        since: tuple[float, str] | None = None
        for one in _until(self.file.container, t):
            if one.entity == entity and one.status is not None:
                now = one.status in _STOPPED
                since = (since or (one.at, one.status)) if now else None
        return since

    def container(self, entity: str, t: float) -> dict[str, Any]:
        """Its container as Docker has it, times absolute."""
        made = base.container(entity)
        for one in _until(self.file.container, t):
            if one.entity == entity:
                said = msgspec.structs.asdict(one)
                made |= {
                    k: v for k, v in said.items() if v is not None and k not in ("at", "entity")
                }
        for key in ("started_at", "finished_at"):
            if made[key] is not None:
                made[key] = self.zero + made[key]
        made["detached"] = made["status"] == "running" and not made["networks"]
        return made

    def probe(self, entity: str, t: float) -> dict[str, Any]:
        """What the bot sees of its status port."""
        made: dict[str, Any] = {"ok": True, "said": ""}
        stopped, since = self.stopped(entity, t), t
        if stopped is not None:
            hung, since = stopped[1] == "paused", stopped[0]
            made = {"ok": False, "said": "timed out after 0.4 s" if hung else "connection refused"}
        for one in _until(self.file.probe, t):
            if one.entity == entity:
                since = since if made["ok"] == one.ok else one.at
                made = {"ok": one.ok, "said": one.said}
        return made if made["ok"] else made | {"silent_s": t - since}

    def stores_body(self, t: float) -> dict[str, Any]:
        """What PD's /stores answers."""
        entries = [one for name in self.stores if (one := self._store(int(name[6:]), t))]
        return {"count": len(entries), "stores": entries}

    def _store(self, store_id: int, t: float) -> dict[str, Any] | None:
        deltas = [one for one in self.file.store if one["id"] == store_id and _at(one) <= t]
        if store_id not in self._base_ids and not deltas:
            return None
        entry = base.store(store_id, len(self._base_ids))
        heartbeat, started = t - HEARTBEAT_S, -base.WEEK_S
        stopped = self.stopped(f"store:{store_id}", t)
        if stopped is not None:
            heartbeat = stopped[0] - HEARTBEAT_S
            if t - stopped[0] >= DISCONNECTED_S:
                entry["status"]["leader_count"] = 0
        for one in sorted(deltas, key=_at):
            if one.get("gone"):
                return None
            heartbeat = float(one.get("heartbeat_at", heartbeat))
            started = float(one.get("started_at", started))
        entry["store"]["state_name"] = _state(t - heartbeat)
        for one in sorted(deltas, key=_at):
            _merge(entry, one)
        entry["store"]["last_heartbeat"] = int((self.zero + heartbeat) * 1e9)
        entry["store"].setdefault("start_timestamp", int(self.zero + started))
        return entry

    def member(self, name: str, t: float) -> dict[str, Any]:
        """A PD member: answers, said, health, leader, version."""
        stopped = self.stopped(f"pd:{name}", t)
        up = stopped is None
        made: dict[str, Any] = {
            "answers": up,
            "said": "" if up else "connection refused",
            "health": up,
            "leader": self.leader(t) == name,
            "version": base.VERSION,
        }
        for one in _until(self.file.member, t):
            if one.name == name:
                for key in ("answers", "said", "health", "version"):
                    if getattr(one, key) is not None:
                        made[key] = getattr(one, key)
                if one.answers is False and one.health is None:
                    made["health"] = False
        return made

    def leader(self, t: float) -> str:
        """The name of PD's leader; "" while there is none."""
        leads = base.MEMBERS[0]
        if self.stopped(f"pd:{leads}", t) is not None:
            leads = ""
        for one in _until(self.file.member, t):
            if one.leader:
                leads = one.name
            elif one.name == leads and (one.leader is False or one.answers is False):
                leads = ""
        return leads

    def pd(self, path: str, t: float) -> dict[str, Any]:
        """What PD answers to a path: {"status", "body"}, or {"failed"}."""
        body: Any = base.PATHS.get(path)
        made = (
            {"status": 404, "body": "not found"} if body is None else {"status": 200, "body": body}
        )
        for one in _until(self.file.pd, t):
            if one.path in (path, "*"):
                made = _answer(one, made)
        return made

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that something is known about."""
        return tuple(dict.fromkeys((*base.PATHS, *(one.path for one in self.file.pd))))

    def points(self, name: str, entity: str, until: float) -> list[tuple[float, float]]:
        """A reading as steps up to a time, relative; empty if nobody exports it."""
        healthy = base.figures(entity, len(self._base_ids)).get(name)
        steps = [] if healthy is None else [(-3600.0, healthy)]
        for one in self.file.reading:
            if (one.name, one.entity) != (name, entity):
                continue
            fresh = sorted(one.points) or ([(one.at, one.value)] if one.value is not None else [])
            if fresh:
                steps = [step for step in steps if step[0] < fresh[0][0]] + fresh
        if len(steps) == 1 and healthy is not None:
            steps += self._follows(name, entity, until)
        return [(at, value) for at, value in steps if at <= until]

    def _follows(self, name: str, entity: str, until: float) -> list[tuple[float, float]]:
        """What a stopped or restarted process does to readings that the scenario leaves alone."""
        stopped = self.stopped(entity, until)
        if stopped is not None:
            gone = {"up": 0.0, "unreachable_per_s": 0.5, "leaders": 0.0}.get(name)
            return [] if gone is None else [(min(stopped[0] + SCRAPE_S, until), gone)]
        started = [
            float(one["started_at"])
            for one in self.file.store
            if f"store:{one['id']}" == entity and "started_at" in one and _at(one) <= until
        ]
        if name == "uptime_s" and started:
            return [(started[-1], 0.0), (until, until - started[-1])]
        return []


def _until(tables: Iterable[Any], t: float) -> list[Any]:
    return sorted((one for one in tables if one.at <= t), key=lambda one: float(one.at))


def _at(delta: Mapping[str, Any]) -> float:
    return float(delta.get("at", 0.0))


def _state(age: float) -> str:
    if age > DOWN_S:
        return "Down"
    return "Disconnected" if age > DISCONNECTED_S else "Up"


def _merge(entry: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for key, value in delta.items():
        if key == "start_timestamp" or (key in _TOLD and key not in _OWN):
            entry["store"][key] = value
        elif key not in _OWN:
            entry["status"][key] = value
    if isinstance(delta.get("labels"), dict):
        labels = delta["labels"].items()
        entry["store"]["labels"] = [{"key": key, "value": str(value)} for key, value in labels]


def _answer(one: PdTable, before: dict[str, Any]) -> dict[str, Any]:
    if one.failed is not None:
        return {"failed": one.failed}
    if one.json is None:
        return {"status": one.status, "body": one.text or ""}
    try:
        body = json.loads(one.json)
    except ValueError as error:
        raise Invalid(f"pd {one.path}: the json is none: {error}") from None
    if one.merge and isinstance(before.get("body"), dict) and isinstance(body, dict):
        body = {**before["body"], **body}
    return {"status": one.status, "body": body}
