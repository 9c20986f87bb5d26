"""python -m core.twin.pd --dir DIR --name pd-0: one PD member of the cluster laid out in DIR."""

from __future__ import annotations

import sys
from pathlib import Path

from core.twin.log import Log
from core.twin.pd.member import Member
from core.twin.process import arguments, run_until_signal
from core.twin.spec import Spec
from core.twin.wire import Server


async def _serve(spec: Spec, name: str, folder: Path, owner: str | None) -> None:
    me = spec.pd(name)
    home = folder / name
    home.mkdir(mode=0o700, exist_ok=True)
    log = Log(folder / f"{name}.log")
    log.info("versioninfo.go:89", "Welcome to Placement Driver (PD)")
    log.info("versioninfo.go:90", "PD", **{"release-version": spec.version})
    member = Member(spec, me, home, log)
    peers, clients = (
        Server(handler, spec.server_ssl) for handler in (member.election.serve, member.serve)
    )
    await peers.start(spec.host, me.peer_port)
    await clients.start(spec.host, me.client_port)
    log.info("etcd.go:250", "embed etcd server is now started", name=name)
    try:
        await run_until_signal(member.run(), owner, before_end=member.farewell)
    finally:
        await clients.close()
        await peers.close()
        log.info("server.go:540", "close server")


if __name__ == "__main__":
    sys.exit(
        arguments("pd", lambda args, spec: _serve(spec, args.name, Path(args.dir), args.owner))
    )
