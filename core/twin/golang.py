"""How Go prints sizes, durations, times and numbers: the bodies of PD are full of them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_PARTS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")
_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}


def size(n_bytes: float) -> str:
    """docker/go-units BytesSize: base 1024, four significant digits ("93.13GiB", "0B")."""
    value, unit = float(n_bytes), 0
    while value >= 1024.0 and unit < len(_UNITS) - 1:
        value /= 1024.0
        unit += 1
    return f"{value:.4g}{_UNITS[unit]}"


def duration(ns: int) -> str:
    """time.Duration.String(): "1h2m3.000000004s", "300ms", "0s"."""
    if ns == 0:
        return "0s"
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < 1_000:
        return f"{sign}{ns}ns"
    if ns < 1_000_000:
        return f"{sign}{_fraction(ns, 3)}µs"
    if ns < 1_000_000_000:
        return f"{sign}{_fraction(ns, 6)}ms"
    minutes, rest = divmod(ns, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else (f"{minutes}m" if minutes else "")
    return f"{sign}{head}{_fraction(rest, 9)}s"


def _fraction(value: int, digits: int) -> str:
    whole, part = divmod(value, 10**digits)
    return f"{whole}.{part:0{digits}d}".rstrip("0").rstrip(".")


def parse_duration(text: str) -> float:
    """Seconds of a Go duration (PD also takes days); ValueError when it is none."""
    found = _PARTS.findall(text)
    if not found or "".join(a + b for a, b in found) != text:
        raise ValueError(f'time: invalid duration "{text}"')
    return sum(float(number) * _SECONDS[unit] for number, unit in found)


def rfc3339(ns: int) -> str:
    """RFC3339 with nanoseconds, trailing zeros cut ("2026-06-20T09:00:01.5Z")."""
    seconds, part = divmod(ns, 1_000_000_000)
    head = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    tail = f".{part:09d}".rstrip("0") if part else ""
    return f"{head}{tail}Z"


def stamp(ns: int, since_start_s: float) -> str:
    """time.Time.String() with the monotonic reading, as operators print it."""
    seconds, part = divmod(ns, 1_000_000_000)
    head = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    tail = f".{part:09d}".rstrip("0") if part else ""
    return f"{head}{tail} +0000 UTC m=+{since_start_s:.9f}"


def number(value: float) -> float | int:
    """A float as encoding/json prints it: 20.0 becomes 20."""
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def pretty(value: Any) -> bytes:
    """JSON as PD's renderer indents it, with the closing newline."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def compact(value: Any) -> bytes:
    """JSON without spaces, as the region routes write it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
