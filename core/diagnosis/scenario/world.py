"""From a scenario to the snapshot that a diagnosis gets: the same pieces as from a live cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from core.clients.log_line import parse
from core.diagnosis import pieces
from core.diagnosis.compare import share, spread
from core.diagnosis.model import Reason, Snapshot, bounded
from core.diagnosis.scenario import base
from core.diagnosis.scenario.answers import by_id, failed_call
from core.diagnosis.scenario.file import File
from core.diagnosis.scenario.state import SCRAPE_S, World
from core.invariant import Severity

_RELATIVE = re.compile(r"(-?\d+(?:\.\d+)?) (\[.*)")
_EVICT = "/scheduler-config/evict-leader-scheduler/list"
_LOG_EVERY_S = 30.0
_OUTLIVE = frozenset(("up", "unreachable_per_s", "leaders", "memory_limit_bytes"))
_KINDS = {
    "container": "docker",
    "event": "docker",
    "store": "pd",
    "hot": "pd",
    "member": "members",
}
_SITE = {
    "docker": "docker",
    "log": "logs",
    "reading": "prometheus",
    "probe": "probe",
    "prometheus": "prometheus",
}


def snapshot(file: File) -> Snapshot:
    """Everything that is visible at the scenario's `taken`, as evidence."""
    return _Taking(file).snapshot()


