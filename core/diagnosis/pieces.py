"""From what the sources answered to pieces of evidence: named, redacted, and in one shape each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

from core.clients import goformat
from core.clients.log_line import LogLine
from core.diagnosis.model import Piece
from core.redact import MARK, hides, redact

MAX_LINES = 200
MAX_LINE = 1_000
MAX_POINTS = 60
FALLS_S = 900.0
"""How far back the falls of a figure are counted, seconds."""
_LABELS = 16


def clean(thing: Any) -> Any:
    """JSON without secrets, without figures that JSON does not know, and with short strings."""
    if isinstance(thing, str):
        return redact(thing[: 4 * MAX_LINE])[: 2 * MAX_LINE]
    if isinstance(thing, bool) or thing is None or isinstance(thing, int):
        return thing
    if isinstance(thing, float):
        return thing if math.isfinite(thing) else None
    if isinstance(thing, Mapping):
        return {_key(str(key)): _field(str(key), one) for key, one in thing.items()}
    if isinstance(thing, Iterable):
        return [clean(one) for one in thing]
    return clean(str(thing))


@lru_cache(maxsize=512)
def _key(name: str) -> str:
    # The same few names stand in every piece, thousands of times.
    return redact(name[:400])[:200]


def _field(name: str, value: Any) -> Any:
    return MARK if isinstance(value, str) and value and hides(name) else clean(value)


class Filing:
    """Gives each piece its name, in the order in which they come."""

    def __init__(self, taken_at: float) -> None:
        self._taken_at = taken_at
        self._pieces: list[Piece] = []

    def add(
        self,
        kind: str,
        entity: str,
        content: Any,
        *,
        source: str,
        window: tuple[float, float] | None = None,
        failed: str = "",
    ) -> None:
        """File one piece; `failed` says how the call went wrong, if it did."""
        at = self._taken_at
        self._pieces.append(
            Piece(
                id=f"e{len(self._pieces) + 1}",
                kind=kind,
                source=source,
                entity=entity,
                at=at,
                window=window or (at, at),
                content=None if failed else clean(content),
                ok=not failed,
                error=redact(failed)[:400],
            )
        )

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """All of them so far."""
        return tuple(self._pieces)


def store(entry: Mapping[str, Any], at: float) -> dict[str, Any]:
    """A store of PD's /stores: what of it a diagnosis may use, with absent zeros made plain."""
    told, status = entry.get("store") or {}, entry.get("status") or {}
    capacity = goformat.size(str(status.get("capacity", "")))
    available = goformat.size(str(status.get("available", "")))
    heartbeat = _heartbeat(told, status)
    started = told.get("start_timestamp")
    return {
        "state": told.get("state_name", ""),
        "address": told.get("address", ""),
        "version": str(told.get("version", "")).removeprefix("v"),
        "labels": {
            str(one.get("key")): str(one.get("value"))
            for one in (told.get("labels") or [])[:_LABELS]
            if isinstance(one, dict)
        },
        "heartbeat_age_s": None if heartbeat is None else round(at - heartbeat, 3),
        "started_at": started or None,
        "running_s": round(at - started, 3) if isinstance(started, int) and started > 0 else None,
        "leaders": status.get("leader_count", 0),
        "regions": status.get("region_count", 0),
        "leader_weight": status.get("leader_weight", 1),
        "slow_score": status.get("slow_score", 0),
        "busy": bool(status.get("is_busy", False)),
        "pending_peers": status.get("pending_peer_count", 0),
        "used_ratio": (
            round(1 - available / capacity, 4) if capacity and available is not None else None
        ),
    }


def _heartbeat(told: Mapping[str, Any], status: Mapping[str, Any]) -> float | None:
    nanos = told.get("last_heartbeat")
    if isinstance(nanos, int) and nanos > 0:
        return nanos / 1e9
    when = goformat.instant(str(status.get("last_heartbeat_ts", "")))
    return when.timestamp() if isinstance(when, datetime) else None


def hot(body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """From PD's /hotspot/regions: by store id, how much of its hot flow the hottest region brings."""
    found: dict[str, dict[str, Any]] = {}
    leading = body.get("as_leader")
    for store_id, told in leading.items() if isinstance(leading, dict) else ():
        listed = told.get("statistics") if isinstance(told, dict) else None
        some = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        flows = sorted((_flow(one.get("flow_bytes")), str(one.get("region_id"))) for one in some)
        total = max(
            sum(flow for flow, _ in flows), _flow(told.get("total_flow_bytes")) if some else 0
        )
        if flows and total > 0:
            found[str(store_id)] = {
                "regions": len(flows),
                "flow": total,
                "top_region": flows[-1][1],
                "top_share": round(flows[-1][0] / total, 3),
            }
    return found


def _flow(value: Any) -> float:
    real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return max(float(value), 0.0) if real else 0.0


def log(lines: Sequence[LogLine], taken_at: float) -> dict[str, Any]:
    """A log tail: the newest lines with their times, and how long it has been silent."""
    kept = [
        {
            "at": one.at.timestamp() if one.at else None,
            "level": one.level,
            "text": _line(one),
        }
        for one in dated(lines)[-MAX_LINES:]
    ]
    stamps = [one.at.timestamp() for one in lines[-MAX_LINES:] if one.at]
    quiet = round(taken_at - max(stamps), 3) if stamps else None
    return {"lines": kept, "quiet_s": quiet, "cut": len(lines) > MAX_LINES}


def dated(lines: Sequence[LogLine]) -> list[LogLine]:
    """The lines with a time each: what has no stamp of its own (a panic on stderr, the rest of a
    trace) was written after the stamped line that it follows."""
    found: list[LogLine] = []
    last: datetime | None = None
    for one in lines:
        last = one.at or last
        found.append(one if one.at is last else replace(one, at=last))
    return found


def _line(one: LogLine) -> str:
    # What a field quotes may be anybody's words: it must not look like a message of the process.
    fields = "".join(f" [{key}={value.replace('] ', ']')}]" for key, value in one.fields.items())
    level = f"[{one.level}] " if one.level else ""
    place = f"[{one.source}] " if one.source else ""
    return f"{level}{place}{one.message}{fields}"[:MAX_LINE]


def reading(points: Sequence[tuple[float, float]], before: float, taken: float) -> dict[str, Any]:
    """A series as steps: its newest value, the one before, the extremes of the last ten minutes, and how
    often it fell in the last quarter of an hour (an uptime falls when its process starts anew)."""
    seen = [one for one in points if one[0] <= taken]
    lately = [value for at, value in seen if at >= taken - 600] or [seen[-1][1]]
    recent = [value for at, value in seen if at >= taken - FALLS_S]
    falls = sum(1 for one, after in pairwise(recent) if after < one)
    earlier = [value for at, value in seen if at <= before]
    return {
        "now": seen[-1][1],
        "before": earlier[-1] if earlier else None,
        "max": max(lately),
        "min": min(lately),
        "falls": falls,
        "points": [{"at": at, "value": value} for at, value in seen[-MAX_POINTS:]],
    }
