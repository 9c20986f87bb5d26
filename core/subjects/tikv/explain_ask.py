"""Live questions about a TiKV cluster: PromQL, a listed path of PD, a literal text in a log. Reads only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.clients import pd_model, pd_paths
from core.clients.prom_model import Series
from core.diagnosis import pieces
from core.diagnosis.model import Piece, Query
from core.errors import Invalid, NotFound, TocsinError
from core.subjects import shown
from core.subjects.tikv import explain_answers, explain_pd, explain_prom
from core.subjects.tikv.explain_means import Means
from core.subjects.tikv.explain_prom import Grid, Nodes
from core.subjects.tikv.explain_readings import CLUSTER, PD, STORE, Figure
from core.subjects.tikv.model import Identity, pd_entity

LIMIT_S = 2.0
MAX_SERIES = 20
MAX_RANGE_S = 7 * 86_400.0
_BESIDE = ("pd", "cluster", "nodes", "prometheus")


@dataclass(frozen=True, slots=True)
class Whom:
    """Who there is to be asked about."""

    stores: Sequence[Identity]
    members: Sequence[pd_model.Member]
    figures: Mapping[str, Figure]

    @property
    def addresses(self) -> dict[str, str]:
        """Each node's address by its entity."""
        found = {one.entity: one.address for one in self.stores}
        for one in self.members:
            url = (one.client_urls or ("",))[0]
            found[pd_entity(one.name)] = url.partition("://")[2].rstrip("/") or one.name
        return found


async def ask(
    means: Means, whom: Whom, query: Query, entity: str, window: tuple[float, float]
) -> Piece:
    """One answer as a piece without an id; Invalid for what may not be asked."""
    if entity not in whom.addresses and entity not in _BESIDE:
        raise Invalid(f"There is no {entity!r} here.")
    kinds = {"promql": _promql, "pd": _pd, "log": _log}
    if query.kind not in kinds:
        raise Invalid(f"There is no query of kind {query.kind!r}: promql, pd or log.")
    at = means.clock.now().timestamp()
    kind, source, content = "", query.text, None
    failed = ""
    try:
        content = await kinds[query.kind](means, whom, query.text, entity, window)
    except Invalid:
        raise
    except TocsinError as error:
        failed = error.text
    kind = {"promql": "reading", "pd": "pd", "log": "log"}[query.kind]
    if kind == "log":
        source = f"log of {entity}"
    about = "pd" if kind == "pd" else entity
    return Piece("", kind, source, about, at, window, content, not failed, failed[:400])


async def _pd(
    means: Means, _whom: Whom, text: str, _entity: str, _window: tuple[float, float]
) -> dict[str, Any]:
    if not pd_paths.allowed(text):
        raise Invalid(f"{text[:80]!r} is not among PD's read paths.")
    return await explain_pd.body(means.pd, text)


async def _log(
    means: Means, whom: Whom, text: str, entity: str, window: tuple[float, float]
) -> dict[str, Any]:
    address = whom.addresses.get(entity)
    if address is None:
        raise Invalid(f"{entity} has no log: name a store or a PD member.")
    source = explain_answers.log_source(means.logs, address, entity.partition(":")[2])
    if source is None:
        raise NotFound(f"No log of {entity} is configured.")
    tail = await source.tail(shown.READ_LINES)
    found = shown.matching(tail.lines, text, window)
    at = means.clock.now().timestamp()
    return pieces.log(found, at) | {"matching": text, "searched": len(tail.lines)}


async def _promql(
    means: Means, whom: Whom, text: str, entity: str, window: tuple[float, float]
) -> dict[str, Any]:
    if means.prometheus is None:
        raise NotFound("There is no Prometheus here.")
    start, end = window
    if not (math.isfinite(start) and math.isfinite(end)) or not 0 <= end - start <= MAX_RANGE_S:
        raise Invalid("The window must begin before it ends, and be at most a week long.")
    now = means.clock.now().timestamp()
    grid = Grid.over(min(start, now), min(end, now))
    series = await explain_prom.ask_range(means.prometheus, text, grid, LIMIT_S)
    named = next((one for one in whom.figures.values() if one.query(means.matchers) == text), None)
    mine = _about(whom, named, entity, series)
    if len(mine) == 1:
        points = mine[0].points
        return explain_prom.told("", text, points, grid.start, grid, explain_prom.POINTS)
    return _many(text, series, grid)


def _about(whom: Whom, named: Figure | None, entity: str, series: Sequence[Series]) -> list[Series]:
    """The series about an entity; the only one there is counts for it where it carries no names."""
    nodes = Nodes(whom.stores, {one.name: (one.client_urls or ("",))[0] for one in whom.members})
    looks = [named] if named is not None else [_any("store"), _any("store_id"), _any("instance")]
    if entity in (PD, CLUSTER, "nodes", "prometheus"):
        return list(series) if len(series) == 1 else []
    return [
        one
        for one in series
        if any(nodes.entity(look, one.labels) == entity for look in _both(looks))
    ]


def _any(by: str) -> Figure:
    return Figure("", STORE, by, "", ())


def _both(looks: Sequence[Figure]) -> list[Figure]:
    """Each way to tell a series apart, for stores and for PD's members."""
    return [*looks, *(Figure("", "member", one.by, "", ()) for one in looks if one.of == STORE)]


def _many(text: str, series: Sequence[Series], grid: Grid) -> dict[str, Any]:
    """Several series, or none: each with its labels and its newest value."""
    listed = []
    for one in series[:MAX_SERIES]:
        told = explain_prom.told("", text, one.points, grid.start, grid, explain_prom.POINTS // 4)
        told.pop("query")
        listed.append({"labels": dict(one.labels), **told})
    return {"query": text, "series": listed, "matched": len(series), "now": None, "points": []}
