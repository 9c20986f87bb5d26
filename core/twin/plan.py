"""Plans a fresh cluster: names, ids, labels, and ports that are free now."""

from __future__ import annotations

import random
import socket

from core.twin.seed import REPLICAS
from core.twin.spec import PdSpec, Spec, StoreSpec, Tls
from core.twin.versions import parse


class TwinError(Exception):
    """Something a person asked of the twin cannot be done; the text says why."""


def lay_out(
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
    ports = iter(free_ports(2 * pds + 2 * stores, host))
    chance = random.SystemRandom()
    members = tuple(
        PdSpec(f"pd-{i}", next(ports), next(ports), chance.randrange(2**54, 2**64))
        for i in range(pds)
    )
    nodes = tuple(store_spec(i + 1, [next(ports), next(ports)], ()) for i in range(stores))
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


def store_spec(number: int, ports: list[int], labels: tuple[tuple[str, str], ...]) -> StoreSpec:
    usual = (("host", f"store-{number}"), ("zone", f"z{(number - 1) % max(REPLICAS, 1) + 1}"))
    return StoreSpec(f"store-{number}", number, ports[0], ports[1], labels or usual)


def free_ports(count: int, host: str) -> list[int]:
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
