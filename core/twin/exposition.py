"""Prometheus text, and histograms that advance by rate and time instead of single observations."""

from __future__ import annotations

import math
from functools import lru_cache


class Text:
    """Collects families in order; `render` writes TYPE lines once a family."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[str, list[str]]] = {}

    def gauge(self, name: str, value: float, /, **labels: str) -> None:
        self._sample("gauge", name, value, labels)

    def counter(self, name: str, value: float, /, **labels: str) -> None:
        self._sample("counter", name, value, labels)

    def _sample(self, kind: str, name: str, value: float, labels: dict[str, str]) -> None:
        rows = self._families.setdefault(name, (kind, []))[1]
        rows.append(f"{name}{_labels(labels)} {_number(value)}")

    def histogram(self, name: str, histogram: Histogram, /, **labels: str) -> None:
        """Buckets, sum and count; counts are whole and never decrease."""
        rows = self._families.setdefault(name, ("histogram", []))[1]
        inner = "".join(f'{key}="{_escape(value)}",' for key, value in sorted(labels.items()))
        for bound, count in histogram.buckets():
            rows.append(f'{name}_bucket{{{inner}le="{bound}"}} {count}')
        rows.append(f"{name}_sum{_labels(labels)} {_number(histogram.sum)}")
        rows.append(f"{name}_count{_labels(labels)} {histogram.count}")

    def render(self) -> str:
        parts = []
        for name, (kind, rows) in self._families.items():
            parts.append(f"# HELP {name} {name.replace('_', ' ')}\n# TYPE {name} {kind}\n")
            parts.append("\n".join(rows))
            parts.append("\n")
        return "".join(parts)


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{k}="{_escape(v)}"' for k, v in sorted(labels.items())) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(int(value))
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(round(value, 9))


class Histogram:
    """Cumulative buckets fed with a rate of lognormal observations."""

    __slots__ = ("_bounds", "_counts", "sum", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0.0] * len(bounds)
        self.sum = 0.0
        self.total = 0.0

    @property
    def count(self) -> int:
        return int(self.total + 1e-6)

    def add(self, observations: float, median: float, sigma: float) -> None:
        """Add many observations at once: lognormal around `median` with spread `sigma`."""
        if observations <= 0.0:
            return
        shares = _shares(self._bounds, round(median, 7), round(sigma, 2))
        for index, share in enumerate(shares):
            self._counts[index] += observations * share
        self.total += observations
        self.sum += observations * median * math.exp(sigma * sigma / 2.0)

    def buckets(self) -> list[tuple[str, int]]:
        """(le, cumulative count) pairs, closing with +Inf."""
        rows = [(_bound(b), int(c + 1e-6)) for b, c in zip(self._bounds, self._counts, strict=True)]
        return [*rows, ("+Inf", self.count)]


def _bound(value: float) -> str:
    return f"{value:.10g}"


@lru_cache(maxsize=4096)
def _shares(bounds: tuple[float, ...], median: float, sigma: float) -> tuple[float, ...]:
    scale = max(sigma, 0.01) * math.sqrt(2.0)
    middle = math.log(max(median, 1e-9))
    return tuple(0.5 * (1.0 + math.erf((math.log(b) - middle) / scale)) for b in bounds)
