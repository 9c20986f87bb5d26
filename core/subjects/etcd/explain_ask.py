"""Live questions about an etcd cluster: PromQL, or a literal text in a member's log. Reads only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.clients.logs import LogSource
from core.clients.prom_model import Series
from core.clients.prometheus import Prometheus
from core.clock import Clock
from core.diagnosis import pieces
from core.diagnosis.model import Piece, Query
from core.errors import Invalid, NotFound, TocsinError
from core.subjects import shown
from core.subjects.etcd.breaking import addresses
from core.subjects.etcd.model import CLUSTER, ETCD, PROMETHEUS, Who

LIMIT_S = 2.0
MAX_SERIES = 20
MAX_RANGE_S = 7 * 86_400.0
POINTS = 60
_BESIDE = (ETCD, CLUSTER, PROMETHEUS)


@dataclass(frozen=True, slots=True)
class Asked:
    """With what to ask, and who there is to be asked about, by entity."""

    clock: Clock
    prometheus: Prometheus | None
    logs: Mapping[str, LogSource]
    members: Mapping[str, Who]


async def ask(asked: Asked, query: Query, entity: str, window: tuple[float, float]) -> Piece:
    """One answer as a piece without an id; Invalid for what may not be asked."""
    if entity not in asked.members and entity not in _BESIDE:
        raise Invalid(f"There is no {entity!r} here.")
    kinds = {"promql": _promql, "log": _log}
    if query.kind not in kinds:
        raise Invalid(f"There is no query of kind {query.kind!r} here: promql or log.")
    start, end = window
    if not (math.isfinite(start) and math.isfinite(end)) or not 0 <= end - start <= MAX_RANGE_S:
        raise Invalid("The window must begin before it ends, and be at most a week long.")
    content, failed = None, ""
    try:
        content = await kinds[query.kind](asked, query.text, entity, window)
    except Invalid:
        raise
    except TocsinError as error:
        failed = error.text
    kind = "reading" if query.kind == "promql" else "log"
    source = query.text if query.kind == "promql" else f"log of {entity}"
    at = asked.clock.now().timestamp()
    return Piece("", kind, source, entity, at, window, content, not failed, failed[:400])


async def _log(asked: Asked, text: str, entity: str, window: tuple[float, float]) -> dict[str, Any]:
    who = asked.members.get(entity)
    if who is None:
        raise Invalid(f"{entity} has no log: name a member.")
    source = asked.logs.get(who.name)
    if source is None:
        raise NotFound(f"No log of {entity} is configured.")
    tail = await source.tail(shown.READ_LINES)
    found = shown.matching(tail.lines, text, window)
    at = asked.clock.now().timestamp()
    return pieces.log(found, at) | {"matching": text, "searched": len(tail.lines)}


async def _promql(
    asked: Asked, text: str, entity: str, window: tuple[float, float]
) -> dict[str, Any]:
    if asked.prometheus is None:
        raise NotFound("There is no Prometheus here.")
    now = asked.clock.now().timestamp()
    start, end = min(window[0], now - 1.0), min(window[1], now)
    step_s = max((end - start) / POINTS, 1.0)
    answer = await asked.prometheus.query_range(text, start, end, step_s, timeout_s=LIMIT_S)
    mine = _about(asked, entity, answer.series)
    if len(mine) == 1 and (points := _finite(mine[0])):
        return pieces.reading(points, start, end)
    listed = [
        {"labels": dict(one.labels), "now": points[-1][1] if (points := _finite(one)) else None}
        for one in answer.series[:MAX_SERIES]
    ]
    return {"series": listed, "total": len(answer.series)}


def _about(asked: Asked, entity: str, series: tuple[Series, ...]) -> list[Series]:
    """The series about an entity; the only one there is counts where it carries no instance."""
    who = asked.members.get(entity)
    if who is None:
        return list(series) if len(series) == 1 else []
    names = set(addresses(who))
    return [one for one in series if one.labels.get("instance", "") in names]


def _finite(one: Series) -> list[tuple[float, float]]:
    return [(at, value) for at, value in one.points if math.isfinite(value)]
