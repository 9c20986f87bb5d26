"""Figures of members out of Prometheus, and out of their own /metrics."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clients import metrics_text
from core.clients.http import Http
from core.clients.prometheus import Prometheus
from core.clock import SystemClock
from core.errors import Unavailable
from core.subjects.etcd.figures import WANTED, PrometheusFigures, _figures
from core.subjects.etcd.model import Who
from core.subjects.etcd.peers import Hearsay, _grown
from tests.stub_http import StubServer, as_json

A = Who(0xA1, "member:a", "a", "http://10.0.0.1:2379", None, ("http://a:2379",))
B = Who(0xB1, "member:b", "b", "http://10.0.0.2:2379", None, ("http://b:2379",))


def one(value: Any, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [1000.0, str(value)]}


class Server:
    """Answers each query by the first key that it holds."""

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        self.answers = {"has_leader": [one(3.0)]} | answers
        self.server = StubServer(self._answer)

    def _answer(self, request: Any) -> Any:
        query = request.form["query"][0]
        found = next((got for key, got in self.answers.items() if key in query), [])
        return as_json({"status": "success", "data": {"resultType": "vector", "result": found}})


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    made = Http(SystemClock())
    yield made
    await made.close()


async def read(http: Http, answers: dict[str, list[dict[str, Any]]]) -> Any:
    made = Server(answers)
    async with made.server:
        client = Prometheus(made.server.url, SystemClock(), http)
        return await PrometheusFigures(client, 'job="etcd"', 15.0).read((A, B))


async def test_members_are_found_by_their_own_id_whatever_the_instance_is_called(
    http: Http,
) -> None:
    found = await read(
        http,
        {
            "etcd_server_id": [one(1, instance="pod-7", server_id="a1")],
            "quota_backend": [one(2e9, instance="pod-7"), one(1e9, instance="b:2379")],
            "round_trip": [one(0.01, instance="pod-7", To="b1"), one(0.1, instance="pod-7", To="")],
        },
    )
    assert found.members[0xA1].quota_bytes == 2e9
    assert found.members[0xB1].quota_bytes == 1e9, "by the address that it advertises"
    assert found.members[0xA1].rtt_p99_s == {0xB1: 0.01}


async def test_what_is_no_number_or_of_nobody_is_left_out_and_the_worse_of_two_counts(
    http: Http,
) -> None:
    found = await read(
        http,
        {
            "proposals_pending": [
                one("NaN", instance="10.0.0.1:2379"),
                one("+Inf", instance="10.0.0.2:2379"),
                one(5, instance="elsewhere:1"),
            ],
            "quota_backend": [one(7, instance="b:2379"), one(9, instance="10.0.0.2:2379")],
        },
    )
    assert 0xA1 not in found.members
    assert found.members[0xB1].pending is None
    assert found.members[0xB1].quota_bytes == 9.0


@pytest.mark.parametrize(
    ("age", "said"),
    [
        ([], "no series of etcd"),
        ([one("NaN")], "does not say how old"),
        ([one(600)], "newest sample of etcd is 10 min old"),
    ],
)
async def test_old_or_absent_data_is_no_data(
    http: Http, age: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(Unavailable, match=said):
        await read(http, {"has_leader": age})


LINES = st.lists(
    st.sampled_from(
        [
            'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 5',
            'etcd_disk_wal_fsync_duration_seconds_bucket{le="+Inf"} 3',
            'etcd_disk_wal_fsync_duration_seconds_bucket{le="x"} NaN',
            "etcd_disk_wal_fsync_duration_seconds_count -7",
            'etcd_network_peer_round_trip_time_seconds_bucket{To="zz",le="1"} 5',
            "etcd_server_quota_backend_bytes +Inf",
            "etcd_server_quota_backend_bytes NaN",
            "etcd_server_proposals_pending 1e309",
            'etcd_network_peer_received_bytes_total{From="xyz"} 5',
            'etcd_network_peer_received_bytes_total{From="b1"} 9',
        ]
    )
    | st.text(max_size=40),
    max_size=12,
)


@given(LINES, LINES, st.floats(0.0, 10.0))
def test_whatever_metrics_say_figures_are_sane_or_unknown(
    before: list[str], after: list[str], gap: float
) -> None:
    wanted = (*WANTED, "etcd_network_peer_received_bytes_total")
    scrapes = [
        metrics_text.parse("\n".join([*lines, ""]).encode(), wanted, at)
        for lines, at in ((before, 1.0), (after, 1.0 + gap))
    ]
    for found in (_figures(None, scrapes[1]), _figures(*scrapes)):
        for value in (
            *(found.fsync_p99_s, found.fsync_rate, found.commit_p99_s, found.pending),
            *(found.quota_bytes, found.failed_rate, *found.rtt_p99_s.values()),
        ):
            assert value is None or (math.isfinite(value) and value >= 0)
    Hearsay(0.0, {1: _grown(*scrapes)}).hears(0xB1, 1)


@pytest.mark.parametrize(
    ("grown", "member", "leader", "said"),
    [
        ({1: {2: 50.0}}, 2, 1, True),
        ({1: {2: 0.0}}, 2, 1, False),
        ({1: {}}, 2, 1, False),
        ({3: {2: 0.0}}, 2, 1, None),  # a follower does not hear from another follower
        ({3: {1: 0.0}}, 1, 1, False),  # but it does from its leader
        ({3: {2: 0.0}}, 2, 0, False),
        ({2: {1: 5.0}}, 2, 1, None),  # its own word does not count
        ({}, 2, 1, None),
    ],
)
def test_what_the_others_hear(
    grown: dict[int, dict[int, float]], member: int, leader: int, said: bool | None
) -> None:
    assert Hearsay(0.0, grown).hears(member, leader) is said
