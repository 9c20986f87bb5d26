"""/healthz and /metrics: whether the loops turn, and our own figures, over plain HTTP.

/healthz is 200 only if every subject's monitor cycle and a delivery cycle ended lately, so that it
proves work and not merely a listening socket.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from core.errors import Invalid
from core.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Part:
    """How one part of the program is: `words` says why it is not well."""

    ok: bool
    words: str = ""


Check = Callable[[], Part]


@dataclass(slots=True)
class Health:
    """The parts that must be well, by name."""

    checks: dict[str, Check] = field(default_factory=dict)

    def add(self, name: str, check: Check) -> None:
        """Another part that must be well."""
        self.checks[name] = check

    def look(self) -> Mapping[str, Part]:
        """Every part, now."""
        return {name: check() for name, check in self.checks.items()}


def routes(health: Health, metrics: Metrics) -> list[web.RouteDef]:
    """The two pages, to be served wherever the program listens."""

    async def healthz(_: web.Request) -> web.Response:
        parts = health.look()
        ok = all(p.ok for p in parts.values())
        body = {
            "ok": ok,
            "parts": {
                n: {"ok": p.ok, **({"why": p.words} if p.words else {})} for n, p in parts.items()
            },
        }
        return web.json_response(body, status=200 if ok else 503)

    async def figures(_: web.Request) -> web.Response:
        return web.Response(
            body=metrics.page(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    return [web.get("/healthz", healthz), web.get("/metrics", figures)]


async def serve(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen; the runner (to clean up) and the port that was taken (port 0 picks one).

    Raises Invalid where it cannot listen there.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except (OSError, UnicodeError) as error:  # UnicodeError: a host that no name can be
        await runner.cleanup()
        raise Invalid(_cannot_listen(host, port, error)) from None
    bound: int = runner.addresses[0][1]
    return runner, bound


def _cannot_listen(host: str, port: int, error: Exception) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        why = "that name has no address here"
    elif isinstance(error, OSError) and error.errno != errno.EADDRINUSE:
        # asyncio packs the addresses that it tried into the message: the bare reason is enough.
        why = os.strerror(error.errno or 0).lower()
    else:
        why = "another program listens there"
    return (
        f"/healthz and /metrics cannot be served on {host}:{port}: {why}. Set host and port in "
        "[http] of the configuration (port = 0 takes any that is free)."
    )
