"""What the Docker engine knows of containers: state, exit code, events, log tails. Reads only.

The SDK blocks, so each call runs in one of a few threads of its own, with 5 s on its sockets. The
SDK is imported when first used (85 ms).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from core.clients.docker_model import KINDS, Container, ContainerEvent, container, event
from core.clients.failures import Garbled, Kind, SourceFailed, kind_of, quote
from core.clock import Clock, within
from core.errors import NotFound

T = TypeVar("T")
DEFAULT_SOCKET = "unix:///var/run/docker.sock"
TIMEOUT_S = 5.0
MAX_CONTAINERS = 2_000
_MOST_QUEUED = 10_000


class DockerClient:
    """One engine. Every read raises SourceFailed if the engine cannot be asked."""

    def __init__(self, clock: Clock, address: str = DEFAULT_SOCKET, *, threads: int = 4) -> None:
        self._clock = clock
        self._address = address
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="docker")
        self._api: Any = None

    async def ping(self) -> str:
        """The engine's version."""
        found = await self._call(lambda api: api.version())
        return str(found.get("Version", ""))

    async def containers(self, *, label: str = "") -> tuple[Container, ...]:
        """Every container, stopped ones too; with `label` ("key=value") only those that carry it."""
        filters = {"label": [label]} if label else None
        rows = await self._call(lambda api: api.containers(all=True, filters=filters))
        found: list[Container] = []
        for row in rows[:MAX_CONTAINERS]:
            try:
                found.append(await self.container(row["Id"]))
            except NotFound:
                continue  # removed since it was listed
        return tuple(found)

    async def container(self, name: str) -> Container:
        """One container by name or id; NotFound if there is none."""
        return container(await self._call(lambda api: api.inspect_container(name), name))

    async def logs_tail(
        self, name: str, lines: int, *, max_bytes: int = 1024 * 1024
    ) -> tuple[bytes, bool]:
        """The newest lines of its output, and whether more than `max_bytes` was cut off."""

        def read(api: Any) -> tuple[bytes, bool]:
            kept, cut = bytearray(), False
            stream = api.logs(name, tail=lines, stream=True, follow=False)
            for part in stream:
                kept += part
                if len(kept) > 2 * max_bytes:
                    kept, cut = kept[-max_bytes:], True
            return bytes(kept[-max_bytes:]), cut or len(kept) > max_bytes

        return await self._call(read, name)

    async def past_events(self, since: float, until: float) -> tuple[ContainerEvent, ...]:
        """What the engine still remembers of a stretch of time (it keeps 256 events), oldest first.

        `until` must not lie in the future: the engine would wait for it.
        """

        def read(api: Any) -> list[dict[str, Any]]:
            filters = {"type": list(KINDS)}
            stream = api.events(since=since, until=until, filters=filters, decode=True)
            return list(itertools.islice(stream, _MOST_QUEUED))

        told = [event(one) for one in await self._call(read)]
        return tuple(one for one in told if one is not None)

    async def events(self, since: float | None = None) -> AsyncIterator[ContainerEvent]:
        """What happens to containers from `since` (epoch seconds) on, as it happens.

        Ends with SourceFailed when the stream breaks: ask again from the last event's time.
        """
        stream = await self._call(
            lambda api: api.events(since=since, filters={"type": list(KINDS)}, decode=True)
        )
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[dict[str, Any] | BaseException | None] = asyncio.Queue(_MOST_QUEUED)
        # A thread of its own: it lives as long as the stream and would starve the others.
        reader = ThreadPoolExecutor(1, thread_name_prefix="docker-events")
        reader.submit(_pump, stream, lambda one: loop.call_soon_threadsafe(_put, queue, one))
        try:
            while True:
                got = await queue.get()
                if got is None or isinstance(got, BaseException):
                    detail = f"the event stream ended{f': {got}' if got else ''}"
                    raise SourceFailed(self._address, Kind.RESET, detail)
                if (happened := event(got)) is not None:
                    yield happened
        finally:
            _cut(stream)
            await asyncio.to_thread(reader.shutdown)

    async def close(self) -> None:
        """Let go of the engine; waits a second for reads that are still under way."""
        ending = asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
        with contextlib.suppress(TimeoutError):
            await within(self._clock, 1.0, ending)
        api, self._api = self._api, None
        if api is not None:
            api.close()

    async def _call(self, work: Callable[[Any], T], name: str = "") -> T:
        running = asyncio.get_running_loop().run_in_executor(self._pool, self._guarded, work, name)
        try:
            return await within(self._clock, TIMEOUT_S, running)
        except TimeoutError:
            detail = f"the engine did not answer within {TIMEOUT_S:g} s"
            raise SourceFailed(self._address, Kind.TIMEOUT, detail) from None

    def _guarded(self, work: Callable[[Any], T], name: str) -> T:
        import docker
        import requests

        self._knock()
        try:
            if self._api is None:
                self._api = docker.APIClient(self._address, version="auto", timeout=int(TIMEOUT_S))
            return work(self._api)
        except docker.errors.NotFound:
            raise NotFound(f"There is no container {quote(name, 80)}.") from None
        except docker.errors.APIError as error:
            status = error.status_code or 0
            detail = quote(str(error.explanation or error))
            raise SourceFailed(self._address, Kind.HTTP_ERROR, detail, status=status) from None
        except (KeyError, TypeError, ValueError) as error:
            raise Garbled(self._address, f"not what Docker says: {error!r}") from None
        except (docker.errors.DockerException, requests.RequestException) as error:
            text = str(error)
            kind = Kind.TIMEOUT if "timed out" in text.lower() else Kind.RESET
            raise SourceFailed(self._address, kind, text) from None

    def _knock(self) -> None:
        """Say exactly why the socket cannot be used (the SDK says "error while fetching")."""
        path = self._address.removeprefix("unix://")
        if path == self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX) as one:
                one.settimeout(TIMEOUT_S)
                one.connect(path)
        except FileNotFoundError:
            raise SourceFailed(self._address, Kind.REFUSED, "there is no such socket") from None
        except PermissionError:
            why = "this user may not use it (is it in the group docker?)"
            raise SourceFailed(self._address, Kind.UNREACHABLE, why) from None
        except OSError as error:
            raise SourceFailed(self._address, kind_of(error), str(error)) from None


def _pump(stream: Any, put: Callable[[Any], Any]) -> None:
    """Runs in a thread until the stream ends or is closed."""
    try:
        for one in stream:
            put(one)
    except Exception as error:  # noqa: BLE001 - whatever it was, the reader must hear of it
        _tell(put, error)
    else:
        _tell(put, None)
    finally:
        stream._response.close()  # the SDK shuts the socket and forgets the rest


def _cut(stream: Any) -> None:
    """Make the reading thread see the end of the stream."""
    with contextlib.suppress(OSError, AttributeError):  # already at its end
        stream.close()


def _tell(put: Callable[[Any], Any], last: BaseException | None) -> None:
    try:
        put(last)
    except RuntimeError:
        return  # the loop is gone, and with it everybody who listened


def _put(queue: asyncio.Queue[Any], one: Any) -> None:
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        one = OSError("events came faster than they were read")
    queue.put_nowait(one)
