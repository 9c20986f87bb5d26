"""etcd's answers, good and hostile. What a real 3.4.23 says is in `REAL`."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clients import etcd_decode
from core.clients.etcd import Etcd
from core.clients.etcd_model import Alarm
from core.clients.failures import Garbled, Kind, SourceFailed
from core.clients.http import Http, Limits, Reply
from core.clock import SystemClock
from tests.stub_http import HANG, Response, StubServer

REAL = (
    b'{"header":{"cluster_id":"2591492842302393877","member_id":"14720799474854129801","revision":"35",'
    b'"raft_term":"8"},"version":"3.4.23","dbSize":"17268736","leader":"14720799474854129801",'
    b'"raftIndex":"70","raftTerm":"8","raftAppliedIndex":"70",'
    b'"errors":["memberID:14720799474854129801 alarm:NOSPACE "],"dbSizeInUse":"13664256"}'
)
MEMBERS = (
    b'{"header":{"cluster_id":"2591492842302393877","member_id":"14720799474854129801","raft_term":"2"},'
    b'"members":[{"ID":"818805532681859057","name":"c","peerURLs":["http://127.0.0.1:33803"],'
    b'"clientURLs":["http://127.0.0.1:33793"]},{"ID":"13133933008779044626",'
    b'"peerURLs":["http://127.0.0.1:33802"],"isLearner":true}]}'
)


def reply(body: bytes, status: int = 200) -> Reply:
    return Reply("http://etcd-0:2379/v3/x", status, {}, body, 0.0)


def test_a_status_is_read_with_its_alarms_apart_from_its_errors() -> None:
    found = etcd_decode.status(reply(REAL))
    assert found.member_id == found.leader == 14720799474854129801
    assert (found.term, found.index, found.applied) == (8, 70, 70)
    assert (found.db_bytes, found.in_use_bytes, found.quota_bytes) == (17268736, 13664256, None)
    assert found.alarms == (Alarm(14720799474854129801, "NOSPACE"),)
    assert found.errors == ()


def test_an_alarm_about_no_member_in_particular_is_an_alarm() -> None:
    """From 3.5.7 on CORRUPT has member 0, which the text of the status leaves out."""
    body = {**json.loads(REAL), "errors": ["alarm:CORRUPT ", "memberID:7  alarm:NOSPACE", "alarm:"]}
    found = etcd_decode.status(reply(json.dumps(body).encode()))
    assert found.alarms == (Alarm(0, "CORRUPT"), Alarm(7, "NOSPACE"))
    assert found.errors == ("alarm:",)


@pytest.mark.parametrize(
    ("said", "quota"),
    [("-1", -1), (-5, -5), ("0", None), (0, None), ("-0", None), ("8", 8), (None, None)],
)
def test_a_quota_that_is_switched_off_is_below_zero(said: object, quota: int | None) -> None:
    body = {**json.loads(REAL), "dbSizeQuota": said}
    assert etcd_decode.status(reply(json.dumps(body).encode())).quota_bytes == quota


@pytest.mark.parametrize("said", ["-", "--1", "-x", "-" + "9" * 30])
def test_a_quota_that_is_no_number_is_garbled(said: str) -> None:
    body = {**json.loads(REAL), "dbSizeQuota": said}
    with pytest.raises(Garbled):
        etcd_decode.status(reply(json.dumps(body).encode()))


def test_where_a_user_is_asked_for_it_says_how_to_give_one() -> None:
    body = b'{"error":"etcdserver: user name is empty","code":3}'
    with pytest.raises(SourceFailed, match=r"headers = \{Authorization") as caught:
        etcd_decode.members(reply(body, 400))
    assert "user name is empty" in caught.value.text


def test_a_member_without_a_leader_names_none() -> None:
    body = json.loads(REAL)
    del body["leader"]
    body["errors"] = ["etcdserver: no leader"]
    found = etcd_decode.status(reply(json.dumps(body).encode()))
    assert found.leader == 0
    assert found.errors == ("etcdserver: no leader",)


def test_the_quota_is_read_where_a_release_says_it() -> None:
    body = {**json.loads(REAL), "dbSizeQuota": "2147483648", "isLearner": True}
    found = etcd_decode.status(reply(json.dumps(body).encode()))
    assert found.quota_bytes == 2 << 30
    assert found.learner


def test_what_is_left_out_is_not_zero() -> None:
    body = json.loads(REAL)
    for key in ("dbSize", "raftIndex", "raftAppliedIndex", "dbSizeInUse"):
        del body[key]
    found = etcd_decode.status(reply(json.dumps(body).encode()))
    assert (found.db_bytes, found.in_use_bytes, found.index, found.applied) == (None,) * 4


def test_members_are_read_also_one_that_never_started() -> None:
    found = etcd_decode.members(reply(MEMBERS))
    assert [(one.name, one.learner, one.client_urls) for one in found.members] == [
        ("c", False, ("http://127.0.0.1:33793",)),
        ("", True, ()),
    ]
    assert found.said_by == 14720799474854129801
    assert found.term == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not an answer of etcd"),
        (b"<html>login</html>", "not an answer of etcd"),
        (b"[]", "not an answer of etcd"),
        (b"[" * 5000, "not an answer of etcd"),
        (b'{"header":{}}', "missing required field"),
        (REAL.replace(b'"70"', b'"seventy"'), "not a number"),
        (REAL.replace(b'"70"', b'"-1"'), "out of range"),
        (REAL.replace(b'"70"', b'"' + b"9" * 5000 + b'"'), "not a number"),
        (REAL.replace(b'"14720799474854129801"', b'"0"'), "a status of nobody"),
    ],
)
def test_a_status_that_is_none_is_garbled(body: bytes, said: str) -> None:
    with pytest.raises(Garbled, match=said):
        etcd_decode.status(reply(body))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"members": []}, "without members"),
        ({"members": None}, "without members"),
        ({"members": [{"ID": "1"}] * 2}, "two members with one id"),
        ({"members": [{"ID": "0"}]}, "without an id"),
        ({"members": [{"ID": str(n)} for n in range(1, 300)]}, "a cluster of 299 members"),
        ({"members": [{"ID": "1", "clientURLs": 5}]}, "not an answer of etcd"),
    ],
)
def test_a_list_that_is_none_is_garbled(change: dict[str, Any], said: str) -> None:
    body = json.dumps({**json.loads(MEMBERS), **change}).encode()
    with pytest.raises(Garbled, match=said):
        etcd_decode.members(reply(body))


def test_an_error_is_told_in_etcds_own_words_though_a_trailer_follows_it() -> None:
    body = (
        b'{"error":"context deadline exceeded","message":"context deadline exceeded","code":2}'
        b"Grpc-Trailer-Content-Type: application/grpc"
    )
    with pytest.raises(SourceFailed, match="context deadline exceeded") as caught:
        etcd_decode.status(reply(body, 500))
    assert (caught.value.kind, caught.value.status) == (Kind.HTTP_ERROR, 500)


def test_an_etcd_without_the_gateway_is_told_as_that() -> None:
    with pytest.raises(SourceFailed, match="no JSON gateway"):
        etcd_decode.members(reply(b"404 page not found\n", 404))


@pytest.mark.parametrize(
    ("body", "status", "ok", "reason"),
    [
        (b'{"health":"true"}', 200, True, ""),
        (b'{"health":"true","reason":""}', 200, True, ""),
        (b'{"health":"false"}\n', 503, False, ""),
        (b'{"health":"false","reason":"ALARM NOSPACE"}', 503, False, "ALARM NOSPACE"),
        (b'{"health":true}', 200, True, ""),
    ],
)
def test_health_is_what_it_says(body: bytes, status: int, ok: bool, reason: str) -> None:
    found = etcd_decode.health(reply(body, status))
    assert (found.ok, found.reason) == (ok, reason)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    body=st.binary(max_size=300)
    | st.dictionaries(
        st.sampled_from(
            ["header", "members", "version", "leader", "errors", "dbSize", "raftIndex", "health"]
        ),
        JSON
        | st.just({"cluster_id": "1", "member_id": "2", "raft_term": "3"})
        | st.just([{"ID": "5", "name": "x"}]),
    ).map(lambda thing: json.dumps(thing).encode()),
    status=st.sampled_from([200, 200, 200, 400, 404, 500, 503]),
)
def test_whatever_comes_is_an_answer_or_a_failure_of_the_source(body: bytes, status: int) -> None:
    for read in (etcd_decode.members, etcd_decode.status, etcd_decode.health):
        with contextlib.suppress(SourceFailed):
            read(reply(body, status))


async def test_requests_ask_as_the_gateway_wants_it() -> None:
    clock = SystemClock()
    http = Http(clock)
    async with StubServer(lambda _: Response(200, MEMBERS)) as server:
        client = Etcd(http, headers={"Authorization": "Basic eDp5"})
        assert len((await client.members(server.url)).members) == 2
        (asked,) = server.requests
        assert (asked.method, asked.path, asked.body) == ("POST", "/v3/cluster/member/list", b"{}")
        assert asked.headers["authorization"] == "Basic eDp5"
    await http.close()


async def test_a_member_that_hangs_costs_its_limit_and_no_more() -> None:
    clock = SystemClock()
    http = Http(clock, limits=Limits(total_s=0.1))
    async with StubServer(lambda _: HANG) as server:
        with pytest.raises(SourceFailed) as caught:
            await Etcd(http).status(server.url)
        assert caught.value.kind is Kind.TIMEOUT
    await http.close()
