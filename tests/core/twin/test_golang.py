"""Go's way of printing things, against figures seen in recorded bodies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.twin import golang

DATA = Path(__file__).parents[2] / "data" / "pd"


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (107374182400, "100GiB"),
        (2684354560, "2.5GiB"),
        (100_000_000_000, "93.13GiB"),
        (2_000_000_000_000, "1.819TiB"),
    ],
)
def test_sizes_have_four_significant_digits(n_bytes, text):
    assert golang.size(n_bytes) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (300_000_000, "300ms"),
        (2_964_198, "2.964198ms"),
        (32_113_881_826, "32.113881826s"),
        (82_114_811_313, "1m22.114811313s"),
        (1_800_000_000_000, "30m0s"),
        (3_723_000_000_004, "1h2m3.000000004s"),
        (-90_000_000_000, "-1m30s"),
    ],
)
def test_durations_print_and_parse(ns, text):
    assert golang.duration(ns) == text
    if ns > 0:
        assert golang.parse_duration(text) == pytest.approx(ns / 1e9)


@pytest.mark.parametrize("text", ["", "5", "m", "1x", "1m 2s", "1m2", "abc"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="invalid duration"):
        golang.parse_duration(text)


def test_times_agree_with_recorded_stamps():
    rows = json.loads(
        (DATA / "v8.5.7" / "02-healthy" / "stores.http").read_text().split("\n\n", 1)[1]
    )
    for row in rows["stores"]:
        beat, start = row["store"]["last_heartbeat"], row["store"]["start_timestamp"] * 10**9
        assert golang.rfc3339(beat) == row["status"]["last_heartbeat_ts"]
        assert golang.rfc3339(start) == row["status"]["start_ts"]
        assert golang.duration(beat - start) == row["status"]["uptime"]


def test_whole_floats_print_without_a_point():
    assert json.dumps([golang.number(20.0), golang.number(0.5)]) == "[20, 0.5]"
