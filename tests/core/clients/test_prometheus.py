from __future__ import annotations

import asyncio
import math

import pytest

from core.clients.failures import Garbled, Kind, SourceFailed, TooBig
from core.clients.http import Http, Limits
from core.clients.prometheus import Prometheus, PromRefused
from core.clock import ManualClock
from core.errors import Invalid
from tests.stub_http import Response, as_json
from tests.world import World, until


@pytest.fixture
async def world():
    async with World(ManualClock()) as one:
        yield one


@pytest.fixture
async def fake(world):
    return world.prometheus


@pytest.fixture
async def prom(world, fake):
    http = Http(world.clock, limits=Limits(max_bytes=20_000_000))
    client = Prometheus(fake.url, world.clock, http)
    yield client
    await client.close()


async def refusal(prom):
    with pytest.raises(PromRefused) as caught:
        await prom.query("up")
    return caught.value


async def test_a_vector_has_labels_and_values_at_a_time(prom, fake, world):
    fake.answer("up", [({"instance": "a"}, 1), ({"instance": "b"}, 0)])
    found = await prom.query("up")
    assert found.kind == "vector"
    assert found.by("instance") == {("a",): 1.0, ("b",): 0.0}
    assert {one.at for one in found.series} == {world.now}
    assert not found.partial


async def test_nothing_that_matches_is_an_empty_answer_and_not_zero(prom):
    found = await prom.query("no_such_metric")
    assert found.series == ()


@pytest.mark.parametrize("text", ["NaN", "", "+Inf", "-Inf", "-5", "1.8446744073709552e+19"])
async def test_odd_values_stay_what_they_are(prom, fake, text):
    fake.answer("x", [({}, text)])
    value = (await prom.query("x")).series[0].value
    if text in ("NaN", ""):
        assert math.isnan(value)
    else:
        assert value == float(text.replace("+", "") if "Inf" in text else text)


@pytest.mark.parametrize("value", [None, 7, "seven"])
async def test_a_value_that_is_no_text_or_no_number_is_read_or_nan(prom, fake, value):
    data = {"resultType": "vector", "result": [{"metric": {}, "value": [1.5, value]}]}
    fake.server.answer = as_json({"status": "success", "data": data})
    found = (await prom.query("x")).series[0].value
    assert found == 7 if value == 7 else math.isnan(found)


async def test_scalars_and_strings_are_read(prom, fake):
    for kind, result in (("scalar", [1.5, "+Inf"]), ("string", [1.5, "hello"])):
        data = {"resultType": kind, "result": result}
        fake.server.answer = as_json({"status": "success", "data": data})
        found = await prom.query("x")
        assert found.kind == kind
        if kind == "scalar":
            assert found.series[0].value == math.inf
        else:
            assert found.text == "hello"


async def test_a_native_histogram_has_no_points(prom, fake):
    result = [{"metric": {}, "histogram": [1.5, {"count": "10", "sum": "3"}]}]
    data = {"resultType": "vector", "result": result}
    fake.server.answer = as_json({"status": "success", "data": data})
    found = (await prom.query("x")).series[0]
    assert found.histogram
    assert math.isnan(found.value)


async def test_warnings_make_an_answer_partial(prom, fake):
    fake.warnings, fake.infos = ["remote read failed"], ["metric might not be a counter"]
    found = await prom.query("up")
    assert found.partial
    assert (found.warnings, found.infos) == (("remote read failed",), (fake.infos[0],))


async def test_ten_thousand_series_are_read(prom, fake):
    fake.answer("x", [({"instance": str(n)}, n) for n in range(10_000)])
    found = await prom.query("x")
    assert len(found.series) == 10_000


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "bad_data"), (422, "execution"), (503, "timeout"), (500, "internal"), (499, "canceled")],
)
async def test_an_error_in_the_envelope_keeps_its_kind_and_words(prom, fake, status, kind):
    fake.fail(status, kind, "many-to-many matching not allowed")
    error = await refusal(prom)
    assert (error.status, error.error_type) == (status, kind)
    assert "many-to-many" in error.text


async def test_data_beside_an_error_is_an_error(prom, fake):
    body = {"status": "error", "errorType": "execution", "error": "x", "data": {"result": []}}
    fake.server.answer = as_json(body, 200)
    assert (await refusal(prom)).error_type == "execution"


async def test_before_it_is_ready_it_is_unavailable(prom, fake):
    fake.starting()
    assert (await refusal(prom)).error_type == "unavailable"


async def test_a_proxy_in_front_that_wants_a_login_is_named(prom, fake):
    fake.unauthorized()
    assert (await refusal(prom)).error_type == "credentials refused"
    fake.redirect()
    with pytest.raises(Garbled, match=r"redirect to https://sso.example/login"):
        await prom.query("up")
    fake.html()
    with pytest.raises(Garbled, match="Sign in"):
        await prom.query("up")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"status":"success"}',
        b'{"status":"success","data":null}',
        b'{"status":"success","data":{"resultType":"vector","result":{}}}',
        b'{"status":"success","data":{"resultType":"matrices","result":[]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"2"]}]}}',
        b'{"status":"what","data":{}}',
        b'{"status":"success","data":{"resultType":"vec',
        b"[" * 200_000,
    ],
)
async def test_a_body_that_is_no_answer_is_garbled_and_never_empty(prom, fake, body):
    fake.server.answer = Response(200, body)
    with pytest.raises(Garbled):
        await prom.query("up")


