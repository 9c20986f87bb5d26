from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.clients import goformat


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h2m3.000000004s", 3723.000000004),
        ("300ms", 0.3),
        ("2m30s", 150.0),
        ("30m0s", 1800.0),
        ("1.5h", 5400.0),
        ("-1.5s", -1.5),
        ("10.527894ms", 0.010527894),
        ("3µs", 3e-6),
        ("3μs", 3e-6),
        ("3us", 3e-6),
        ("7ns", 7e-9),
        (".5s", 0.5),
        ("0", 0.0),
        ("0s", 0.0),
        ("48h0m0s", 172800.0),
    ],
)
def test_a_go_duration_is_read(text, seconds):
    assert goformat.duration(text) == pytest.approx(seconds, abs=1e-12)


@pytest.mark.parametrize("text", ["", "5", "1d", "s", "1 h", "NaN", "1h-2m", "--1s", "1h" * 40])
def test_what_is_no_go_duration_is_none(text):
    assert goformat.duration(text) is None


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("93.13GiB", 93.13 * 1024**3),
        ("1.819TiB", 1.819 * 1024**4),
        ("0B", 0.0),
        ("31.5MiB", 31.5 * 1024**2),
        ("512KiB", 512 * 1024),
        ("2PiB", 2 * 1024**5),
        ("1EiB", 1024**6),
        ("100GB", 100 * 1024**3),
        ("17", 17.0),
    ],
)
def test_a_size_is_read_in_base_1024(text, size):
    assert goformat.size(text) == pytest.approx(size)


@pytest.mark.parametrize("text", ["", "GiB", "1.2.3GiB", "much", "NaN", "inf", "1e999B", "5XiB"])
def test_what_is_no_size_is_none_and_not_zero(text):
    assert goformat.size(text) is None


def test_a_time_with_nanoseconds_and_a_zone_is_aware():
    found = goformat.instant("2026-11-21T09:33:16.113881826Z")
    assert found == datetime(2026, 11, 21, 9, 33, 16, 113881, UTC)
    east = goformat.instant("2026-11-21T17:33:16.5+08:00")
    assert east == datetime(2026, 11, 21, 17, 33, 16, 500000, timezone(timedelta(hours=8)))
    assert east.utcoffset() == timedelta(hours=8)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0001-01-01T00:00:00Z",
        "2026-13-40T00:00:00Z",
        "2026-11-21T09:33:16",
        "yesterday",
        "2026-11-21T09:33:16+99:99",
    ],
)
def test_never_and_nonsense_are_no_time(text):
    assert goformat.instant(text) is None
