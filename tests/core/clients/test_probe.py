from __future__ import annotations

import asyncio
import socket

import pytest

from core.clients.failures import Kind
from core.clients.probe import Prober
from core.clock import ManualClock, SystemClock
from tests.stub_http import HANG, RESET, Response, StubServer
from tests.world import World, until


@pytest.fixture
async def world():
    async with World(ManualClock(), prometheus=False) as one:
        yield one


@pytest.fixture
async def prober():
    one = Prober(SystemClock(), timeout_s=0.3)
    yield one
    await one.close()


def kinds(found):
    return [one.kind for one in found.values()]


async def test_live_stores_are_ok_over_one_kept_connection_each(prober, world):
    for _ in range(5):
        found = await prober.probe_all(world.status_urls.values())
        assert kinds(found) == [Kind.OK] * 3
    assert [len(one.server.open) for one in world.stores.values()] == [1, 1, 1]
    assert world.stores[1].server.count == 5
    request = world.stores[1].server.requests[0]
    assert (request.method, request.path) == ("GET", "/status")


async def test_a_killed_store_is_refused_at_the_next_look(prober, world):
    await prober.probe_all(world.status_urls.values())
    await world.kill_store(2)
    found = await prober.probe_all(world.status_urls.values())
    assert [found[url].kind for url in world.status_urls.values()] == [
        Kind.OK,
        Kind.REFUSED,
        Kind.OK,
    ]


async def test_a_kept_connection_that_ends_nudges_at_once(prober, world):
    await prober.probe_all(world.status_urls.values())
    nudged = asyncio.ensure_future(prober.nudged())
    await asyncio.sleep(0)
    assert not nudged.done()
    await world.kill_store(2)
    async with asyncio.timeout(2):
        await nudged


async def test_a_store_that_is_no_longer_asked_about_nudges_nobody(prober, world):
    urls = world.status_urls
    await prober.probe_all(urls.values())
    await prober.probe_all([urls[1]])
    await until(lambda: not world.stores[2].server.open)
    nudged = asyncio.ensure_future(prober.nudged())
    await asyncio.sleep(0.02)
    assert not nudged.done()
    nudged.cancel()


async def test_a_restart_between_two_looks_is_ok_and_not_a_reset(prober, world):
    await prober.probe_all(world.status_urls.values())
    await world.restart_store(2)
    assert kinds(await prober.probe_all(world.status_urls.values())) == [Kind.OK] * 3


async def test_a_connection_that_dies_with_the_question_on_it_is_asked_anew(prober):
    async with StubServer(lambda request: Response(200, b"", "")) as server:
        assert (await prober.probe(server.url)).ok
        answers = iter([RESET])
        server.handler = lambda request: next(answers, Response(200, b"", ""))
        assert (await prober.probe(server.url)).ok
        server.answer = RESET
        assert (await prober.probe(server.url)).kind is Kind.RESET


async def test_a_paused_store_times_out_by_the_clock_and_its_late_answer_counts_for_nothing(world):
    clock = ManualClock()
    prober = Prober(clock)
    urls = list(world.status_urls.values())
    await prober.probe_all(urls)
    await world.pause_store(2)
    asked = asyncio.ensure_future(prober.probe_all(urls))
    await until(lambda: world.stores[2].server.count == 2 and world.stores[3].server.count == 2)
    await clock.advance(0.39)
    assert not asked.done()
    await clock.advance(0.02)
    found = await asked
    assert found[urls[1]].kind is Kind.TIMEOUT
    assert found[urls[1]].latency_s == pytest.approx(0.4, abs=0.02)
    assert found[urls[0]].ok
    assert found[urls[2]].ok
    await world.revive(2)
    assert kinds(await prober.probe_all(urls)) == [Kind.OK] * 3
    await prober.close()


async def test_an_answer_that_comes_late_leaves_a_connection_that_is_used_again():
    """On a busy machine thousands are late at once: to connect them all anew makes it busier."""
    clock, held = ManualClock(), asyncio.Event()

    async def slowly(_request):
        await held.wait()
        return Response(500, b"", "")

    async with StubServer(lambda _request: Response(200, b"", "")) as server:
        prober, prompt = Prober(clock), server.handler
        await prober.probe_all([server.url])
        before = set(server.open)
        server.handler = slowly
        asked = asyncio.ensure_future(prober.probe_all([server.url]))
        await until(lambda: server.count == 2)
        await clock.advance(0.41)
        assert kinds(await asked) == [Kind.TIMEOUT]
        held.set()
        await until(lambda: prober._lines[server.url].free)
        server.handler = prompt
        assert kinds(await prober.probe_all([server.url])) == [Kind.OK]
        assert server.open == before
        await prober.close()


