"""Lay out, start, fault and stop a twin cluster: the API that the command line and tests use."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.twin import spec as specs
from core.twin.clock import mono, sleep, wall_ns
from core.twin.process import is_stopped, same, send, start_time
from core.twin.seed import REPLICAS
from core.twin.spec import PdSpec, Spec, StoreSpec, Tls, read_json, write_json
from core.twin.versions import parse
from core.twin.wire import Client, Response, WireError

PROCESSES = "processes.json"
HEALTHY_LIMIT_S = 20.0
DOWN_LIMIT_S = 3.0
ROOT = Path(__file__).resolve().parents[2]


class TwinError(Exception):
    """Something a person asked of the twin cannot be done; the text says why."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the twin. `state` is running, paused or stopped; `detail` is for people."""

    name: str
    kind: str
    state: str
    pid: int | None
    url: str
    detail: str = ""
    health: str = "unknown"

    @property
    def verbs(self) -> tuple[str, ...]:
        """What can be done to it now."""
        by_state = {"running": ("kill", "pause", "stop"), "paused": ("resume", "kill")}
        return by_state.get(self.state, ("start",))


class Layout:
    """A cluster in a state directory (0700). An existing layout in `dir` is taken as it is.

    `speed` divides every duration (20 makes 20 s take 1 s), `load_qps` is what all clients
    together ask, `tls` is a (ca, cert, key) triple of PEM paths, `tie_to` a process id with
    which the twin's processes end.
    """

    def __init__(
        self,
        dir: Path | str,
        pds: int = 3,
        stores: int = 3,
        version: str = "v8.5.7",
        speed: float = 1.0,
        tls: tuple[Path | str, Path | str, Path | str] | None = None,
        regions: int = 60,
        host: str = "127.0.0.1",
        load_qps: float = 1200.0,
        tie_to: int | None = None,
    ) -> None:
        self.dir = Path(dir).resolve()
        self._tie_to = tie_to
        self.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.dir.chmod(0o700)
        if not (self.dir / specs.FILE).exists():
            wanted = Tls(*(str(Path(path).resolve()) for path in tls)) if tls else None
            made = _lay_out(pds, stores, version, speed, wanted, regions, host, load_qps)
            specs.save(self.dir, made)
        self.spec: Spec = specs.load(self.dir)

    # Where things are -------------------------------------------------------------------------
    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in (*self.spec.pds, *self.spec.stores))

    @property
    def pd_urls(self) -> tuple[str, ...]:
        """Client URLs of all members: what a subject's `pd` setting takes."""
        return tuple(self.spec.client_url(pd) for pd in self.spec.pds)

    def url(self, name: str) -> str:
        """A PD's client URL or a store's status URL; TwinError for an unknown name."""
        for pd in self.spec.pds:
            if pd.name == name:
                return self.spec.client_url(pd)
        return self.spec.status_url(self._store(name))

    def log(self, name: str) -> Path:
        """The process's log file (TiDB's unified log format)."""
        return self.dir / f"{self._known(name)}.log"

    def _known(self, name: str) -> str:
        if name not in self.names:
            raise TwinError(f"no process named {name}; there are {', '.join(self.names)}")
        return name

    def _store(self, name: str) -> StoreSpec:
        self._known(name)
        for store in self.spec.stores:
            if store.name == name:
                return store
        raise TwinError(f"{name} is a PD member, not a store")

    # Starting and stopping --------------------------------------------------------------------
    async def up(self, wait: bool = True) -> None:
        """Start whatever does not run; with `wait`, until PD leads and all stores are Up."""
        for name in self.names:
            if self._pid(name) is None:
                self._spawn(name)
        if wait:
            await self.healthy()

    async def healthy(self, limit_s: float = HEALTHY_LIMIT_S) -> None:
        """Wait until PD answers and each running store is Up; TwinError after `limit_s`."""
        until = mono() + limit_s
        while True:
            if await self._all_well():
                return
            if mono() > until:
                raise TwinError(f"the twin in {self.dir} is not healthy after {limit_s:g} s")
            for name in self.names:
                self._exit_reason(name)
            await sleep(0.05)

    async def _all_well(self) -> bool:
        if not self.spec.pds:
            return True
        body = await self._read("/pd/api/v1/stores") if self.spec.stores else None
        if not self.spec.stores:
            return await self._read("/pd/api/v1/leader") is not None
        rows = {row["store"]["id"]: row for row in body["stores"]} if body else {}
        running = [s for s in self.spec.stores if self.state(s.name) == "running"]
        if not all(s.id in rows and rows[s.id]["store"]["state_name"] == "Up" for s in running):
            return False
        led = sum(row["status"]["leader_count"] for row in rows.values())
        return led > 0 or self.spec.regions == 0

    def _exit_reason(self, name: str) -> None:
        row = self._records().get(name)
        if row is None or same(row["pid"], row["start"]):
            return
        out = self.dir / f"{name}.stderr"
        words = out.read_text("utf-8", "replace").strip() if out.exists() else ""
        if words and row.get("fresh"):
            raise TwinError(f"{name} ended at its start: {words[-600:]}")

    async def down(self) -> None:
        """End every process, paused or not; those already dead are fine. Nothing survives."""
        for name in self.names:
            self._signal(name, signal.SIGINT)
            self._signal(name, signal.SIGCONT)
        until = mono() + DOWN_LIMIT_S
        while any(self._pid(name) is not None for name in self.names) and mono() < until:
            await sleep(0.02)
        for name in self.names:
            self._signal(name, signal.SIGKILL)
        while any(self._pid(name) is not None for name in self.names):
            await sleep(0.02)

    def start(self, name: str) -> None:
        """Start a stopped process on its old ports, or continue a paused one."""
        if self._pid(self._known(name)) is None:
            self._spawn(name)
        else:
            self.resume(name)

    def kill(self, name: str) -> None:
        """SIGKILL: no farewell, nothing in its log. TwinError when it does not run."""
        self._must_signal(name, signal.SIGKILL)

    def pause(self, name: str) -> None:
        """SIGSTOP: the ports still accept, nothing answers."""
        self._must_signal(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self._must_signal(name, signal.SIGCONT)

    def stop(self, name: str) -> None:
        """SIGTERM: a store (8.5 on) says is_stopping, moves its leaders away, then ends."""
        self._must_signal(name, signal.SIGTERM)

    def do(self, name: str, verb: str) -> None:
        """One of the panel's verbs; TwinError for others."""
        verbs: dict[str, Callable[[str], None]] = {
            "kill": self.kill,
            "pause": self.pause,
            "resume": self.resume,
            "start": self.start,
            "stop": self.stop,
        }
        if verb not in verbs:
            raise TwinError(f"unknown verb {verb}; there are {', '.join(verbs)}")
        verbs[verb](name)

    def add_store(self, labels: Sequence[tuple[str, str]] = ()) -> str:
        """Scale out: lay out one more store (not started); returns its name."""
        number = max((store.id for store in self.spec.stores), default=0) + 1
        ports = _ports(2, self.spec.host)
        fresh = _store_spec(number, ports, tuple(labels))
        self.spec = replace(self.spec, stores=(*self.spec.stores, fresh))
        specs.save(self.dir, self.spec)
        return fresh.name

    # Switches ---------------------------------------------------------------------------------
    async def set_load(self, qps: float, mix: dict[str, float] | None = None) -> None:
        """What all clients together ask from now on; kept for restarts."""
        if qps < 0:
            raise TwinError("the load cannot be negative")
        self.spec = replace(self.spec, qps=qps)
        specs.save(self.dir, self.spec)
        asked: dict[str, Any] = {"qps": qps} | ({"mix": mix} if mix else {})
        running = [s.name for s in self.spec.stores if self.state(s.name) == "running"]
        await asyncio.gather(*(self.switch(name, **asked) for name in running))

    async def switch(self, name: str, **asked: Any) -> dict[str, Any]:
        """Turn switches of one store (see store/switches.py); returns how all of them stand."""
        url = f"{self.spec.status_url(self._store(name))}/twin/switch"
        answer = await self._call("PUT", url, json.dumps(asked).encode())
        if answer.status != 200:
            raise TwinError(answer.body.decode("utf-8", "replace"))
        return dict(json.loads(answer.body))

    async def reset(self, name: str) -> None:
        """Turn every fault of one store off; its load stays."""
        url = f"{self.spec.status_url(self._store(name))}/twin/switch"
        await self._call("DELETE", url)

    # Looking ----------------------------------------------------------------------------------
    def state(self, name: str) -> str:
        """running, paused or stopped."""
        pid = self._pid(self._known(name))
        if pid is None:
            return "stopped"
        return "paused" if is_stopped(pid) else "running"

    async def status(self) -> tuple[Process, ...]:
        """Every process with what PD says of it."""
        stores = await self._read("/pd/api/v1/stores?state=0&state=1&state=2")
        leader = await self._read("/pd/api/v1/leader")
        rates = await self._read("/pd/api/v1/hotspot/stores")
        rows = {row["store"]["id"]: row for row in stores["stores"]} if stores else {}
        name = leader.get("name") if leader else None
        found = [self._pd_process(pd, name) for pd in self.spec.pds]
        found += [self._store_process(s, rows.get(s.id), rates) for s in self.spec.stores]
        return tuple(found)

    def _pd_process(self, pd: PdSpec, leader: str | None) -> Process:
        state = self.state(pd.name)
        role = "leader" if pd.name == leader else "follower"
        detail = role if leader else "no leader"
        health = "ok" if state == "running" and leader else "bad"
        detail = detail if state == "running" else state
        url = self.spec.client_url(pd)
        return Process(pd.name, "pd", state, self._pid(pd.name), url, detail, health)

    def _store_process(self, store: StoreSpec, row: Any, rates: Any) -> Process:
        state, detail, health = self.state(store.name), "PD does not answer", "unknown"
        if row is not None:
            name, count = row["store"]["state_name"], row["status"]["leader_count"]
            detail = f"{name} · {count} leaders"
            if state == "running" and rates:
                qps = sum(rates[f"query-{k}-rate"].get(str(store.id), 0) for k in ("read", "write"))
                detail += f" · {qps:.0f} qps"
            health = "ok" if name == "Up" and state == "running" else "warn"
        if state != "running":
            health = "bad"
        url = self.spec.status_url(store)
        return Process(store.name, "store", state, self._pid(store.name), url, detail, health)

    async def panel(self, title: str = "twin cluster") -> dict[str, Any]:
        """The `Panel` object that the local workspace's page shows."""
        items = [
            {
                "name": one.name,
                "kind": one.kind,
                "state": one.state,
                "detail": one.detail,
                "health": one.health,
                "verbs": list(one.verbs),
            }
            for one in await self.status()
        ]
        note = f"{self.spec.version} · {self.spec.regions} regions · load {self.spec.qps:g} qps"
        return {"title": title, "items": items, "note": note}

    async def _read(self, path: str) -> Any:
        """A PD route of the first member that answers 200, or None."""
        client = Client(self.spec.client_ssl)
        try:
            for pd in self.spec.pds:
                if self.state(pd.name) != "running":
                    continue
                url = f"{self.spec.client_url(pd)}{path}"
                try:
                    answer = await client.call("GET", url, timeout_s=1.0)
                except (WireError, TimeoutError):
                    continue
                if answer.status == 200:
                    return json.loads(answer.body)
            return None
        finally:
            client.close()

    async def _call(self, method: str, url: str, body: bytes = b"") -> Response:
        client = Client(self.spec.client_ssl)
        try:
            return await client.call(method, url, body, {"X-Twin": "1"}, timeout_s=3.0)
        except (WireError, TimeoutError) as error:
            raise TwinError(f"{url} does not answer: {error}") from error
        finally:
            client.close()

    # Processes --------------------------------------------------------------------------------
    def _records(self) -> dict[str, dict[str, Any]]:
        return read_json(self.dir / PROCESSES) or {}

    def _pid(self, name: str) -> int | None:
        """The pid while the process that we started lives; reused pids do not count."""
        row = self._records().get(name)
        return row["pid"] if row and same(row["pid"], row["start"]) else None

    def _signal(self, name: str, number: signal.Signals) -> bool:
        row = self._records().get(name)
        return bool(row) and send(row["pid"], row["start"], number)

    def _must_signal(self, name: str, number: signal.Signals) -> None:
        if not self._signal(self._known(name), number):
            raise TwinError(f"{name} is not running")

    def _spawn(self, name: str) -> None:
        kind = "pd" if name in {pd.name for pd in self.spec.pds} else "store"
        words = [sys.executable, "-S", "-m", f"core.twin.{kind}"]
        words += ["--dir", str(self.dir), "--name", name]
        if self._tie_to is not None:
            words += ["--owner", f"{self._tie_to}:{start_time(self._tie_to)}"]
        environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": ""}
        with (self.dir / f"{name}.stderr").open("wb") as errors:
            child = subprocess.Popen(  # noqa: S603 (our own modules)
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self.dir,
                env=environment,
                start_new_session=True,
            )
        _reap(child)
        records = self._records()
        started = start_time(child.pid) or ""
        records[name] = {"pid": child.pid, "start": started, "fresh": True, "at": wall_ns()}
        write_json(self.dir / PROCESSES, records)


_CHILDREN: list[subprocess.Popen[bytes]] = []


def _reap(child: subprocess.Popen[bytes]) -> None:
    """Collect ended children now and then, so that none stays a zombie of ours."""
    _CHILDREN[:] = [one for one in _CHILDREN if one.poll() is None]
    _CHILDREN.append(child)


def _lay_out(
    pds: int,
    stores: int,
    version: str,
    speed: float,
    tls: Tls | None,
    regions: int,
    host: str,
    qps: float,
) -> Spec:
    if not 1 <= pds <= 9 or not 0 <= stores <= 99 or not 0 <= regions <= 10_000:
        raise TwinError("the twin takes 1-9 PD members, 0-99 stores and up to 10000 regions")
    parse(version)
    ports = iter(_ports(2 * pds + 2 * stores, host))
    chance = random.SystemRandom()
    members = tuple(
        PdSpec(f"pd-{i}", next(ports), next(ports), chance.randrange(2**54, 2**64))
        for i in range(pds)
    )
    nodes = tuple(_store_spec(i + 1, [next(ports), next(ports)], ()) for i in range(stores))
    return Spec(
        version=version,
        speed=speed,
        host=host,
        cluster_id=chance.randrange(7 * 10**18, 8 * 10**18),
        regions=regions if stores else 0,
        founders=stores,
        qps=qps,
        tls=tls,
        pds=members,
        stores=nodes,
    )


def _store_spec(number: int, ports: list[int], labels: tuple[tuple[str, str], ...]) -> StoreSpec:
    usual = (("host", f"h{number}"), ("zone", f"z{(number - 1) % max(REPLICAS, 1) + 1}"))
    return StoreSpec(f"store-{number}", number, ports[0], ports[1], labels or usual)


def _ports(count: int, host: str) -> list[int]:
    """Free ports, all different, below the range from which the kernel hands out its own."""
    found: list[int] = []
    chance = random.SystemRandom()
    while len(found) < count:
        port = chance.randrange(20_000, 32_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def describe(process: Process) -> dict[str, Any]:
    """A process as plain values, for --json."""
    return {**asdict(process), "verbs": list(process.verbs)}
