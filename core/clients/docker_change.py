"""What changes containers: kill, stop, pause, networks, limits. The only part that does.

A refusal (`Refused`) means that definitely nothing happened: nothing was sent, or the engine said no.
Every other failure (`Unavailable`) means that it may have happened, or may still happen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from core.clients.docker import DEFAULT_SOCKET, MAX_CONTAINERS
from core.clients.docker_knock import knock
from core.clients.failures import quote
from core.clock import Clock, within
from core.errors import NotFound, Refused, Unavailable

T = TypeVar("T")
Raw = Mapping[str, Any]

CALL_S = 10.0
"""How long the engine may take for one change; a stop may take its own time on top."""


class DockerChange:
    """One engine, for changes and for the whole truth about a container. In threads of its own."""

    def __init__(self, clock: Clock, address: str = DEFAULT_SOCKET) -> None:
        self._clock = clock
        self.address = address or DEFAULT_SOCKET
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="docker-change")
        self._api: Any = None

    async def engine(self) -> Raw:
        """Its id, name, system time and what it runs on."""
        found: Raw = await self._read(lambda api: api.info())
        return found

    async def everything(self) -> tuple[Raw, ...]:
        """Every container, whole, stopped ones too."""

        def read(api: Any) -> tuple[Raw, ...]:
            import docker

            found = []
            for row in api.containers(all=True)[:MAX_CONTAINERS]:
                with contextlib.suppress(docker.errors.NotFound):  # removed since it was listed
                    found.append(api.inspect_container(row["Id"]))
            return tuple(found)

        return await self._read(read)

    async def inspect(self, ident: str) -> Raw:
        """One container, whole; NotFound if there is none."""
        found: Raw = await self._read(lambda api: api.inspect_container(ident))
        return found

    async def network(self, ident: str) -> Raw:
        """One network, whole; NotFound if there is none."""
        found: Raw = await self._read(lambda api: api.inspect_network(ident))
        return found

    async def volume(self, name: str) -> Raw:
        """One volume, whole; NotFound if there is none."""
        found: Raw = await self._read(lambda api: api.inspect_volume(name))
        return found

    async def memory_used(self, ident: str) -> int:
        """Bytes that its processes use; what the kernel caches for files is left out."""
        found = await self._read(lambda api: api.stats(ident, stream=False, one_shot=True))
        told = found.get("memory_stats") or {}
        stats = told.get("stats") or {}
        cached = stats.get("total_inactive_file", stats.get("inactive_file", 0))
        return max(int(told.get("usage") or 0) - int(cached or 0), 0)

    async def kill(self, ident: str) -> None:
        """SIGKILL through the engine: no restart policy acts on that."""
        await self._change(lambda api: api.kill(ident, signal="SIGKILL"))

    async def stop(self, ident: str, timeout_s: int) -> None:
        """SIGTERM, and SIGKILL after so many seconds; returns once it has ended."""
        await self._change(lambda api: api.stop(ident, timeout=timeout_s), timeout_s)

    async def restart(self, ident: str, timeout_s: int) -> None:
        """Stop and start; returns once it runs."""
        await self._change(lambda api: api.restart(ident, timeout=timeout_s), timeout_s)

    async def pause(self, ident: str) -> None:
        """Freeze its processes."""
        await self._change(lambda api: api.pause(ident))

    async def disconnect(self, ident: str, network: str) -> None:
        """Take it off a network."""
        await self._change(lambda api: api.disconnect_container_from_network(ident, network))

    async def update(self, ident: str, limits: Mapping[str, int]) -> None:
        """Change limits by the names that HostConfig gives them; 0 changes nothing."""

        def put(api: Any) -> None:
            # The SDK's own method knows no NanoCpus.
            url = api._url("/containers/{0}/update", ident)
            api._raise_for_status(api._post_json(url, data=dict(limits)))

        await self._change(put)

    async def execute(self, ident: str, command: tuple[str, ...]) -> tuple[int, str]:
        """Run a command in a container to its end: its exit code and what it said."""

        def run(api: Any) -> tuple[int, str]:
            made = api.exec_create(ident, list(command), tty=True)
            said = api.exec_start(made["Id"], tty=True)
            code = api.exec_inspect(made["Id"]).get("ExitCode")
            return (-1 if code is None else int(code)), said[:2000].decode(errors="replace").strip()

        return await self._change(run)

    async def close(self) -> None:
        """Let go of the engine; a call that is under way goes on there."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        api, self._api = self._api, None
        if api is not None:
            await asyncio.to_thread(api.close)

    async def _read(self, work: Callable[[Any], T]) -> T:
        try:
            return await self._run(work, CALL_S)
        except Refused as error:
            raise Unavailable(error.text) from None

    async def _change(self, work: Callable[[Any], T], longer_s: float = 0.0) -> T:
        try:
            return await self._run(work, CALL_S + longer_s + 1.0)
        except NotFound as error:
            raise Refused(error.text) from None

    async def _run(self, work: Callable[[Any], T], limit_s: float) -> T:
        running = asyncio.get_running_loop().run_in_executor(self._pool, self._guarded, work)
        try:
            return await within(self._clock, limit_s, running)
        except TimeoutError:
            raise Unavailable(
                f"The Docker engine at {self.address} did not answer within {limit_s:g} s."
            ) from None

    def _guarded(self, work: Callable[[Any], T]) -> T:
        import docker
        import requests

        if reason := knock(self.address, CALL_S):
            raise Refused(f"The Docker engine at {self.address} cannot be reached: {reason}.")
        try:
            if self._api is None:
                self._api = docker.APIClient(self.address, version="auto", timeout=int(CALL_S))
            return work(self._api)
        except docker.errors.NotFound as error:
            raise NotFound(f"The Docker engine knows no such thing: {_said(error)}.") from None
        except docker.errors.APIError as error:
            kind = Refused if 400 <= (error.status_code or 0) < 500 else Unavailable
            raise kind(f"The Docker engine said no: {_said(error)}.") from None
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise Unavailable(
                f"The Docker engine at {self.address} did not say what became of it: "
                f"{quote(str(error))}."
            ) from None


def _said(error: Any) -> str:
    return quote(str(error.explanation or error)).rstrip(".")
