from __future__ import annotations

import math
from pathlib import Path

import pytest

from core.clients.metrics_text import parse, quantile, rate
from core.clock import ManualClock
from tests.stub_http import recorded
from tests.world_store import FakeStore

TEXT = b"""# HELP a_total Things.
# TYPE a_total counter
a_total{type="x",why="quote \\" brace } comma , back \\\\ line \\n"} 3
a_total{type="y"} 4 1795253596000
a_total 5
# TYPE a_total_of_others gauge
a_total_of_others 99
# TYPE b gauge
b{} NaN
b{k="inf"} +Inf
b{k="minus"} -Inf
b{k="big"} 1.8446744073709552e+19
# TYPE h histogram
h_bucket{le="0.1"} 5 # {trace="}"} 0.05 1.5
h_bucket{le="+Inf"} 10
h_sum 1.5
h_count 10
"""


def test_only_whole_names_count_and_labels_are_unescaped():
    found = parse(TEXT, ["a_total"], 0.0)
    assert set(found.samples) == {"a_total"}
    labels = [dict(one) for one in found.samples["a_total"]]
    assert labels[0]["why"] == 'quote " brace } comma , back \\ line \n'
    assert found.sum_by("a_total", "type") == {("x",): 3, ("y",): 4, ("",): 5}
    assert found.total("a_total") == 12


def test_a_histogram_brings_its_three_metrics_and_exemplars_are_dropped():
    found = parse(TEXT, ["h"], 0.0)
    assert set(found.samples) == {"h_bucket", "h_sum", "h_count"}
    assert found.sum_by("h_bucket", "le") == {("0.1",): 5, ("+Inf",): 10}


def test_nan_and_infinities_stay_what_they_are():
    values = list(parse(TEXT, ["b"], 0.0).samples["b"].values())
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, 2.0**64]


def test_an_absent_metric_is_none_and_not_zero():
    found = parse(TEXT, ["nothing"], 0.0)
    assert found.total("nothing") is None
    assert found.sum_by("nothing", "type") == {}


@pytest.mark.parametrize(
    "line",
    [b"a_total{type=", b'a_total{type="x', b"a_total{} ", b"a_total what", b'a_total{type="x"}3x'],
)
def test_a_line_that_cannot_be_read_is_skipped_and_counted(line):
    found = parse(b'a_total{type="z"} 1\n' + line + b"\n", ["a_total"], 0.0)
    assert found.total("a_total") == 1
    assert found.skipped == 1


def test_the_last_line_of_a_body_that_was_cut_off_does_not_count():
    assert parse(b"a_total 12345", ["a_total"], 0.0).total("a_total") is None


def test_an_empty_or_binary_body_has_nothing():
    for body in (b"", b"\n\n", b"\xff\xfe\x00a_total 1\n", b"<html>a_total</html>"):
        assert parse(body, ["a_total"], 0.0).samples == {}


@pytest.mark.parametrize("version", ["v6.5.12", "v7.5.7", "v8.5.7", "v26.3.4"])
def test_recorded_metrics_of_pd_are_summed_by_type_whatever_other_labels_they_carry(version):
    folder = Path(__file__).parents[2] / "data" / "pd" / version / "02-healthy"
    if not (folder / "metrics.http").exists():
        pytest.skip("no metrics of this version are kept with the tests")
    body = recorded((folder / "metrics.http").read_bytes()).body
    found = parse(body, ["pd_cluster_status", "pd_regions_status"], 0.0)
    assert found.sum_by("pd_cluster_status", "type")["store_up_count",] == 3
    assert found.sum_by("pd_regions_status", "type")["down-peer-region-count",] == 0


def scrape(at, **counters):
    lines = [f'c{{k="{name}"}} {value}' for name, value in counters.items()]
    return parse(("\n".join(lines) + "\n").encode(), ["c"], at)


def test_a_rate_is_increase_over_time_and_a_reset_counts_from_zero():
    found = rate(scrape(0, a=100, b=100), scrape(10, a=150, b=30), "c", ["k"])
    assert found == {("a",): 5.0, ("b",): 3.0}


def test_a_new_series_counts_from_zero_and_a_metric_seen_once_has_no_rate():
    assert rate(scrape(0, a=1), scrape(10, a=1, b=20), "c", ["k"]) == {("a",): 0.0, ("b",): 2.0}
    assert rate(scrape(0), scrape(10, a=1), "c") == {}
    assert rate(scrape(5, a=1), scrape(5, a=2), "c") == {}


def histogram(at, counts):
    lines = [f'h_bucket{{le="{bound}"}} {count}' for bound, count in counts.items()]
    return parse(("\n".join(lines) + "\n").encode(), ["h"], at)


def test_a_quantile_is_linear_within_its_bucket():
    empty = histogram(0, {"0.1": 0, "0.2": 0, "+Inf": 0})
    full = histogram(10, {"0.1": 50, "0.2": 100, "+Inf": 100})
    assert quantile(0.5, empty, full, "h") == {(): pytest.approx(0.1)}
    assert quantile(0.75, empty, full, "h") == {(): pytest.approx(0.15)}


def test_above_the_last_bound_it_answers_that_bound():
    empty = histogram(0, {"0.1": 0, "1.0": 0, "+Inf": 0})
    assert quantile(0.99, empty, histogram(9, {"0.1": 0, "1.0": 0, "+Inf": 7}), "h") == {(): 1.0}


def test_a_quantile_of_nothing_is_nan():
    same = histogram(0, {"0.1": 5, "+Inf": 5})
    assert math.isnan(quantile(0.99, same, histogram(9, {"0.1": 5, "+Inf": 5}), "h")[()])
    cut = histogram(9, {"0.1": 9})
    assert math.isnan(quantile(0.99, histogram(0, {"0.1": 5}), cut, "h")[()])


def test_the_scripted_store_shows_the_latency_that_it_was_told_to_have():
    class Here:
        clock = ManualClock()
        now = 1000.0

    store = FakeStore(Here, 1, shared=False)
    before = parse(store.metrics().encode(), ["tikv_grpc_msg_duration_seconds"], 0.0)
    store.slow_requests("kv_get", 0.05)
    Here.now += 15
    after = parse(store.metrics().encode(), ["tikv_grpc_msg_duration_seconds"], 15.0)
    found = quantile(0.99, before, after, "tikv_grpc_msg_duration_seconds", ["type"])
    assert 0.1 < found["kv_get",] <= 0.5
    assert found["kv_commit",] < 0.1
    qps = rate(before, after, "tikv_grpc_msg_duration_seconds_count", ["type"])
    assert qps["kv_get",] == pytest.approx(100)
