"""How Go prints durations, sizes and times, read back.

Each function answers None for what it cannot read, so that a caller says unknown instead of zero.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone

_UNIT_S = {
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,  # U+00B5, what Go prints
    "μs": 1e-6,  # U+03BC, which Go also reads
    "ns": 1e-9,
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ms|us|µs|μs|ns|h|m|s)", re.ASCII)
_DURATION = re.compile(r"([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ms|us|µs|μs|ns|h|m|s))+)", re.ASCII)

_SIZES = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_SIZE = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([KMGTPE]?)(?:i?B)?", re.IGNORECASE | re.ASCII
)

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s?(Z|z|[+-]\d\d:?\d\d)",
    re.ASCII,
)
_LONGEST = 64


def duration(text: str) -> float | None:
    """Seconds in a Go duration ("1h2m3.5s", "300ms", "-1.5µs", "0"); None if it is not one."""
    text = text.strip()
    if len(text) > _LONGEST:
        return None
    if text in ("0", "+0", "-0"):
        return 0.0
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    total = math.fsum(float(n) * _UNIT_S[unit] for n, unit in _PART.findall(found[2]))
    return -total if found[1] == "-" else total


def size(text: str) -> float | None:
    """Bytes in a size as go-units prints it ("93.13GiB", "0B"), base 1024; None if it is not one.

    Four significant digits are all that PD prints: up to 0.05 % is lost.
    """
    found = _SIZE.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        return None
    value = float(found[1]) * 1024.0 ** _SIZES[found[2].upper()]
    return value if math.isfinite(value) else None


def instant(text: str) -> datetime | None:
    """An aware time from RFC3339 with up to nine decimals and a zone; None if it is not one.

    Nanoseconds are cut to microseconds. Go's zero time (year 1) means "never" and gives None.
    """
    found = _RFC3339.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if found is None:
        return None
    micro = int((found[7] or "0").ljust(9, "0")[:6])
    year, month, day, hour, minute, second = (int(found[i]) for i in range(1, 7))
    if year <= 1:
        return None
    try:
        naive = datetime(year, month, day, hour, minute, min(second, 59), micro, tzinfo=UTC)
        return naive.replace(tzinfo=_zone(found[8]))
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