async def test_refusing_hanging_and_too_much_are_told_apart(prom, fake, world):
    fake.server.answer = Response(200, b"x" * 20_000_001)
    with pytest.raises(TooBig):
        await prom.query("up")
    fake.hang()
    asked = asyncio.ensure_future(prom.query("up", timeout_s=2))
    count = fake.server.count
    await until(lambda: fake.server.count > count and world.clock.sleepers)
    await world.clock.advance(3.1)
    with pytest.raises(SourceFailed) as caught:
        await asked
    assert caught.value.kind is Kind.TIMEOUT
    await fake.refuse()
    with pytest.raises(SourceFailed) as caught:
        await prom.query("up")
    assert caught.value.kind is Kind.REFUSED


async def test_a_long_query_goes_as_a_form(prom, fake):
    await prom.query("up")
    await prom.query("up or " * 1000 + "up")
    assert [one.method for one in fake.server.requests] == ["GET", "POST"]
    assert fake.queries[1].endswith("or up")


async def test_credentials_and_a_path_prefix_are_sent(world, fake):
    headers = {"Authorization": "Bearer secret"}
    client = Prometheus(fake.url + "/prom/", world.clock, Http(world.clock), headers=headers)
    await client.query("up")
    assert fake.server.requests[0].path == "/prom/api/v1/query"
    assert fake.server.requests[0].headers["authorization"] == "Bearer secret"
    await client.close()


async def test_a_range_is_a_matrix(prom, fake):
    fake.answer("x", [({"a": "1"}, 5)])
    found = await prom.query_range("x", 1000, 1060, 15)
    assert found.kind == "matrix"
    assert found.series[0].points == tuple((1000.0 + 15 * n, 5.0) for n in range(5))
    assert found.series[0].at == 1060


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [
        (math.nan, 10, 1),
        (0, math.inf, 1),
        (10, 0, 1),
        (0, 10, 0),
        (0, 10, -1),
        (0, 20_000, 1),
        (0, 1e15, 1e12),
    ],
)
async def test_times_that_no_answer_could_fit_are_refused_here(prom, fake, start, end, step):
    with pytest.raises(Invalid):
        await prom.query_range("x", start, end, step)
    assert fake.server.count == 0


async def test_a_time_that_is_no_number_is_refused_here(prom):
    with pytest.raises(Invalid):
        await prom.query("up", at=math.nan)


async def test_the_age_of_the_newest_sample_tells_a_frozen_source(prom, fake):
    fake.frozen(400)
    age = await prom.newest_sample_age()
    assert age == 400
    fake.answer("timestamp(", [])
    assert await prom.newest_sample_age() is None


async def test_series_rules_alerts_and_targets_are_read(prom, fake):
    fake.known_series = [{"__name__": "up", "job": "tikv"}]
    alert = {
        "labels": {"alertname": "Down"},
        "annotations": {"summary": "x"},
        "state": "firing",
        "activeAt": "2026-11-21T09:33:16.5Z",
        "value": "1e+00",
    }
    rule = {
        "name": "Down",
        "query": "up == 0",
        "type": "alerting",
        "duration": 60,
        "labels": {"level": "critical"},
        "annotations": None,
        "state": "firing",
        "health": "ok",
        "alerts": [alert],
    }
    fake.rule_groups = [{"name": "g", "file": "f.yml", "rules": [rule]}]
    fake.active_alerts = [alert]
    fake.active_targets = [
        {
            "labels": {"job": "tikv"},
            "scrapePool": "tikv",
            "scrapeUrl": "http://t:20180/metrics",
            "health": "down",
            "lastError": "refused",
            "lastScrape": "2026-11-21T09:33:16.5+08:00",
            "scrapeInterval": "15s",
        }
    ]
    assert await prom.series("up") == ({"__name__": "up", "job": "tikv"},)
    loaded = (await prom.rules())[0]
    assert (loaded.group, loaded.duration_s, loaded.alerts[0].value) == ("g", 60, 1.0)
    assert (await prom.alerts())[0].active_at == pytest.approx(1795253596.5)
    target = (await prom.targets())[0]
    assert (target.health, target.interval_s) == ("down", 15)
    assert target.last_scrape_at == pytest.approx(1795253596.5 - 8 * 3600)


async def test_rules_that_come_in_pages_are_all_read(prom, fake):
    pages = {
        "": {"groups": [{"name": "a", "rules": [{"name": "1"}]}], "groupNextToken": "t"},
        "t": {"groups": [{"name": "b", "rules": [{"name": "2"}]}]},
    }

    def paged(request):
        token = request.query.get("group_next_token", [""])[0]
        return as_json({"status": "success", "data": pages[token]})

    fake.server.handler = paged
    assert [one.name for one in await prom.rules()] == ["1", "2"]
