"""A scripted cluster in a process of its own, so that its work is not counted with ours.

Run as a program it serves until its standard input ends; each line is an order that one line of
JSON answers. `far_cluster(...)` starts one and speaks to it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from core.clock import SystemClock
from core.wiring import raise_file_limit
from tests.stub_http import Request, Response, StubServer
from tests.world import World

TYPES = ("kv_get", "kv_prewrite", "kv_commit")
GIB = 1024**3
STARTS_WITHIN_S = 60.0


class Prometheus:
    """Answers what the product asks, for every store, from bodies that were built before."""

    def __init__(self, world: World) -> None:
        self._names = [one.address for one in world.stores.values()]
        self.server = StubServer(self._respond)
        self.server.keep_requests = False
        self._bodies: dict[str, bytes] = {}
        self.disks(free=0.95)
        typed = [(name, kind) for name in self._names for kind in TYPES]
        self._put("p99", [({"instance": i, "type": t}, "0.0042") for i, t in typed])
        self._put("rate", [({"instance": i, "type": t}, "103.25") for i, t in typed])
        self._put("qps", [({"instance": i}, "309.75") for i in self._names])
        self._put("cpu", [({"instance": i}, "0.8125") for i in self._names])
        kinds = ("down-peer", "pending-peer", "miss-peer", "offline-peer")
        self._put("regions", [({"type": f"{k}-region-count"}, "0") for k in kinds])
        self._put("age", [({}, "1.5")])
        none = {"status": "success", "data": {"resultType": "matrix", "result": []}}
        self._bodies["none"] = Response(200, json.dumps(none).encode()).encode()

    def disks(self, free: float) -> None:
        """From now on so large a share of every disk is free."""
        sizes = {"capacity": f"{100 * GIB}", "available": f"{100 * GIB * free:.0f}"}
        self._put(
            "disk",
            [({"instance": i, "type": t}, v) for i in self._names for t, v in sizes.items()],
        )

    def _put(self, key: str, points: list[tuple[dict[str, str], str]]) -> None:
        result = [{"metric": labels, "value": [1.0, value]} for labels, value in points]
        data = {"resultType": "vector", "result": result}
        body = json.dumps({"status": "success", "data": data}, separators=(",", ":"))
        self._bodies[key] = Response(200, body.encode()).encode()

    def _respond(self, request: Request) -> Any:
        query = request.form.get("query", [""])[0]
        if request.path.endswith("/query_range"):
            # Asked by a diagnosis, which names its stores: far fewer series than there are here.
            return self._bodies["none"]
        return self._bodies[_key(query)] if query else Response(404, b"", "")


def _key(query: str) -> str:
    marks = {
        "timestamp(": "age",
        "histogram_quantile": "p99",
        "pd_regions_status": "regions",
        "process_cpu": "cpu",
        'type!="kv_gc"': "qps",
        "_duration_seconds_count": "rate",
    }
    return next((key for mark, key in marks.items() if mark in query), "disk")


async def _serve(stores: int) -> None:
    raise_file_limit()
    async with World(SystemClock(), stores=stores, prometheus=False) as world:
        for one in (*world.pd.members, *(s.server for s in world.stores.values())):
            one.keep_requests = False
        async with Prometheus(world).server as server:
            prometheus: Prometheus = server.handler.__self__
            asked = asyncio.StreamReader()
            await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(asked), sys.stdin
            )
            _say(pd=world.pd.urls, prometheus=server.url, overrides=world.overrides,
                 urls=list(world.status_urls.values()))  # fmt: skip
            while order := (await asked.readline()).decode().strip():
                if order == "fill":
                    prometheus.disks(free=0.05)
                elif order == "empty":
                    prometheus.disks(free=0.95)
                _say(pd=world.pd.requests, prometheus=server.count)


def _say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


@dataclass
class Far:
    """The cluster from here."""

    pd: tuple[str, ...]
    prometheus: str
    overrides: dict[str, str]
    urls: tuple[str, ...]
    process: asyncio.subprocess.Process

    async def tell(self, order: str) -> dict[str, int]:
        """Do `order` ("fill", "empty", "calls"); how many requests there have been."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n".encode())
        return await _line(self.process)

    async def calls(self) -> int:
        return sum((await self.tell("calls")).values())


async def _line(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    raw = await asyncio.wait_for(process.stdout.readline(), STARTS_WITHIN_S)
    assert raw, "the scripted cluster ended"
    return json.loads(raw)


@asynccontextmanager
async def far_cluster(stores: int) -> AsyncIterator[Far]:
    """A healthy cluster of so many stores, 3 PD members and a Prometheus, over loopback."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(stores),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=64 * 1024 * 1024,
    )  # fmt: skip
    try:
        said = await _line(process)
        yield Far(
            tuple(said["pd"]), said["prometheus"], said["overrides"], tuple(said["urls"]), process
        )
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
