from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import sys
import zlib

import pytest

from core.clients.failures import Garbled, Kind, SourceFailed, TooBig, quote
from core.clients.http import Http, Limits, base_url
from core.clock import ManualClock, SystemClock
from core.errors import Invalid
from tests.stub_http import HANG, RESET, Response, StubServer
from tests.world import until


@pytest.fixture
async def http():
    client = Http(SystemClock(), limits=Limits(total_s=2.0, max_bytes=100_000))
    yield client
    await client.close()


@pytest.fixture
async def server():
    async with StubServer(lambda request: Response(200, b"hello", "text/plain")) as one:
        yield one


async def failing(http, server, answer):
    server.answer = answer
    with pytest.raises(SourceFailed) as caught:
        await http.get(server.url + "/x")
    return caught.value


async def test_an_answer_of_any_status_is_handed_back(http, server):
    server.answer = Response(418, b"teapot", "Text/Plain; charset=utf-8")
    reply = await http.get(server.url + "/x")
    assert (reply.status, reply.body, reply.content_type) == (418, b"teapot", "text/plain")


async def test_a_redirect_is_not_followed(http, server):
    server.answer = Response(302, b"", "", {"Location": server.url + "/elsewhere"})
    assert (await http.get(server.url + "/x")).status == 302
    assert [one.path for one in server.requests] == ["/x"]


async def test_one_connection_serves_many_requests(http, server):
    for _ in range(5):
        await http.get(server.url + "/x")
    assert len(server.open) == 1


async def test_a_refused_connection_says_refused_and_where(http, server):
    await server.stop()
    error = await failing(http, server, None)
    assert error.kind is Kind.REFUSED
    assert error.text == f"{server.url} refused the connection: Connection refused"


async def test_a_cut_connection_says_reset(http, server):
    assert (await failing(http, server, RESET)).kind is Kind.RESET


async def test_silence_ends_by_the_clock_that_was_handed_in(server):
    clock = ManualClock()
    http = Http(clock)
    server.answer = HANG
    asked = asyncio.ensure_future(http.get(server.url + "/x"))
    await until(lambda: server.count and clock.sleepers)
    await clock.advance(3.9)
    assert not asked.done()
    await clock.advance(0.2)
    with pytest.raises(SourceFailed) as caught:
        await asked
    assert caught.value.kind is Kind.TIMEOUT
    await http.close()


async def test_a_host_that_does_not_even_take_the_connection_is_told_apart():
    with socket.socket() as full, contextlib.ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # more than its queue holds: the next one gets no answer at all
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        http = Http(SystemClock(), limits=Limits(connect_s=0.1))
        with pytest.raises(SourceFailed, match=r"connecting took more than 0\.1 s") as caught:
            await http.get(f"http://127.0.0.1:{full.getsockname()[1]}/x")
        assert caught.value.kind is Kind.TIMEOUT
        await http.close()


async def test_a_name_that_does_not_resolve_says_so(http):
    with pytest.raises(SourceFailed) as caught:
        await http.get("http://no-such-host.invalid:1/x")
    assert caught.value.kind is Kind.DNS


async def test_a_body_above_the_cap_is_not_read(http, server):
    server.answer = Response(200, b"x" * 100_001)
    with pytest.raises(TooBig):
        await http.get(server.url + "/x")


async def test_an_endless_chunked_body_stops_at_the_cap(http, server):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.answer = head + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 20
    with pytest.raises(TooBig):
        await http.get(server.url + "/x")


async def test_a_gzip_bomb_stops_at_the_cap(http, server):
    bomb = gzip.compress(b"\0" * 50_000_000)
    server.answer = Response(200, bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(TooBig):
        await http.get(server.url + "/x")


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_a_compressed_answer_that_nobody_asked_for_is_read(http, server, pack):
    name = "gzip" if pack is gzip.compress else "deflate"
    server.answer = Response(200, pack(b"packed"), headers={"Content-Encoding": name})
    assert (await http.get(server.url + "/x")).body == b"packed"
    assert server.requests[-1].headers["accept-encoding"] == "identity"


async def test_an_unknown_or_broken_compression_is_garbled(http, server):
    for name, body in (("br", b"abc"), ("gzip", b"this is not gzip")):
        error = await failing(http, server, Response(200, body, headers={"Content-Encoding": name}))
        assert isinstance(error, Garbled)


async def test_a_body_cut_short_is_garbled(http, server):
    server.answer = Response(200, b"half", length=1000, close=True)
    with pytest.raises(Garbled):
        await http.get(server.url + "/x")


async def test_what_is_not_http_is_garbled(http, server):
    error = await failing(http, server, b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    assert isinstance(error, Garbled)


async def test_the_environments_proxies_are_ignored(server):
    """A proxy that refuses would fail every request if it were used."""
    script = (
        "import asyncio, sys\n"
        "from core.clients.http import Http\n"
        "from core.clock import SystemClock\n"
        "async def main():\n"
        "    http = Http(SystemClock())\n"
        "    print((await http.get(sys.argv[1])).status)\n"
        "    await http.close()\n"
        "asyncio.run(main())\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        server.url + "/x",
        stdout=asyncio.subprocess.PIPE,
        env={"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1", "PATH": ""},
        cwd=__file__.rsplit("/tests/", 1)[0],
    )
    out, _ = await child.communicate()
    assert out.strip() == b"200"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("pd-1", "http://pd-1:2379"),
        ("pd-1:12379", "http://pd-1:12379"),
        ("https://pd-1", "https://pd-1:2379"),
        (" http://10.0.0.1:2379/ ", "http://10.0.0.1:2379"),
        ("http://[::1]:5", "http://[::1]:5"),
        ("http://host/prefix/", "http://host:2379/prefix"),
    ],
)
def test_an_address_becomes_a_base_url(text, url):
    assert base_url(text, default_port=2379) == url


@pytest.mark.parametrize(
    "text",
    ["", "ftp://x", "http://u:p@host", "host:99999", "http://x/?a=b", "http://", "file:///etc"],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(Invalid):
        base_url(text, default_port=2379)


def test_foreign_text_is_quoted_short_and_clean():
    assert quote("a\n\x1b[31mb\u202e" + "c" * 500)[:8] == "a \ufffd[31mb"
    assert len(quote("c" * 500)) == 200
    assert quote(b"\xff\xfe") == "\ufffd\ufffd"
