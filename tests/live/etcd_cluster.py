"""A real etcd of three members: Debian's binary, in containers of a network of its own.

The image is made from the package's files (no registry is asked). Containers carry the labels that
compose gives, and opt in to experiments. A member keeps its address and its data over a restart.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.clients.http import Http
from core.clock import SystemClock
from core.twin.plan import free_ports
from tests.live.containers import Site, docker, image, site, tree
from tests.live.watching import LIMIT_S, Prometheus

CLIENT, PEER = 2379, 2380


@contextlib.contextmanager
def etcd_image() -> Iterator[str]:
    """etcd and etcdctl, and nothing else."""
    with image(tree("etcd", "etcdctl"), 'ENTRYPOINT ["/bin/etcd"]', "ENV GODEBUG=netdns=go") as one:
        yield one


@dataclass
class Cluster:
    """`members` maps a service's name to its address; `quota` is in bytes."""

    site: Site
    members: dict[str, str]
    quota: int

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(self.url(name) for name in self.members)

    def url(self, name: str) -> str:
        return f"http://{self.members[name]}:{CLIENT}"

    def container(self, name: str) -> str:
        return f"{self.site.project}-{name}-1"

    @property
    def network(self) -> str:
        return f"{self.site.project}_etcd"

    def run(self, name: str) -> None:
        """Start a member's first process."""
        peers = ",".join(f"{one}=http://{one}:{PEER}" for one in self.members)
        options = {
            "name": name,
            "data-dir": "/data",
            "listen-client-urls": f"http://0.0.0.0:{CLIENT}",
            # As in compose files: a name that means nothing outside the network.
            "advertise-client-urls": f"http://{name}:{CLIENT}",
            "listen-peer-urls": f"http://0.0.0.0:{PEER}",
            "initial-advertise-peer-urls": f"http://{name}:{PEER}",
            "initial-cluster": peers,
            "initial-cluster-token": self.site.project,
            "quota-backend-bytes": str(self.quota),
            "logger": "zap",
        }
        self.site.made.append(("container", self.container(name)))
        labels = (
            f"com.docker.compose.project={self.site.project}",
            f"com.docker.compose.service={name}",
            "tocsin.chaos=allow",
        )
        docker(
            *("run", "-d", "--name", self.container(name)),
            *("--network", self.network, "--network-alias", name, "--ip", self.members[name]),
            *(part for one in labels for part in ("--label", one)),
            *(self.site.image, *(f"--{key}={value}" for key, value in options.items())),
        )

    def kill(self, name: str) -> None:
        docker("kill", self.container(name))

    def pause(self, name: str) -> None:
        docker("pause", self.container(name))

    def unpause(self, name: str) -> None:
        docker("unpause", self.container(name))

    def start(self, name: str) -> None:
        docker("start", self.container(name))

    def restart(self, name: str) -> None:
        """Asked to stop, and started again."""
        docker("restart", "-t", "10", self.container(name))

    def cut(self, name: str) -> None:
        """Take its network away."""
        docker("network", "disconnect", self.network, self.container(name))

    def mend(self, name: str) -> None:
        """Give it back, with its alias and address."""
        docker(
            *("network", "connect", "--alias", name, "--ip", self.members[name]),
            *(self.network, self.container(name)),
        )

    def ctl(self, name: str, *words: str) -> str:
        """etcdctl, run inside that member's container."""
        return docker("exec", "-e", "ETCDCTL_API=3", self.container(name), "/bin/etcdctl", *words)


async def post(url: str, route: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """One request to a member's gateway."""
    http = Http(SystemClock())
    try:
        reply = await http.request("POST", f"{url}/v3/{route}", body=json.dumps(body).encode())
        found: dict[str, Any] = json.loads(reply.body.partition(b"}Grpc-")[0])
        return reply.status, found
    finally:
        await http.close()


async def put(url: str, key: str, value: bytes) -> int:
    """Write one key; the status."""
    body = {
        "key": base64.b64encode(key.encode()).decode(),
        "value": base64.b64encode(value).decode(),
    }
    return (await post(url, "kv/put", body))[0]


async def leader(cluster: Cluster, limit_s: float = LIMIT_S) -> str:
    """The member that leads, once one does."""
    async with asyncio.timeout(limit_s):
        while True:
            for name in cluster.members:
                try:
                    _, said = await post(cluster.url(name), "maintenance/status", {})
                except Exception:  # noqa: BLE001 - whatever it is, this one cannot be asked now
                    continue
                if said.get("leader") and said["leader"] == said["header"]["member_id"]:
                    return name
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def running(image_name: str, many: int = 3, quota: int = 1 << 30) -> AsyncIterator[Cluster]:
    """A cluster with a leader; everything of it is gone afterwards."""
    with site(image_name) as place:
        net = f"10.{180 + secrets.randbelow(60)}.{secrets.randbelow(256)}"
        place.network("etcd", f"{net}.0/24")
        members = {f"etcd-{n}": f"{net}.{10 + n}" for n in range(many)}
        cluster = Cluster(place, members, quota)
        await asyncio.to_thread(lambda: [cluster.run(name) for name in members])
        await leader(cluster)
        yield cluster


SCRAPES = """
global: {{scrape_interval: {every}, scrape_timeout: {every}}}
scrape_configs:
  - job_name: etcd
    static_configs: [{{targets: [{targets}]}}]
"""


@contextlib.asynccontextmanager
async def scraped(
    folder: Path, cluster: Cluster, every: str = "500ms"
) -> AsyncIterator[Prometheus]:
    """A real Prometheus on every member."""
    folder.mkdir(exist_ok=True)
    targets = ", ".join(f"'{address}:{CLIENT}'" for address in cluster.members.values())
    (folder / "prometheus.yml").write_text(SCRAPES.format(every=every, targets=targets))
    made = Prometheus(folder, free_ports(1, "127.0.0.1")[0])
    made.start()
    try:
        await made.ready()
        yield made
    finally:
        made.kill()
