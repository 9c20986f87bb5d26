"""Figures of every member, from their own /metrics or from Prometheus, the same ones from both.

What is absent, NaN or stale stays unknown.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.clients import metrics_text
from core.clients.failures import Garbled, SourceFailed
from core.clients.metrics_text import Scrape
from core.clients.node import NodeMetrics
from core.clients.prom_model import Answer
from core.clients.prometheus import Prometheus
from core.durations import span
from core.errors import Unavailable
from core.subjects.etcd.model import NO_FIGURES, MemberFigures, Who

STALE_S = 90.0
"""Newest sample older than this: Prometheus runs, and has stopped scraping (scrapes are 15-60 s)."""

FSYNC = "etcd_disk_wal_fsync_duration_seconds"
COMMIT = "etcd_disk_backend_commit_duration_seconds"
PENDING = "etcd_server_proposals_pending"
FAILED = "etcd_server_proposals_failed_total"
QUOTA = "etcd_server_quota_backend_bytes"
RTT = "etcd_network_peer_round_trip_time_seconds"
SERVER_ID = "etcd_server_id"
WANTED = (FSYNC, COMMIT, PENDING, FAILED, QUOTA, RTT)
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """One reading. `failed` says by member why its figures cannot be had."""

    members: Mapping[int, MemberFigures]
    failed: Mapping[int, str] = field(default_factory=dict)


class OwnFigures:
    """Scrapes the members; remembers each one's last scrape, since rates take two."""

    def __init__(self, client: NodeMetrics) -> None:
        self._client = client
        self._last: dict[int, Scrape] = {}

    async def read(self, members: Sequence[Who]) -> Figures:
        """One reading; Unavailable if no member at all could be scraped."""
        slots = asyncio.Semaphore(_AT_ONCE)
        asked = [one for one in members if one.metrics_url is not None]
        found = await asyncio.gather(*(self._one(one, slots) for one in asked))
        for gone in self._last.keys() - {one.id for one in members}:
            del self._last[gone]
        made: dict[int, MemberFigures] = {}
        failed: dict[int, str] = {}
        for who, one in zip(asked, found, strict=True):
            if isinstance(one, MemberFigures):
                made[who.id] = one
            else:
                failed[who.id] = one.text
        if failed and not made:
            raise Unavailable(f"no member's metrics can be read: {next(iter(failed.values()))}")
        return Figures(made, failed)

    async def _one(self, who: Who, slots: asyncio.Semaphore) -> MemberFigures | SourceFailed:
        async with slots:
            try:
                now = await self._client.scrape(who.metrics_url or "", WANTED)
                if not now.samples:
                    raise Garbled(who.metrics_url or "", "none of etcd's series")
            except SourceFailed as error:
                # A gap makes the next rate an average over the gap: start anew instead.
                self._last.pop(who.id, None)
                return error
        before = self._last.get(who.id)
        self._last[who.id] = now
        return _figures(before, now)


def _figures(before: Scrape | None, now: Scrape) -> MemberFigures:
    pending, quota = _good(now.total(PENDING)), _finite(now.total(QUOTA))
    if before is None:
        return MemberFigures(pending=pending, quota_bytes=quota)
    return MemberFigures(
        fsync_p99_s=_good(metrics_text.quantile(0.99, before, now, FSYNC).get(())),
        fsync_rate=_good(metrics_text.rate(before, now, f"{FSYNC}_count").get(())),
        commit_p99_s=_good(metrics_text.quantile(0.99, before, now, COMMIT).get(())),
        commit_rate=_good(metrics_text.rate(before, now, f"{COMMIT}_count").get(())),
        pending=pending,
        failed_rate=_good(metrics_text.rate(before, now, FAILED).get(())),
        quota_bytes=quota,
        rtt_p99_s=_by_peer(metrics_text.quantile(0.99, before, now, RTT, ("To",))),
    )


def _by_peer(found: Mapping[tuple[str, ...], float]) -> dict[int, float]:
    made: dict[int, float] = {}
    for (label,), value in found.items():
        number, good = _hex(label), _good(value)
        if number is not None and good is not None:
            made[number] = good
    return made


def _hex(text: str) -> int | None:
    try:
        return int(text, 16) if len(text) <= 16 else None
    except ValueError:
        return None


def _good(value: float | None) -> float | None:
    return value if (value := _finite(value)) is not None and value >= 0 else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


