"""What a laid-out cluster is: names, ids, ports, version and load, as one JSON file says it."""

from __future__ import annotations

import json
import os
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.twin.wire import client_tls, server_tls

FILE = "layout.json"


@dataclass(frozen=True, slots=True)
class PdSpec:
    name: str
    client_port: int
    peer_port: int
    member_id: int


@dataclass(frozen=True, slots=True)
class StoreSpec:
    name: str
    id: int
    port: int
    status_port: int
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tls:
    """Paths of PEM files; with it every port of the twin speaks mutual TLS."""

    ca: str
    cert: str
    key: str

    def server(self) -> ssl.SSLContext:
        return server_tls(self.ca, self.cert, self.key)

    def client(self) -> ssl.SSLContext:
        return client_tls(self.ca, self.cert, self.key)


@dataclass(frozen=True, slots=True)
class Spec:
    """One cluster; `qps` is what all clients together ask of it, `regions` its first regions."""

    version: str
    speed: float
    host: str
    cluster_id: int
    regions: int
    founders: int
    qps: float
    tls: Tls | None
    pds: tuple[PdSpec, ...]
    stores: tuple[StoreSpec, ...]

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    def client_url(self, pd: PdSpec) -> str:
        return f"{self.scheme}://{self.host}:{pd.client_port}"

    def peer_url(self, pd: PdSpec) -> str:
        return f"{self.scheme}://{self.host}:{pd.peer_port}"

    def raft_url(self, store: StoreSpec) -> str:
        return f"{self.scheme}://{self.host}:{store.port}"

    def status_url(self, store: StoreSpec) -> str:
        return f"{self.scheme}://{self.host}:{store.status_port}"

    def pd(self, name: str) -> PdSpec:
        return next(pd for pd in self.pds if pd.name == name)

    def store(self, name: str) -> StoreSpec:
        return next(store for store in self.stores if store.name == name)

    @property
    def server_ssl(self) -> ssl.SSLContext | None:
        return self.tls.server() if self.tls else None

    @property
    def client_ssl(self) -> ssl.SSLContext | None:
        return self.tls.client() if self.tls else None


def load(folder: Path) -> Spec:
    """Read `layout.json`; raises OSError or ValueError when there is none that we wrote."""
    raw: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    stores = tuple(
        StoreSpec(**{**row, "labels": tuple((k, v) for k, v in row["labels"])})
        for row in raw.pop("stores")
    )
    pds = tuple(PdSpec(**row) for row in raw.pop("pds"))
    tls = raw.pop("tls")
    return Spec(**raw, tls=Tls(**tls) if tls else None, pds=pds, stores=stores)


def save(folder: Path, spec: Spec) -> None:
    """Write `layout.json` in one step, readable by its owner alone."""
    write_json(folder / FILE, asdict(spec))


def write_json(path: Path, value: Any) -> None:
    """Replace a file in one step (0600), so that a kill leaves the old or the new one."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file, separators=(",", ":"))
    part.replace(path)


def read_json(path: Path) -> Any:
    """The file's value, or None when it is absent or half written by something else."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
