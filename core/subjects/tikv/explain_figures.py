"""Files the named figures of every node, from Prometheus or, without one, from the nodes themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.clients.prom_model import Series
from core.diagnosis import pieces
from core.diagnosis.evidence import About
from core.subjects.tikv import explain_prom
from core.subjects.tikv.explain_answers import Answers, Asked
from core.subjects.tikv.explain_file import Files
from core.subjects.tikv.explain_history import History
from core.subjects.tikv.explain_means import Means
from core.subjects.tikv.explain_prom import POINTS, Nodes
from core.subjects.tikv.explain_readings import (
    CLUSTER,
    MEMBER,
    MISSED_PER_S,
    OUTLIVES,
    PD,
    STORE,
    Figure,
)
from core.subjects.tikv.model import Store, pd_entity, store_entity

OTHER_POINTS = 15
"""Points that are kept of nodes which the ticket is not about; fewer where these are many."""
ALL_POINTS = 120


def file_figures(
    files: Files,
    answers: Answers,
    asked: Asked,
    about: About,
    means: Means,
    wanted: Mapping[str, Figure],
    history: History,
    stores: Sequence[Store],
) -> None:
    """Every figure of every chosen node, of PD and of the cluster."""
    if means.prometheus is None:
        _own(files, answers, asked, about, history)
        return
    whole = Nodes(
        (one.who for one in stores),
        {one.name: (one.client_urls or ("",))[0] for one in asked.members},
    )
    shown = {
        STORE: [one.entity for one in asked.stores],
        MEMBER: [pd_entity(one.name) for one in asked.members],
        PD: [PD],
        CLUSTER: [CLUSTER],
    }
    narrow = explain_prom.narrowed(asked.stores, asked.total)
    for key, figure in wanted.items():
        query = figure.query(means.matchers, narrow)
        got = answers.series[key]
        if got.value is None:
            for entity in shown[figure.of]:
                files.add("reading", entity, None, figure.name, got.failed)
            continue
        found = _sorted(whole, figure, got.value)
        if figure.name == "up" and not found:
            continue  # no target can be told to be one of ours: that says nothing of scraping
        for entity in shown[figure.of]:
            most = _most(entity, asked, about)
            points = found.get(entity, ())
            told = explain_prom.told(figure.name, query, points, about.before, asked.grid, most)
            files.add("reading", entity, told, figure.name)


def _most(entity: str, asked: Asked, about: About) -> int:
    if entity == about.entity:
        return POINTS
    return min(OTHER_POINTS, ALL_POINTS // max(len(asked.stores), 1))


def _sorted(
    nodes: Nodes, figure: Figure, series: Sequence[Series]
) -> dict[str, tuple[tuple[float, float], ...]]:
    """The points of each entity; of two series about one, the one that goes on for longer."""
    found: dict[str, tuple[tuple[float, float], ...]] = {}
    for one in series:
        entity = nodes.entity(figure, one.labels)
        if entity is None or not one.points:
            continue
        known = found.get(entity)
        if known is None or one.points[-1][0] >= known[-1][0]:
            found[entity] = one.points
    return found


def _own(files: Files, answers: Answers, asked: Asked, about: About, history: History) -> None:
    for store in asked.stores:
        got = answers.scrapes.get(store.id)
        now = got.value if got is not None else None
        names = dict.fromkeys((*(now or {}), *history.names(store.id)))
        for name in names:
            points = history.points(store.id, name)
            if now is not None and name in now:
                points = [*points, (about.taken_at, now[name])]
            _file_points(files, store.entity, name, points, about, gone=now is None)
    _file_reports(files, answers, asked, history, about)
    flows = answers.flows.value
    if flows is not None:
        _file_flow(files, asked, "write_bytes_per_s", flows.bytes_write_rate, about)
        _file_flow(files, asked, "read_bytes_per_s", flows.bytes_read_rate, about)
    for name, value in (answers.regions.value or {}).items():
        _file_points(files, CLUSTER, name, [(about.taken_at, value)], about)
    counted = answers.pd.paths.get("/regions/count")
    body = (counted.value or {}).get("body") if counted is not None else None
    if isinstance(body, dict) and isinstance(body.get("count"), int):
        points = [(about.taken_at, float(body["count"]))]
        _file_points(files, CLUSTER, "region_count", points, about)


def _file_points(
    files: Files,
    entity: str,
    name: str,
    points: Sequence[tuple[float, float]],
    about: About,
    *,
    gone: bool = False,
) -> None:
    seen = [one for one in points if one[0] <= about.taken_at]
    told: dict[str, Any] = {"now": None, "points": []}
    if seen:
        told = pieces.reading(seen, about.before, about.taken_at)
        kept = explain_prom.steps(seen, POINTS if entity == about.entity else OTHER_POINTS)
        told["points"] = [{"at": at, "value": value} for at, value in kept]
    if gone and name not in OUTLIVES:
        told["now"] = None  # a process that is gone exports nothing
    files.add("reading", entity, told, name)


def _file_flow(
    files: Files, asked: Asked, name: str, flows: Mapping[str, float] | None, about: About
) -> None:
    for store in asked.stores:
        value = (flows or {}).get(str(store.id))
        if value is not None:
            _file_points(files, store.entity, name, [(about.taken_at, value)], about)


def _file_reports(
    files: Files, answers: Answers, asked: Asked, history: History, about: About
) -> None:
    """How often the others report each store unreachable: only those that can be asked now."""
    speaking = [one.id for one in asked.stores if _scraped(answers, one.id)]
    for key in speaking:
        missed = sum(1 for one in history.reports.get(key, {}).values() if one > MISSED_PER_S)
        points = [(about.taken_at, float(missed))]
        _file_points(files, store_entity(key), "missing_peers", points, about)
    for store in asked.stores:
        told = [
            history.reports[one][str(store.id)]
            for one in speaking
            if one != store.id and str(store.id) in history.reports.get(one, {})
        ]
        if told:
            points = [(about.taken_at, sum(told))]
            _file_points(files, store_entity(store.id), "unreachable_per_s", points, about)


def _scraped(answers: Answers, store_id: int) -> bool:
    got = answers.scrapes.get(store_id)
    return got is not None and got.value is not None
