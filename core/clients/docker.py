"""What the Docker engine knows of containers: state, exit code, events, log tails. Reads only.

The SDK blocks, so each call runs in one of a few threads of its own, with 5 s on its sockets. The
SDK is imported when first used (85 ms).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from core.clients import goformat
from core.clients.failures import Kind, SourceFailed, quote
from core.clock import Clock, within
from core.errors import NotFound

T = TypeVar("T")
DEFAULT_SOCKET = "unix:///var/run/docker.sock"
TIMEOUT_S = 5.0
MAX_CONTAINERS = 2_000
_MOST_QUEUED = 10_000
EVENTS = ("die", "oom", "kill", "stop", "start", "pause", "unpause", "restart", "destroy")
_KINDS = ("container", "network")


@dataclass(frozen=True, slots=True)
class Network:
    """How a container hangs on a network; `ip` is "" while it does not."""

    ip: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the engine sees it.

    `status` is created, running, paused, restarting, removing, exited or dead. `exit_code` is None
    while it runs. Times are aware; None for never. `ports` maps "20180/tcp" to published ports.
    """

    id: str
    name: str
    image: str
    status: str
    exit_code: int | None
    oom_killed: bool
    restart_count: int
    pid: int
    started_at: datetime | None
    finished_at: datetime | None
    health: str
    restart_policy: str
    labels: Mapping[str, str]
    networks: Mapping[str, Network]
    ports: Mapping[str, tuple[int, ...]]

    @property
    def running(self) -> bool:
        """Whether its process is there and not frozen."""
        return self.status == "running"

    @property
    def project(self) -> str:
        """The compose project that it belongs to; "" if none."""
        return self.labels.get("com.docker.compose.project", "")

    @property
    def service(self) -> str:
        """The compose service that it is an instance of; "" if none."""
        return self.labels.get("com.docker.compose.service", "")

    def goes_by(self, host: str) -> bool:
        """Whether `host` is its service, its name, one of its network aliases or its address."""
        names = {self.service, self.name}
        for one in self.networks.values():
            names.update(one.aliases)
            names.add(one.ip)
        return bool(host) and host in names


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something that happened to a container; `action` without its arguments ("die", "oom").

    `at` is seconds since the epoch by the engine's clock. `exit_code` comes with die, `signal` with
    kill. A network event has `kind` "network" and the container's id alone.
    """

    kind: str
    action: str
    id: str
    name: str
    at: float
    exit_code: int | None = None
    signal: str = ""
    labels: Mapping[str, str] = MappingProxyType({})


class DockerClient:
    """One engine. Every read raises SourceFailed if the engine cannot be asked."""

    def __init__(self, clock: Clock, socket: str = DEFAULT_SOCKET, *, threads: int = 4) -> None:
        self._clock = clock
        self._socket = socket
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
        return _container(await self._call(lambda api: api.inspect_container(name), name))

    async def logs_tail(
        self, name: str, lines: int, *, max_bytes: int = 1024 * 1024
    ) -> tuple[bytes, bool]:
        """The newest lines of its output, and whether more than `max_bytes` was cut off."""

        def read(api: Any) -> bytes:
            said = api.logs(name, stdout=True, stderr=True, tail=lines, stream=False, follow=False)
            return bytes(said)

        raw = await self._call(read, name)
        return raw[-max_bytes:], len(raw) > max_bytes

    async def events(self, since: float | None = None) -> AsyncIterator[ContainerEvent]:
        """What happens to containers from `since` (epoch seconds) on, as it happens.

        Ends with SourceFailed when the stream breaks: ask again from the last event's time.
        """
        stream = await self._call(
            lambda api: api.events(since=since, filters={"type": list(_KINDS)}, decode=True)
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
                    raise SourceFailed(self._socket, Kind.RESET, detail)
                if (event := _event(got)) is not None:
                    yield event
        finally:
            stream.close()
            reader.shutdown(wait=False)

    async def close(self) -> None:
        """Let go of the engine."""
        api, self._api = self._api, None
        if api is not None:
            api.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _call(self, work: Callable[[Any], T], name: str = "") -> T:
        running = asyncio.get_running_loop().run_in_executor(self._pool, self._guarded, work, name)
        try:
            return await within(self._clock, TIMEOUT_S, running)
        except TimeoutError:
            detail = f"the engine did not answer within {TIMEOUT_S:g} s"
            raise SourceFailed(self._socket, Kind.TIMEOUT, detail) from None

    def _guarded(self, work: Callable[[Any], T], name: str) -> T:
        import docker
        import requests

        try:
            if self._api is None:
                self._api = docker.APIClient(self._socket, version="auto", timeout=int(TIMEOUT_S))
            return work(self._api)
        except docker.errors.NotFound:
            raise NotFound(f"There is no container {quote(name, 80)}.") from None
        except docker.errors.APIError as error:
            status = error.status_code or 0
            detail = quote(str(error.explanation or error))
            raise SourceFailed(self._socket, Kind.HTTP_ERROR, detail, status=status) from None
        except (docker.errors.DockerException, requests.RequestException, OSError) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> SourceFailed:
        text = str(error)
        if "FileNotFoundError" in text or "No such file" in text:
            return SourceFailed(self._socket, Kind.REFUSED, "there is no such socket")
        if "Permission" in text:
            why = "this user may not use it (is it in the group docker?)"
            return SourceFailed(self._socket, Kind.UNREACHABLE, why)
        kind = Kind.TIMEOUT if "timed out" in text.lower() else Kind.REFUSED
        return SourceFailed(self._socket, kind, text)


def _pump(stream: Any, put: Callable[[Any], Any]) -> None:
    """Runs in a thread until the stream ends or is closed."""
    try:
        for one in stream:
            put(one)
    except Exception as error:  # noqa: BLE001 - whatever it was, the reader must hear of it
        _tell(put, error)
    else:
        _tell(put, None)


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


def _event(raw: Mapping[str, Any]) -> ContainerEvent | None:
    kind, action = str(raw.get("Type", "")), str(raw.get("Action", ""))
    actor = raw.get("Actor") or {}
    said: dict[str, str] = {str(k): str(v) for k, v in (actor.get("Attributes") or {}).items()}
    if kind not in _KINDS or not action:
        return None
    code = said.get("exitCode", "")
    at = raw.get("timeNano")
    return ContainerEvent(
        kind=kind,
        action=action.partition(":")[0].strip() if not action.startswith("health") else action,
        id=str(said.get("container", "") if kind == "network" else actor.get("ID", "")),
        name=said.get("name", ""),
        at=at / 1e9 if isinstance(at, int) else float(raw.get("time", 0) or 0),
        exit_code=int(code) if code.isdigit() else None,
        signal=said.get("signal", ""),
        labels=MappingProxyType(said),
    )


def _container(raw: Mapping[str, Any]) -> Container:
    state = raw.get("State") or {}
    config = raw.get("Config") or {}
    hosted = raw.get("HostConfig") or {}
    status = str(state.get("Status", ""))
    return Container(
        id=str(raw.get("Id", "")),
        name=str(raw.get("Name", "")).lstrip("/"),
        image=str(config.get("Image", "")),
        status=status,
        exit_code=int(state.get("ExitCode") or 0) if status in ("exited", "dead") else None,
        oom_killed=bool(state.get("OOMKilled")),
        restart_count=int(raw.get("RestartCount") or 0),
        pid=int(state.get("Pid") or 0),
        started_at=goformat.instant(str(state.get("StartedAt", ""))),
        finished_at=goformat.instant(str(state.get("FinishedAt", ""))),
        health=str((state.get("Health") or {}).get("Status", "")),
        restart_policy=str((hosted.get("RestartPolicy") or {}).get("Name", "")),
        labels=MappingProxyType(dict(config.get("Labels") or {})),
        networks=MappingProxyType(_networks(raw)),
        ports=MappingProxyType(_ports(raw)),
    )


def _networks(raw: Mapping[str, Any]) -> dict[str, Network]:
    found = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    return {
        name: Network(str(one.get("IPAddress") or ""), tuple(one.get("Aliases") or ()))
        for name, one in found.items()
    }


def _ports(raw: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    found = (raw.get("NetworkSettings") or {}).get("Ports") or {}
    return {
        inside: tuple(int(one["HostPort"]) for one in outside if one.get("HostPort"))
        for inside, outside in found.items()
        if outside
    }
