"""A twin cluster for a test, tied to the test process, gone afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import time

import aiohttp
import pytest

from core.twin.cluster import Layout


class World:
    """Lays out twins below one folder and asks them over real HTTP."""

    def __init__(self, folder) -> None:
        self._folder = folder
        self._made = []
        self.session = None

    def layout(self, **wanted) -> Layout:
        made = Layout(self._folder / f"twin-{len(self._made)}", tie_to=os.getpid(), **wanted)
        self._made.append(made)
        return made

    async def up(self, **wanted) -> Layout:
        made = self.layout(**wanted)
        await made.up()
        return made

    async def ask(self, url, method="GET", timeout_s=10.0, **more):
        """(status, content type, parsed or text body) of one request."""
        limit = aiohttp.ClientTimeout(total=timeout_s)
        async with self.session.request(method, url, timeout=limit, **more) as answer:
            text = await answer.text()
            return answer.status, answer.headers.get("Content-Type"), text

    async def get(self, url, **more):
        """The JSON body of a 200 answer."""
        status, _, text = await self.ask(url, **more)
        assert status == 200, (url, status, text[:300])
        return json.loads(text)

    async def until(self, condition, limit_s=20.0, what="the condition"):
        """Wait until the (async) condition is true; its last value is returned."""
        end = time.monotonic() + limit_s
        while True:
            value = await condition()
            if value:
                return value
            assert time.monotonic() < end, f"{what} did not come true within {limit_s} s"
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        for made in self._made:
            await made.down()
        await self.session.close()


@pytest.fixture
async def world(tmp_path):
    made = World(tmp_path)
    async with aiohttp.ClientSession() as session:
        made.session = session
        yield made
        await made.close()
