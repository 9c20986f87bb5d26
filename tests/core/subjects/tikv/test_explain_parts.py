"""The parts that live evidence is made of: history, series and whom they are about, figures of scrapes."""

from __future__ import annotations

import math

import pytest

from core.clients import metrics_text, pd_store
from core.diagnosis.scenario import base
from core.subjects.tikv.explain_history import KEPT_S, History, Look
from core.subjects.tikv.explain_prom import Grid, Nodes, narrowed, steps, told
from core.subjects.tikv.explain_readings import CLUSTER, MEMBER, PD, STORE, figures
from core.subjects.tikv.explain_scrape import families, of_scrapes, unreachable
from core.subjects.tikv.model import Identity
from core.subjects.tikv.pd_reads import Identities

TYPES = ("kv_get", "kv_commit")


def look(at: float, leader: str = "pd-0") -> Look:
    return Look(at, {}, leader, {"pd-0": True}, {}, {1: (True, "")})


def raw(number: int, version: str) -> pd_store.Store:
    return pd_store.Store(pd_store.StoreMeta(id=number, version=version))


def identity(number: int, address: str, status: str = "") -> Identity:
    meta = pd_store.StoreMeta(id=number, address=address, status_address=status)
    return Identities("http", {}).of(meta)


# History --------------------------------------------------------------------------------------
def test_before_is_the_newest_look_that_is_old_enough_else_the_oldest() -> None:
    history = History()
    for at in (0.0, 100.0, 200.0, 300.0):
        history.note(look(at))
    assert [history.before(when, 350.0).at for when in (250.0, 199.0, 1000.0)] == [200, 100, 300]
    assert history.before(-50.0, 350.0).at == 0.0
    assert History().before(100.0, 100.0) is None


def test_a_look_from_after_the_ticket_opened_is_no_before() -> None:
    history = History()
    history.note(look(100.0))
    assert history.before(-200.0, 100.0) is None


def test_looks_are_few_and_old_ones_are_dropped() -> None:
    history, kept = History(), 0
    for second in range(3_000):
        if history.due(float(second), 3):
            history.note(look(float(second)))
            kept += 1
    assert kept == 100
    assert history.before(3_000 - KEPT_S - 60, 3_000.0).at >= 3_000 - KEPT_S - 60
    assert not History().due(10.0, 3) or history.due(3_100.0, 3)


def test_a_look_without_probes_gives_way_to_the_first_whole_one() -> None:
    history = History()
    history.note(Look(0.0, {}))
    assert history.due(1.0, 3)
    history.note(look(1.0))
    assert history.before(-1e9, 5.0).at == 1.0


def test_a_clock_that_was_set_back_leaves_no_look_from_the_future() -> None:
    history = History()
    history.note(look(1_000.0))
    assert history.due(500.0, 3)
    history.note(look(500.0))
    assert history.before(2_000.0, 2_000.0).at == 500.0


def test_versions_and_schedulers_that_change_are_changes_and_the_first_sight_is_none() -> None:
    history = History()
    history.note_versions([raw(1, "8.5.6"), raw(4, "8.5.6")], 0.0)
    history.note_schedulers(frozenset(("balance-leader-scheduler",)), 0.0)
    assert list(history.changes) == []
    history.note_versions([raw(1, "8.5.7"), raw(4, "8.5.6"), raw(5, "8.5.7")], 10.0)
    history.note_schedulers(frozenset(("evict-leader-scheduler",)), 20.0)
    assert [(one.entity, one.what) for one in history.changes] == [
        ("store:1", "version"),
        ("cluster", "scheduler"),
        ("cluster", "scheduler"),
    ]
    assert "8.5.7 now, before 8.5.6" in history.changes[0].words


# Figures --------------------------------------------------------------------------------------
def test_every_figure_of_scenarios_is_asked_of_a_live_cluster() -> None:
    asked: dict[str, set[str]] = {}
    for one in figures(TYPES).values():
        asked.setdefault(one.of, set()).add(one.name)
    assert set(base.STORE_READINGS) | {"leaders"} == asked[STORE]
    assert set(base.MEMBER_READINGS) == asked[MEMBER]
    assert set(base.PD_READINGS) == asked[PD]
    assert set(base.CLUSTER_READINGS) == asked[CLUSTER]


def test_matchers_and_narrowing_go_into_every_selector() -> None:
    for one in figures(TYPES).values():
        query = one.query('cluster="a"', 'instance=~"x"')
        assert query.count('cluster="a"') == len(one.first)
        assert ('instance=~"x"' in query) is (one.by == "instance")
        assert "%s" not in query


@pytest.mark.parametrize(
    ("by", "instance", "who"),
    [
        ("instance", "tikv-1:20180", "store:1"),
        ("instance", "tikv-1", "store:1"),
        ("instance", "tikv-1.ns.svc:20180", "store:1"),
        ("instance", "tikv-9:20180", None),
        ("host", "tikv-1:9100", "store:1"),
        ("target", "tikv-1:20180", "store:1"),
        ("target", "tikv-1:9100", None),
        ("store", "", "store:4"),
    ],
)
def test_a_series_is_about_the_store_that_its_labels_mean(
    by: str, instance: str, who: str | None
) -> None:
    stores = [identity(1, "tikv-1:20160", "0.0.0.0:20180"), identity(4, "tikv-4:20160")]
    nodes = Nodes(stores, {"pd-0": "http://pd-0:2379"})
    figure = next(one for one in figures(TYPES).values() if one.of == STORE and one.by == by)
    labels = {"instance": instance} if instance else {"store": "4"}
    assert nodes.entity(figure, labels) == who


