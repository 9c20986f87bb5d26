"""Prometheus over its HTTP API: what it answers, with every way in which it may not.

NaN, infinities and empty values stay what they are; nothing absent becomes 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.clients.failures import SourceFailed
from core.clients.http import Http
from core.clock import Clock


@dataclass(frozen=True, slots=True)
class Series:
    """One series: labels (with __name__ where kept) and points (seconds since the epoch, value).

    A value that is no number is NaN. `value` and `at` are those of the newest point.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def value(self) -> float:
        """The newest value; NaN if there is none."""
        return self.points[-1][1] if self.points else float("nan")

    @property
    def at(self) -> float | None:
        """When the newest point is from; None if there is none."""
        return self.points[-1][0] if self.points else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query gave. An empty `series` is an answer: nothing matched.

    `kind` is vector, matrix, scalar or string. `text` is the value of a string result. `partial`
    says that the source itself warned (remote read, Thanos); `warnings` and `infos` are its words.
    """

    kind: str
    series: tuple[Series, ...]
    text: str = ""
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether part of the data may be missing."""
        return bool(self.warnings)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert of Prometheus itself."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    state: str
    active_at: float | None
    value: float


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alerting or recording rule (`record`), as loaded."""

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
    """A scrape target."""

    labels: Mapping[str, str]
    pool: str
    url: str
    health: str
    last_error: str
    last_scrape_at: float | None
    interval_s: float


class PromRefused(SourceFailed):
    """Prometheus understood and refused (bad query, execution error).

    `error_type` is its own word: bad_data, execution, timeout, canceled, internal, unavailable...
    """

    error_type: str = ""


class Prometheus:
    """A Prometheus, or something that speaks like one.

    Every read raises SourceFailed (Garbled, TooBig, PromRefused) if there is no answer, and
    core.errors.Invalid for times that no answer could fit (NaN, end before start, too many points).
    """

    def __init__(
        self, base: str, clock: Clock, http: Http, *, headers: Mapping[str, str] | None = None
    ) -> None:
        raise NotImplementedError

    async def query(self, expr: str, *, at: float | None = None, timeout_s: float = 4.0) -> Answer:
        """An instant query, at a time in seconds since the epoch (None: its own now)."""
        raise NotImplementedError

    async def query_range(
        self, expr: str, start: float, end: float, step_s: float, *, timeout_s: float = 10.0
    ) -> Answer:
        """A range query; at most 11,000 points a series."""
        raise NotImplementedError

    async def series(
        self, *match: str, start: float | None = None, end: float | None = None, limit: int = 10_000
    ) -> tuple[Mapping[str, str], ...]:
        """Label sets of the series that match."""
        raise NotImplementedError

    async def rules(self) -> tuple[AlertRule, ...]:
        """Every rule that is loaded."""
        raise NotImplementedError

    async def alerts(self) -> tuple[Alert, ...]:
        """Alerts that are pending or firing."""
        raise NotImplementedError

    async def targets(self) -> tuple[Target, ...]:
        """Active scrape targets."""
        raise NotImplementedError

    async def newest_sample_age(self, selector: str = "up") -> float | None:
        """Seconds since the newest sample of `selector`, by Prometheus's own clock; None if none."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close every connection."""
        raise NotImplementedError


def newest(answer: Answer) -> float | None:
    """When the newest point of an answer is from; None for an empty one."""
    return max((one.at for one in answer.series if one.at is not None), default=None)
