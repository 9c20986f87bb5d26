"""Prometheus over its HTTP API: every answer, and every way in which there may be none.

Nothing absent becomes 0: no series is an empty answer, a value that is no number is NaN, and a
source that warns says so (`Answer.partial`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from core.clients.failures import Garbled, Kind, SourceFailed, quote
from core.clients.http import MIB, Http, Reply, base_url, endpoint_of
from core.clients.prom_model import (
    FIGURES,
    MAX_POINTS,
    Alert,
    Answer,
    Envelope,
    Figure,
    Labels,
    LoadedRule,
    Point,
    QueryData,
    Sample,
    Series,
    Target,
    Vector,
    WireAlerts,
    WireGroups,
    WireTargets,
    number,
)
from core.clock import Clock
from core.errors import Invalid

T = TypeVar("T")
# Proxies and servers refuse request lines above some 8 kB: longer queries go as a form.
_LONGEST_GET = 2_000
_MOST_RULE_PAGES = 1_000


class PromRefused(SourceFailed):
    """Prometheus understood, and refused or could not.

    `error_type` is its own word: bad_data (400), execution (422), timeout or unavailable (503),
    canceled, internal...
    """

    def __init__(self, endpoint: str, status: int, error_type: str, detail: str) -> None:
        super().__init__(endpoint, Kind.HTTP_ERROR, f"{error_type}: {detail}", status=status)
        self.error_type = error_type


class Prometheus:
    """A Prometheus, or something that speaks like one (Thanos, VictoriaMetrics, Mimir).

    Every read raises SourceFailed (Garbled, TooBig, PromRefused) if there is no answer, and
    core.errors.Invalid for times that no answer could fit.
    """

    def __init__(
        self, base: str, clock: Clock, http: Http, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """`base` is host:port or a URL with its path prefix; `headers` may hold credentials."""
        self.base = base_url(base, default_port=9090)
        self._clock = clock
        self._http = http
        self._headers = dict(headers or {})

    async def query(self, expr: str, *, at: float | None = None, timeout_s: float = 4.0) -> Answer:
        """An instant query, at a time in seconds since the epoch (None: the server's own now)."""
        fields = {"query": expr, "timeout": _ms(timeout_s)}
        if at is not None:
            fields["time"] = _time("time", at)
        return self._answer(await self._ask("query", fields, timeout_s=timeout_s, form=True))

    async def figures(self, expr: str, *, timeout_s: float = 4.0) -> tuple[Figure, ...]:
        """An instant query whose series differ by `instance` and `type` alone.

        What ten thousand nodes answer is read in one go, at a third of what `query` costs.
        """
        fields = {"query": expr, "timeout": _ms(timeout_s)}
        reply = await self._fetch("query", fields, timeout_s=timeout_s, form=True)
        if 200 <= reply.status < 300:
            try:
                return FIGURES.decode(reply.body).data.result
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                pass  # read the long way, which understands more and says what is wrong
        return tuple(_figure(one) for one in self._answer((_envelope(reply), reply)).series)

    async def query_range(
        self, expr: str, start: float, end: float, step_s: float, *, timeout_s: float = 10.0
    ) -> Answer:
        """A range query; at most 11,000 points a series."""
        fields = {
            "query": expr,
            "start": _time("start", start),
            "end": _time("end", end),
            "step": _time("step", step_s),
            "timeout": _ms(timeout_s),
        }
        if end < start:
            raise Invalid("The end of a range lies before its start.")
        if step_s <= 0 or (end - start) / step_s + 1 > MAX_POINTS:
            raise Invalid(f"That range and step make more than {MAX_POINTS:,} points a series.")
        return self._answer(await self._ask("query_range", fields, timeout_s=timeout_s, form=True))

    async def series(
        self, *match: str, start: float | None = None, end: float | None = None, limit: int = 10_000
    ) -> tuple[Mapping[str, str], ...]:
        """Label sets of the series that match any of these selectors, at most `limit`."""
        fields: dict[str, Any] = {"match[]": list(match), "limit": str(limit)}
        if start is not None:
            fields["start"] = _time("start", start)
        if end is not None:
            fields["end"] = _time("end", end)
        if start is not None and end is not None and end < start:
            raise Invalid("The end of a range lies before its start.")
        said, reply = await self._ask("series", fields, form=True)
        found: tuple[Mapping[str, str], ...] = _decode(
            reply, said.data, tuple[dict[str, str], ...] | None
        )
        return (found or ())[:limit]

    async def rules(self) -> tuple[LoadedRule, ...]:
        """Every rule that is loaded, page by page where the server pages."""
        found: list[LoadedRule] = []
        fields: dict[str, Any] = {}
        for _ in range(_MOST_RULE_PAGES):
            said, reply = await self._ask("rules", fields)
            page = _decode(reply, said.data, WireGroups)
            for group in page.groups or ():
                found += (one.typed(group.name, group.file) for one in group.rules or ())
            if not page.group_next_token:
                break
            fields = {"group_limit": "100", "group_next_token": page.group_next_token}
        return tuple(found)

    async def alerts(self) -> tuple[Alert, ...]:
        """Alerts that are pending or firing."""
        said, reply = await self._ask("alerts", {})
        return tuple(one.typed() for one in _decode(reply, said.data, WireAlerts).alerts or ())

    async def targets(self) -> tuple[Target, ...]:
        """Active scrape targets."""
        said, reply = await self._ask("targets", {"state": "active"})
        found = _decode(reply, said.data, WireTargets).active_targets
        return tuple(one.typed() for one in found or ())

    async def newest_sample_age(self, selector: str = "up") -> float | None:
        """Seconds since the newest sample of `selector`, by Prometheus's own clock; None if none.

        A Prometheus that no longer scrapes answers from its past for 5 minutes: this is how to tell.
        """
        answer = await self.query(f"time() - max(timestamp({selector}))")
        value = answer.series[0].value if answer.series else math.nan
        return None if math.isnan(value) else value

    async def ready(self) -> bool:
        """Whether it says that it serves (after reading its log); SourceFailed if out of reach."""
        url = f"{self.base}/-/ready"
        reply = await self._http.request("GET", url, headers=self._headers, max_bytes=MIB)
        return reply.status == 200

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def _ask(
        self, route: str, fields: Mapping[str, Any], *, timeout_s: float = 10.0, form: bool = False
    ) -> tuple[Envelope, Reply]:
        reply = await self._fetch(route, fields, timeout_s=timeout_s, form=form)
        return _envelope(reply), reply

    async def _fetch(
        self, route: str, fields: Mapping[str, Any], *, timeout_s: float, form: bool
    ) -> Reply:
        url = f"{self.base}/api/v1/{route}"
        coded = urlencode(fields, doseq=True)
        limit_s = timeout_s + 1.0  # the server keeps its own time; ours is for when it does not
        if form and len(coded) > _LONGEST_GET:
            headers = {**self._headers, "Content-Type": "application/x-www-form-urlencoded"}
            return await self._http.request(
                "POST", url, body=coded.encode(), headers=headers, total_s=limit_s
            )
        whole = f"{url}?{coded}" if coded else url
        return await self._http.request("GET", whole, headers=self._headers, total_s=limit_s)

    def _answer(self, asked: tuple[Envelope, Reply]) -> Answer:
        said, reply = asked
        data = _decode(reply, said.data, QueryData)
        text = ""
        series: tuple[Series, ...] = ()
        if data.result_type == "string":
            text = _decode(reply, data.result, tuple[float, str])[1]
        elif data.result_type == "scalar":
            at, value = _decode(reply, data.result, Point)
            series = (Series({}, ((at, number(value)),)),)
        elif data.result_type in ("vector", "matrix"):
            found = _decode(reply, data.result, tuple[Vector, ...] | None)
            series = tuple(_series(one) for one in found or ())
        else:
            raise Garbled(endpoint_of(reply.url), f"a result of type {quote(data.result_type, 40)}")
        return Answer(data.result_type, series, text, said.warnings or (), said.infos or ())


def _figure(one: Series) -> Figure:
    labels = Labels(one.labels.get("instance", ""), one.labels.get("type", ""))
    return Figure(labels, Sample(one.at or 0.0, one.value))


def _series(one: Vector) -> Series:
    if one.value is not None:
        at, value = one.value
        return Series(one.metric, ((at, number(value)),))
    points = tuple((at, number(value)) for at, value in one.values or ())
    native = one.histogram is not None or one.histograms is not None
    return Series(one.metric, points, histogram=native)


def _envelope(reply: Reply) -> Envelope:
    """The envelope of a good answer; otherwise the failure that it amounts to."""
    where = endpoint_of(reply.url)
    try:
        said = msgspec.json.decode(reply.body, type=Envelope)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise _not_prometheus(reply) from None
    if said.status == "success" and 200 <= reply.status < 300:
        return said
    if said.status in ("error", "success"):
        raise PromRefused(where, reply.status, said.errorType or "error", said.error)
    raise Garbled(where, f"status {quote(said.status, 40)}", status=reply.status)


def _not_prometheus(reply: Reply) -> SourceFailed:
    where, status, said = endpoint_of(reply.url), reply.status, quote(reply.body, 120)
    if 300 <= status < 400:
        to = quote(reply.headers.get("Location", "elsewhere"), 100)
        return Garbled(where, f"a redirect to {to}: a login page in front?", status=status)
    if status in (401, 403):
        return PromRefused(where, status, "credentials refused", said)
    if status == 503:
        return PromRefused(where, status, "unavailable", f"{said} (starting?)")
    if status >= 400:
        return PromRefused(where, status, "error", said)
    if not reply.body.strip():
        return Garbled(where, "an empty body", status=status)
    return Garbled(where, f"not a Prometheus answer: {said}", status=status)


def _decode(reply: Reply, data: msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        text = f"data that Prometheus does not send: {error}"
        raise Garbled(endpoint_of(reply.url), text, status=reply.status) from None


def _time(name: str, value: float) -> str:
    """A time or step as Prometheus reads it; Invalid for NaN, infinities and nonsense.

    NaN it would take, and answer with nothing.
    """
    if not math.isfinite(value) or abs(value) > 1e11:
        raise Invalid(f"{name} is not a time in seconds since 1970: {value}.")
    return f"{value:.3f}"


def _ms(seconds: float) -> str:
    return f"{max(int(seconds * 1000), 1)}ms"
