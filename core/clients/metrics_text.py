"""The families that are wanted out of a megabyte of Prometheus text, and what follows from them.

A node's /metrics holds hundreds of families and tens of thousands of lines; only the wanted lines
are ever split. Rates and quantiles are computed from two scrapes the way Prometheus does it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

Labels = tuple[tuple[str, str], ...]
Keyed = dict[tuple[str, ...], float]

_SUFFIXES = (b"", b"_bucket", b"_sum", b"_count", b"_total")
_LABEL = re.compile(r'\s*([A-Za-z_:][\w:.]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?')
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}
_LONGEST_LINE = 16_384
# Of one family on one node; TiKV's biggest histogram has some 2,000 lines.
MAX_SERIES = 50_000


@dataclass(frozen=True, slots=True)
class Scrape:
    """Samples by metric name (with _bucket, _sum, _count), each by its labels sorted by name.

    `at` is the scraper's monotonic time, seconds. `bytes_read` is the size of the body, `skipped`
    how many wanted lines could not be read.
    """

    at: float
    samples: Mapping[str, Mapping[Labels, float]]
    bytes_read: int = 0
    skipped: int = 0

    def sum_by(self, name: str, *by: str) -> Keyed:
        """The samples of one metric added up by these labels; absent metric: empty.

        A label that a series does not have counts as "". NaN in makes NaN out.
        """
        found: Keyed = {}
        for labels, value in self.samples.get(name, {}).items():
            key = _key(labels, by)
            found[key] = found.get(key, 0.0) + value
        return found

    def total(self, name: str) -> float | None:
        """All samples of one metric added up; None if there is none (never 0 for absent)."""
        return self.sum_by(name).get(())


def parse(body: bytes, wanted: Collection[str], at: float) -> Scrape:
    """Only the wanted families (a histogram's family brings _bucket, _sum, _count).

    Lines whose labels or value cannot be read are counted as skipped.
    """
    samples: dict[str, dict[Labels, float]] = {}
    skipped, start = 0, 0
    for family in sorted(wanted):
        first = _first(body, family.encode(), start)
        start = first if first < len(body) else start
        for name, line in _lines(body, family.encode(), first):
            sample = _sample(line)
            if sample is None:
                skipped += 1
                continue
            into = samples.setdefault(name, {})
            if len(into) < MAX_SERIES:
                into[sample[0]] = sample[1]
    return Scrape(at, samples, len(body), skipped)


def _first(body: bytes, family: bytes, start: int) -> int:
    """Where the first line that may belong to a family begins; the end of the body if nowhere.

    Exporters write families sorted by name, so looking on from the last one found usually does.
    """
    if not start and body.startswith(family):
        return 0
    found = body.find(b"\n" + family, max(start - 1, 0))
    if found < 0 and start:
        return _first(body, family, 0)
    return found + 1 if found >= 0 else len(body)


def _lines(body: bytes, family: bytes, at: int) -> Iterator[tuple[str, bytes]]:
    """Every line of a family as (metric name, what follows the name), from `at` on.

    All lines of a family stand together (the format demands it): the first run of them is all.
    """
    yielded = False
    while at < len(body):
        end = body.find(b"\n", at)
        if end < 0:
            return  # cut off in the middle of a line: its value may be, too
        name_end = _name_end(body, at, end)
        name = body[at:name_end]
        if name[len(family) :] in _SUFFIXES and end - at <= _LONGEST_LINE:
            yielded = True
            yield name.decode(), body[name_end:end]
        at = end + 1
        if not body.startswith(family, at):
            if yielded:
                return
            found = body.find(b"\n" + family, end)
            at = found + 1 if found >= 0 else len(body)


def _name_end(body: bytes, at: int, end: int) -> int:
    brace, space = body.find(b"{", at, end), body.find(b" ", at, end)
    ends = [one for one in (brace, space) if one >= 0]
    return min(ends, default=end)


def _sample(rest: bytes) -> tuple[Labels, float] | None:
    """Labels and value of what follows a metric's name on its line."""
    labels: Labels = ()
    if rest.startswith(b"{"):
        close = rest.rfind(b"}")
        # An exemplar (" # {...}") has braces of its own behind the value.
        mark = rest.rfind(b" # {", 0, close)
        if mark >= 0:
            close = rest.rfind(b"}", 0, mark)
        found = _labels(rest[1:close]) if close > 0 else None
        if found is None:
            return None
        labels, rest = found, rest[close + 1 :]
    fields = rest.split(None, 1)
    try:
        return labels, float(fields[0])
    except (ValueError, IndexError):
        return None


@lru_cache(maxsize=65_536)
def _labels(raw: bytes) -> Labels | None:
    text = raw.decode("utf-8", "replace")
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _LABEL.match(text, at)
        if match is None:
            return None if text[at:].strip(" ,") else tuple(sorted(found))
        value = match[2]
        if "\\" in value:
            value = _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], "\\" + m[1]), value)
        found.append((match[1], value))
        at = match.end()
    return tuple(sorted(found))


def _key(labels: Labels, by: Sequence[str]) -> tuple[str, ...]:
    if not by:
        return ()
    have = dict(labels)
    return tuple(have.get(one, "") for one in by)


def increase(before: Scrape, after: Scrape, name: str, by: Sequence[str] = ()) -> Keyed:
    """How much a counter grew, by labels.

    A series that fell was reset and counts from 0; one that is new counts from 0 as well if the
    metric was there before (else nothing is known of it, and it is left out).
    """
    old = before.samples.get(name)
    found: Keyed = {}
    if not old:
        return found
    for labels, value in after.samples.get(name, {}).items():
        was = old.get(labels, 0.0)
        grown = value - was if value >= was else value
        key = _key(labels, by)
        found[key] = found.get(key, 0.0) + grown
    return found


def rate(before: Scrape, after: Scrape, name: str, by: Sequence[str] = ()) -> Keyed:
    """Increase a second of a counter, by labels; empty if no time passed between the scrapes."""
    seconds = after.at - before.at
    if seconds <= 0:
        return {}
    return {key: grown / seconds for key, grown in increase(before, after, name, by).items()}


def quantile(q: float, before: Scrape, after: Scrape, family: str, by: Sequence[str] = ()) -> Keyed:
    """histogram_quantile over the increase between two scrapes, by labels.

    NaN where nothing was counted (never 0). Above the last finite bound it answers that bound, as
    Prometheus does.
    """
    buckets: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for key, grown in increase(before, after, f"{family}_bucket", (*by, "le")).items():
        try:
            bound = float(key[-1])
        except ValueError:
            continue
        buckets.setdefault(key[:-1], []).append((bound, grown))
    return {key: _quantile(q, sorted(found)) for key, found in buckets.items()}


def _quantile(q: float, buckets: list[tuple[float, float]]) -> float:
    """Linear within the bucket that holds the rank; buckets are cumulative and sorted by bound."""
    if not buckets or not math.isinf(buckets[-1][0]) or not 0 <= q <= 1:
        return math.nan
    total = buckets[-1][1]
    if not total > 0:
        return math.nan
    rank = q * total
    below, start = 0.0, 0.0
    for bound, count in buckets:
        count = max(count, below)  # a scrape in the middle of an update is not quite monotonic
        if count >= rank and count > 0:
            if math.isinf(bound):
                return buckets[-2][0] if len(buckets) > 1 else math.nan
            if bound <= 0 and start == 0.0:
                return bound
            return start + (bound - start) * (rank - below) / max(count - below, 1e-300)
        below, start = count, bound
    return math.nan
