"""Lay out, start, fault and stop a twin cluster: the API that the command line and tests use."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.twin import look
from core.twin import spec as specs
from core.twin.clock import mono, sleep
from core.twin.look import Process, describe
from core.twin.plan import TwinError, free_ports, lay_out, store_spec
from core.twin.process import wait_gone
from core.twin.spec import Spec, StoreSpec, Tls
from core.twin.supervisor import Supervisor
from core.twin.wire import Client, Response, WireError

__all__ = ["Layout", "Process", "TwinError", "describe"]

HEALTHY_LIMIT_S = 20.0
DOWN_LIMIT_S = 3.0


class Layout:
    """A cluster in a state directory (0700). An existing layout in `dir` is taken as it is.

    `speed` divides every duration (20 makes 20 s take 1 s), `load_qps` is what all clients
    together ask, `tls` is a (ca, cert, key) triple of PEM paths, `tie_to` a process id with
    which the twin's processes end (also those that another command starts in `dir` later).
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
        for one in (*reversed(self.dir.parents), self.dir):
            one.mkdir(mode=0o700, exist_ok=True)  # `parents=True` makes those above with any mode
        self.dir.chmod(0o700)
        self._processes = Supervisor(self.dir, tie_to)
        if not (self.dir / specs.FILE).exists():
            wanted = Tls(*(str(Path(path).resolve()) for path in tls)) if tls else None
            made = lay_out(pds, stores, version, speed, wanted, regions, host, load_qps)
            specs.save(self.dir, made)
        self.spec: Spec = specs.load(self.dir)

    # Where things are -------------------------------------------------------------------------
    @property
    def names(self) -> tuple[str, ...]:
        pds = (pd.name for pd in self.spec.pds)
        return (*pds, *(store.name for store in self.spec.stores))

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

    def _kind(self, name: str) -> str:
        return "pd" if name in {pd.name for pd in self.spec.pds} else "store"

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
            if self._processes.pid(name) is None:
                self._processes.spawn(self._kind(name), name)
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
                self._must_live(name)
            await sleep(0.05)

    async def _all_well(self) -> bool:
        """Every running member serves, every running store is Up and serves, regions are led."""
        if not self.spec.pds:
            return True
        running = [name for name in self.names if self.state(name) == "running"]
        urls = [
            f"{self.url(name)}{'/status' if name.startswith('store-') else '/pd/api/v1/leader'}"
            for name in running
        ]
        if not all(await asyncio.gather(*(self._good(url) for url in urls))):
            return False
        if not self.spec.stores:
            return True
        body = await self._read("/pd/api/v1/stores")
        rows = {row["store"]["id"]: row for row in body["stores"]} if body else {}
        up = {sid for sid, row in rows.items() if row["store"]["state_name"] == "Up"}
        if not all(store.id in up for store in self.spec.stores if store.name in running):
            return False
        led = sum(row["status"]["leader_count"] for row in rows.values())
        return led > 0 or self.spec.regions == 0

    def _must_live(self, name: str) -> None:
        words = self._processes.last_words(name)
        if words:
            raise TwinError(f"{name} ended at its start: {words[-600:]}")

    async def down(self) -> None:
        """End every process, paused or not; those already dead are fine. Nothing survives."""
        for name in self.names:
            self._processes.signal(name, signal.SIGINT)
            self._processes.signal(name, signal.SIGCONT)
        until = mono() + DOWN_LIMIT_S
        while any(self._processes.pid(name) is not None for name in self.names) and mono() < until:
            await sleep(0.02)
        for name in self.names:
            self._processes.signal(name, signal.SIGKILL)
        while any(self._processes.pid(name) is not None for name in self.names):
            await sleep(0.02)

    def start(self, name: str) -> None:
        """Start a stopped process on its old ports, or continue a paused one."""
        if self._processes.pid(self._known(name)) is None:
            self._processes.spawn(self._kind(name), name)
        else:
            self.resume(name)

    def kill(self, name: str) -> None:
        """SIGKILL: no farewell, nothing in its log. TwinError when it does not run."""
        pid = self._processes.pid(self._known(name))
        self._must_signal(name, signal.SIGKILL)
        if pid is not None:
            wait_gone(pid, 1.0)

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
        ports = free_ports(2, self.spec.host)
        fresh = store_spec(number, ports, tuple(labels))
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
        return self._processes.state(self._known(name))

    async def status(self) -> tuple[Process, ...]:
        """Every process with what PD says of it."""
        stores = await self._read("/pd/api/v1/stores?state=0&state=1&state=2")
        leader = await self._read("/pd/api/v1/leader")
        rates = await self._read("/pd/api/v1/hotspot/stores")
        rows = {row["store"]["id"]: row for row in stores["stores"]} if stores else {}
        name = leader.get("name") if leader else None
        found = []
        for pd in self.spec.pds:
            state, pid = self.state(pd.name), self._processes.pid(pd.name)
            found.append(look.pd(pd, self.spec.client_url(pd), state, pid, name))
        for store in self.spec.stores:
            state, pid = self.state(store.name), self._processes.pid(store.name)
            url = self.spec.status_url(store)
            found.append(look.store(store, url, state, pid, rows.get(store.id), rates))
        return tuple(found)

    async def panel(self, title: str = "twin cluster") -> dict[str, Any]:
        """The `Panel` object that the local workspace's page shows."""
        items = [look.item(one) for one in await self.status()]
        note = f"{self.spec.version} · {self.spec.regions} regions · load {self.spec.qps:g} qps"
        return {"title": title, "items": items, "note": note}

    async def _good(self, url: str) -> bool:
        return await self._get(url) is not None

    async def _get(self, url: str) -> Response | None:
        """The answer when it is 200 and comes within a second."""
        client = Client(self.spec.client_ssl)
        try:
            answer = await client.call("GET", url, timeout_s=1.0)
        except (WireError, TimeoutError):
            return None
        finally:
            client.close()
        return answer if answer.status == 200 else None

    async def _read(self, path: str) -> Any:
        """A PD route of the first member that answers 200, or None."""
        for pd in self.spec.pds:
            if self.state(pd.name) == "running":
                answer = await self._get(f"{self.spec.client_url(pd)}{path}")
                if answer is not None:
                    return json.loads(answer.body)
        return None

    async def _call(self, method: str, url: str, body: bytes = b"") -> Response:
        client = Client(self.spec.client_ssl)
        try:
            return await client.call(method, url, body, {"X-Twin": "1"}, timeout_s=3.0)
        except (WireError, TimeoutError) as error:
            raise TwinError(f"{url} does not answer: {error}") from error
        finally:
            client.close()

    def _must_signal(self, name: str, number: signal.Signals) -> None:
        if not self._processes.signal(self._known(name), number):
            raise TwinError(f"{name} is not running")
