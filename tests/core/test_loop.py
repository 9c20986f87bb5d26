"""The program's event loop hears from outside, however much it has in hand."""

from __future__ import annotations

import asyncio
import socket

from core import loop


def test_what_is_run_gives_its_result() -> None:
    async def work() -> int:
        await asyncio.sleep(0.001)
        return await asyncio.to_thread(lambda: 7)

    assert loop.run(work()) == 7


def test_news_from_outside_gets_in_while_callbacks_are_always_ready() -> None:
    async def work() -> bytes:
        here, there = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=here)
        there.send(b"news\n")
        heard = asyncio.ensure_future(reader.readline())
        async with asyncio.timeout(30):
            while not heard.done():
                await asyncio.sleep(0)
        writer.close()
        there.close()
        return await heard

    assert loop.run(work()) == b"news\n"


def test_callbacks_that_are_ready_do_not_ask_the_kernel_each_time() -> None:
    looks = 0

    class Counting(loop.Patient):
        def poll(self, timeout: float | None) -> loop.Found:
            nonlocal looks
            looks += 1
            return super().poll(timeout)

    async def work() -> float:
        asked = asyncio.get_running_loop().time
        began = asked()
        for _ in range(1000):
            await asyncio.sleep(0)
        return asked() - began

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(Counting())) as runner:
        took_s = runner.run(work())

    assert looks <= 20 + took_s / loop.POLL_EVERY_S