class PrometheusFigures:
    """Asks Prometheus for all members at once. `matchers` are added to every query."""

    def __init__(self, client: Prometheus, matchers: str, interval_s: float) -> None:
        self._client = client
        self._stale_s = max(STALE_S, 3 * interval_s)
        alone = f"{{{matchers}}}" if matchers else ""
        one = "sum by (instance)"
        self.queries = {
            "ids": f"{SERVER_ID}{alone}",
            # A timestamp, by Prometheus's own clock: a frozen one keeps answering from old samples.
            "age": f"time() - max(timestamp(etcd_server_has_leader{alone}))",
            "fsync_p99_s": _p99(FSYNC, alone, "instance"),
            "fsync_rate": f"{one} (rate({FSYNC}_count{alone}[1m]))",
            "commit_p99_s": _p99(COMMIT, alone, "instance"),
            "commit_rate": f"{one} (rate({COMMIT}_count{alone}[1m]))",
            "pending": f"{one} ({PENDING}{alone})",
            "failed_rate": f"{one} (rate({FAILED}{alone}[1m]))",
            "quota_bytes": f"{one} ({QUOTA}{alone})",
            "rtt": _p99(RTT, alone, "instance, To"),
        }

    async def read(self, members: Sequence[Who]) -> Figures:
        """One reading; Unavailable if Prometheus cannot be asked, or has stopped scraping."""
        keys = tuple(self.queries)
        answers = await asyncio.gather(*(self._client.query(self.queries[key]) for key in keys))
        found = dict(zip(keys, answers, strict=True))
        self._check_age(found["age"])
        names = _names(members, found["ids"])
        values: dict[int, dict[str, float]] = {}
        for key in keys:
            if key not in ("ids", "age", "rtt"):
                _sort(found[key], key, names, values)
        rtt = _rtt(found["rtt"], names)
        return Figures(
            {
                one: MemberFigures(**values.get(one, {}), rtt_p99_s=rtt.get(one, {}))
                for one in values.keys() | rtt.keys()
            }
        )

    def _check_age(self, answer: Answer) -> None:
        if not answer.series:
            raise Unavailable("Prometheus has no series of etcd (etcd_server_has_leader is empty).")
        age = answer.series[0].value
        if not math.isfinite(age):
            raise Unavailable("Prometheus does not say how old its newest sample is.")
        if age > self._stale_s:
            raise Unavailable(f"Prometheus's newest sample of etcd is {span(age)} old.")


def _p99(family: str, matchers: str, by: str) -> str:
    return f"histogram_quantile(0.99, sum by (le, {by}) (rate({family}_bucket{matchers}[1m])))"


def _names(members: Sequence[Who], ids: Answer) -> dict[str, int]:
    """Which member an `instance` label means: by its own id, else by its addresses."""
    known = {one.id for one in members}
    found: dict[str, int] = {}
    for one in members:
        for url in (one.url, one.metrics_url, *one.client_urls):
            if url is not None and (netloc := _netloc(url)):
                # An address that two members give means neither.
                found[netloc] = one.id if found.get(netloc, one.id) == one.id else 0
    for series in ids.series:
        number = _hex(series.labels.get("server_id", ""))
        if number is not None and number in known and series.value > 0:
            found[series.labels.get("instance", "")] = number
    return {name: number for name, number in found.items() if number}


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:  # what a member advertises is foreign text
        return ""


def _sort(
    answer: Answer, key: str, names: Mapping[str, int], values: dict[int, dict[str, float]]
) -> None:
    for series in answer.series:
        member = names.get(series.labels.get("instance", ""))
        # A quota below 0 is none at all.
        value = _finite(series.value) if key == "quota_bytes" else _good(series.value)
        if member is not None and value is not None:
            of_member = values.setdefault(member, {})
            # Two series for one member (scraped twice): the worse figure counts.
            of_member[key] = max(value, of_member.get(key, value))


def _rtt(answer: Answer, names: Mapping[str, int]) -> dict[int, dict[int, float]]:
    found: dict[int, dict[int, float]] = {}
    for series in answer.series:
        member = names.get(series.labels.get("instance", ""))
        to, value = _hex(series.labels.get("To", "")), _good(series.value)
        if member is not None and to is not None and value is not None:
            found.setdefault(member, {})[to] = value
    return found


def of(figures: Figures | None, member: int) -> MemberFigures:
    """A member's figures, all of them unknown if there are none."""
    return NO_FIGURES if figures is None else figures.members.get(member, NO_FIGURES)
