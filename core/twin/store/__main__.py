"""python -m core.twin.store --dir DIR --name store-1: one store of the cluster laid out in DIR."""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from core.twin.log import Log
from core.twin.process import arguments, run_until_signal
from core.twin.spec import Spec
from core.twin.store.node import Node
from core.twin.store.status import StatusPort
from core.twin.wire import Server


async def _serve(spec: Spec, name: str, folder: Path, owner: str | None) -> None:
    me = spec.store(name)
    log = Log(folder / f"{name}.log")
    log.info("lib.rs:88", "Welcome to TiKV")
    log.info("lib.rs:93", f"Release Version:   {spec.version.removeprefix('v')}")
    log.info("server.rs:240", "connect to PD cluster", cluster_id=spec.cluster_id)
    node = Node(spec, me, folder, log)
    raft, status = (
        Server(handler, spec.server_ssl) for handler in (node.serve_raft, StatusPort(node).serve)
    )
    await raft.start(spec.host, me.port)
    await status.start(spec.host, me.status_port)
    try:
        await run_until_signal(node.run(), owner, before_end=_farewell(node, log))
    finally:
        await status.close()
        await raft.close()
        log.info("server.rs:1520", "TiKV is shut down")


def _farewell(node: Node, log: Log) -> Callable[[int], Awaitable[None]]:
    async def say(number: int) -> None:
        log.info("signal_handler.rs:19", f"receive signal {number}, stopping server...")
        if number == signal.SIGTERM:
            await node.drain()
        node.raft.save()

    return say


if __name__ == "__main__":
    sys.exit(
        arguments("store", lambda args, spec: _serve(spec, args.name, Path(args.dir), args.owner))
    )