class _Taking:
    def __init__(self, file: File) -> None:
        self._file = file
        self._world = World(file)
        self._taken = file.taken
        self._filing = pieces.Filing(self._world.zero + file.taken)
        self._facts: dict[tuple[str, str, str], Any] = {}

    def snapshot(self) -> Snapshot:
        file, world = self._file, self._world
        self._ticket()
        self._pd()
        for entity in world.stores:
            self._node(entity)
        for name in world.members:
            self._member(name)
        for entity in ("pd", "cluster"):
            self._readings(entity)
        self._prometheus()
        self._changes()
        self._compared()
        kept, dropped = bounded(self._filing.pieces)
        return Snapshot(
            subject="scenario",
            invariant=file.ticket.invariant,
            entity=file.ticket.entity,
            opened_at=world.zero,
            taken_at=world.zero + self._taken,
            reason=Reason.SOON if self._taken > 0 else Reason.OPENED,
            pieces=kept,
            severity=Severity(file.ticket.severity),
            title=file.ticket.title,
            dropped=dropped,
            absent=tuple(file.without),
        )

    def _add(self, kind: str, entity: str, content: Any, source: str, failed: str = "") -> None:
        group = _KINDS.get(kind, kind)
        held = {kind, group, f"{kind}:{entity}", f"{group}:{entity}", f"{kind}:{entity}:{source}"}
        if held & set(self._file.withhold) or _SITE.get(group) in self._file.without:
            return
        if not failed:
            self._facts[kind, entity, source if kind in ("reading", "pd") else ""] = content
        zero = self._world.zero
        window = (zero + self._file.before, zero + self._taken)
        self._filing.add(kind, entity, content, source=source, window=window, failed=failed)

    def _ticket(self) -> None:
        told = self._file.ticket
        said = {"invariant": told.invariant, "title": told.title, "summary": told.summary}
        figures = {"value": told.value, "threshold": told.threshold, "unit": told.unit}
        self._add("ticket", told.entity, {**said, **figures}, "the ticket")

    def _pd(self) -> None:
        world, taken = self._world, self._taken
        answer = world.pd("/stores", taken)
        own = answer if "failed" in answer or answer["status"] != 404 else None
        failed = failed_call(own) if own else ""
        now = {} if failed else by_id(own["body"] if own else world.stores_body(taken))
        before = by_id(world.stores_body(self._file.before))
        for entity in dict.fromkeys((*world.stores, *now)):
            if entity not in now and not failed:
                continue
            told = {
                "now": pieces.store(now.get(entity, {}), world.zero + taken),
                "before": pieces.store(before[entity], world.zero + self._file.before)
                if entity in before
                else None,
            }
            self._add("store", entity, told, "/stores", failed)
        self._members(failed)
        for path in world.paths:
            if path not in ("*", "/stores", "/members", "/health"):
                self._path(path)
        if _EVICT not in world.paths:
            self._path(_EVICT)

    def _path(self, path: str) -> None:
        answer = self._world.pd(path, self._taken)
        failed = failed_call(answer)
        self._add("pd", "pd", answer, path, failed)
        if path.startswith("/hotspot/regions/") and not failed and isinstance(answer["body"], dict):
            for store_id, told in pieces.hot(answer["body"]).items():
                self._add("hot", f"store:{store_id}", told, path)

    def _members(self, failed: str) -> None:
        world = self._world
        told = {}
        for key, t in (("now", self._taken), ("before", self._file.before)):
            some = [world.member(name[3:], t) for name in world.members]
            answering = sum(1 for one in some if one["answers"])
            told[key] = {
                "leader": world.leader(t),
                "total": len(some),
                "answering": answering,
                "missing": len(some) - answering,
                "majority": answering * 2 > len(some),
            }
        serves = not failed and bool(told["now"]["leader"])
        told["now"] |= {"serves": serves, "said": failed}
        if failed and not any(one.leader for one in self._file.member):
            told["now"]["leader"] = None  # a failed call names nobody, nor does it say "none"
        self._add("members", "pd", told, "/members")

    def _member(self, entity: str) -> None:
        world = self._world
        told = {
            "now": world.member(entity[3:], self._taken),
            "before": world.member(entity[3:], self._file.before),
        }
        self._add("member", entity, told, "/ping, /health")
        self._docker(entity)
        self._log(entity)
        self._readings(entity)

    def _node(self, entity: str) -> None:
        world, zero = self._world, self._world.zero
        seen = [one for one in self._file.probe if one.entity == entity and one.at <= self._taken]
        told = {
            "now": world.probe(entity, self._taken),
            "before": world.probe(entity, self._file.before),
            "timeline": [{"at": zero + one.at, "ok": one.ok, "said": one.said} for one in seen],
        }
        self._add("probe", entity, told, "status port")
        self._docker(entity)
        self._log(entity)
        self._readings(entity)

    def _docker(self, entity: str) -> None:
        world, zero = self._world, self._world.zero
        states = {
            "now": world.container(entity, self._taken),
            "before": world.container(entity, self._file.before),
        }
        self._add("container", entity, states, "docker inspect")
        events = [
            {
                "at": zero + one.at,
                "action": one.action,
                "exit_code": one.exit_code,
                "signal": None if one.signal is None else str(one.signal),
            }
            for one in sorted(self._file.event, key=lambda one: one.at)
            if one.entity == entity and one.at <= self._taken
        ]
        self._add("event", entity, {"events": events}, "docker events")

    def _log(self, entity: str) -> None:
        own = [one.text for one in self._file.log if one.entity == entity]
        told = [self._stamped(line) for text in own for line in text.splitlines() if line.strip()]
        parsed = [parse(line) for line in told]
        last = self._world.zero + self._taken
        parsed = [one for one in parsed if one.at is None or one.at.timestamp() <= last]
        if not parsed:
            parsed = [parse(line) for line in self._quiet(entity)]
        self._add("log", entity, pieces.log(parsed, last), f"log of {entity}")

    def _stamped(self, line: str) -> str:
        found = _RELATIVE.match(line.strip())
        if found is None:
            return line.strip()
        when = datetime.fromtimestamp(self._world.zero + float(found[1]), UTC)
        return f"[{when:%Y/%m/%d %H:%M:%S}.{when.microsecond // 1000:03d} +00:00] {found[2]}"

    def _quiet(self, entity: str) -> Iterator[str]:
        stopped = self._world.stopped(entity, self._taken)
        end = self._taken - 5 if stopped is None else stopped[0] - 1
        for back in range(9, -1, -1):
            yield self._stamped(f'{end - back * _LOG_EVERY_S:.1f} [INFO] [mod.rs:1] ["statistics"]')

    def _readings(self, entity: str) -> None:
        own = [one for one in self._file.reading if one.entity == entity]
        names = dict.fromkeys(
            (*base.figures(entity, len(self._world.stores)), *(one.name for one in own))
        )
        down = self._file.prometheus
        until = self._taken - (down.sample_age_s or 0.0)
        for name in names:
            broken = [one.failed for one in own if one.name == name and one.failed]
            empty = any(one.empty for one in own if one.name == name)
            failed = down.failed if down.at <= self._taken else ""
            points = self._world.points(name, entity, until)
            if failed or broken:
                self._add("reading", entity, None, name, failed or broken[0])
            elif empty or not points:
                self._add("reading", entity, {"now": None, "points": []}, name)
            else:
                self._reading(name, entity, points, until)

    def _reading(
        self, name: str, entity: str, points: list[tuple[float, float]], until: float
    ) -> None:
        if name == "uptime_s" and len(points) == 1:
            points = [*points, (until, points[0][1] + until - points[0][0])]
        zero = self._world.zero
        absolute = [(zero + at, value) for at, value in points]
        told = pieces.reading(absolute, zero + self._file.before, zero + until)
        ended = self._world.stopped(entity, until - SCRAPE_S) and name not in _OUTLIVE
        own = [one for one in self._file.reading if (one.name, one.entity) == (name, entity)]
        if ended or any(one.gone for one in own):
            told["now"] = None  # a process that is gone exports nothing
        self._add("reading", entity, told, name)

    def _prometheus(self) -> None:
        told = self._file.prometheus
        broken = told.failed if told.at <= self._taken else ""
        age = told.sample_age_s if told.sample_age_s is not None and not broken else 8.0
        now = {"answers": not broken, "said": broken, "sample_age_s": None if broken else age}
        self._add("prometheus", "prometheus", {"now": now}, "prometheus")

    def _changes(self) -> None:
        zero = self._world.zero
        for entity in sorted({one.entity for one in self._file.change}):
            some = [
                {"at": zero + one.at, "what": one.what, "words": one.words}
                for one in self._file.change
                if one.entity == entity and one.at <= self._taken
            ]
            self._add("change", entity, {"changes": some}, "recorded changes")
        near = [
            {
                "invariant": one.invariant,
                "entity": one.entity,
                "opened_at": zero + one.opened,
                "resolved_at": None if one.resolved is None else zero + one.resolved,
                "cause": one.cause,
            }
            for one in self._file.nearby
        ]
        if near:
            self._add("nearby", self._file.ticket.entity, {"tickets": near}, "tickets")

    def _compared(self) -> None:
        stores = [one for one in self._world.stores if ("store", one, "") in self._facts]
        probed = [one for one in self._world.stores if ("probe", one, "") in self._facts]
        members = self._world.members
        for entity in dict.fromkeys((*stores, *probed, *members)):
            others = [one for one in stores if one != entity] if entity in stores else []
            told = share(self._facts, entity, others)
            if told:
                self._filing.add("share", entity, told, source="compared with the others")
        told = spread(self._facts, stores, probed, members)
        self._filing.add("spread", "cluster", told, source="all stores together")
        total = [
            one["now"]
            for (kind, _, source), one in self._facts.items()
            if kind == "reading" and source == "qps" and one["now"] is not None
        ]
        if total:
            self._filing.add(
                "reading", "cluster", {"now": sum(total), "points": []}, source="qps_total"
            )
