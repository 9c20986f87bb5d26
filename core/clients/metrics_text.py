"""The families that are wanted out of a megabyte of Prometheus text, and what follows from them.

A node's /metrics holds hundreds of families and tens of thousands of lines; only the wanted lines
are ever split. Rates and quantiles are computed from two scrapes the way Prometheus does it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scrape:
    """Samples by metric name (with _bucket, _sum, _count), each by its labels sorted by name.

    `at` is the scraper's monotonic time, seconds. `bytes_read` is the size of the body.
    """

    at: float
    samples: Mapping[str, Mapping[Labels, float]]
    bytes_read: int = 0

    def sum_by(self, name: str, *by: str) -> dict[tuple[str, ...], float]:
        """The samples of one metric added up by these labels; absent metric: empty."""
        raise NotImplementedError

    def total(self, name: str) -> float | None:
        """All samples of one metric added up; None if there is none (never 0 for absent)."""
        raise NotImplementedError


def parse(body: bytes, wanted: Collection[str], at: float) -> Scrape:
    """Only the wanted families (a histogram's family brings _bucket, _sum, _count)."""
    raise NotImplementedError


def rate(
    before: Scrape, after: Scrape, name: str, by: Sequence[str] = ()
) -> dict[tuple[str, ...], float]:
    """Increase a second of a counter by labels; a reset counts from 0; a new series from 0."""
    raise NotImplementedError


def quantile(
    q: float, before: Scrape, after: Scrape, family: str, by: Sequence[str] = ()
) -> dict[tuple[str, ...], float]:
    """histogram_quantile over the increase between two scrapes; NaN where nothing was counted."""
    raise NotImplementedError