@pytest.mark.parametrize(
    ("instance", "who"),
    [("pd-0:2379", "pd:pd-0"), ("pd-0", "pd:pd-0"), ("pd-0:9100", None), ("pd-7:2379", None)],
)
def test_a_series_is_about_the_member_that_its_labels_mean(instance: str, who: str | None) -> None:
    nodes = Nodes([], {"pd-0": "http://pd-0:2379", "pd-1": "http://pd-1:2379"})
    figure = figures(TYPES)["member/etcd_fsync_p99_s"]
    assert nodes.entity(figure, {"instance": instance}) == who


def test_two_members_on_one_machine_are_told_apart_by_port_and_not_by_host() -> None:
    nodes = Nodes([], {"a": "http://10.0.0.1:2379", "b": "http://10.0.0.1:2479"})
    figure = figures(TYPES)["member/etcd_fsync_p99_s"]
    assert nodes.entity(figure, {"instance": "10.0.0.1:2479"}) == "pd:b"
    assert nodes.entity(figure, {"instance": "10.0.0.1"}) is None


def test_some_of_many_stores_are_named_in_the_query_and_all_are_not() -> None:
    some = [identity(1, "tikv-1.ns:20160"), identity(2, "10.0.0.2:20160")]
    assert narrowed(some, 2) == ""
    assert narrowed(some, 9) == r'instance=~"(tikv-1|10\\.0\\.0\\.2)([.:].*)?"'.replace(
        "tikv-1", r"tikv\\-1"
    )


def test_a_grid_ends_where_it_is_asked_to_and_has_sixty_moments_at_most() -> None:
    grid = Grid.over(1_000.0, 1_900.1234567)
    assert grid.end == 1_900.123
    assert (grid.end - grid.start) / grid.step_s <= 59
    wide = Grid.over(0.0, 86_400.0)
    assert (wide.end - wide.start) / wide.step_s <= 59
    assert Grid.over(5.0, 5.0).start == 5.0


def test_points_that_repeat_or_are_no_number_are_left_out() -> None:
    points = [(0.0, 1.0), (15.0, 1.0000000001), (30.0, math.nan), (45.0, 2.0), (60.0, math.inf)]
    assert steps(points) == [(0.0, 1.0), (45.0, 2.0)]
    many = steps([(float(at), float(at)) for at in range(100)], most=10)
    assert len(many) <= 10
    assert many[-1] == (99.0, 99.0)


def test_a_series_that_ended_has_no_now_but_a_before() -> None:
    grid = Grid.over(0.0, 600.0)
    ended = told("qps", "q", [(0.0, 500.0), (540.0, 480.0)], 300.0, grid, 60)
    assert (ended["now"], ended["before"], ended["max"]) == (None, 500.0, 500.0)
    assert told("memory_limit_bytes", "q", [(540.0, 5.0)], 300.0, grid, 60)["now"] == 5.0
    assert told("qps", "q", [(600.001, 5.0)], 300.0, grid, 60)["now"] == 5.0
    assert told("qps", "q", [(0.0, math.nan)], 300.0, grid, 60)["now"] is None
    assert told("qps", "q", [], 300.0, grid, 60)["points"] == []


# Scrapes --------------------------------------------------------------------------------------
BEFORE = b"""\
process_cpu_seconds_total 100
process_start_time_seconds 1000
tikv_engine_pending_compaction_bytes{cf="default",db="kv"} 5
tikv_engine_pending_compaction_bytes{cf="write",db="kv"} 7
tikv_engine_pending_compaction_bytes{cf="default",db="raft"} 900
tikv_grpc_msg_duration_seconds_bucket{type="kv_get",le="0.1"} 0
tikv_grpc_msg_duration_seconds_bucket{type="kv_get",le="1"} 0
tikv_grpc_msg_duration_seconds_bucket{type="kv_get",le="+Inf"} 0
tikv_grpc_msg_duration_seconds_count{type="kv_get"} 0
tikv_server_report_failure_msg_total{type="unreachable",store_id="4"} 0
tikv_server_report_failure_msg_total{type="snapshot",store_id="5"} 0
tikv_store_size_bytes{type="available"} 60
tikv_store_size_bytes{type="capacity"} 100
"""
AFTER = (
    BEFORE.replace(b"total 100", b"total 110")
    .replace(b'le="1"} 0', b'le="1"} 100')
    .replace(b'le="+Inf"} 0', b'le="+Inf"} 100')
    .replace(b'count{type="kv_get"} 0', b'count{type="kv_get"} 100')
    .replace(b'store_id="4"} 0', b'store_id="4"} 50')
    .replace(b'store_id="5"} 0', b'store_id="5"} 50')
)


def test_a_nodes_own_scrapes_give_the_figures_that_they_can() -> None:
    wanted = figures(TYPES)
    before = metrics_text.parse(BEFORE, families(wanted), 0.0)
    after = metrics_text.parse(AFTER, families(wanted), 10.0)
    found = of_scrapes(wanted, before, after, 1_600.0)
    assert found["cpu_cores"] == 1.0
    assert found["qps"] == 10.0
    assert 0.1 < found["p99_s"] <= 1.0
    assert found["pending_compaction_bytes"] == 12
    assert found["disk_used_ratio"] == 0.4
    assert found["uptime_s"] == 600.0
    assert "slow_score" not in found
    assert unreachable(before, after) == {"4": 5.0}


def test_the_first_scrape_gives_gauges_alone() -> None:
    wanted = figures(TYPES)
    first = metrics_text.parse(BEFORE, families(wanted), 0.0)
    found = of_scrapes(wanted, None, first, 1_600.0)
    assert found["disk_used_ratio"] == 0.4
    assert "qps" not in found
    assert unreachable(None, first) == {}