async def test_a_silence_that_lasts_is_looked_at_over_a_new_connection(world):
    clock = ManualClock()
    prober = Prober(clock)
    [url, *_] = world.status_urls.values()
    await prober.probe_all([url])
    before = set(world.stores[1].server.open)
    await world.pause_store(1)
    for count in (2, 3):
        asked = asyncio.ensure_future(prober.probe_all([url]))
        await until(lambda at=count: world.stores[1].server.count == at)
        await clock.advance(0.41)
        assert kinds(await asked) == [Kind.TIMEOUT]
    await world.revive(1)
    assert kinds(await prober.probe_all([url])) == [Kind.OK]
    await until(lambda: not before & world.stores[1].server.open)
    await prober.close()


async def test_a_paused_store_that_was_never_connected_times_out_too(prober, world):
    await world.pause_store(1)
    assert (await prober.probe(world.status_urls[1])).kind is Kind.TIMEOUT


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Response(200, b"", ""), Kind.OK),
        (Response(200, b'{"status":"ok"}'), Kind.OK),
        (Response(204, b"", ""), Kind.OK),
        (Response(500, b"x" * 100_000), Kind.HTTP_ERROR),
        (Response(503, b"starting"), Kind.HTTP_ERROR),
        (Response(302, b"", "", {"Location": "/login"}), Kind.HTTP_ERROR),
        (b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n", Kind.OK),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Kind.OK),
        (b"SSH-2.0-OpenSSH\r\n", Kind.GARBLED),
        (b"HTTP/1.1 2xx\r\n\r\n", Kind.GARBLED),
        (b"HTTP/1.1 ", Kind.TIMEOUT),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000, Kind.GARBLED),
        (HANG, Kind.TIMEOUT),
        (RESET, Kind.RESET),
    ],
)
async def test_what_comes_back_is_named_for_what_it_is_each_time(prober, answer, kind):
    async with StubServer(lambda request: answer) as server:
        for _ in range(3):
            assert (await prober.probe(server.url)).kind is kind


async def test_two_answers_to_one_question_do_not_answer_the_next(prober):
    good = Response(200, b"", "").encode()
    async with StubServer(lambda request: good + good) as server:
        assert (await prober.probe(server.url)).ok
        server.answer = Response(500, b"", "")
        assert (await prober.probe(server.url)).kind is Kind.HTTP_ERROR


async def test_a_name_that_does_not_resolve_and_a_bad_url_are_results_not_errors(prober):
    assert (await prober.probe("http://no-such-host.invalid:1")).kind is Kind.DNS
    assert not (await prober.probe("http://:x")).ok


async def test_a_plain_port_asked_with_tls_is_a_tls_error(prober):
    async def plain(reader, writer):
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert (await prober.probe(f"https://127.0.0.1:{port}")).kind is Kind.TLS_ERROR


async def test_with_few_sockets_every_store_is_still_looked_at(world):
    await world.n_stores(60)
    prober = Prober(SystemClock(), timeout_s=5, max_open=8)
    for _ in range(2):
        found = await prober.probe_all(world.status_urls.values())
        assert kinds(found) == [Kind.OK] * 60
        assert prober.open_connections <= 8
    await prober.close()


async def test_closing_leaves_no_connection(world):
    prober = Prober(SystemClock())
    await prober.probe_all(world.status_urls.values())
    await prober.close()
    await until(lambda: not any(one.server.open for one in world.stores.values()))


async def test_a_server_that_accepts_and_closes_is_a_reset(prober):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        port = listener.getsockname()[1]
        asked = asyncio.ensure_future(prober.probe(f"http://127.0.0.1:{port}"))
        loop = asyncio.get_running_loop()
        accepted, _ = await loop.sock_accept(listener)
        accepted.close()
        assert (await asked).kind is Kind.RESET


async def test_looks_at_nothing_answer_nothing(prober):
    assert await prober.probe_all([]) == {}


async def test_a_connection_that_is_taken_and_cut_is_no_answer_of_one_whose_connection_ended():
    lost = asyncio.Event()
    server = StubServer(lambda _: Response(200, b"{}"))
    await server.start()
    prober = Prober(SystemClock(), timeout_s=5, lost=lost)
    try:
        assert (await prober.probe(server.url)).ok
        server.answer = RESET
        for line in list(server.open):
            line.transport.abort()
        async with asyncio.timeout(5):
            await lost.wait()
        assert prober.ended(server.url)
        assert (await prober.probe(server.url)).kind is Kind.RESET
        assert prober.ended(server.url)
        server.answer = None
        assert (await prober.probe(server.url)).ok
        assert not prober.ended(server.url)
    finally:
        await prober.close()
        await server.stop()
