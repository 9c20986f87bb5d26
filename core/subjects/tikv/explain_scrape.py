"""A store's figures from its own /metrics, out of two scrapes, where there is no Prometheus."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.clients import metrics_text
from core.clients.metrics_text import Scrape
from core.subjects.tikv.explain_readings import SIZE, STORE, UNREACHABLE, Figure, Recipe


def families(wanted: Mapping[str, Figure]) -> tuple[str, ...]:
    """What a node's /metrics is read for."""
    found = {one.recipe.family.removesuffix("_count") for one in wanted.values() if one.recipe}
    return tuple(sorted(found | {SIZE, UNREACHABLE, "process_start_time_seconds"}))


def of_scrapes(
    wanted: Mapping[str, Figure], before: Scrape | None, now: Scrape, at: float
) -> dict[str, float]:
    """A store's figures from its own two last scrapes, by name; what cannot be told is left out."""
    found: dict[str, float] = {}
    for one in wanted.values():
        if one.of == STORE and one.recipe is not None:
            value = _value(one.recipe, before, now)
            if value is not None and math.isfinite(value):
                found[one.name] = value
    sizes = now.sum_by(SIZE, "type")
    capacity, available = sizes.get(("capacity",)), sizes.get(("available",))
    if capacity and available is not None and 0 <= available <= capacity:
        found["disk_used_ratio"] = 1 - available / capacity
    started = now.total("process_start_time_seconds")
    if started:
        found["uptime_s"] = max(at - started, 0.0)
    return found


def _value(recipe: Recipe, before: Scrape | None, now: Scrape) -> float | None:
    by = (recipe.label,) if recipe.label else ()
    if recipe.how in ("gauge", "sum"):
        keyed = now.sum_by(recipe.family, *by)
    elif before is None:
        return None
    elif recipe.how == "rate":
        keyed = metrics_text.rate(before, now, recipe.family, by)
    else:
        keyed = metrics_text.quantile(0.99, before, now, recipe.family, by)
    some = [
        value
        for key, value in keyed.items()
        if not math.isnan(value) and (not recipe.values or key[0] in recipe.values)
    ]
    if not some:
        return None
    return sum(some) if recipe.how in ("rate", "sum") else max(some)


def unreachable(before: Scrape | None, now: Scrape) -> dict[str, float]:
    """How often a second this node reported each other store unreachable, by store id."""
    if before is None:
        return {}
    found: dict[str, float] = {}
    for (kind, store), value in metrics_text.rate(
        before, now, UNREACHABLE, ("type", "store_id")
    ).items():
        if kind == "unreachable":
            found[store] = found.get(store, 0.0) + value
    return found
