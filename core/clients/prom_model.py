"""What Prometheus answers, typed. NaN, infinities and empty values stay what they are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from core.clients import goformat

MAX_POINTS = 11_000  # Prometheus's own limit a series


@dataclass(frozen=True, slots=True)
class Series:
    """One series: labels (with __name__ where kept) and points (seconds since the epoch, value).

    A value that is no number is NaN. A native histogram has no points (`histogram` says so).
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    histogram: bool = False

    @property
    def value(self) -> float:
        """The newest value; NaN if there is none."""
        return self.points[-1][1] if self.points else math.nan

    @property
    def at(self) -> float | None:
        """When the newest point is from; None if there is none."""
        return self.points[-1][0] if self.points else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave. An empty `series` is an answer: nothing matched.

    `kind` is vector, matrix, scalar or string. `text` is the value of a string result. `warnings`
    and `infos` are the source's own words.
    """

    kind: str
    series: tuple[Series, ...]
    text: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether part of the data may be missing (remote read, Thanos)."""
        return bool(self.warnings)

    def by(self, *labels: str) -> dict[tuple[str, ...], float]:
        """The newest values by these labels; of two series with the same key the last counts."""
        return {tuple(s.labels.get(one, "") for one in labels): s.value for s in self.series}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert of Prometheus itself."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    active_at: float | None
    value: float


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """An alerting or recording rule (`kind`), as loaded. Annotations are raw templates."""

    group: str
    file: str
    name: str
    query: str
    kind: str
    duration_s: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    health: str
    last_error: str
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A scrape target. `interval_s` is 0 where the server does not say."""

    labels: Mapping[str, str]
    pool: str
    url: str
    health: str
    last_error: str
    last_scrape_at: float | None
    interval_s: float


class Envelope(msgspec.Struct, frozen=True):
    """What every answer comes in."""

    status: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    errorType: str = ""  # noqa: N815 - Prometheus's own spelling
    error: str = ""
    warnings: tuple[str, ...] | None = None
    infos: tuple[str, ...] | None = None


# Values are text in Prometheus; some that speak like it write numbers, or null.
Point = tuple[float, str | float | None]


class Labels(msgspec.Struct, frozen=True, gc=False):
    """The labels that tell many nodes' figures apart; others are not read."""

    instance: str = ""
    type: str = ""


class Sample(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One point: seconds since the epoch, and the value; NaN where it is no number."""

    at: float
    value: float


class Figure(msgspec.Struct, frozen=True, gc=False):
    """One entry of a vector, of whose labels only two are read."""

    metric: Labels
    value: Sample


class FiguresData(msgspec.Struct, frozen=True, gc=False, rename={"kind": "resultType"}):
    """The data of an answer that is a vector."""

    kind: Literal["vector"]
    result: tuple[Figure, ...]


class FiguresBody(msgspec.Struct, frozen=True, gc=False):
    """A whole good answer that is a vector, read in one go."""

    status: Literal["success"]
    data: FiguresData


FIGURES = msgspec.json.Decoder(FiguresBody, strict=False)
"""Reads numbers out of text as it goes. What it does not take for one ("+Inf", "") is an error."""


class Vector(msgspec.Struct, frozen=True, gc=False):
    """One entry of a vector or a matrix."""

    metric: dict[str, str]
    value: Point | None = None
    values: tuple[Point, ...] | None = None
    histogram: Any = None
    histograms: Any = None


class QueryData(msgspec.Struct, frozen=True, rename="camel"):
    """The data of a query."""

    result_type: str
    result: msgspec.Raw


class WireAlert(msgspec.Struct, frozen=True, rename="camel"):
    """An alert as written."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    state: str = ""
    active_at: str | None = None
    value: str = ""

    def typed(self) -> Alert:
        """For use."""
        at = epoch(self.active_at or "")
        value = number(self.value)
        return Alert(self.labels or {}, self.annotations or {}, self.state, at, value)


class WireRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule as written."""

    name: str = ""
    query: str = ""
    type: str = ""
    duration: float = 0.0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    state: str = ""
    health: str = ""
    last_error: str = ""
    alerts: tuple[WireAlert, ...] | None = None

    def typed(self, group: str, file: str) -> LoadedRule:
        """For use."""
        return LoadedRule(
            group,
            file,
            self.name,
            self.query,
            self.type,
            self.duration,
            self.labels or {},
            self.annotations or {},
            self.state,
            self.health,
            self.last_error,
            tuple(one.typed() for one in self.alerts or ()),
        )


class WireGroup(msgspec.Struct, frozen=True, rename="camel"):
    """A rule group as written."""

    name: str = ""
    file: str = ""
    rules: tuple[WireRule, ...] | None = None


class WireGroups(msgspec.Struct, frozen=True, rename="camel"):
    """All rule groups, or a page of them (3.x)."""

    groups: tuple[WireGroup, ...] | None = None
    group_next_token: str = ""


class WireAlerts(msgspec.Struct, frozen=True, rename="camel"):
    """All alerts."""

    alerts: tuple[WireAlert, ...] | None = None


class WireTarget(msgspec.Struct, frozen=True, rename="camel"):
    """A target as written."""

    labels: dict[str, str] | None = None
    scrape_pool: str = ""
    scrape_url: str = ""
    health: str = ""
    last_error: str = ""
    last_scrape: str = ""
    scrape_interval: str = ""

    def typed(self) -> Target:
        """For use."""
        return Target(
            self.labels or {},
            self.scrape_pool,
            self.scrape_url,
            self.health,
            self.last_error,
            epoch(self.last_scrape),
            goformat.duration(self.scrape_interval) or 0.0,
        )


class WireTargets(msgspec.Struct, frozen=True, rename="camel"):
    """All active targets."""

    active_targets: tuple[WireTarget, ...] | None = None


def number(text: str | float | None) -> float:
    """A sample's value; NaN for whatever is no number ("", null), never 0."""
    try:
        return math.nan if text is None else float(text)
    except ValueError:
        return math.nan


def epoch(text: str) -> float | None:
    """Seconds since the epoch of an RFC3339 time; None if it is none (or Go's "never")."""
    at: datetime | None = goformat.instant(text)
    return at.timestamp() if at else None
