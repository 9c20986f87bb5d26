"""Where /healthz and /metrics listen, and what is said when they cannot."""

from __future__ import annotations

import pytest
from aiohttp import web

from bot import health
from core.errors import Invalid


@pytest.mark.parametrize("host", ["..", "no.such.host.invalid"])
async def test_a_host_without_an_address_is_said(host: str) -> None:
    with pytest.raises(Invalid, match="that name has no address here"):
        await health.serve(web.Application(), host, 0)


async def test_a_port_that_is_taken_is_said() -> None:
    runner, port = await health.serve(web.Application(), "127.0.0.1", 0)
    try:
        with pytest.raises(Invalid, match=f"127.0.0.1:{port}: another program listens there"):
            await health.serve(web.Application(), "127.0.0.1", port)
    finally:
        await runner.cleanup()
